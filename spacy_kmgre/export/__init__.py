"""Exports: how documents with relations become files.

An export is a class of its own (see `Export`), registered in a package's entry point group `spacy_kmgre_exports`, or by
`exports.register`. What is registered is called with the meta of a pipeline and gives an export for one run.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import catalogue
from spacy.tokens import Doc

from ..errors import Errors
from ..formats.base import targets
from ..formats.files import replacing
from .base import Export, StreamExport, require
from .corpus import CorpusExport
from .frame import to_pandas
from .graph import to_networkx

__all__ = [
    "Export",
    "StreamExport",
    "all_exports",
    "describe_exports",
    "export_docs",
    "exports",
    "find_export",
    "to_networkx",
    "to_pandas",
]

exports = catalogue.create("spacy_kmgre", "exports", entry_points=True)
MakeExport = Callable[[Mapping[str, Any]], Export]


def all_exports() -> dict[str, MakeExport]:
    """What makes the exports, by name: the registered ones, and the formats of corpora that have no export of their
    own."""
    found: dict[str, MakeExport] = exports.get_all()
    for name in targets():
        found.setdefault(name, partial(CorpusExport, name))
    return found


def find_export(path: Path, name: str = "", *, option: str = "to") -> MakeExport:
    """What makes the export for a path.

    :param name: The name of the export; the ending of the path tells where it is empty.
    :param option: What the caller calls that name, for messages.
    :raises ValueError: Where there is no export of that name, or the ending does not stand for exactly one.
    :raises ImportError: Where it needs a library that is not installed.
    """
    known = all_exports()
    if name:
        if name not in known:
            raise ValueError(Errors.E144.format(name=name, known=", ".join(known)))
        return _ready(known[name])
    found = [make for make in known.values() if path.suffix.lower() in make({}).suffixes]
    if len(found) != 1:
        names = ", ".join(" ".join((name, *make({}).suffixes)) for name, make in known.items())
        raise ValueError(Errors.E145.format(path=path, option=option, known=names))
    return _ready(found[0])


def _ready(make: MakeExport) -> MakeExport:
    require(make({}).requires)
    return make


def export_docs(docs: Doc | Iterable[Doc], path: Path | str, to: str = "") -> None:
    """Write documents with their relations.

    :param docs: Docs that have relations, or one. Their titles are `doc.user_data["title"]`.
    :param path: The file or folder to write. It is complete or not there, and replaces a file.
    :param to: The name of the export; the ending of the path tells where it is empty.
    :raises ValueError: Where there is no export of that name, the ending does not stand for exactly one, or
        something is no Doc.
    :raises ImportError: Where the export needs a library that is not installed.
    """
    export = find_export(Path(path), to)({})
    found = [docs] if isinstance(docs, Doc) else docs
    with replacing(Path(path)) as temporary:
        export.write((export.encode(_checked(doc)) for doc in found), temporary)


def _checked(doc: Doc) -> Doc:
    if not isinstance(doc, Doc):
        raise ValueError(Errors.E611.format(name="export_docs", expected="Docs", value=doc))
    return doc


def describe_exports() -> list[str]:
    """A line for each export: its name, its file endings, and what it is."""
    made = [make({}) for make in all_exports().values()]
    return [
        f"{export.name}{''.join(f' {end}' for end in export.suffixes)}: {export.description}"
        for export in made
    ]
