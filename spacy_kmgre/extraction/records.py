"""Reads sources without a pipeline: records, of which a pipeline's `Reader` makes Docs, here or in another process."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from operator import methodcaller
from pathlib import Path
from typing import Any, BinaryIO

from spacy.attrs import LENGTH, SENT_START, SPACY
from spacy.tokens import Doc, Span

from ..annotations import TITLE
from ..errors import Errors
from ..formats import FORMATS
from ..formats.assemble import blank_vocab
from ..formats.compression import open_file
from ..formats.counts import Counts
from ..formats.files import LONGEST_LINE, bounded_lines, parse_line
from .batches import estimate_words
from .sources import JSON_LINES, LINES, STDIN, TABLES, TEXT, Source, walk
from .tables import DEFAULT, Columns, Row, read_table

# The largest number of bytes of a character in UTF-8.
UTF8_BYTES = 4
# The bytes of a hash of a document's contents.
DIGEST = 16
# What tells tokens of one text apart.
TOKEN = [LENGTH, SPACY, SENT_START]


@dataclass(frozen=True)
class Record:
    """A document as it was read. It can be pickled.

    :param name: Its title, or its place in the source.
    :param make: The call of a method of `Reader` that makes the Doc, or raises what is wrong with it.
    :param words: The number of its words, by estimate.
    :param digest: A hash of its contents, the same in each run.
    """

    name: str
    make: Callable[[Any], Any]
    words: int = 0
    digest: bytes = b""


class RecordReader:
    """Reads sources.

    :param lang: The language of the pipeline that is to read the documents.
    :param split: Whether that pipeline finds sentences. Otherwise they are found by rule where a document has none.
    :param made: The files that the run itself makes. They are not read, although a folder of sources may hold them.
    :param columns: The columns of tables that are read.
    :param max_length: The largest number of characters of a text that is read into memory.
    :ivar passed_over: The files of folders that are not read, as their endings are not among `SUFFIXES`.
    """

    def __init__(
        self,
        lang: str,
        split: bool,
        made: Iterable[Path] = (),
        columns: Columns = DEFAULT,
        max_length: int = LONGEST_LINE,
    ):
        self.lang = lang
        self.split = split
        self.columns = columns
        self.max_length = max_length
        self.made = frozenset(map(os.path.realpath, made))
        self.passed_over: list[Path] = []

    def files(self, sources: Iterable[Source]) -> Iterator[Source]:
        """The files that are read, one by one."""
        return chain.from_iterable(walk(source, self.passed_over.append, self.made) for source in sources)

    def read(self, sources: Iterable[Source]) -> Iterator[Record]:
        """The documents one by one. What cannot be read is a record whose Doc cannot be made."""
        for source in self.files(sources):
            if source.path == STDIN and sys.stdin is None:
                raise ValueError(Errors.E354)
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
            try:
                start = _start(source.name, file)
            except ValueError as error:
                yield broken(source.name, error)
                return
            first = start[-1].lstrip(b"\xef\xbb\xbf \t") if start else b""
            form = JSON_LINES if first.startswith(b"{") else TEXT
        if form == TEXT:
            try:
                yield _text(source.name, self._read_text(file, b"".join(start)))
            except (OSError, ValueError) as error:
                yield broken(source.name, error)
            return
        number = 0
        try:
            for number, line in enumerate(chain(start, bounded_lines(source.name, file)), 1):
                if line.strip():
                    where = f"{source.name}:{number}"
                    yield _text(where, line.rstrip(b"\r\n")) if form == LINES else self._line(where, line)
        except (OSError, ValueError) as error:
            yield broken(f"{source.name}:{number + 1}", ValueError(Errors.E348.format(error=error)))

    def _read_text(self, file: BinaryIO, start: bytes) -> bytes:
        """The rest of a text, of which no more is read than a text may have.

        :raises ValueError: Where it has more.
        """
        most = UTF8_BYTES * self.max_length
        data = start + file.read(most + 1)
        if len(data) > most:
            raise ValueError(Errors.E158.format(limit=self.max_length))
        return data

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
                record = Record(name, methodcaller("from_bytes", doc.to_bytes()), len(doc), _digest_doc(doc))
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
        return Record(
            name, methodcaller("from_text", name, row.text), estimate_words(row.text), _digest(row.text)
        )
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
    # A table may have values that JSON has not, such as dates, where nothing reads them.
    digest = _digest(json.dumps(data, sort_keys=True, default=repr))
    return Record(name, methodcaller("from_json", where, data), words, digest)


def broken(name: str, error: Exception) -> Record:
    """The record of a document of which is known what is wrong with it."""
    return Record(name, methodcaller("fail", error), digest=_digest(str(error)))


def _text(name: str, data: bytes) -> Record:
    return Record(name, methodcaller("from_utf8", name, data), estimate_words(data), _digest(data))


def _digest(contents: str | bytes) -> bytes:
    data = contents if isinstance(contents, bytes) else contents.encode("utf8", "surrogatepass")
    return blake2b(data, digest_size=DIGEST).digest()


def _digest_doc(doc: Doc) -> bytes:
    """A hash of the text, the tokens and the spans of a Doc. Its own bytes hold a set, in an order of each process."""
    spans = {key: [_offsets(span) for span in group] for key, group in sorted(doc.spans.items())}
    return _digest(json.dumps([doc.text, doc.to_array(TOKEN).tolist(), spans, list(map(_offsets, doc.ents))]))


def _offsets(span: Span) -> tuple[int, int, str, str]:
    return span.start, span.end, span.label_, span.kb_id_


def _start(name: str, file: BinaryIO) -> list[bytes]:
    """The lines of a stream up to the first one that is not empty."""
    lines = []
    for line in bounded_lines(name, file):
        lines.append(line)
        if line.strip():
            break
    return lines
