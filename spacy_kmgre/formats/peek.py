"""A look at the beginning of a file or folder, by which formats recognise what is theirs."""

from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from .compression import bare_name, check_zlib, open_file
from .files import read_json_items, walk_files

# Bytes of a file to look at.
BYTES = 4000
# Values of a JSON file to look at: the first one may have no annotation to tell formats apart by.
VALUES = 100
# Docs of a DocBin to look at.
DOCS = 10
JSON_ENDINGS = (".json", ".jsonl", ".ndjson", ".jsonlines", ".jl")


class Peek:
    """What a corpus begins with. Everything is read when it is first asked for, and only once.

    :ivar path: The file or folder.
    :ivar ending: The ending of its name in small letters, such as ".json", without one that says how it is compressed.
    """

    def __init__(self, path: Path):
        self.path = path
        self.ending = bare_name(path).suffix.lower()

    @property
    def is_json(self) -> bool:
        """Whether the ending is one of JSON. It does not tell the format then."""
        return self.ending in JSON_ENDINGS

    @cached_property
    def start(self) -> str:
        """The first characters of a file; "" for a folder."""
        if self.path.is_dir():
            return ""
        with open_file(self.path) as file:
            return file.read(BYTES).decode("utf-8-sig", "replace").replace("\r\n", "\n")

    @cached_property
    def files(self) -> dict[str, Path]:
        """The first file of each ending in a folder and the folders within."""
        found: dict[str, Path] = {}
        for file in walk_files(self.path) if self.path.is_dir() else ():
            found.setdefault(bare_name(file).suffix.lower(), file)
        return found

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The first JSON objects of a file; none for a folder and for what is not JSON.

        The file may be a list of objects, have an object a line, or be a single object. An object that is broken is
        passed over, as the others may tell the format.

        :raises ValueError: Where all objects of a file whose ending is one of JSON are broken, or its list is.
        """
        if not self.start.lstrip().startswith(("{", "[")):
            return []
        try:
            return self._objects()
        except ValueError:
            if self.is_json:
                raise
            return []

    def _objects(self) -> list[dict[str, Any]]:
        found, broken = [], None
        try:
            for _, parse in islice(read_json_items(self.path), VALUES):
                try:
                    found.append(parse())
                except ValueError as error:
                    broken = broken or error
        except ValueError as error:  # what is broken of a list hides the rest of it
            broken = broken or error
        if broken and not found:
            raise broken
        return [item for item in found if isinstance(item, dict)]

    @cached_property
    def docs(self) -> list[Doc]:
        """The first Docs of a `.spacy` file, or of the first one of a folder; none where it is damaged."""
        path = self.files.get(".spacy") if self.path.is_dir() else self.path
        if path is None or bare_name(path).suffix.lower() != ".spacy":
            return []
        try:
            with open_file(path) as file:
                return list(
                    islice(DocBin().from_bytes(check_zlib(path, file.read())).get_docs(Vocab()), DOCS)
                )
        except Exception:  # what a damaged DocBin raises depends on the place of the damage
            return []

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields of the first JSON objects; none for what is not JSON, or broken."""
        try:
            return frozenset(name for item in self.objects for name in item)
        except ValueError:
            return frozenset()

    def first(self, name: str) -> list[dict[str, Any]]:
        """The first item of the list of that name in each of the `objects`, where it is an object itself."""
        lists = (item.get(name) for item in self.objects)
        firsts = (items[0] for items in lists if isinstance(items, list) and items)
        return [item for item in firsts if isinstance(item, dict)]
