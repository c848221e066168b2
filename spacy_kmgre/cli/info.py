"""`spacy kmgre info`."""

from collections import Counter
from collections import Counter as CounterType
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha1
from pathlib import Path
from statistics import mean, median
from typing import Any

import srsly
from spacy.tokens import Doc
from wasabi import msg

from ..annotations import document_name, read_entities, relation_data
from ..formats.counts import Counts
from ..types import Entity
from .convert import read_source
from .printing import failing, print_table

# A label with fewer relations is hard to learn.
FEW = 5
# Rows of tables without an end of their own.
ROWS = 10
# Names of documents and of problems are long.
_print = partial(print_table, max_col=70)


@dataclass
class Profile:
    """What is in a corpus beside its sizes.

    :param labels: Relations of each label.
    :param types: Entities and mentions of each entity type.
    :param per_document: Words, entities, mentions, mention pairs and relations of each document.
    :param within: Relations with a mention pair in one sentence, of documents that have sentences.
    :param across: Relations without one.
    :param several_labels: Ordered entity pairs with several relations, and related ones in all.
    :param problems: What a training run may stumble over.
    """

    long_words: int
    labels: CounterType[str] = field(default_factory=Counter)
    types: dict[str, list[int]] = field(default_factory=dict)
    per_document: dict[str, list[int]] = field(default_factory=dict)
    long_documents: list[tuple[int, int, str]] = field(default_factory=list)
    within: int = 0
    across: int = 0
    related_pairs: int = 0
    several_labels: int = 0
    problems: CounterType[str] = field(default_factory=Counter)
    texts: set[bytes] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)

    def add(self, doc: Doc) -> None:
        entities, relations = read_entities(doc), relation_data(doc)
        sizes = [len(entity.mentions) for entity in entities]
        pairs = sum(sizes) ** 2 - sum(size**2 for size in sizes)
        document = {
            "words": len(doc),
            "entities": len(sizes),
            "mentions": sum(sizes),
            "mention pairs": pairs,
            "relations": len(relations),
        }
        for name, number in document.items():
            self.per_document.setdefault(name, []).append(number)
        if len(doc) > self.long_words:
            self.long_documents.append((len(doc), pairs, document_name(doc)))
        for entity, size in zip(entities, sizes):
            found = self.types.setdefault(entity.label, [0, 0])
            found[0] += 1
            found[1] += size
        self.labels.update(data["label"] for data in relations)
        related = Counter((data["head"], data["tail"]) for data in relations)
        self.related_pairs += len(related)
        self.several_labels += sum(number > 1 for number in related.values())
        self._add_sentences(doc, entities, relations)
        text = sha1(doc.text.encode("utf8")).digest()
        self.groups.update(doc.spans)
        self.problems += Counter(
            {
                "documents without entities": not entities,
                "documents without relations": not relations,
                "documents without sentence boundaries": len(doc) > 1
                and not doc.has_annotation("SENT_START"),
                "documents with the text of another": text in self.texts,
                f"documents of more than {self.long_words} words": len(doc) > self.long_words,
                "entities without a type": sum(not entity.label for entity in entities),
            }
        )
        self.texts.add(text)

    def _add_sentences(
        self, doc: Doc, entities: Iterable[Entity], relations: Iterable[dict[str, Any]]
    ) -> None:
        if not doc.has_annotation("SENT_START"):
            return
        sentence = {token.i: number for number, sent in enumerate(doc.sents) for token in sent}
        of_entity = {entity.key: {sentence[span.start] for span in entity.mentions} for entity in entities}
        for data in relations:
            shared = of_entity.get(data["head"], set()) & of_entity.get(data["tail"], set())
            self.within += bool(shared)
            self.across += not shared

    def close(self) -> None:
        """Look for problems of the corpus as a whole."""
        few = sum(number < FEW for number in self.labels.values())
        self.problems += Counter({f"labels with fewer than {FEW} relations": few})
        self.long_documents.sort(reverse=True)


