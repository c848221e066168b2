"""Documents to read: text files, folders, JSON Lines, standard input, and every format of `FORMATS`."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import is_package

from ..annotations import TITLE, set_relations
from ..errors import Errors
from ..formats import FORMATS
from ..formats.assemble import TextDocs, TextOptions, blank_vocab
from ..formats.base import check_format
from ..formats.compression import bare_name, open_file
from ..formats.counts import Counts
from ..formats.files import parse_line
from ..formats.jsonl import document_from_json
from ..formats.recognise import guess_source
from .annotate import Item
from .tables import DEFAULT, ENDINGS, Columns, check_table, read_table

STDIN = Path("-")
TEXT, LINES, JSON_LINES = "text", "lines", "jsonl"
# The forms that are not formats of corpora: a file is a document, or each of its lines that is not empty is one.
TEXTS = (TEXT, LINES)
TABLES = tuple(dict.fromkeys(ENDINGS.values()))
# The files of a folder that are read, and their forms. Tables are read where they are asked for: what `extract` writes
# beside its sources is one.
SUFFIXES = {".txt": TEXT, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES, ".spacy": "spacy"}
# The files of a pipeline's folder.
PIPELINE = ("config.cfg", "meta.json")


@dataclass(frozen=True)
class Source:
    """A file, a folder or standard input.

    :param form: A name of `TEXTS`, `TABLES` or `FORMATS`; empty for standard input and a folder where the contents
        tell.
    :param name: The name of its documents that have no title, with their number.
    """

    path: Path
    form: str
    name: str


def check_source_format(name: str) -> None:
    """Check the name of a format of sources.

    :raises ValueError: Where there is no such format; the message names them all.
    """
    check_format(name, _source_formats())


def _source_formats() -> list[str]:
    return [*TEXTS, *(form for form in FORMATS if "documents" not in FORMATS[form].options), *TABLES]


def find_sources(paths: Iterable[Path], form: str | None = None, columns: Columns = DEFAULT) -> list[Source]:
    """The sources that paths stand for.

    :param form: A name of `TEXTS`, `TABLES` or `FORMATS`; endings and contents tell where it is None.
    :param columns: The columns that tables should have.
    :raises ValueError: Where there is nothing to read, its format is unknown, or a table lacks a column.
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
            if is_pipeline(path):
                raise ValueError(
                    Errors.E085.format(path=path, wanted="source", command="COMMAND MODEL SOURCE")
                )
            if next(_walk(found[-1]), None) is None:
                kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
                why = f"has no files to read ({kinds}; with --from {' or '.join(TABLES)} the tables in it)"
                raise ValueError(Errors.E336.format(path=path, why=why))
    tables = [file for file in chain.from_iterable(map(_walk, found)) if file.form in TABLES]
    for file in tables:
        check_table(file.path, file.form, columns)
    if columns != DEFAULT and not tables:
        raise ValueError(
            Errors.E336.format(path="--text-column or --id-column", why="needs a source that is a table")
        )
    return found


def is_pipeline(name: str | Path) -> bool:
    """Whether a name is that of a pipeline: of its folder, or, where nothing has that path, of an installed package."""
    folder = Path(name)
    if folder.exists():
        return all((folder / file).is_file() for file in PIPELINE)
    return is_package(str(name))


def count_items(sources: Iterable[Source]) -> int | None:
    """The number of documents, None where only reading them can tell."""
    count = 0
    for file in chain.from_iterable(map(_walk, sources)):
        if file.form != TEXT or file.path == STDIN:
            return None
        count += 1
    return count


