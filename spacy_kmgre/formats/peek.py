"""A look at the beginning of a file or folder, by which formats recognise what is theirs."""

from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from .files import CHARACTERS, read_json, read_json_lines, read_json_list

# Lines of JSON to look at: the first one may have no annotation to tell formats apart by.
LINES = 100
# Docs of a DocBin to look at.
DOCS = 10


class Peek:
    """What a corpus begins with. Everything is read when it is first asked for, and only once.

    :ivar path: The file or folder.
    :ivar ending: The ending of its name in small letters, such as ".json".
    :ivar is_json: Whether the ending is one of JSON.
    """

    def __init__(self, path: Path):
        self.path = path
        self.ending = path.suffix.lower()
        self.is_json = self.ending in (".json", ".jsonl", ".ndjson")

    @cached_property
    def start(self) -> str:
        """The first characters of a file; "" for a folder."""
        if self.path.is_dir():
            return ""
        with self.path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(CHARACTERS)

    @cached_property
    def files(self) -> dict[str, Path]:
        """The first file of each ending in a folder and the folders within."""
        found: dict[str, Path] = {}
        for file in sorted(self.path.rglob("*")) if self.path.is_dir() else ():
            found.setdefault(file.suffix.lower(), file)
        return found

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The first JSON objects of a JSON file, or of the first JSON file of a folder.

        The file may be a list of objects, have an object a line, or be a single object. A line that is broken is
        passed over, as the others may tell the format.

        :raises ValueError: Where the file is broken otherwise.
        """
        if self.path.is_dir():
            return Peek(self.files[".json"]).objects if ".json" in self.files else []
        if not self.is_json:
            return []
        start = self.start.lstrip()
        found: list[Any] = []
        if start.startswith("["):
            found = list(islice(read_json_list(self.path), 1))
        elif start.split("\n", 1)[0].strip() == "{":
            found = [read_json(self.path)]
        else:
            for _, parse in islice(read_json_lines(self.path), LINES):
                try:
                    found.append(parse())
                except ValueError:
                    continue
        return [item for item in found if isinstance(item, dict)]

    @cached_property
    def docs(self) -> list[Doc]:
        """The first Docs of a `.spacy` file, or of the first one of a folder; none where it is damaged."""
        path = self.files.get(".spacy") if self.path.is_dir() else self.path
        if path is None or path.suffix.lower() != ".spacy":
            return []
        try:
            return list(islice(DocBin().from_disk(path).get_docs(Vocab()), DOCS))
        except Exception:  # what a damaged DocBin raises depends on the place of the damage
            return []

    def first(self, name: str) -> list[dict[str, Any]]:
        """The first item of the list of that name in each of the `objects`, where it is an object itself."""
        lists = (item.get(name) for item in self.objects)
        firsts = (items[0] for items in lists if isinstance(items, list) and items)
        return [item for item in firsts if isinstance(item, dict)]
