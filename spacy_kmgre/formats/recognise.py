"""The format of a source by its contents, and of a target by its ending."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from ..errors import Errors
from .base import Format, sources, targets
from .compression import is_archive, renaming, unpacked
from .files import walk_files
from .peek import Peek

# The largest number of files of a folder that are looked at to recognise its format.
FILES = 100


def guess_source(path: Path) -> Format:
    """Recognise the format of a file or folder that is there to read.

    A source has the format that recognises its contents, else the format of its ending. Many formats are JSON, so
    the ending of a JSON file tells nothing. A folder that no format recognises as a whole has the format of its files.

    :raises ValueError: Where no format or several recognise it, or where it is broken.
    """
    if is_archive(path):
        with unpacked(path) as folder, renaming(folder, path):
            return guess_source(folder)
    if path.is_dir() and next(walk_files(path), None) is None:
        raise ValueError(Errors.E132.format(path=path, kind="of any format"))
    if path.is_file() and not path.stat().st_size:
        raise ValueError(Errors.E147.format(path=path, left=""))
    found = _recognise(Peek(path)) or (_recognise_files(path) if path.is_dir() else {})
    return _only(list(found.values()), path, "--from", sources())


def _recognise_files(folder: Path) -> dict[str, Format]:
    """The formats of the files of a folder, and of the archives there."""
    found: dict[str, Format] = {}
    for file in islice(walk_files(folder), FILES):
        if is_archive(file):
            with unpacked(file) as inner, renaming(inner, file):
                found |= _recognise(Peek(inner)) or _recognise_files(inner)
        else:
            found |= _recognise(Peek(file))
    return found


def _recognise(peek: Peek) -> dict[str, Format]:
    """The formats of a source by name.

    :raises ValueError: Where no format recognises it, and it is broken.
    """
    found, broken = {}, None
    for name, form in sources().items():
        try:
            if form.sniff(peek):
                found[name] = form
        except ValueError as error:
            broken = error
    if broken and not found:
        raise broken
    if not found and not peek.is_json:
        found = {name: form for name, form in sources().items() if peek.ending in form.endings}
    return found


def guess_target(path: Path) -> Format:
    """Find the format of a file to write by its ending.

    :raises ValueError: Where the ending stands for no format or several.
    """
    found = [form for form in targets().values() if path.suffix.lower() in form.endings]
    if not path.suffix:
        raise ValueError(Errors.E159.format(path=path, known=", ".join(targets())))
    return _only(found, path, "--to", targets())


def _only(found: list[Format], path: Path, option: str, known: Iterable[str]) -> Format:
    if len(found) != 1:
        names = ", ".join([form.name for form in found] or known)
        raise ValueError(Errors.E145.format(path=path, option=option, known=names))
    return found[0]
