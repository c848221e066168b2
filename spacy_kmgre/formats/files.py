"""Reading files of lines, of JSON and of JSON lines piece by piece; writing targets that are complete or absent."""

import json
import os
import re
import shutil
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

import ijson

from ..errors import Errors
from .compression import bare_name, open_file
from .counts import Counts

# A document of any format nests a few lists and objects; a file that nests thousands is an attack on the memory.
DEEPEST = 100
# A line, and a JSON value that is not read piece by piece, may have this many bytes: 256 MB and 1 GB.
LONGEST_LINE = 1 << 28
LARGEST_VALUE = 1 << 30
TOO_DEEP = f"more than {DEEPEST} lists and objects within each other"
DECODER = json.JSONDecoder()
SPACE = re.compile(r"\s*")
# The ways in which a JSON file may hold values (see `json_layout`).
LIST, LINES, VALUES = "list", "lines", "values"
# The number of lines that may tell that a file has one value a line, where the first one is broken; and the number of
# bytes of a line that are looked at to find that out.
BROKEN_LINES = 20
LONGEST_START = 1 << 24
# What a JSON file holds that is not a list, by the first event of the parser.
JSON_KINDS = {"start_map": "object", "integer": "number", "double": "number"}
# A temporary name keeps this many characters, of at most four bytes, of the name that it stands for.
SHORT = 40


def read_lines(path: Path, counts: Counts, lenient: bool = False) -> Iterator[tuple[int, str]]:
    """Read the lines of a UTF-8 file without their ends, each with its number from 1 on.

    A line ends in a line feed; a carriage return before the line feed belongs to the end.

    :param counts: Takes note of a last line without an end. In a format whose lines can be cut and still be
        valid, nothing else shows that the file is not whole.
    :param lenient: Leave out and count lines that are not UTF-8.
    :raises ValueError: Where a line is not UTF-8 and reading is not lenient.
    """
    with open_file(path) as file:
        for number, line in enumerate(bounded_lines(path, file), 1):
            with counts.leaving_out("lines left out, as they are not text in UTF-8", lenient):
                yield number, _decode_line(path, number, line).rstrip("\n").rstrip("\r")
            counts.note("files that end inside a line, as if cut off", not line.endswith(b"\n"))


def bounded_lines(path: Path | str, file: IO[bytes]) -> Iterator[bytes]:
    """The lines of an open file with their ends.

    :param path: The name of the file, for messages.
    :raises ValueError: Where a line is longer than `LONGEST_LINE`; it is not read into memory.
    """
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise ValueError(Errors.E157.format(path=path, size=LONGEST_LINE, what="a line"))
        yield line


def read_whole(path: Path, file: IO[bytes]) -> bytes:
    """The contents of an open file.

    :raises ValueError: Where they are larger than `LARGEST_VALUE`.
    """
    data = file.read(LARGEST_VALUE + 1)
    if len(data) > LARGEST_VALUE:
        raise ValueError(
            Errors.E157.format(path=path, size=LARGEST_VALUE, what="what has to be read as a whole")
        )
    return data


def check_depth(value: Any) -> Any:
    """See that lists and objects of JSON are not nested deeper than any format nests them.

    :returns: The value.
    :raises ValueError: Where they are.
    """
    level: list[Any] = [[value]]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return value
    raise ValueError(TOO_DEEP)


