"""Files of lines, of JSON and of JSON lines, read piece by piece; targets that are complete or absent."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from ..errors import Errors
from .counts import Counts

SPACE = re.compile(r"[ \t\r\n]*")
# Characters of a JSON file to read at once.
CHUNK = 1 << 18
# What is so close to the end of what has been read may be another thing with what has not: the longest piece that
# means something else in halves is a surrogate pair, \ud83d\ude00.
MARGIN = 16
# Bytes of a file name taken from a title; file systems allow 255, with number and ending.
NAME_BYTES = 240
# Characters of a name that its temporary one keeps, of four bytes at most.
SHORT = 40


def read_lines(path: Path, counts: Counts | None = None) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file, without their ends, each with its number from 1 on. Lines end in
    a line feed; a carriage return before it belongs to the end.

    :param counts: Notes a last line without an end: where a part of a line is a line too, nothing else shows
        that the file is not whole.
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
    """The place of each line of a file, for messages, and what gives what it holds, or says what is wrong with it.
    Empty lines are passed over."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                where = f"{path} line {number}"
                yield where, partial(parse_line, where, line)


def parse_line(where: str, line: bytes) -> Any:
    """:raises ValueError: Where a line is no JSON in UTF-8."""
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(Errors.E120.format(where=where, error=error)) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(Errors.E100.format(path=where, error=error)) from error


def read_json(path: Path) -> Any:
    """What a JSON file holds."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(Errors.E100.format(path=path, error=error)) from error


def read_json_list(path: Path) -> Iterator[tuple[int, Any]]:
    """The items of a file that is one JSON list, each with the number of the line in which it begins. No more
    of the file is in memory than an item and a chunk."""
    with path.open(encoding="utf-8-sig") as file:
        try:
            yield from _JsonList(file, path)
        except (UnicodeDecodeError, RecursionError) as error:
            raise ValueError(Errors.E100.format(path=path, error=error)) from error


class _JsonList:
    def __init__(self, file: TextIO, path: Path):
        self.file, self.path = file, path
        self.text, self.at = "", 0
        self.line = 1
        self.decode = json.JSONDecoder().raw_decode

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        if self.peek() == "{":
            raise ValueError(Errors.E101.format(path=self.path, kind="dict"))
        if self.peek() != "[":
            kind = type(self.value()).__name__
            raise ValueError(Errors.E101.format(path=self.path, kind=kind))
        self.step()
        while self.peek() != "]":
            line = self.line
            yield line, self.value()
            if self.peek() == ",":
                self.step()
                if self.peek() == "]":
                    self.fail("Expecting value", self.line)
            elif self.peek() != "]":
                self.fail("Expecting ',' delimiter", self.line)
        self.step()
        if self.peek():
            self.fail("Extra data", self.line)

    def more(self) -> bool:
        """Read on; False at the end of the file."""
        found = self.file.read(max(CHUNK, len(self.text) - self.at))
        if found:
            self.text, self.at = self.text[self.at :] + found, 0
        return bool(found)

    def move(self, to: int) -> None:
        self.line += self.text.count("\n", self.at, to)
        self.at = to

    def step(self) -> None:
        self.move(self.at + 1)

    def peek(self) -> str:
        """The next character that is no white space; "" at the end."""
        while True:
            self.move(SPACE.match(self.text, self.at).end())  # type: ignore[union-attr]
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def value(self) -> Any:
        """The next value; `peek` comes before."""
        while True:
            try:
                value, end = self.decode(self.text, self.at)
            except json.JSONDecodeError as error:
                line = self.line + self.text.count("\n", self.at, error.pos)
                open_end = error.msg.startswith("Unterminated string") or error.pos > len(self.text) - MARGIN
                if not (open_end and self.more()):
                    self.fail(error.msg, line)
            else:
                if end < len(self.text) - MARGIN or not self.more():  # a number may go on
                    self.move(end)
                    return value

    def fail(self, message: str, line: int) -> None:
        raise ValueError(Errors.E100.format(path=self.path, error=f"{message}: line {line}"))


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
    """:raises ValueError: Where a path is a folder that holds something, or a device or the like."""
    if path.is_dir():
        if any(path.iterdir()):
            raise ValueError(Errors.E141.format(path=path))
    elif path.exists() and not path.is_file():
        raise ValueError(Errors.E149.format(path=path))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside another one, which becomes it when all is written. After an error nothing is left. Where it is a
    link, what it points to is replaced.

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
    """A name for a document's file, without an ending and unlike those taken, which it joins. Slashes make folders."""
    parts = [re.sub(r"[^\w.+-]+", "_", part).lstrip(".") for part in title.split("/")]
    short = [part.encode("utf8")[:NAME_BYTES].decode("utf8", "ignore") for part in parts if part]
    name = stem = "/".join(short) or "document"
    number = 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name.lower())
    return name