def info(
    source: Path,
    source_format: str | None = None,
    *,
    as_json: bool = False,
    long_words: int = 350,
    limit: int = 0,
    lang: str = "en",
    options: dict[str, Any] | None = None,
) -> None:
    """Print what is in a corpus, or what is wrong with it, and exit then (see `convert`)."""
    counts, profile = Counts(), Profile(long_words)
    with failing(f"Could not read {source}"):
        docs = read_source(
            source, source_format, counts, limit=limit, lang=lang, options=options, quiet=as_json
        )
        for doc in docs:
            profile.add(doc)
    profile.close()
    if as_json:
        print(srsly.json_dumps(_data(source, counts, profile), indent=2))
    else:
        _show(source, counts, profile)


def _data(source: Path, counts: Counts, profile: Profile) -> dict[str, Any]:
    sizes = dict(vars(counts))
    oddities = sizes.pop("oddities")
    return {
        "source": str(source),
        "sizes": sizes,
        "per_document": {name: _spread(numbers) for name, numbers in profile.per_document.items()},
        "relations_within_a_sentence": profile.within,
        "relations_across_sentences": profile.across,
        "related_entity_pairs": profile.related_pairs,
        "related_entity_pairs_with_several_labels": profile.several_labels,
        "labels": dict(profile.labels.most_common()),
        "entity_types": {
            kind: {"entities": entities, "mentions": mentions}
            for kind, (entities, mentions) in _by_size(profile.types)
        },
        "long_documents": [
            {"document": name, "words": words, "mention_pairs": pairs}
            for words, pairs, name in profile.long_documents
        ],
        "problems": dict(profile.problems),
        "oddities": dict(oddities),
    }


def _show(source: Path, counts: Counts, profile: Profile) -> None:
    msg.divider(str(source))
    print(counts.sizes())
    if not counts.documents:
        msg.warn("There are no documents")
        return
    spreads = {name: _spread(numbers) for name, numbers in profile.per_document.items()}
    rows = [(name, *(f"{number:,.0f}" for number in found.values())) for name, found in spreads.items()]
    _print(("per document", *next(iter(spreads.values()))), rows)
    relations = counts.relations
    if relations:
        rows = [
            (label, f"{number:,}", f"{number / relations:.1%}")
            for label, number in profile.labels.most_common(ROWS)
        ]
        _print((f"label ({len(profile.labels)})", "relations", ""), _cut(rows, len(profile.labels)))
        shares = [
            ("relations within a sentence", profile.within),
            ("relations across sentences", profile.across),
            ("related entity pairs", profile.related_pairs),
            ("related entity pairs with several labels", profile.several_labels),
        ]
        _print(("relations", ""), [(name, f"{number:,}") for name, number in shares])
    types = [(kind or "(none)", f"{e:,}", f"{m:,}") for kind, (e, m) in _by_size(profile.types)[:ROWS]]
    _print((f"entity type ({len(profile.types)})", "entities", "mentions"), _cut(types, len(profile.types)))
    if profile.long_documents:
        header = (
            f"more than {profile.long_words} words ({len(profile.long_documents)})",
            "words",
            "mention pairs",
        )
        rows = [
            (name[:50], f"{words:,}", f"{pairs:,}") for words, pairs, name in profile.long_documents[:ROWS]
        ]
        _print(header, _cut(rows, len(profile.long_documents)))
    noted = [*profile.problems.items(), *sorted(counts.oddities.items())]
    if noted:
        _print(("to look at", ""), [(name, f"{number:,}") for name, number in noted])
    if not counts.entities and profile.groups:
        msg.warn(
            f"No span group is called entity_ and a number. Those there are: {', '.join(sorted(profile.groups))}"
        )


def _spread(numbers: Sequence[int]) -> dict[str, float]:
    return {
        "least": min(numbers),
        "median": median(numbers),
        "mean": round(mean(numbers), 1),
        "most": max(numbers),
    }


def _by_size(types: dict[str, list[int]]) -> list[tuple[str, list[int]]]:
    return sorted(types.items(), key=lambda item: (-item[1][0], item[0]))


def _cut(rows: Sequence[tuple[str, ...]], length: int) -> Sequence[tuple[str, ...]]:
    """The rows, and how many are not shown."""
    return [*rows, (f"... {length - len(rows)} more", "", "")] if length > len(rows) else rows
