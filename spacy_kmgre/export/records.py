"""A document with its relations as plain data in characters: what every export writes that is no format of corpora."""

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from spacy.tokens import Doc, Span

from ..annotations import TITLE, checked_entities, model_of
from ..types import MentionPair
from .base import Export

Record = dict[str, Any]

DOCUMENT = ("document", "model", "model_version")
ENTITY = ("id", "key", "type", "kb_id")
# The columns of a table of relations, in order.
COLUMNS = (
    *DOCUMENT,
    *("head", *(f"head_{name}" for name in ENTITY)),
    *("tail", *(f"tail_{name}" for name in ENTITY)),
    *("label", "label_text", "score", "key_mention_pairs", "evidence"),
)


def document_record(doc: Doc) -> Record:
    """A document as plain data. All offsets are characters of its text, from 0 on; an end is the first one after.

    :raises ValueError: Where a relation's entity has no mentions.
    """
    model = model_of(doc)
    entities = checked_entities(doc)
    places = {entity.key: place for place, entity in enumerate(entities)}
    return {
        "document": str(doc.user_data.get(TITLE, "")),
        "model": model["name"],
        "model_version": model["version"],
        "text": doc.text,
        "entities": [
            {
                "id": entity.id or entity.kb_id,
                "key": entity.key,
                "text": entity.text,
                "type": entity.label,
                "kb_id": entity.kb_id,
                "mentions": [_span(mention) for mention in entity.mentions],
            }
            for entity in entities
        ],
        "relations": [
            {
                "head": places[relation.head.key],
                "tail": places[relation.tail.key],
                "label": relation.label,
                "label_text": relation.label_text,
                "score": relation.score,
                "key_mention_pairs": [_pair(pair) for pair in relation.key_mention_pairs],
                "evidence": [_span(sentence) for sentence in relation.evidence],
            }
            for relation in doc._.relations
        ],
    }


def failure_record(name: str, error: str) -> Record:
    """The record of a document that failed: its name and its error, and nothing that was found in it."""
    return {"document": name, "entities": [], "relations": [], "error": error}


def number_names(records: Iterable[Record]) -> Iterator[Record]:
    """The records, in which each document has a name of its own, and each entity without an id has one that begins
    with that name.

    So entities of two documents are one only where they have the same id (`Entity.id`) or the same identifier in a
    knowledge base. A name alone does not tell.
    """
    met: Counter[str] = Counter()
    for number, record in enumerate(records, start=1):
        given = name = record["document"] or str(number)
        while name in met:
            met[given] += 1
            name = f"{given} ({met[given]})"
        met[name] += 1
        entities = [
            {**entity, "id": entity["id"] or f"{name}#{entity['key']}"} for entity in record["entities"]
        ]
        yield {**record, "document": name, "entities": entities}


def relation_rows(record: Record) -> Iterator[Record]:
    """The relations of a document's record, each with what is known of its document, head and tail: `COLUMNS`."""
    for relation in record["relations"]:
        row = {**record, **relation}
        for side in ("head", "tail"):
            entity = record["entities"][relation[side]]
            row[side] = entity["text"]
            row.update({f"{side}_{name}": entity[name] for name in ENTITY})
        yield {name: row[name] for name in COLUMNS}


def records_of(docs: Doc | Iterable[Doc]) -> Iterator[Record]:
    """The records of documents, or of one."""
    return number_names(map(document_record, [docs] if isinstance(docs, Doc) else docs))


def encode_record(doc: Doc) -> bytes:
    """The record of a document as JSON."""
    return json.dumps(document_record(doc), ensure_ascii=False).encode("utf8")


def decode_records(documents: Iterable[bytes]) -> Iterator[Record]:
    """The records of encoded documents, with names of their own."""
    return number_names(map(json.loads, documents))


class RecordExport(Export):
    """An export that writes from `document_record`."""

    def encode(self, doc: Doc) -> bytes:
        return encode_record(doc)

    @abstractmethod
    def write_records(self, records: Iterator[Record], path: Any) -> None:
        """Write the output.

        :param records: The documents in order, with names of their own. Memory need not hold them all.
        :param path: A file or folder that is not there yet.
        """

    def write(self, documents: Iterable[bytes], path: Any) -> None:
        self.write_records(decode_records(documents), path)


def _span(span: Span) -> Record:
    return {"start": span.start_char, "end": span.end_char, "text": span.text}


def _pair(pair: MentionPair) -> Record:
    return {
        "head": _span(pair.head),
        "tail": _span(pair.tail),
        "key_score": pair.key_score,
        "relation_score": pair.relation_score,
        "share": pair.share,
    }
