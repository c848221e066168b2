"""Documents to read: text files, folders, JSON lines, standard input, and every format of `FORMATS`."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import spacy
from spacy import Language
from spacy.tokens import Doc

from ..annotations import TITLE, set_relations
from ..errors import Errors
from ..formats import FORMATS
from ..formats.assemble import TextDocs, TextOptions
from ..formats.base import check_format, guess_source
from ..formats.counts import Counts
from ..formats.files import parse_line
from ..formats.jsonl import document_from_json

STDIN = Path("-")
TEXT, LINES, JSON_LINES = "text", "lines", "jsonl"
# What is no format of a corpus: a file is a document, or each of its lines that is not empty.
TEXTS = (TEXT, LINES)
# What is read from a folder, and as what.
SUFFIXES = {".txt": TEXT, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES, ".spacy": "spacy"}


@dataclass(frozen=True)
class Item:
    """A document that is made when it is needed, as often as it is.

    :param name: Its title, or its place.
    :param make: Raises whatever is wrong with it.
    """

    name: str
    make: Callable[[], Doc]


@dataclass(frozen=True)
class Source:
    """A file, or a folder.

    :param form: A name of `TEXTS` or `FORMATS`; empty for a stream or a folder that is to be looked into.
    :param name: How documents without a title are called, with their number.
    """

    path: Path
    form: str
    name: str


def check_source_format(name: str) -> None:
    """:raises ValueError: Where sources cannot have a format of that name; the message names all that they can."""
    check_format(name, (*TEXTS, *(form for form in FORMATS if "documents" not in FORMATS[form].options)))


def find_sources(paths: Iterable[Path], form: str | None = None) -> list[Source]:
    """What paths stand for.

    :param form: A name of `TEXTS` or `FORMATS`; by ending and contents where None.
    :raises ValueError: Where there is nothing to read, or its format is unknown.
    """
    if form is not None:
        check_source_format(form)
    found: list[Source] = []
    for path in paths:
        if path == STDIN:
            if form not in (None, *TEXTS, JSON_LINES):
                raise ValueError(Errors.E337.format(form=form, known=", ".join((*TEXTS, JSON_LINES))))
            found.append(Source(path, form or "", "stdin"))
        elif not path.exists():
            raise ValueError(Errors.E336.format(path=path, why="does not exist"))
        elif path.is_file():
            found.append(Source(path, form or _guess(path), path.name))
        else:
            found.append(Source(path, form or "", path.name))
            if next(_walk(found[-1]), None) is None:
                kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
                raise ValueError(Errors.E336.format(path=path, why=f"has no files to read ({kinds})"))
    return found


def count_items(sources: Iterable[Source]) -> int | None:
    """The number of documents, None where it takes reading to know it."""
    count = 0
    for source in sources:
        for inside in _walk(source):
            if inside.form != TEXT or inside.path == STDIN:
                return None
            count += 1
    return count


class Reader:
    """Reads sources for a pipeline.

    :param split: Whether the pipeline finds sentences. If not, they are found by rule where a document has none.
    :param made: What is no source, though a folder of sources holds it: what the run itself makes.
    :ivar passed_over: Files of folders that have been left out, as their endings say nothing.
    """

    def __init__(self, nlp: Language, split: bool, made: Iterable[Path] = ()):
        self.nlp = nlp
        self.made = frozenset(map(os.path.realpath, made))
        self.lang = nlp.lang or "xx"
        self.docs = TextDocs(nlp.vocab, Counts(), TextOptions(sentences=not split))
        self.docs.nlp = nlp  # for its own tokenizer
        self.passed_over: list[Path] = []

    def read(self, sources: Iterable[Source]) -> Iterator[Item]:
        """The documents one by one. What cannot be read is an item that raises."""
        found = chain.from_iterable(_walk(source, self.passed_over.append, self.made) for source in sources)
        for source in found:
            if source.path == STDIN:
                yield from self._stream(source, sys.stdin.buffer)
            elif source.form == TEXT:
                yield Item(source.name, partial(self._file, source))
            elif source.form in (LINES, JSON_LINES):
                try:
                    file = source.path.open("rb")
                except OSError as error:
                    yield Item(source.name, partial(_fail, error))
                    continue
                with file:
                    yield from self._stream(source, file)
            else:
                yield from self._corpus(source)

    def _stream(self, source: Source, file: BinaryIO) -> Iterator[Item]:
        form = source.form
        start: list[bytes] = []
        if not form:
            start = _start(file)
            first = start[-1].lstrip(b"\xef\xbb\xbf \t") if start else b""
            form = JSON_LINES if first.startswith(b"{") else TEXT
        if form == TEXT:
            yield Item(source.name, partial(self._text, source.name, b"".join(start) + file.read()))
            return
        for number, line in enumerate(chain(start, file), 1):
            if line.strip():
                yield self._line(form, f"{source.name}:{number}", line)

    def _line(self, form: str, where: str, line: bytes) -> Item:
        if form == LINES:
            return Item(where, partial(self._text, where, line.rstrip(b"\r\n")))
        try:
            data = parse_line(where, line)
        except ValueError as error:
            return Item(where, partial(_fail, error))
        if isinstance(data, dict):
            title = data.get(TITLE) or data.get("id")
            title = where if title in (None, "") else title
            data[TITLE] = title if isinstance(title, str) else json.dumps(title)
            return Item(data[TITLE], partial(self._json, where, data))
        return Item(where, partial(self._json, where, data))

    def _corpus(self, source: Source) -> Iterator[Item]:
        form = FORMATS[source.form]
        options = {"sentences": self.docs.options.sentences}
        options = {name: value for name, value in options.items() if name in form.options}
        # A vocabulary of its own, so that the pipeline's does not grow with every file.
        drafts = form.drafts(source.path, spacy.blank(self.lang).vocab, Counts(), **options)
        number = 1
        while True:
            where = f"{source.name}:{number}"
            try:
                draft = next(drafts)
            except StopIteration:
                return
            except Exception as error:  # of the file: its reader is at its end
                yield Item(where, partial(_fail, ValueError(Errors.E348.format(error=error))))
                return
            try:
                doc = draft.make()
                if doc is None:
                    continue
                name = str(doc.user_data.setdefault(TITLE, where))
                item = Item(name, partial(self._bytes, doc.to_bytes()))
            except Exception as error:
                item = Item(draft.title or where, partial(_fail, error))
            number += 1
            yield item

    def _file(self, source: Source) -> Doc:
        return self._text(source.name, source.path.read_bytes())

    def _text(self, name: str, data: bytes) -> Doc:
        text = _decode(name, data)
        return self.docs.make(name, self._short(text), [], [], title=name)

    def _json(self, where: str, data: Any) -> Doc:
        if isinstance(data, dict) and isinstance(data.get("text"), str):
            self._short(data["text"])
        return self._clear(document_from_json(where, data, self.docs))

    def _bytes(self, data: bytes) -> Doc:
        doc = Doc(self.nlp.vocab).from_bytes(data)
        self._short(doc.text)
        return self._clear(doc)

    def _short(self, text: str) -> str:
        if len(text) > self.nlp.max_length:
            raise ValueError(Errors.E338.format(length=len(text), limit=self.nlp.max_length))
        return text

    def _clear(self, doc: Doc) -> Doc:
        """Without the relations that it came with."""
        set_relations(doc, [])
        return doc


def splits_sentences(nlp: Language) -> bool:
    """Whether one of the components sets sentence boundaries."""
    assigned = {name for pipe in nlp.pipe_names for name in nlp.get_pipe_meta(pipe).assigns}
    return not assigned.isdisjoint({"doc.sents", "token.is_sent_start"})


def _guess(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return TEXT
    try:
        return guess_source(path).name
    except ValueError:
        if suffix == ".json":
            raise
        return SUFFIXES.get(suffix, TEXT)


def _walk(
    source: Source,
    passed_over: Callable[[Path], Any] = lambda path: None,
    made: frozenset[str] = frozenset(),
) -> Iterator[Source]:
    """The source itself, or the files of a folder in a fixed order, hidden ones aside. Links are followed, but to
    where a walk has been.

    :param passed_over: Is told of files that are not read.
    :param made: Real paths that are left out.
    """
    if not source.path.is_dir() or source.form not in ("", *TEXTS, JSON_LINES):
        yield source
        return
    wanted = TEXT if source.form in TEXTS else source.form
    seen = set(made)
    for name, folders, files in os.walk(source.path, followlinks=True):
        real = os.path.realpath(name)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        for file in sorted(files):
            path = Path(name, file)
            kind = SUFFIXES.get(path.suffix.lower(), "")
            if file.startswith(".") or os.path.realpath(path) in made:
                continue
            if kind and (not wanted or kind == wanted):
                yield Source(path, source.form or kind, path.relative_to(source.path).as_posix())
            else:
                passed_over(path)


def _start(file: BinaryIO) -> list[bytes]:
    """The lines of a stream up to the first one that is not empty."""
    lines = []
    for line in file:
        lines.append(line)
        if line.strip():
            break
    return lines


def _decode(where: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(Errors.E120.format(where=where, error=error)) from error


def _fail(error: Exception) -> Doc:
    raise error
