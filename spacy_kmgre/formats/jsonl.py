"""spacy-kmgre's own JSON lines: a document a line, all offsets in characters of its text.

What a line may hold says jsonl.schema.json, beside this file. `document_to_json` and `document_from_json` are the
two directions.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..annotations import ENTITY_PREFIX, TITLE, read_entities
from ..errors import Errors
from .assemble import Cluster, Offsets, TextDocs, check_order
from .base import EVERYTHING, TEXT, Draft, Format, Options, take, take_share, typed
from .counts import Counts
from .files import read_json_lines, write_json_lines

KEY = re.compile(re.escape(ENTITY_PREFIX) + "[0-9]+")
SCHEMA = Path(__file__).with_name("jsonl.schema.json")


def document_to_json(doc: Doc) -> dict[str, Any]:
    """A Doc's text, tokens, sentences, entities and relations as plain data."""
    entities = read_entities(doc)
    numbers = {entity.key: number for number, entity in enumerate(entities)}
    title = doc.user_data.get(TITLE)
    split = doc.has_annotation("SENT_START")
    return {
        **({"title": title} if title else {}),
        "text": doc.text,
        "tokens": [[token.idx, token.idx + len(token)] for token in doc],
        "sentences": [[sent.start_char, sent.end_char] for sent in doc.sents] if split else [],
        "entities": [
            {
                "key": entity.key,
                "text": entity.text,
                **({"label": entity.label} if entity.label else {}),
                **({"kb_id": entity.kb_id} if entity.kb_id else {}),
                "mentions": [{**_span(span), "text": span.text} for span in entity.mentions],
            }
            for entity in entities
        ],
        "relations": [
            {
                "head": numbers[relation.head.key],
                "tail": numbers[relation.tail.key],
                "label": relation.label,
                "score": relation.score,
                "evidence": [_span(span) for span in relation.evidence],
                "key_mention_pairs": [
                    {
                        "head": _span(pair.head),
                        "tail": _span(pair.tail),
                        "key_score": pair.key_score,
                        "relation_score": pair.relation_score,
                        "share": pair.share,
                    }
                    for pair in relation.key_mention_pairs
                ],
            }
            for relation in doc._.relations
        ],
    }


def _span(span: Span) -> dict[str, int]:
    return {"start": span.start_char, "end": span.end_char}


def document_from_json(where: str, data: Any, docs: TextDocs) -> Doc:
    """The Doc of a line.

    :param where: The place of the line, for messages.
    :raises ValueError: Where the line is not as the schema says, or points at what is not there.
    """
    typed(where, "document", data, dict)
    title = take(where, data, "title", str, default="")
    where = f"{where} {title!r}" if title else where
    text = take(where, data, "text", str)
    tokens = _pairs(where, data, "tokens") if "tokens" in data else None
    sentences = _pairs(where, data, "sentences") if "sentences" in data else None
    if sentences:
        check_order(where, "sentence", text, sentences)
    clusters: list[Cluster] = []
    keys: set[str] = set()
    kept: dict[int, int] = {}
    listed = take(where, data, "entities", list, default=[])
    for number, entity in enumerate(listed):
        at = f"{where} entities[{number}]"
        cluster = _cluster(at, text, typed(at, "entity", entity, dict), number, tokens is None, docs)
        if cluster.key in keys:
            raise ValueError(Errors.E134.format(where=at, name=cluster.key))
        keys.add(cluster.key)
        docs.counts.note("entities without mentions", not cluster.mentions)
        if cluster.mentions:
            kept[number] = len(clusters)
            clusters.append(cluster)
    relations = []
    for number, relation in enumerate(take(where, data, "relations", list, default=[])):
        at = f"{where} relations[{number}]"
        typed(at, "relation", relation, dict)
        ends = [take(at, relation, end, int) for end in ("head", "tail")]
        for end in ends:
            if not 0 <= end < len(listed):
                raise ValueError(Errors.E131.format(where=at, reference=end, known=f"{len(listed)} entities"))
        if not kept.keys() >= set(ends):
            docs.counts.note("relations left out, as an entity has no mentions")
            continue
        relations.append(
            {
                "head": kept[ends[0]],
                "tail": kept[ends[1]],
                "label": take(at, relation, "label", str),
                "score": take_share(at, relation, "score", default=1.0),
                "evidence": [
                    _offsets(at, text, span) for span in take(at, relation, "evidence", list, default=[])
                ],
                "key_mention_pairs": [
                    _pair(at, text, pair)
                    for pair in take(at, relation, "key_mention_pairs", list, default=[])
                ],
            }
        )
    return docs.make(where, text, clusters, relations, title=title, tokens=tokens, sentences=sentences)


def _cluster(
    where: str, text: str, data: dict[str, Any], number: int, strip: bool, docs: TextDocs
) -> Cluster:
    key = take(where, data, "key", str, default=f"{ENTITY_PREFIX}{number + 1}")
    if not KEY.fullmatch(key):
        kind = f"{ENTITY_PREFIX} and a number"
        raise ValueError(Errors.E102.format(where=where, field="key", kind=kind, value=key))
    mentions = []
    for place, mention in enumerate(take(where, data, "mentions", list)):
        at = f"{where} mentions[{place}]"
        typed(at, "mention", mention, dict)
        words = take(at, mention, "text", str) if "text" in mention else None
        start, end = (take(at, mention, name, int) for name in ("start", "end"))
        offsets = docs.mention(at, text, start, end, words, strip=strip)
        mentions += [offsets] if offsets else []
    label, kb_id = (take(where, data, name, str, default="") for name in ("label", "kb_id"))
    return Cluster(mentions, label=label, kb_id=kb_id, key=key)


def _pairs(where: str, data: dict[str, Any], name: str) -> list[Offsets]:
    """A list of [start, end]."""
    found = []
    for pair in take(where, data, name, list):
        if len(typed(where, name, pair, list)) != 2:
            raise ValueError(
                Errors.E102.format(where=where, field=name, kind="list of [start, end]", value=pair)
            )
        start, end = (typed(where, name, offset, int) for offset in pair)
        found.append((start, end))
    return found


def _offsets(where: str, text: str, data: Any) -> Offsets:
    """A span of the text: {"start": ..., "end": ...}."""
    typed(where, "span", data, dict)
    start, end = (take(where, data, name, int) for name in ("start", "end"))
    if not 0 <= start < end <= len(text):
        raise ValueError(Errors.E121.format(where=where, start=start, end=end, length=len(text)))
    return start, end


def _pair(where: str, text: str, data: Any) -> dict[str, Any]:
    typed(where, "key mention pair", data, dict)
    return {
        "head": _offsets(where, text, data.get("head")),
        "tail": _offsets(where, text, data.get("tail")),
        "key_score": take_share(where, data, "key_score", default=1.0),
        "relation_score": take_share(where, data, "relation_score", default=1.0),
        "share": take_share(where, data, "share"),
    }


def _read(path: Path, vocab: Vocab, counts: Counts, options: Options) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    for where, parse in read_json_lines(path):
        yield Draft("", partial(_read_document, where, parse, docs))


def _read_document(where: str, parse: Callable[[], Any], docs: TextDocs) -> Doc:
    return document_from_json(where, parse(), docs)


def _write(docs: Iterable[Doc], path: Path) -> None:
    write_json_lines(map(document_to_json, docs), path)


JSONL = Format(
    name="jsonl",
    description="spacy-kmgre's own JSON lines, with all that a Doc holds",
    reader=_read,
    writer=_write,
    options=TEXT,
    holds=EVERYTHING,
)
