"""Reading files of lines, of JSON and of JSON lines piece by piece; writing targets that are complete or absent."""

import json
import os
import re
import shutil
from codecs import BOM_UTF8
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import ijson

from ..errors import Errors
from .counts import Counts

# A document of any format nests a few lists and objects; a file that nests thousands is an attack on the memory.
DEEPEST = 100
# What a JSON file holds that is not a list, by the first event of the parser.
JSON_KINDS = {"start_map": "object", "integer": "number", "double": "number"}
# Characters of a file to look at.
CHARACTERS = 1000
# What ijson's parser says of a file: the kind of event, and a value.
Event = tuple[str, Any]
# A file name taken from a title may have this many bytes; file systems allow 255, with a number and an ending.
NAME_BYTES = 240
# A temporary name keeps this many characters, of at most four bytes, of the name that it stands for.
SHORT = 40


def read_lines(path: Path, counts: Counts | None = None) -> Iterator[tuple[int, str]]:
    """Read the lines of a UTF-8 file without their ends, each with its number from 1 on.

    A line ends in a line feed; a carriage return before the line feed belongs to the end.

    :param counts: Takes note of a last line without an end. In a format whose lines can be cut and still be
        valid, nothing else shows that the file is not whole.
    :raises ValueError: Where a line is not UTF-8.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf8")
            except UnicodeDecodeError as error:
                where = f"{path} line {number}"
                raise ValueError(Errors.E120.format(where=where, error=error)) from error
            if counts is not None:
                counts.note("files that end inside a line, as if cut off", not text.endswith("\n"))
            yield number, text.rstrip("\n").rstrip("\r")


def read_json_lines(path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Read a file of JSON lines; lines of white space are passed over.

    :returns: For each line its place, for messages, and a function that gives what the line holds or raises a
        ValueError.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                where = f"{path} line {number}"
                yield where, partial(parse_line, where, line)


def parse_line(where: str, line: bytes) -> Any:
    """Parse a line of JSON.

    :raises ValueError: Where the line is not JSON in UTF-8; the message begins with the place.
    """
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(Errors.E120.format(where=where, error=error)) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(Errors.E100.format(path=where, error=error)) from error


def start_of(path: Path) -> str:
    """The first characters of a file, without white space before them."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.read(CHARACTERS).lstrip()


def is_lines(path: Path) -> bool:
    """Whether a JSON file has an object a line, and at least two lines."""
    with path.open("rb") as file:
        lines = [line.strip() for line in islice((line for line in file if line.strip()), 2)]
    return len(lines) == 2 and lines[0].endswith(b"}") and lines[1].startswith(b"{")


def read_json(path: Path) -> Any:
    """Read a file that is one JSON value.

    :raises ValueError: Where it is not; the message names the file.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(Errors.E100.format(path=path, error=error)) from error


def read_json_list(path: Path, names: Container[str] = ()) -> Iterator[Any]:
    """Read a file that is one JSON list, item by item. Memory holds one item and a piece of the file.

    :param names: Where not empty, the file is an object instead, and the list is its first field of these names.
    :raises ValueError: Where the file is not a JSON list. The items before the mistake come first, and the message
        names the number of the broken one, from 0 on.
    """
    number = 0
    with path.open("rb") as file:
        if file.read(len(BOM_UTF8)) != BOM_UTF8:
            file.seek(0)
        try:
            events = ijson.basic_parse(file, use_float=True)
            for item in _list_items(path, _inside(events, names) if names else events):
                yield item
                number += 1
        except (ijson.JSONError, UnicodeDecodeError) as error:
            what, *excerpt = (line.strip() for line in str(error).splitlines())
            place = f", in item {number}, near {excerpt[0]!r}" if excerpt else f", in item {number}"
            raise ValueError(Errors.E100.format(path=path, error=what + place)) from error


def _inside(events: Iterator[Event], names: Container[str]) -> Iterator[Event]:
    """The events of the first field of an object that has one of the names. What comes after it is read, too."""
    depth = 0
    for event, value in events:
        depth += event.startswith("start") - event.startswith("end")
        if depth == 1 and event == "map_key" and value in names:
            break
    for event, value in events:
        depth += event.startswith("start") - event.startswith("end")
        yield event, value
        if depth == 1:
            break
    for _ in events:
        pass


def _list_items(path: Path, events: Iterable[Event]) -> Iterator[Any]:
    """Read the items of a JSON list.

    `ijson.items` would do, but its memory grows with the square of the depth; `ijson.ObjectBuilder` is slow.
    """
    within: list[Any] = []  # the containers that have begun, from the list itself on
    key = ""
    for event, value in events:
        if event == "map_key":
            key = value
            continue
        if event in ("end_map", "end_array"):
            value = within.pop()
        else:
            value = {} if event == "start_map" else [] if event == "start_array" else value
            if len(within) > 1 and type(within[-1]) is dict:
                within[-1][key] = value
            elif len(within) > 1:
                within[-1].append(value)
            elif not within and event != "start_array":
                raise ValueError(Errors.E101.format(path=path, kind=JSON_KINDS.get(event, event)))
            if event in ("start_map", "start_array"):
                within.append(value)
                if len(within) > DEEPEST:
                    raise ijson.JSONError(f"more than {DEEPEST} lists and objects within each other")
                continue
        if len(within) == 1:
            yield value


def write_json_lines(items: Iterable[Any], path: Path) -> None:
    """Write each item as a line of JSON."""
    with path.open("w", encoding="utf8", newline="\n") as file:
        for item in items:
            file.write(json.dumps(item, ensure_ascii=False) + "\n")


def write_json_list(items: Iterable[Any], path: Path) -> None:
    """Write one JSON list, an item a line."""
    with path.open("w", encoding="utf8", newline="\n") as file:
        file.write("[")
        for number, item in enumerate(items):
            file.write((",\n" if number else "\n") + json.dumps(item, ensure_ascii=False))
        file.write("\n]\n")


def check_replaceable(path: Path) -> None:
    """See that a target can be written.

    :raises ValueError: Where the path is a folder that holds something, or a device or the like.
    """
    if path.is_dir():
        if any(path.iterdir()):
            raise ValueError(Errors.E141.format(path=path))
    elif path.exists() and not path.is_file():
        raise ValueError(Errors.E149.format(path=path))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path, which becomes the target when everything is written; an error leaves nothing behind.

    The target of a link is replaced, not the link.

    :raises ValueError: See `check_replaceable`.
    """
    path = path.resolve()
    check_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}-{path.name[-SHORT:]}")
    try:
        yield temporary
        if path.is_dir():
            path.rmdir()
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        elif temporary.exists():
            temporary.unlink()


def file_name(title: str, taken: set[str]) -> str:
    """Make a file name from a document's title: without an ending, and unlike the names that are taken.

    A slash in the title separates folders.

    :param taken: The names so far in small letters, to which the new one is added.
    """
    parts = [re.sub(r"[^\w.+-]+", "_", part).lstrip(".") for part in title.split("/")]
    short = [part.encode("utf8")[:NAME_BYTES].decode("utf8", "ignore") for part in parts if part]
    name = stem = "/".join(short) or "document"
    number = 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name.lower())
    return name
