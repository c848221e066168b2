"""doccano's JSON lines with relations ("JSONL (relation)"): a text, entities (mentions, really) and relations.

The export of spans without relations has `label` (or `labels`) instead: lists of start, end and label.

https://github.com/doccano/doccano/pull/1703
"""

import itertools
from typing import Any

from pydantic import AliasChoices, Field, model_validator
from spacy.tokens import Doc

from ..annotations import TITLE
from .assemble import TextDocs
from .base import KEY_PAIRS, SHARED, Format
from .files import write_json_lines
from .mentions import MentionGraph, MentionOptions, coreferring_labels, part_mentions
from .models import LIST, Model, Spared, Text, Title, check, json_reader, present
from .offsets import whole_words
from .peek import Peek

# The fields that hold spans: with relations, without, and in exports of the first versions, whose labels are numbers.
SPANS = ("entities", "label", "labels", "annotations")


class Entity(Model):
    """A span of doccano."""

    id: Title = ""
    start_offset: int
    end_offset: int
    label: Title = ""

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, data: Any) -> Any:
        """Read the [start, end, label] of an export of spans without relations."""
        if isinstance(data, list) and len(data) == 3:
            return {"start_offset": data[0], "end_offset": data[1], "label": data[2]}
        return data


class Relation(Model):
    """A relation between two spans."""

    from_id: Title
    to_id: Title
    type: Title = Field("", validation_alias=AliasChoices("type", "label"))


class Document(Model):
    """A line of doccano's export."""

    text: Text = Field(validation_alias=AliasChoices("text", "data"))
    title: Title = Field("", validation_alias=AliasChoices("title", "id"))
    entities: list[Spared[Entity]] = LIST
    relations: list[Spared[Relation]] = LIST

    @model_validator(mode="before")
    @classmethod
    def _from_other_field(cls, data: Any) -> Any:
        """Read the spans of the first field that has some."""
        name = next((name for name in SPANS if data.get(name)), "") if isinstance(data, dict) else ""
        return {**data, "entities": data[name]} if name else data


def _read_document(where: str, data: Any, docs: TextDocs[MentionOptions]) -> Doc:
    document = check(Document, where, data, docs.spared)
    graph: MentionGraph[str] = MentionGraph(docs, document.text)
    found = list(present(document.entities))
    given = [(entity.start_offset, entity.end_offset) for _, entity in found]
    offsets = whole_words(document.text, given)
    docs.counts.note("documents whose offsets count UTF-16 code units (put right)", offsets != given)
    for (number, entity), (start, end) in zip(found, offsets):
        graph.add(f"{where} entities[{number}]", entity.id or f"entities[{number}]", start, end, entity.label)
    for number, relation in present(document.relations):
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


def _has_spans(peek: Peek) -> bool:
    """Whether it is an export of spans without relations: a list of [start, end, label]."""
    lists = [item.get(name) for item in peek.objects for name in ("label", "labels")]
    firsts = [found[0] for found in lists if isinstance(found, list) and found]
    return any(
        isinstance(first, list) and [type(part) for part in first] == [int, int, str] for first in firsts
    )


DOCCANO = Format(
    name="doccano",
    description="doccano's export of relations: JSON lines",
    reader=json_reader(_read_document),
    writer=lambda docs, path: write_json_lines(map(_document, itertools.count(1), docs), path),
    settings=MentionOptions,
    default_ending=".jsonl",
    sniff=lambda peek: (
        any("start_offset" in span for name in SPANS for span in peek.first(name)) or _has_spans(peek)
    ),
    holds=frozenset({KEY_PAIRS, SHARED}),
    changes=coreferring_labels,
)
