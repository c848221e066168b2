"""Tables of texts as sources: CSV and Parquet, with a document in each row."""

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Errors

CSV, PARQUET = "csv", "parquet"
# The endings of tables, and their forms.
ENDINGS = {".csv": CSV, ".tsv": CSV, ".parquet": PARQUET}
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are read.

    :param text: The name of the column of texts.
    :param id: The name of the column of documents' names, "" where the number of the row is the name.
    """

    text: str = "text"
    id: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return (self.text, self.id) if self.id else (self.text,)


DEFAULT = Columns()


class Row(NamedTuple):
    """A row of a table.

    :param number: Its number, from 1 on.
    :param name: The name of the document, "" where the table has none.
    :param text: A function that gives the text, or raises what is wrong with the row.
    """

    number: int
    name: str
    text: Callable[[], str]


def check_table(path: Path, form: str, columns: Columns) -> None:
    """See that a table can be read, and has the columns.

    :raises ValueError: Where it has not; the message lists those it has.
    """
    known = _parquet_file(path).schema_arrow.names if form == PARQUET else _csv_header(path)
    for name, option in ((columns.text, "--text-column"), (columns.id, "--id-column")):
        if name and name not in known:
            shown = ", ".join(map(repr, known)) or "none"
            raise ValueError(Errors.E083.format(path=path, name=name, option=option, known=shown))


def read_table(path: Path, form: str, columns: Columns) -> Iterator[Row]:
    """Read the rows of a table that has the columns. Memory holds a part of the file.

    :raises ValueError: Where the file cannot be read on.
    """
    return _read_parquet(path, columns) if form == PARQUET else _read_csv(path, columns)


def _read_csv(path: Path, columns: Columns) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = _csv_reader(path, file)
        try:
            header = next(reader)
            places = [header.index(name) for name in columns.names]
            for number, fields in enumerate(filter(None, reader), 1):
                if len(fields) != len(header):
                    found = f"{len(fields)} fields, and the first line has {len(header)}"
                    yield Row(number, "", _failing(Errors.E086.format(path=path, number=number, what=found)))
                    continue
                text, *name = (fields[place] for place in places)
                yield Row(number, "".join(name), partial(str, text))
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
    for batch in _parquet_file(path).iter_batches(batch_size=1000, columns=list(columns.names)):
        values = [batch.column(name).to_pylist() for name in columns.names]
        for text, *name in zip(*values):
            number += 1
            title = "" if not name or name[0] is None else str(name[0])
            if isinstance(text, str):
                yield Row(number, title, partial(str, text))
            else:
                what = f"no text, but {text!r}, in the column {columns.text!r}"
                yield Row(number, title, _failing(Errors.E086.format(path=path, number=number, what=what)))


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


def _failing(message: str) -> Callable[[], str]:
    def fail() -> str:
        raise ValueError(message)

    return fail
