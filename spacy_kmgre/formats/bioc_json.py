"""BioC JSON, as PubTator3's API gives it: what BioC XML says, in objects and lists.

A file is a collection ({"documents": [...]}, PubTator3's {"PubTator3": [...]}), a list of documents or of collections,
or has one of them a line. The reader makes of a document the elements of BioC XML, and reads these.
"""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator
from spacy.tokens import Doc
from spacy.vocab import Vocab

from .assemble import TextDocs
from .base import IDENTIFIERS, SCORES, SHARED, Draft, Format
from .bioc import document_data, read_document
from .bioc_relations import Place
from .counts import Counts
from .files import read_json_items
from .identifiers import IdentifierOptions, shared_identifiers
from .models import LIST, Model, Number, Spared, Text, Title, check, present
from .peek import Peek

# The fields that hold the documents of a collection.
COLLECTIONS = ("documents", "PubTator3")
PASSAGES = "passages"


class Node(Model):
    """What a relation refers to."""

    refid: Title = ""
    role: Title = ""


class Noted(Model):
    """Anything that has infons."""

    # Some programs write an empty list for an object without fields.
    infons: Annotated[dict[Text, Any] | None, BeforeValidator(lambda value: value or None)] = None


class Location(Model):
    """A stretch of characters."""

    offset: Number
    length: Number


class Annotation(Noted):
    """A mention with its places."""

    id: Title | None = None
    text: Text | None = None
    locations: list[Location]


class Relation(Noted):
    """A relation between annotations."""

    id: Title | None = None
    nodes: list[Spared[Node]] = LIST


class Part(Noted):
    """A sentence, or a passage as far as it is like one."""

    offset: Number
    text: Text | None = None
    annotations: list[Spared[Annotation]] = LIST
    relations: list[Spared[Relation]] = LIST


class PassagePart(Part):
    """A passage, which may have sentences."""

    sentences: list[Spared[Part]] = LIST


class Document(Noted):
    """A document with its passages."""

    id: Title | None = None
    passages: list[Spared[PassagePart]]
    annotations: list[Spared[Annotation]] = LIST
    relations: list[Spared[Relation]] = LIST


def _read(path: Path, vocab: Vocab, counts: Counts, options: IdentifierOptions) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    for where, parse in read_json_items(path):
        try:
            documents = list(_documents(where.removeprefix(str(path)), parse()))
        except ValueError as error:
            yield Draft.broken("", error)
            continue
        for spot, data in documents:
            yield Draft("", partial(_read_document, path, spot, data, docs))


def _documents(spot: str, item: Any) -> Iterator[tuple[str, Any]]:
    """The documents of a collection, or the document, each with its place in the file."""
    within = next((name for name in COLLECTIONS if isinstance(item, dict) and name in item), "")
    if within and isinstance(item[within], list):
        for number, document in enumerate(item[within]):
            yield f"{spot}.{within}[{number}]", document
    else:
        yield spot, item


def _read_document(path: Path, spot: str, data: Any, docs: TextDocs[IdentifierOptions]) -> Doc:
    document = check(Document, f"{path}{spot}", data, docs.spared)
    spots: dict[ET.Element, str] = {}
    element = _element("document", document, spot, spots)
    return read_document(element, Place(path, spots, document.id or ""), docs)


def _element(tag: str, item: Model, spot: str, spots: dict[ET.Element, str]) -> ET.Element:
    """The element of BioC XML that says the same. What has one value is an attribute and an element within, of which
    a reader takes the one that BioC has."""
    element = ET.Element(tag)
    spots[element] = spot
    for name, value in item:
        if isinstance(value, list):
            for number, part in present(value):
                element.append(_element(name.removesuffix("s"), part, f"{spot}.{name}[{number}]", spots))
        elif isinstance(value, dict):
            for key, infon in value.items():
                text = _infon(infon)
                if text is not None:
                    ET.SubElement(element, "infon", key=key).text = text
        elif value is not None:
            element.set(name, str(value))
            ET.SubElement(element, name).text = str(value)
    return element


def _infon(value: Any) -> str | None:
    """The text of an infon: of an object, as PubTator3 has them for the ends of a relation, its identifier; of a list,
    all of them. Truth values and null name nothing."""
    if isinstance(value, dict):
        found = (value.get(name) for name in ("identifier", "normalized_id", "accession", "id"))
        value = next((item for item in found if item is not None), None)
    if isinstance(value, list):
        return "|".join(filter(None, map(_infon, value))) or None
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _write(docs: Iterable[Doc], path: Path) -> None:
    with path.open("w", encoding="utf8", newline="\n") as file:
        file.write('{"source": "spacy-kmgre", "date": "", "key": "", "infons": {}, "documents": [')
        for number, doc in enumerate(docs, 1):
            file.write((",\n" if number > 1 else "\n") + json.dumps(_data(doc, number), ensure_ascii=False))
        file.write("\n]}\n")


def _data(doc: Doc, number: int) -> dict[str, Any]:
    """A document with all fields that programs for BioC JSON look for."""
    data = {"infons": {}, "annotations": [], **document_data(doc, number)}
    data["passages"] = [{"sentences": [], "relations": [], **passage} for passage in data["passages"]]
    return data


def _sniff(peek: Peek) -> bool:
    return any(
        isinstance(item.get(PASSAGES), list)
        or {"PubTator3"} & item.keys()
        or {"documents", "source"} <= item.keys()
        for item in peek.objects
    ) or any(PASSAGES in document for document in peek.first("documents"))


BIOC_JSON = Format(
    name="bioc_json",
    description="BioC JSON: what PubTator3's API gives",
    reader=_read,
    writer=_write,
    settings=IdentifierOptions,
    default_ending=".json",
    sniff=_sniff,
    holds=frozenset({IDENTIFIERS, SCORES, SHARED}),
    changes=shared_identifiers,
)
