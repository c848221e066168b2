"""CSV with a row for each relation."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from spacy.tokens import Doc

from ..annotations import TITLE
from ..types import Entity, Relation
from .base import StreamExport

COLUMNS = (
    *("document", "head", "head_label", "head_kb_id", "head_key", "relation", "relation_text"),
    *("tail", "tail_label", "tail_kb_id", "tail_key", "score"),
    *("head_start", "head_end", "tail_start", "tail_end", "share", "evidence", "head_id", "tail_id"),
)


# Spreadsheets run a text that begins like this. It gets an apostrophe, and so does one that has apostrophes before it
# already: the first one can always be taken off again.
FORMULA = re.compile(r"'*[=+\-@\t\r]")


class CsvExport(StreamExport):
    """A row for each relation: its entities, the characters of its leading key mention pair, and the text of its
    evidence sentences. A text that a spreadsheet would run as a formula begins with an apostrophe; `plain_cell` takes
    it off."""

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
        relation.head.id,
        relation.tail.id,
    ]


def _entity(entity: Entity) -> list[str]:
    return [entity.text, entity.label, entity.kb_id, entity.key]


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    # The writer quotes what holds a character of the line end: so a carriage return by itself, too.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows(map(_inert, row) for row in rows)
    return text.getvalue().encode("utf8")


def _inert(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell


def plain_cell(cell: str) -> str:
    """The text of a cell as it is on the Doc, without the apostrophe before what would be a formula."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell
