"""DWIE's JSON: a folder with a file for each article, centred on entities.

`content` is the text, `mentions` are characters of it (`begin`, `end`, `text`) that belong to a `concept`,
`concepts` the entities with `tags` and a `link` to Wikipedia, `relations` triples (`s`, `p`, `o`) of concepts.
The published annotation comes without the texts; a script of the authors adds them.
https://github.com/klimzaporojets/DWIE
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import ENTITY_PREFIX, document_name, relation_data
from ..errors import Errors
from .assemble import Cluster, TextDocs, TextOptions
from .base import IDENTIFIERS, SHARED, Draft, Format, option
from .counts import Counts
from .docred import DANGLING, entity_numbers
from .models import LIST, Model, Spared, Text, Title, check, json_drafts, present
from .names import file_name

TYPE = "type::"
# The roots of DWIE's types say little. An entity's label is the first of the general types that it has.
ROOTS = ("entity", "value", "other")
GENERAL = ("person", "organization", "location", "event", "work_of_art", "time", "money", "role")
JOIN = "+"


@dataclass(frozen=True)
class DwieOptions(TextOptions):
    """The options of DWIE.

    :param all_types: Keep all types of an entity, joined by "+", not only the most general one.
    :param part: Read only the documents with this tag, train or test.
    """

    all_types: bool = option(False, "Keep all types of an entity, joined by +")
    part: str = option("", "Read only documents with this tag, train or test")


class Tagged(Model):
    """A document as far as its tags."""

    id: Title
    tags: list[Text] = LIST


class Concept(Model):
    """An entity of DWIE."""

    concept: int
    tags: list[Text] = LIST
    link: Text | None = None


class Mention(Model):
    """A mention, by its characters."""

    begin: int
    end: int
    text: Text | None = None
    concept: int | None = None


class Relation(Model):
    """A relation between two concepts."""

    s: int
    p: Text = ""
    o: int


class Document(Model):
    """A document of DWIE."""

    content: Text
    concepts: list[Spared[Concept]]
    mentions: list[Spared[Mention]]
    relations: list[Spared[Relation]] = LIST


def _read(path: Path, vocab: Vocab, counts: Counts, options: DwieOptions) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    return json_drafts(path, lambda where, data: _read_document(where, data, docs))


def _read_document(place: str, data: Any, docs: TextDocs[DwieOptions]) -> Doc | None:
    """Make a document, or None where it is of another part."""
    tagged = check(Tagged, place, data)
    where = f"{place} {tagged.id!r}"
    part = docs.options.part
    if part and part not in tagged.tags:
        docs.counts.note(f"documents of other parts than {part} (left out)")
        return None
    if "content" not in data:
        raise ValueError(Errors.E133.format(where=where))
    document = check(Document, where, data, docs.spared)
    concepts = _concepts(where, document, docs)
    clusters = [*concepts.values(), *_add_mentions(where, document, concepts, docs)]
    kept = [cluster for cluster in clusters if cluster.mentions]
    docs.counts.note("entities without mentions", len(clusters) - len(kept))
    places = {cluster.key: number for number, cluster in enumerate(kept)}
    relations = []
    for number, relation in present(document.relations):
        at = f"{where} relations[{number}]"
        with docs.leaving_out(DANGLING):
            docs.options.check_label(at, relation.p)
            head, tail = (places.get(_find(at, end, concepts).key) for end in (relation.s, relation.o))
            if head is None or tail is None:
                docs.counts.note("relations left out, as an entity has no mentions")
            else:
                relations.append({"head": head, "tail": tail, "label": relation.p})
    return docs.make(where, document.content, kept, relations, title=tagged.id)


def _concepts(where: str, document: Document, docs: TextDocs[DwieOptions]) -> dict[int, Cluster]:
    """The entities by their numbers, without mentions yet."""
    found: dict[int, Cluster] = {}
    for place, concept in present(document.concepts):
        number = concept.concept
        with docs.leaving_out("concepts left out, as their number is taken"):
            if number < 0 or number in found:
                raise ValueError(Errors.E134.format(where=f"{where} concepts[{place}]", name=number))
            kb_id = "" if concept.link in (None, "NIL") else str(concept.link)
            key = f"{ENTITY_PREFIX}{number + 1}"
            found[number] = Cluster([], label=_label(concept.tags, docs), kb_id=kb_id, key=key)
    return found


def _add_mentions(
    where: str, document: Document, concepts: dict[int, Cluster], docs: TextDocs[DwieOptions]
) -> list[Cluster]:
    """Give the entities their mentions.

    :returns: The mentions without a concept, each an entity of its own.
    """
    alone: list[Cluster] = []
    unused = max(concepts, default=-1) + 1
    for place, mention in present(document.mentions):
        at = f"{where} mentions[{place}]"
        found = docs.mention(at, document.content, mention.begin, mention.end, mention.text)
        if found is None:
            continue
        if mention.concept is None:
            docs.counts.note("mentions without a concept, each an entity of its own")
            alone.append(Cluster([found], key=f"{ENTITY_PREFIX}{unused + len(alone) + 1}"))
        else:
            with docs.leaving_out("mentions left out, as they refer to no concept"):
                _find(at, mention.concept, concepts).mentions.append(found)
    return alone


def _find(where: str, number: int, concepts: dict[int, Cluster]) -> Cluster:
    if number not in concepts:
        raise ValueError(Errors.E131.format(where=where, reference=number, known=sorted(concepts)))
    return concepts[number]


def _label(tags: Iterable[str], docs: TextDocs[DwieOptions]) -> str:
    """Choose the type of an entity among the many that DWIE gives it."""
    types = [tag[len(TYPE) :] for tag in tags if tag.startswith(TYPE)]
    if docs.options.all_types:
        return JOIN.join(types)
    chosen = [kind for kind in types if kind not in ROOTS] or types
    if not chosen:
        return ""
    docs.counts.note("types beyond an entity's first (left out)", len(types) - 1)
    return next((kind for kind in GENERAL if kind in chosen), chosen[0])


def _write(docs: Iterable[Doc], path: Path) -> None:
    path.mkdir()
    taken: set[str] = set()
    for doc in docs:
        name = document_name(doc)
        file = path / f"{file_name(name.replace('/', '_'), taken)}.json"
        data = json.dumps(_document(name, doc), ensure_ascii=False, indent=1)
        file.write_text(data, encoding="utf8", newline="\n")


def _document(name: str, doc: Doc) -> dict[str, Any]:
    entities = entity_numbers(doc)
    numbers = {entity.key: number for number, entity in entities.items()}
    mentions = sorted(
        (span.start_char, span.end_char, number)
        for number, entity in entities.items()
        for span in entity.mentions
    )
    text = doc.text
    return {
        "id": name,
        "content": text,
        "tags": ["all"],
        "mentions": [
            {"begin": start, "end": end, "text": text[start:end], "concept": number}
            for start, end, number in mentions
        ],
        "concepts": [
            {
                "concept": number,
                "text": max((span.text for span in entity.mentions), key=len),
                "keyword": False,
                "count": len(entity.mentions),
                "link": entity.kb_id or None,
                "tags": [TYPE + kind for kind in entity.label.split(JOIN) if kind],
            }
            for number, entity in entities.items()
        ],
        "relations": [
            {"s": numbers[data["head"]], "p": data["label"], "o": numbers[data["tail"]]}
            for data in relation_data(doc)
        ],
        "frames": [],
        "iptc": [],
    }


DWIE = Format(
    name="dwie",
    description="DWIE's JSON: a folder with a file for each document",
    reader=_read,
    writer=_write,
    settings=DwieOptions,
    sniff=lambda peek: any({"concepts", "mentions"} <= item.keys() for item in peek.objects),
    holds=frozenset({IDENTIFIERS, SHARED}),
)
