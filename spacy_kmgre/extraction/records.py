"""Reads sources without a pipeline: records, of which a pipeline's `Reader` makes Docs, here or in another process."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from operator import methodcaller
from pathlib import Path
from typing import Any, BinaryIO

from ..annotations import TITLE
from ..errors import Errors
from ..formats import FORMATS
from ..formats.assemble import blank_vocab
from ..formats.compression import open_file
from ..formats.counts import Counts
from ..formats.files import parse_line
from .batches import estimate_words
from .sources import JSON_LINES, LINES, STDIN, TABLES, TEXT, Source, walk
from .tables import DEFAULT, Columns, Row, read_table


@dataclass(frozen=True)
class Record:
    """A document as it was read. It can be pickled.

    :param name: Its title, or its place in the source.
    :param make: The call of a method of `Reader` that makes the Doc, or raises what is wrong with it.
    :param words: The number of its words, by estimate.
    """

    name: str
    make: Callable[[Any], Any]
    words: int = 0


class RecordReader:
    """Reads sources.

    :param lang: The language of the pipeline that is to read the documents.
    :param split: Whether that pipeline finds sentences. Otherwise they are found by rule where a document has none.
    :param made: The files that the run itself makes. They are not read, although a folder of sources may hold them.
    :param columns: The columns of tables that are read.
    :ivar passed_over: The files of folders that are not read, as their endings are not among `SUFFIXES`.
    """

    def __init__(self, lang: str, split: bool, made: Iterable[Path] = (), columns: Columns = DEFAULT):
        self.lang = lang
        self.split = split
        self.columns = columns
        self.made = frozenset(map(os.path.realpath, made))
        self.passed_over: list[Path] = []

    def files(self, sources: Iterable[Source]) -> Iterator[Source]:
        """The files that are read, one by one."""
        return chain.from_iterable(walk(source, self.passed_over.append, self.made) for source in sources)

    def read(self, sources: Iterable[Source]) -> Iterator[Record]:
        """The documents one by one. What cannot be read is a record whose Doc cannot be made."""
        for source in self.files(sources):
            if source.path == STDIN:
                yield from self._stream(source, sys.stdin.buffer)
            elif source.form in TABLES:
                yield from self._table(source)
            elif source.form in (TEXT, LINES, JSON_LINES):
                yield from self._file(source)
            else:
                yield from self._corpus(source)

    def _file(self, source: Source) -> Iterator[Record]:
        try:
            file = open_file(source.path)
        except (OSError, ValueError) as error:
            yield broken(source.name, error)
            return
        with file:
            yield from self._stream(source, file)

    def _stream(self, source: Source, file: BinaryIO) -> Iterator[Record]:
        form = source.form
        start: list[bytes] = []
        if not form:
            start = _start(file)
            first = start[-1].lstrip(b"\xef\xbb\xbf \t") if start else b""
            form = JSON_LINES if first.startswith(b"{") else TEXT
        if form == TEXT:
            try:
                yield _text(source.name, b"".join(start) + file.read())
            except (OSError, ValueError) as error:
                yield broken(source.name, error)
            return
        for number, line in enumerate(chain(start, file), 1):
            if line.strip():
                where = f"{source.name}:{number}"
                yield _text(where, line.rstrip(b"\r\n")) if form == LINES else self._line(where, line)

    def _line(self, where: str, line: bytes) -> Record:
        try:
            return json_record(where, parse_line(where, line))
        except ValueError as error:
            return broken(where, error)

    def _table(self, source: Source) -> Iterator[Record]:
        row = Row(0, "")
        try:
            for row in read_table(source.path, source.form, self.columns):
                yield row_record(f"{source.name}:{row.number}", row)
        except ValueError as error:
            yield broken(f"{source.name}:{row.number + 1}", ValueError(Errors.E348.format(error=error)))

    def _corpus(self, source: Source) -> Iterator[Record]:
        form = FORMATS[source.form]
        options = {"sentences": not self.split} if "sentences" in form.options else {}
        # It has a vocabulary of its own, so that the pipeline's does not grow with every file.
        drafts = form.drafts(source.path, blank_vocab(self.lang), Counts(), **options)
        number = 1
        while True:
            where = f"{source.name}:{number}"
            try:
                draft = next(drafts)
            except StopIteration:
                return
            except Exception as error:  # The reader of the file has come to its end with it.
                yield broken(where, ValueError(Errors.E348.format(error=error)))
                return
            try:
                doc = draft.make()
                if doc is None:
                    continue
                name = str(doc.user_data.setdefault(TITLE, where))
                record = Record(name, methodcaller("from_bytes", doc.to_bytes()), len(doc))
            except Exception as error:
                record = broken(draft.title or where, error)
            number += 1
            yield record


def row_record(where: str, row: Row) -> Record:
    """The record of a row of a table.

    :param where: The name of the document, where the row has none.
    """
    name = row.name or where
    if row.error is not None:
        return broken(name, ValueError(row.error))
    if row.entities is None:
        return Record(name, methodcaller("from_text", name, row.text), estimate_words(row.text))
    return json_record(name, {TITLE: name, "text": row.text, "entities": row.entities})


def json_record(where: str, data: Any) -> Record:
    """The record of a line of JSON Lines, whose data are checked when the Doc is made.

    :param where: The name of the document, where the line has none.
    """
    name = where
    text = data.get("text") if isinstance(data, dict) else None
    if isinstance(data, dict):
        title = data.get(TITLE) or data.get("id")
        title = where if title in (None, "") else title
        data[TITLE] = name = title if isinstance(title, str) else json.dumps(title)
    words = estimate_words(text) if isinstance(text, str) else 0
    return Record(name, methodcaller("from_json", where, data), words)


def broken(name: str, error: Exception) -> Record:
    """The record of a document of which is known what is wrong with it."""
    return Record(name, methodcaller("fail", error))


def _text(name: str, data: bytes) -> Record:
    return Record(name, methodcaller("from_utf8", name, data), estimate_words(data))


def _start(file: BinaryIO) -> list[bytes]:
    """The lines of a stream up to the first one that is not empty."""
    lines = []
    for line in file:
        lines.append(line)
        if line.strip():
            break
    return lines
