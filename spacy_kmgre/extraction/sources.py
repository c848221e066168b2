"""Sources of documents: text files, folders, tables, JSON Lines, standard input, and every format of `FORMATS`."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from spacy.util import is_package

from ..errors import Errors
from ..formats import FORMATS
from ..formats.base import check_format
from ..formats.compression import bare_name
from ..formats.recognise import guess_source
from .batches import WORD_BYTES
from .tables import DEFAULT, ENDINGS, PARQUET, Columns, check_table, count_rows

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

    @property
    def words(self) -> int:
        """The number of words of a file, by its size."""
        try:
            return self.path.stat().st_size // WORD_BYTES + 1
        except OSError:
            return 1


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
            found.append(Source(path, form or _guess_folder(path), path.name))
            if is_pipeline(path):
                raise ValueError(
                    Errors.E085.format(path=path, wanted="source", command="COMMAND MODEL SOURCE")
                )
            if next(walk(found[-1]), None) is None:
                kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
                why = f"has no files to read ({kinds}; with --from {' or '.join(TABLES)} the tables in it)"
                raise ValueError(Errors.E336.format(path=path, why=why))
    tables = [file for file in chain.from_iterable(map(walk, found)) if file.form in TABLES]
    for file in tables:
        check_table(file.path, file.form, columns)
    if columns != DEFAULT and not tables:
        raise ValueError(
            Errors.E336.format(
                path="--text-column, --id-column or --entities-column", why="needs a source that is a table"
            )
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
    for file in chain.from_iterable(map(walk, sources)):
        if file.form == PARQUET:
            count += count_rows(file.path)
        elif file.form != TEXT or file.path == STDIN:
            return None
        else:
            count += 1
    return count


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


def _guess_folder(path: Path) -> str:
    """The form of a folder, where its name tells: Spark, pandas and Ray write tables as folders of files."""
    return PARQUET if path.suffix.lower() == ".parquet" else ""


def walk(
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
            special = path.exists() and not path.is_file()  # A pipe would wait for someone to write to it.
            if kind and not special and (not wanted or kind == wanted):
                yield Source(path, source.form or kind, path.relative_to(source.path).as_posix())
            else:
                pass_over(path)
