"""doccano's JSON lines with relations ("JSONL (relation)"): a text, entities (mentions, really) and relations.

https://github.com/doccano/doccano/pull/1703
"""

import itertools
from typing import Any

from pydantic import AliasChoices, Field
from spacy.tokens import Doc

from ..annotations import TITLE
from .assemble import TextDocs
from .base import KEY_PAIRS, SHARED, Format
from .files import write_json_lines
from .mentions import MentionGraph, MentionOptions, coreferring_labels, part_mentions
from .models import LIST, Model, Text, Title, check, json_reader


class Entity(Model):
    id: int
    start_offset: int
    end_offset: int
    label: Text


class Relation(Model):
    from_id: int
    to_id: int
    type: Text


class Document(Model):
    text: Text
    title: Title = Field("", validation_alias=AliasChoices("title", "id"))
    entities: list[Entity]
    relations: list[Relation] = LIST


def _read_document(where: str, data: Any, docs: TextDocs[MentionOptions]) -> Doc:
    document = check(Document, where, data)
    graph: MentionGraph[int] = MentionGraph(docs, document.text)
    for number, entity in enumerate(document.entities):
        at = f"{where} entities[{number}]"
        graph.add(at, entity.id, entity.start_offset, entity.end_offset, entity.label)
    for number, relation in enumerate(document.relations):
        graph.relate(f"{where} relations[{number}]", relation.from_id, relation.to_id, relation.type)
    return graph.make(where, document.title)


def _document(number: int, doc: Doc) -> dict[str, Any]:
    found = part_mentions(doc)
    return {
        "id": number,
        "title": doc.user_data.get(TITLE, ""),
        "text": doc.text,
        "entities": [
            {"id": name, "label": span.label_, "start_offset": span.start_char, "end_offset": span.end_char}
            for name, span in enumerate(found.mentions)
        ],
        "relations": [
            {"id": name, "from_id": link.head, "to_id": link.tail, "type": link.label}
            for name, link in enumerate(found.all_links())
        ],
    }


DOCCANO = Format(
    name="doccano",
    description="doccano's export of relations: JSON lines",
    reader=json_reader(_read_document),
    writer=lambda docs, path: write_json_lines(map(_document, itertools.count(1), docs), path),
    settings=MentionOptions,
    default_ending=".jsonl",
    sniff=lambda peek: any("start_offset" in entity for entity in peek.first("entities")),
    holds=frozenset({KEY_PAIRS, SHARED}),
    changes=coreferring_labels,
)
