"""Which format a file or folder has, where its name and its beginning leave no doubt."""

from collections.abc import Callable, Collection
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import Errors
from . import FORMATS, Format
from .files import read_json, read_json_lines, read_json_list, read_lines
from .pubtator import HEADING

# Endings that say enough, for reading and writing.
SUFFIXES = {".spacy": "spacy", ".jsonl": "jsonl", ".pubtator": "pubtator", ".xml": "bioc"}
# Lines of a file to look at: the first may have no annotation to tell formats apart by.
LINES = 100
PEEK = 1000


def get_format(name: str) -> Format:
    """The format of that name.

    :raises ValueError: Where there is none; the message names them all.
    """
    check_format(name, FORMATS)
    return FORMATS[name]


def check_format(name: str, known: Collection[str]) -> None:
    """:raises ValueError: Where the name is none of those; the message names them all."""
    if name not in known:
        raise ValueError(Errors.E144.format(name=name, known=", ".join(known)))


def guess_source(path: Path) -> Format:
    """The format of what is there to read.

    :raises ValueError: Where it cannot be told.
    """
    return _found(_source(path), path, "--from", "")


def guess_target(path: Path) -> Format:
    """The format of a file to write, by its ending.

    :raises ValueError: Where the ending stands for several formats, or none.
    """
    return _found(SUFFIXES.get(path.suffix.lower()), path, "--to", " by its ending")


def _found(name: str | None, path: Path, option: str, why: str) -> Format:
    if name is None:
        known = ", ".join(FORMATS)
        raise ValueError(Errors.E145.format(path=path, option=option, why=why, known=known))
    return FORMATS[name]


def _source(path: Path) -> str | None:
    if path.is_dir():
        return _folder(path)
    suffix = path.suffix.lower()
    if suffix in (".json", ".jsonl", ".ndjson"):
        return _json(path)
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    _, line = next(read_lines(path), (0, ""))
    if HEADING.fullmatch(line):
        return "pubtator"
    return "bioc" if line.lstrip().startswith(("<?xml", "<!DOCTYPE collection", "<collection")) else None


def _folder(path: Path) -> str | None:
    """By the first file of each kind."""
    firsts = {kind: min(path.rglob(f"*{kind}"), default=None) for kind in (".spacy", ".ann", ".json")}
    found = {kind for kind, file in firsts.items() if file}
    if found == {".json"} and firsts[".json"]:
        return "dwie" if _json(firsts[".json"]) == "dwie" else None
    return {".spacy": "spacy", ".ann": "brat"}[found.pop()] if len(found) == 1 else None


def _json(path: Path) -> str | None:
    """A list of objects, an object a line, or one object (DWIE's) over many lines."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        start = file.read(PEEK).lstrip()
    if start.startswith("["):
        return next((_item(item) for _, item in read_json_list(path)), None)
    if start.split("\n", 1)[0].strip() == "{":
        return _item(read_json(path))
    found = (_line(parse) for _, parse in islice(read_json_lines(path), LINES))
    return next(filter(None, found), None)


def _line(parse: Callable[[], Any]) -> str | None:
    """The format that a line is of, None also for one that is broken: others may tell."""
    try:
        return _item(parse())
    except ValueError:
        return None


def _item(data: Any) -> str | None:
    """The format that one document is of, by the names of its fields."""
    if not isinstance(data, dict):
        return None
    fields = data.keys()
    entities, relations = _first(data, "entities"), _first(data, "relations")
    kinds = {
        "docred": "vertexSet" in fields,
        "docred_submission": {"h_idx", "t_idx", "r"} <= fields,
        "dwie": {"concepts", "mentions"} <= fields,
        "label_studio": {"data", "annotations"} <= fields,
        "prodigy": bool({"_task_hash", "_input_hash", "_view_id"} & fields) or "child" in relations,
        "doccano": "start_offset" in entities,
        "jsonl": "mentions" in entities or {"text", "tokens", "sentences"} <= fields,
    }
    found = [name for name, fits in kinds.items() if fits]
    return found[0] if len(found) == 1 else None


def _first(data: dict[str, Any], name: str) -> dict[str, Any]:
    """The first item of a list among the fields."""
    items = data.get(name)
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
