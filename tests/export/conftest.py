"""Documents with hostile strings in every field, and what an export of them has to say."""

from collections import Counter
from collections.abc import Iterable
from itertools import cycle
from random import Random
from typing import Any, NamedTuple

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_kmgre.annotations import identify_entities, name_model

VOCAB = spacy.blank("en").vocab
HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "'=1+1",
    "a\rb\nc\td",
    "x`]->() DETACH DELETE n //",
    "\\u0027}) MATCH (n) DETACH DELETE n; //",
    "'; DROP TABLE x; --",
    "\x00\x1b[2J\x7f\x85\u2028",
    "]]> &amp; <!-- --> <![CDATA[",
    '"""\\',
    "> <urn:x> <urn:y> . }",
    "../../etc/passwd",
    "日本語 العربية 👩‍👩‍👧",
    "a;b,c|d",
    " ",
]


def make(strings: list[str], number: int) -> Doc:
    """Three entities, four mentions and two relations, all of whose names come from the strings in turn."""
    name = cycle(strings).__next__
    words = [name() for _ in range(6)]
    doc = Doc(VOCAB, words=words, spaces=[False] * 6, sent_starts=[True, False, False, True, False, False])
    doc.user_data["title"] = f"{name()}{number}"
    kind, kb_id = name(), name()
    doc.spans["entity_1"] = [
        Span(doc, 0, 1, label=kind, kb_id=kb_id),
        Span(doc, 4, 5, label=kind, kb_id=kb_id),
    ]
    doc.spans["entity_2"] = [Span(doc, 1, 3, label=name())]
    doc.spans["entity_3"] = [Span(doc, 5, 6)]
    pairs = [
        {"head": [0, 1], "tail": [1, 3], "share": 0.75, "key_score": 0.5, "relation_score": 0.25},
        {"head": [4, 5], "tail": [1, 3], "share": 0.25, "key_score": 0.5, "relation_score": 0.125},
    ]
    doc._.relations = [
        {
            "head": "entity_1",
            "tail": "entity_2",
            "label": name().strip() or "x",
            "label_text": name(),
            "score": 0.9973531961441041,
            "key_mention_pairs": pairs,
            "evidence": [[0, 3], [3, 6]],
        },
        {"head": "entity_3", "tail": "entity_1", "label": name().strip() or "x", "score": 0.625},
    ]
    name_model(doc, {"lang": "en", "name": name(), "version": "1.0"})
    return doc


def make_hostile(number: int) -> Doc:
    """A document in which strings are dealt out at random. In some two entities have one identifier; some have been
    given ids."""
    random = Random(number)
    doc = make(random.sample(HOSTILE, len(HOSTILE)), number)
    if number % 10 == 0:
        first = doc.spans["entity_1"][0]
        doc.spans["entity_3"] = [Span(doc, 5, 6, label=first.label, kb_id=first.kb_id)]
        doc._.relations = [
            *doc._.relations,
            {
                "head": "entity_3",
                "tail": "entity_2",
                "label": doc._.relations[0].label,
                "score": random.random(),
            },
        ]
    if number % 3 == 0:
        given = iter(random.sample(HOSTILE, 3))
        identify_entities(doc, lambda _: f"{next(given)}{number % 5}")
    name_model(doc, {"lang": "", "name": random.choice(HOSTILE), "version": random.choice(HOSTILE)})
    return doc


class Contents(NamedTuple):
    """All that documents say. A span is its offsets and its text.

    :param documents: Text, model and version of each document.
    :param entities: The entities of each document: id, key, text, type, identifier, mentions.
    :param relations: Document, head id, tail id, label, its text, score, key mention pairs and evidence.
    """

    documents: dict[str, tuple[str, ...]]
    entities: dict[str, list[tuple[Any, ...]]]
    relations: Counter[Any]

    @property
    def mentions(self) -> dict[tuple[str, str], list[Any]]:
        """The mentions by entity id and document: entities of one id are one node in a graph."""
        found: dict[tuple[str, str], list[Any]] = {}
        for document, entities in self.entities.items():
            for entity in entities:
                found.setdefault((entity[0], document), []).extend(entity[-1])
        return found

    def nodes(self, *, last: bool = False) -> dict[str, tuple[str, ...]]:
        """Text, type and identifier by id, as the first or the last document has them."""
        found: dict[str, tuple[str, ...]] = {}
        for entities in self.entities.values():
            for identity, _, *facts, _ in entities:
                if last or identity not in found:
                    found[identity] = tuple(facts)
        return found


def span(found: Any, text: str) -> tuple[int, int, str]:
    """A span that a reader has found, with its text from the document where it has none."""
    start, end = int(found["start"]), int(found["end"])
    return (start, end, found.get("text", text[start:end]))


def relation(
    ends: tuple[str, str], row: Any, text: str, pairs: Iterable[Any], evidence: Iterable[Any]
) -> Any:
    """A relation as `Contents` has it, from what a reader has found."""
    scores = ("key_score", "relation_score", "share")
    reasons = tuple(
        (
            span(pair["head"], text),
            span(pair["tail"], text),
            *(float(pair[name]) for name in scores),
        )
        for pair in pairs
    )
    names = (row["document"], *ends, row["label"], row["label_text"], float(row["score"]))
    return (*names, reasons, tuple(span(sentence, text) for sentence in evidence))


def contents(docs: list[Doc]) -> Contents:
    """What an export of Docs has to say, from the Docs alone."""

    def of(found: Span) -> tuple[int, int, str]:
        return (found.start_char, found.end_char, found.text)

    documents, entities, relations = {}, {}, Counter()
    for doc in docs:
        name, model = doc.user_data["title"], doc.user_data["model"]
        documents[name] = (doc.text, model["name"], model["version"])
        ids = {e.key: e.id or e.kb_id or f"{name}#{e.key}" for e in doc._.entities}
        entities[name] = [
            (ids[e.key], e.key, e.text, e.label, e.kb_id, [of(mention) for mention in e.mentions])
            for e in doc._.entities
        ]
        for r in doc._.relations:
            pairs = tuple(
                (of(pair.head), of(pair.tail), pair.key_score, pair.relation_score, pair.share)
                for pair in r.key_mention_pairs
            )
            facts = (r.label, r.label_text, r.score, pairs, tuple(map(of, r.evidence)))
            relations[(name, ids[r.head.key], ids[r.tail.key], *facts)] += 1
    return Contents(documents, entities, relations)


@pytest.fixture(scope="session")
def hostile_docs() -> list[Doc]:
    """A hundred documents with hostile strings in every field."""
    return [make_hostile(number) for number in range(100)]


@pytest.fixture(scope="session")
def wanted(hostile_docs) -> Contents:
    """What an export of the hostile documents has to say."""
    return contents(hostile_docs)
