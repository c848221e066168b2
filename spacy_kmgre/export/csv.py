"""CSV with a row for each relation."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from spacy.tokens import Doc

from .base import StreamExport
from .records import COLUMNS as RELATION_COLUMNS
from .records import Record, decode_records, encode_record, relation_rows

# The columns of the table `relations` that `parquet` writes, and what a spreadsheet shows of the nested ones: the
# characters of the leading key mention pair, its share, and the evidence in words.
PLAIN = ("head_start", "head_end", "tail_start", "tail_end", "share", "evidence_text")
NESTED = ("key_mention_pairs", "evidence")
COLUMNS = (*(name for name in RELATION_COLUMNS if name not in NESTED), *PLAIN, *NESTED)

# Spreadsheets run a text that begins like this. It gets an apostrophe, and so does one that has apostrophes before it
# already: the first one can always be taken off again.
FORMULA = re.compile(r"'*[=+\-@\t\r]")


class CsvExport(StreamExport):
    """A row for each relation, with the columns of `parquet`. Key mention pairs and evidence are JSON; the leading pair
    and the text of the evidence have columns of their own beside them. A text that a spreadsheet would run as a formula
    begins with an apostrophe; `plain_cell` takes it off. U+FFFD stands for a NUL character."""

    name = "csv"
    description = "a table with a row for each relation"
    suffixes = (".csv",)

    def __init__(self, meta: Mapping[str, Any]):
        super().__init__(meta)
        self.header = _csv([COLUMNS])

    def encode(self, doc: Doc) -> bytes:
        return encode_record(doc)

    def pieces(self, documents: Iterable[bytes]) -> Iterator[bytes]:
        for record in decode_records(documents):
            yield _csv(map(_cells, relation_rows(record)))


def _cells(row: Record) -> list[Any]:
    found = {**row, **dict.fromkeys(PLAIN, "")}
    for pair in row["key_mention_pairs"][:1]:
        found["share"] = pair["share"]
        found.update(
            {f"{side}_{end}": pair[side][end] for side in ("head", "tail") for end in ("start", "end")}
        )
    found["evidence_text"] = " ".join(sentence["text"] for sentence in row["evidence"])
    found.update({name: json.dumps(row[name], ensure_ascii=False) for name in NESTED})
    return [found[name] for name in COLUMNS]


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    # The writer quotes what holds a character of the line end: so a carriage return by itself, too.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows(map(_inert, row) for row in rows)
    return text.getvalue().encode("utf8")


def _inert(cell: Any) -> Any:
    return f"'{without_nul(cell)}" if isinstance(cell, str) and FORMULA.match(cell) else without_nul(cell)


def without_nul(cell: Any) -> Any:
    """A cell as every reader of CSV takes it: U+FFFD stands for a NUL character, which Python 3.10 neither writes nor
    reads there."""
    return cell.replace("\0", "\ufffd") if isinstance(cell, str) else cell


def plain_cell(cell: str) -> str:
    """The text of a cell as it is on the Doc, without the apostrophe before what would be a formula."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell
