"""CSV with a row for each relation."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from spacy.tokens import Doc

from ..annotations import TITLE
from ..types import Entity, Relation
from .base import StreamExport

COLUMNS = (
    *("document", "head", "head_label", "head_kb_id", "head_key", "relation", "relation_text"),
    *("tail", "tail_label", "tail_kb_id", "tail_key", "score"),
    *("head_start", "head_end", "tail_start", "tail_end", "share", "evidence"),
)


class CsvExport(StreamExport):
    """A row for each relation: its entities, the characters of its leading key mention pair, and the text of its
    evidence sentences."""

    name = "csv"
    description = "a table with a row for each relation"
    suffixes = (".csv",)

    def __init__(self, meta: Mapping[str, Any]):
        super().__init__(meta)
        self.header = _csv([COLUMNS])

    def encode(self, doc: Doc) -> bytes:
        title = doc.user_data.get(TITLE, "")
        return _csv([title, *_row(relation)] for relation in doc._.relations)


def _row(relation: Relation) -> list[Any]:
    pair: list[Any] = [""] * 5
    if relation.key_mention_pairs:
        best = relation.key_mention_pairs[0]
        head, tail = best.head, best.tail
        pair = [head.start_char, head.end_char, tail.start_char, tail.end_char, best.share]
    evidence = " ".join(sent.text for sent in relation.evidence)
    return [
        *_entity(relation.head),
        relation.label,
        relation.label_text,
        *_entity(relation.tail),
        relation.score,
        *pair,
        evidence,
    ]


def _entity(entity: Entity) -> list[str]:
    return [entity.text, entity.label, entity.kb_id, entity.key]


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf8")