def _decode_line(path: Path, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf8")
    except UnicodeDecodeError as error:
        raise ValueError(Errors.E120.format(where=f"{path} line {number}", error=error)) from error


def read_json_lines(path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Read a file of JSON lines; lines of white space are passed over.

    :returns: For each line its place, for messages, and a function that gives what the line holds or raises a
        ValueError.
    """
    with open_file(path) as file:
        for number, line in enumerate(bounded_lines(path, file), 1):
            if line.strip():
                where = f"{path} line {number}"
                yield where, partial(parse_line, where, line)


def read_json_items(path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Read the values of a JSON file, whether it is one list of them, has one a line, or is one value over several
    lines (or several such values one after another). Lists and lines are read piece by piece.

    :returns: For each value its place, for messages, and a function that gives the value or raises a ValueError.
    :raises ValueError: Where a list is broken, as nothing after the mistake can be read.
    """
    layout = json_layout(path)
    if layout == LIST:
        for number, item in enumerate(read_json_list(path)):
            yield f"{path}[{number}]", partial(_give, item)
    elif layout == LINES:
        yield from read_json_lines(path)
    else:
        yield from _whole_values(path)


def _give(item: Any) -> Any:
    return item


def json_layout(path: Path) -> str:
    """Whether a JSON file is a list, lines of values, or values of several lines.

    Where the first line is no value by itself, but a later one is an object, it is a broken line of many.
    """
    with open_file(path) as file:
        _skip_mark(file)
        lines = (line for line in iter(lambda: file.readline(LONGEST_START), b"") if line.strip())
        first = next(lines, b"")
        if first.lstrip().startswith(b"["):
            return LIST
        if not first and bare_name(path).suffix.lower() == ".json":
            return VALUES
        if not first.endswith(b"\n") or _is_value(first):
            return LINES
        if first.rstrip().endswith((b"{", b"[", b",")):
            return VALUES
        rest = [line for line in islice(lines, 2 * BROKEN_LINES) if line.startswith(b"{")]
        return LINES if any(map(_is_value, rest[:BROKEN_LINES])) else VALUES


def _is_value(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _whole_values(path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Read values of several lines, with white space between one and the next."""

    def fail(error: Exception) -> Any:
        raise ValueError(Errors.E100.format(path=path, error=error)) from error

    with open_file(path) as file:
        data = read_whole(path, file)
    try:
        text = data.decode("utf-8-sig").strip()
        at = 0
        while at < len(text) or not text:
            value, end = DECODER.raw_decode(text, at)
            check_depth(value)
            yield (
                str(path) if end == len(text) and not at else f"{path} character {at}",
                partial(_give, value),
            )
            space = SPACE.match(text, end)
            at = space.end() if space else end
    except (ValueError, RecursionError) as error:
        yield str(path), partial(fail, error)


def parse_line(where: str, line: bytes) -> Any:
    """Parse a line of JSON.

    :raises ValueError: Where the line is not JSON in UTF-8; the message begins with the place.
    """
    try:
        return check_depth(json.loads(line.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise ValueError(Errors.E120.format(where=where, error=error)) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(Errors.E100.format(path=where, error=error)) from error


def read_json(path: Path) -> Any:
    """Read a file that is one JSON value.

    :raises ValueError: Where it is not; the message names the file.
    """
    try:
        with open_file(path) as file:
            return check_depth(json.loads(read_whole(path, file).decode("utf-8-sig")))
    except (ValueError, RecursionError) as error:
        raise ValueError(Errors.E100.format(path=path, error=error)) from error


def read_json_list(path: Path) -> Iterator[Any]:
    """Read a file that is one JSON list, item by item. Memory holds one item and a piece of the file.

    :raises ValueError: Where the file is not a JSON list. The items before the mistake come first, and the message
        names the number of the broken one, from 0 on.
    """
    number = 0
    with open_file(path) as file:
        _skip_mark(file)
        try:
            for item in _list_items(path, _EndedByNewline(file)):
                yield item
                number += 1
        except (ijson.JSONError, UnicodeDecodeError) as error:
            what, *excerpt = (line.strip() for line in str(error).splitlines())
            place = f", in item {number}, near {excerpt[0]!r}" if excerpt else f", in item {number}"
            raise ValueError(Errors.E100.format(path=path, error=what + place)) from error


def _skip_mark(file: Any) -> None:
    """Pass over a byte order mark."""
    if file.peek(len(BOM_UTF8)).startswith(BOM_UTF8):
        file.read(len(BOM_UTF8))


class _EndedByNewline:
    """A file with one more newline at its end: ijson finds nothing wrong with a string that has only begun, until
    something comes that no string may have."""

    def __init__(self, file: IO[bytes]):
        self.file = file
        self.ended = False

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        if data or not size or self.ended:
            return data
        self.ended = True
        return b"\n"


def _list_items(path: Path, file: _EndedByNewline) -> Iterator[Any]:
    """Read the items of a JSON list.

    `ijson.items` would do, but its memory grows with the square of the depth; `ijson.ObjectBuilder` is slow.
    """
    within: list[Any] = []  # the containers that have begun, from the list itself on
    key = ""
    for event, value in ijson.basic_parse(file, use_float=True):
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
                    raise ijson.JSONError(TOO_DEEP)
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


def walk_files(folder: Path) -> Iterator[Path]:
    """The files of a folder and of the folders within, in a fixed order, without the hidden ones and what macOS adds
    to archives."""
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if file.is_file() and not any(part.startswith(".") or part == "__MACOSX" for part in parts):
            yield file


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