class Reader:
    """Reads sources for a pipeline.

    :param split: Whether the pipeline finds sentences. Otherwise they are found by rule where a document has none.
    :param made: The files that the run itself makes. They are not read, although a folder of sources may hold them.
    :param columns: The columns of tables that are read.
    :ivar passed_over: The files of folders that are not read, as their endings are not among `SUFFIXES`.
    """

    def __init__(self, nlp: Language, split: bool, made: Iterable[Path] = (), columns: Columns = DEFAULT):
        self.nlp = nlp
        self.columns = columns
        self.made = frozenset(map(os.path.realpath, made))
        self.lang = nlp.lang or "xx"
        self.docs = TextDocs(nlp.vocab, Counts(), TextOptions(sentences=not split))
        self.docs.nlp = nlp  # The pipeline's own tokenizer splits texts.
        self.passed_over: list[Path] = []

    def read(self, sources: Iterable[Source]) -> Iterator[Item]:
        """The documents one by one. What cannot be read is an item that raises."""
        found = chain.from_iterable(_walk(source, self.passed_over.append, self.made) for source in sources)
        for source in found:
            if source.path == STDIN:
                yield from self._stream(source, sys.stdin.buffer)
            elif source.form == TEXT:
                yield Item(source.name, partial(self._file, source))
            elif source.form in TABLES:
                yield from self._table(source)
            elif source.form in (LINES, JSON_LINES):
                try:
                    file = open_file(source.path)
                except (OSError, ValueError) as error:
                    yield _broken(source.name, error)
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
            return _broken(where, error)
        name = where
        if isinstance(data, dict):
            title = data.get(TITLE) or data.get("id")
            title = where if title in (None, "") else title
            data[TITLE] = name = title if isinstance(title, str) else json.dumps(title)
        return Item(name, partial(self._json, where, data))

    def _table(self, source: Source) -> Iterator[Item]:
        number = 0
        try:
            for number, name, text in read_table(source.path, source.form, self.columns):
                name = name or f"{source.name}:{number}"
                yield Item(name, partial(self._cell, name, text))
        except ValueError as error:
            yield _broken(f"{source.name}:{number + 1}", ValueError(Errors.E348.format(error=error)))

    def _corpus(self, source: Source) -> Iterator[Item]:
        form = FORMATS[source.form]
        options = {"sentences": self.docs.options.sentences} if "sentences" in form.options else {}
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
                yield _broken(where, ValueError(Errors.E348.format(error=error)))
                return
            try:
                doc = draft.make()
                if doc is None:
                    continue
                name = str(doc.user_data.setdefault(TITLE, where))
                item = Item(name, partial(self._bytes, doc.to_bytes()))
            except Exception as error:
                item = _broken(draft.title or where, error)
            number += 1
            yield item

    def _file(self, source: Source) -> Doc:
        with open_file(source.path) as file:
            return self._text(source.name, file.read())

    def _text(self, name: str, data: bytes) -> Doc:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(Errors.E120.format(where=name, error=error)) from error
        return self._plain(name, text)

    def _cell(self, name: str, text: Callable[[], str]) -> Doc:
        return self._plain(name, text())

    def _plain(self, name: str, text: str) -> Doc:
        self._check_length(text)
        return self.docs.make(name, text, [], [], title=name)

    def _json(self, where: str, data: Any) -> Doc:
        if isinstance(data, dict) and isinstance(data.get("text"), str):
            self._check_length(data["text"])
        doc = document_from_json(where, data, self.docs)
        return to_annotate(self.nlp, doc)

    def _bytes(self, data: bytes) -> Doc:
        doc = Doc(self.nlp.vocab).from_bytes(data)
        self._check_length(doc.text)
        return to_annotate(self.nlp, doc)

    def _check_length(self, text: str) -> None:
        if len(text) > self.nlp.max_length:
            raise ValueError(Errors.E338.format(length=len(text), limit=self.nlp.max_length))


def splits_sentences(nlp: Language) -> bool:
    """Whether one of the components sets sentence boundaries."""
    assigned = {name for pipe in nlp.pipe_names for name in nlp.get_pipe_meta(pipe).assigns}
    return not assigned.isdisjoint({"doc.sents", "token.is_sent_start"})


def _guess(path: Path) -> str:
    suffix = bare_name(path).suffix.lower()
    if suffix == ".txt":
        return TEXT
    if path.suffix.lower() in ENDINGS:
        return ENDINGS[suffix]
    try:
        return guess_source(path).name
    except ValueError:
        if suffix == ".json":
            raise
    if suffix and suffix not in SUFFIXES:
        raise ValueError(Errors.E089.format(path=path, known=", ".join(_source_formats())))
    return SUFFIXES.get(suffix, TEXT)


def _walk(
    source: Source,
    pass_over: Callable[[Path], Any] = lambda _: None,
    made: frozenset[str] = frozenset(),
) -> Iterator[Source]:
    """The source itself, or the files of a folder in a fixed order, without the hidden ones. Links are followed, but
    not to where the walk has been.

    :param pass_over: A function that gets the files that are not read.
    :param made: The real paths of files that are left out.
    """
    if not source.path.is_dir() or source.form not in ("", *TEXTS, *TABLES, JSON_LINES):
        yield source
        return
    wanted = TEXT if source.form in TEXTS else source.form
    kinds = ENDINGS if source.form in TABLES else SUFFIXES
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
            kind = kinds.get((bare_name(path) if kinds is SUFFIXES else path).suffix.lower(), "")
            if file.startswith(".") or os.path.realpath(path) in made:
                continue
            if kind and (not wanted or kind == wanted):
                yield Source(path, source.form or kind, path.relative_to(source.path).as_posix())
            else:
                pass_over(path)


def _start(file: BinaryIO) -> list[bytes]:
    """The lines of a stream up to the first one that is not empty."""
    lines = []
    for line in file:
        lines.append(line)
        if line.strip():
            break
    return lines


def _broken(name: str, error: Exception) -> Item:
    """A document of which is known what is wrong with it."""

    def fail() -> Doc:
        raise error

    return Item(name, fail)


def to_annotate(nlp: Language, doc: Doc) -> Doc:
    """The Doc without what a pipeline is to find: relations, and named entities where one of its components finds them.
    That one would keep those that are there, such as the gold ones of a corpus."""
    set_relations(doc, [])
    if any("doc.ents" in nlp.get_pipe_meta(name).assigns for name in nlp.pipe_names):
        doc.set_ents([], default="missing")
    return doc
