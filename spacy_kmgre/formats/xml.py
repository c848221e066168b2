"""What the formats of XML have in common: a look at how a file begins, and messages where it is not XML."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from ..errors import Errors


class _Begun(Exception):
    """Something has been seen that tells what a file is."""


def first_element(path: Path | str, file: BinaryIO) -> str:
    """The name of a file's outermost element; "!ENTITY" or "!ATTLIST" where the file declares entities or default
    values of attributes.

    No format here has a use for these, and a few lines of them can fill the memory. (expat limits how much entities may
    grow, but not what attributes bring; it never fetches external entities.)

    :raises ValueError: Where the file is not XML.
    """
    seen: list[str] = []

    def begin(found: str) -> None:
        seen.append(found)
        raise _Begun

    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, _: begin(tag)
    parser.EntityDeclHandler = lambda *_: begin("!ENTITY")
    parser.AttlistDeclHandler = lambda *_: begin("!ATTLIST")
    with saying_not_xml(path), suppress(_Begun):
        parser.ParseFile(file)
    return seen[0]


@contextmanager
def saying_not_xml(path: Path | str) -> Iterator[None]:
    """Raise what a parser says of a file as errors that have a code and name the file."""
    try:
        yield
    except (
        expat.ExpatError,
        ET.ParseError,
        LookupError,
        ValueError,
    ) as error:  # the latter two for encodings
        raise ValueError(Errors.E127.format(path=path, error=error)) from error


def check_characters(name: str, text: str) -> None:
    """See that XML can hold a text of a document: most control characters have no place there.

    :raises ValueError: Where it cannot; the message names the document and the character.
    """
    for character in text:
        if (character < " " and character not in "\t\n\r") or character in "\ufffe\uffff":
            raise ValueError(Errors.E142.format(name=name, character=character))
