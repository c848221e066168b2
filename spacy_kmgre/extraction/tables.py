"""Tables of texts as sources: CSV and Parquet, with a document in each row."""

import csv
import json
import reprlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Errors

CSV, PARQUET = "csv", "parquet"
# The endings of tables, and their forms.
ENDINGS = {".csv": CSV, ".tsv": CSV, ".parquet": PARQUET}
DELIMITERS = ",;\t"
# The types of a column of texts. A column of which all values are missing may have the type null.
TEXTS = ("string", "large_string", "string_view", "null")
# The rows of a Parquet file that memory holds.
ROWS = 100


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are read.

    :param text: The name of the column of texts.
    :param id: The name of the column of documents' names, "" where the number of the row is the name.
    :param entities: The name of the column of entities, "" where the documents come without: lists of what
        `jsonl.schema.json` calls an entity, in CSV as JSON.
    """

    text: str = "text"
    id: str = ""
    entities: str = ""

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [name for name in (self.text, self.id, self.entities) if name]

    def row(self, number: int, values: Mapping[str, Any]) -> "Row":
        """The row of a table.

        :param values: Its values, by the names of the columns.
        """
        title = _title(values[self.id]) if self.id else ""
        text = values[self.text]
        if not isinstance(text, str):
            return Row(number, title, error=f"no text, but {reprlib.repr(text)}, in the column {self.text!r}")
        if not self.entities:
            return Row(number, title, text)
        found = values[self.entities]
        try:
            found = json.loads(found or "[]") if isinstance(found, str) else found
            return Row(number, title, text, [_entity(entity) for entity in _items(found)])
        except ValueError as error:
            return Row(number, title, error=f"no list of entities in the column {self.entities!r}: {error}")


def _title(name: Any) -> str:
    """The name of a document, "" where a cell has none."""
    if isinstance(name, bytes):
        return name.decode("utf8", "backslashreplace")
    return "" if name is None or name != name else str(name)  # NaN is not equal to itself.


DEFAULT = Columns()


class Row(NamedTuple):
    """A row of a table.

    :param number: Its number, from 1 on.
    :param name: The name of the document, "" where the table has none.
    :param entities: Its entities as JSON Lines has them, None where the documents come without.
    :param error: What is wrong with the row, None where nothing is.
    """

    number: int
    name: str
    text: str = ""
    entities: list[Any] | None = None
    error: str | None = None


def check_table(path: Path, form: str, columns: Columns) -> None:
    """See that a table can be read, and has the columns. Those of a Parquet file have types, which should be of texts
    and of names.

    :raises ValueError: Where it has not; the message lists those it has.
    """
    schema = _parquet_file(path).schema_arrow if form == PARQUET else None
    known = _csv_header(path) if schema is None else schema.names
    options = zip(
        (columns.text, columns.id, columns.entities), ("--text-column", "--id-column", "--entities-column")
    )
    for name, option in options:
        if name and name not in known:
            shown = ", ".join(map(repr, known)) or "none"
            raise ValueError(Errors.E083.format(path=path, name=name, option=option, known=shown))
        if schema is None or not name:
            continue
        if known.count(name) > 1:
            raise ValueError(
                Errors.E160.format(path=path, name=name, what="is there more than once", option=option)
            )
        kind = schema.field(name).type
        nested = name != columns.entities and kind.num_fields
        if nested or (name == columns.text and _plain(kind) not in TEXTS):
            what = f"holds values of the type {kind}"
            raise ValueError(Errors.E160.format(path=path, name=name, what=what, option=option))


def _plain(kind: Any) -> str:
    """The name of a type, for a dictionary that of its values."""
    return str(getattr(kind, "value_type", kind))


def read_table(path: Path, form: str, columns: Columns) -> Iterator[Row]:
    """Read the rows of a table that has the columns. Memory holds a part of the file.

    :raises ValueError: Where the file cannot be read on.
    """
    for row in _read_parquet(path, columns) if form == PARQUET else _read_csv(path, columns):
        if row.error is not None:
            row = row._replace(error=Errors.E086.format(path=path, number=row.number, what=row.error))
        yield row


def count_rows(path: Path) -> int:
    """The number of rows of a Parquet file."""
    return int(_parquet_file(path).metadata.num_rows)


def _read_csv(path: Path, columns: Columns) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = _csv_reader(path, file)
        try:
            header = next(reader)
            for number, fields in enumerate(filter(None, reader), 1):
                if len(fields) == len(header):
                    # Of columns of one name, the first counts.
                    yield columns.row(number, dict(zip(reversed(header), reversed(fields))))
                else:
                    found = f"{len(fields)} fields, and the first line has {len(header)}"
                    yield Row(number, "", error=found)
        except (csv.Error, UnicodeDecodeError) as error:
            where = f"{path} line {reader.line_num + 1}"
            raise ValueError(Errors.E088.format(where=where, error=error)) from error


def _csv_header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return next(_csv_reader(path, file), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(Errors.E088.format(where=path, error=error)) from error


def _csv_reader(path: Path, file: Any) -> Any:
    """A reader whose delimiter is the one that the first line has most often."""
    csv.field_size_limit(sys.maxsize)  # a field is a whole text
    first = file.readline()
    file.seek(0)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(DELIMITERS, key=first.count)
    return csv.reader(file, delimiter=delimiter, strict=True)


def _read_parquet(path: Path, columns: Columns) -> Iterator[Row]:
    number = 0
    for rows in _parquet_rows(path, columns):
        for values in rows:
            number += 1
            yield columns.row(number, values)


def _parquet_rows(path: Path, columns: Columns) -> Iterator[list[dict[str, Any]]]:
    """Lists of rows, each of a part of the file.

    :raises ValueError: Where a part is damaged, or has values that Python has not, such as times of the year 300,000.
    """
    file = _parquet_file(path)
    try:
        for batch in file.iter_batches(batch_size=ROWS, columns=columns.names):
            yield batch.to_pylist()
    except (OSError, OverflowError, ValueError) as error:
        raise ValueError(Errors.E087.format(path=path, error=error)) from error


def _parquet_file(path: Path) -> Any:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise ValueError(Errors.E084.format(path=path)) from None
    try:
        return ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise ValueError(Errors.E087.format(path=path, error=error)) from error


def _items(value: Any) -> list[Any]:
    """A value as a list, which is empty where the value is missing."""
    if value is None:
        return []
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(repr(value))
    return list(value)


def _entity(value: Any) -> Any:
    """An entity of a table as JSON Lines has it. The table of documents that `extract` writes calls its label type."""
    if not isinstance(value, Mapping):
        return value
    found = {"label": value.get("type"), **value}
    return {**found, "mentions": _items(found.get("mentions"))}
