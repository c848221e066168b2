"""DWIE's JSON: a folder with a file for each article, centred on entities.

`content` is the text, `mentions` are characters of it (`begin`, `end`, `text`) that belong to a `concept`,
`concepts` the entities with `tags` and a `link` to Wikipedia, `relations` triples (`s`, `p`, `o`) of concepts.
The published annotation comes without the texts; a script of the authors adds them.
https://github.com/klimzaporojets/DWIE
"""

import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..annotations import ENTITY_PREFIX, document_name, relation_data
from ..errors import Errors
from .assemble import Cluster, TextDocs
from .base import IDENTIFIERS, SHARED, TEXT, Draft, Format, Options, take, typed
from .counts import Counts
from .docred import entity_numbers
from .files import file_name, read_json

TYPE = "type::"
# The roots of DWIE's types say little; of the others, the first of these is an entity's label.
ROOTS = ("entity", "value", "other")
GENERAL = ("person", "organization", "location", "event", "work_of_art", "time", "money", "role")
JOIN = "+"


def _read(path: Path, vocab: Vocab, counts: Counts, options: Options) -> Iterator[Draft]:
    docs = TextDocs(vocab, counts, options)
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    if not files:
        raise ValueError(Errors.E132.format(path=path, kind="*.json"))
    for file in files:
        yield Draft(file.stem, partial(_read_document, file, docs))


def _read_document(file: Path, docs: TextDocs) -> Doc | None:
    """The document of a file; None where it is of another part."""
    data = typed(str(file), "document", read_json(file), dict)
    name = take(str(file), data, "id", str)
    where = f"{file} {name!r}"
    tags = [typed(where, "tags", tag, str) for tag in take(where, data, "tags", list, default=[])]
    part = docs.options.part
    if part and part not in tags:
        docs.counts.note(f"documents of other parts than {part} (left out)")
        return None
    if "content" not in data:
        raise ValueError(Errors.E133.format(where=where))
    text = take(where, data, "content", str)
    numbers: dict[int, int] = {}
    clusters: list[Cluster] = []
    for place, concept in enumerate(take(where, data, "concepts", list)):
        at = f"{where} concepts[{place}]"
        number = take(at, typed(at, "concept", concept, dict), "concept", int)
        if number < 0 or number in numbers:
            raise ValueError(Errors.E134.format(where=at, name=number))
        numbers[number] = len(clusters)
        tags = [typed(at, "tags", tag, str) for tag in take(at, concept, "tags", list, default=[])]
        link = concept.get("link")
        link = "" if link is None or link == "NIL" else typed(at, "link", link, str)
        key = f"{ENTITY_PREFIX}{number + 1}"
        clusters.append(Cluster([], label=_label(tags, docs), kb_id=link, key=key))
    unused = max(numbers, default=-1) + 1
    for place, mention in enumerate(take(where, data, "mentions", list)):
        at = f"{where} mentions[{place}]"
        typed(at, "mention", mention, dict)
        begin, end = take(at, mention, "begin", int), take(at, mention, "end", int)
        found = docs.mention(at, text, begin, end, take(at, mention, "text", str))
        if found is None:
            continue
        if mention.get("concept") is None:
            docs.counts.note("mentions without a concept, each an entity of its own")
            clusters.append(Cluster([found], key=f"{ENTITY_PREFIX}{unused + 1}"))
            unused += 1
            continue
        concept = take(at, mention, "concept", int)
        if concept not in numbers:
            raise ValueError(Errors.E131.format(where=at, reference=concept, known=sorted(numbers)))
        clusters[numbers[concept]].mentions.append(found)
    kept = [cluster for cluster in clusters if cluster.mentions]
    docs.counts.note("entities without mentions", len(clusters) - len(kept))
    places = {cluster.key: place for place, cluster in enumerate(kept)}
    relations = []
    for place, relation in enumerate(take(where, data, "relations", list)):
        at = f"{where} relations[{place}]"
        typed(at, "relation", relation, dict)
        ends: list[int | None] = []
        for role in ("s", "o"):
            concept = take(at, relation, role, int)
            if concept not in numbers:
                raise ValueError(Errors.E131.format(where=at, reference=concept, known=sorted(numbers)))
            ends.append(places.get(clusters[numbers[concept]].key))
        label = take(at, relation, "p", str)
        if None in ends:
            docs.counts.note("relations left out, as an entity has no mentions")
            continue
        relations.append({"head": ends[0], "tail": ends[1], "label": label})
    return docs.make(where, text, kept, relations, title=name)


def _label(tags: Iterable[str], docs: TextDocs) -> str:
    """The type of an entity, of the many that DWIE gives it."""
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
    options=TEXT | {"all_types", "part"},
    holds=frozenset({IDENTIFIERS, SHARED}),
)
