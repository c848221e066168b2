"""Warnings where a corpus was read and holds nothing to learn from, with what is in its files all the same."""

import re
import warnings
from collections import Counter
from collections import Counter as CounterType
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import Warnings
from .compression import is_archive, open_file
from .counts import Counts
from .files import walk_files
from .peek import Peek

# Files of a folder and characters of a file that are looked at, and names that are shown.
FILES = 20
CHARACTERS = 1 << 20
SHOWN = 8
# What stands for fields that are there and say that there is nothing.
EMPTY = "empty fields"
# Names of fields that hold relations.
RELATIONS = re.compile(
    r"relation|^rel(s|_|$)|_rel(s|$)|^edges?$|^links?$|triples?$|arcs?$|^children$", re.IGNORECASE
)
# Relations in formats that are not JSON: elements and lines. (A field of a line is all that a tab ends.)
ELEMENTS = re.compile(r"<(\w*relation\w*)[\s>]|^([RE])\d+\t", re.IGNORECASE | re.MULTILINE)


def warn_of_nothing(path: Path, name: str, counts: Counts) -> None:
    """Warn where no document has entities, or none has relations although there are fields that look like some.

    :param name: The name of the format.
    """
    if not counts.documents or (counts.mentions and counts.relations):
        return
    archive = is_archive(path)
    related = Counter() if archive else _relation_fields(path)
    seen = [f"{what} ({number:,})" for what, number in {**related, **counts.oddities}.items()]
    if not counts.mentions:
        seen = [*({} if archive else dict.fromkeys(_fields(path))), *seen] or ["nothing but text"]
        if seen != [EMPTY]:
            text = Warnings.W120.format(path=path, format=name, seen=", ".join(seen))
            warnings.warn(text, stacklevel=4)
    elif related:
        warnings.warn(Warnings.W121.format(path=path, format=name, seen=", ".join(seen)), stacklevel=4)


def _files(path: Path) -> Iterator[Path]:
    yield from islice(walk_files(path), FILES) if path.is_dir() else [path]


def _fields(path: Path) -> Iterator[str]:
    """The names of the fields of JSON objects that hold more than text, or the endings of the files of a folder."""
    for file in _files(path):
        with suppress(ValueError):
            objects = Peek(file).objects
            for name, value in islice(objects[0].items() if objects else (), SHOWN):
                if isinstance(value, list | dict) and not _is_text(value):
                    yield name if value else EMPTY
            if not objects and path.is_dir():
                yield f"*{file.suffix}"


def _is_text(value: Any) -> bool:
    """Whether a value is words, or lists of words."""
    return isinstance(value, str) or (isinstance(value, list) and bool(value) and all(map(_is_text, value)))


def _relation_fields(path: Path) -> CounterType[str]:
    """The numbers of things that look like relations, by their names."""
    found: CounterType[str] = Counter()
    for file in _files(path):
        with suppress(ValueError):
            objects = Peek(file).objects
            for name, number in _named(objects):
                found[name] += number
            if not objects:
                with open_file(file) as stream:
                    text = stream.read(CHARACTERS).decode("utf8", "replace")
                found.update(
                    f"<{match[1]}>" if match[1] else f"lines {match[2]}" for match in ELEMENTS.finditer(text)
                )
    return Counter(dict(found.most_common(SHOWN)))


def _named(data: Any) -> Iterator[tuple[str, int]]:
    """The names of fields that look like relations, with the number of things that they hold."""
    if isinstance(data, dict):
        for name, value in data.items():
            if RELATIONS.search(name) and isinstance(value, list | dict) and value:
                yield name, len(value)
            else:
                yield from _named(value)
    elif isinstance(data, list):
        for item in data:
            if isinstance(item, dict) and RELATIONS.search(str(item.get("type"))):
                yield f"type {item['type']}", 1
            yield from _named(item)
