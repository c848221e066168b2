"""spacy-kmgre's own JSON lines: a document a line, all offsets in characters of its text.

`document_to_json` and `document_from_json` are the two directions. jsonl.schema.json, beside this file, says what a
line may hold; it is `json_schema()` of the models here.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic.json_schema import GenerateJsonSchema
from spacy.tokens import Doc, Span

from ..annotations import ENTITY_PREFIX, MODEL, TITLE, checked_entities, model_of
from ..errors import Errors
from .assemble import Cluster, Offsets, TextDocs, TextOptions, check_order
from .base import Format
from .files import write_json_lines
from .models import LIST, Model, Spared, Text, Title, check, json_reader, named, present
from .peek import Peek

SCHEMA = Path(__file__).with_name("jsonl.schema.json")

# The schema says of negative offsets what the reader says better, or leaves out if it is lenient.
Number = Annotated[int, Field(json_schema_extra={"minimum": 0})]
Pair = Annotated[list[Number], Field(min_length=2, max_length=2, description="[start, end]")]
Share = Annotated[float, Field(ge=0, le=1)]
EntityNumber = Annotated[Number, Field(description="A place in the list of entities, from 0 on.")]


class Characters(Model):
    """A stretch of characters."""

    start: Number
    end: Number


class Mention(Characters):
    """A mention, by its characters."""

    text: Text = Field(
        default_factory=str,
        description="Where it is given, it must be what the text has at the offsets, white space aside.",
    )


class JsonEntity(Model):
    """An entity with its mentions."""

    key: str = Field(
        default_factory=str,
        pattern=f"^{ENTITY_PREFIX}[0-9]+$",
        description=f"The span group of the Doc that holds the mentions. Without it: {ENTITY_PREFIX}1 for the first "
        "entity, and so on.",
    )
    label: Text = Field("", description="The entity type.")
    kb_id: Text = Field("", description="An identifier in a knowledge base.")
    id: Text = Field("", description="An identifier that is the same in all documents of a corpus.")
    mentions: list[Spared[Mention]]


class KeyPair(Model):
    """A key mention pair with its scores."""

    head: Characters
    tail: Characters
    key_score: Share = Field(1.0, description="The probability that the pair is key, for any relation.")
    relation_score: Share = Field(1.0, description="The probability that this mention pair has the relation.")
    share: Share = Field(description="Its part in the relation; the shares sum to 1.")


class JsonRelation(Model):
    """A relation between two entities."""

    head: EntityNumber
    tail: EntityNumber
    label: Text
    label_text: Text = Field("", description="The label in words, where it is an id.")
    score: Share = 1.0
    evidence: list[Characters] = Field([], description="The sentences that say so.")
    key_mention_pairs: list[KeyPair] = Field(
        [], description="The mention pairs responsible for the relation."
    )


class Pipeline(Model):
    """The pipeline that has found the relations."""

    name: Text = Field("", description="Its language and name, such as en_core_web_sm.")
    version: Text = ""


class JsonDocument(Model):
    """One line of a JSON lines file. All offsets are Unicode characters of `text`, from 0 on; an end is the first
    character after."""

    title: Title = Field("", description="What messages call the document; an identifier.")
    text: Text
    tokens: list[Pair] = Field(
        default_factory=list,
        description="In text order, with nothing but white space between them. Without them the tokenizer splits the "
        "text. A token in which a mention begins or ends is split.",
    )
    sentences: list[Pair] = Field(
        default_factory=list,
        description="In text order, with nothing but white space between them. Without this field sentences are found "
        "by rule; an empty list says that there are no boundaries.",
    )
    entities: list[Spared[JsonEntity]] = LIST
    relations: list[Spared[JsonRelation]] = LIST
    model: Pipeline | None = Field(None, description="The pipeline that has found the relations.")


class _Schema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema() -> dict[str, Any]:
    """The JSON schema of a line, which is kept in jsonl.schema.json."""
    schema = JsonDocument.model_json_schema(schema_generator=_Schema)
    return {"$schema": _Schema.schema_dialect, **schema, "title": "A document of spacy-kmgre"}


def document_to_json(doc: Doc) -> dict[str, Any]:
    """A Doc's text, tokens, sentences, entities and relations as plain data."""
    entities = checked_entities(doc)
    numbers = {entity.key: number for number, entity in enumerate(entities)}
    title = doc.user_data.get(TITLE)
    split = doc.has_annotation("SENT_START")
    return {
        **({"title": title} if title else {}),
        **({"model": model_of(doc)} if MODEL in doc.user_data else {}),
        "text": doc.text,
        "tokens": [[token.idx, token.idx + len(token)] for token in doc],
        "sentences": [[sent.start_char, sent.end_char] for sent in doc.sents] if split else [],
        "entities": [
            {
                "key": entity.key,
                "text": entity.text,
                **({"label": entity.label} if entity.label else {}),
                **({"kb_id": entity.kb_id} if entity.kb_id else {}),
                **({"id": entity.id} if entity.id else {}),
                "mentions": [{**_span(span), "text": span.text} for span in entity.mentions],
            }
            for entity in entities
        ],
        "relations": [
            {
                "head": numbers[relation.head.key],
                "tail": numbers[relation.tail.key],
                "label": relation.label,
                **({"label_text": relation.label_text} if relation.label_text else {}),
                "score": relation.score,
                "evidence": [_span(span) for span in relation.evidence],
                "key_mention_pairs": [
                    {
                        "head": _span(pair.head),
                        "tail": _span(pair.tail),
                        "key_score": pair.key_score,
                        "relation_score": pair.relation_score,
                        "share": pair.share,
                    }
                    for pair in relation.key_mention_pairs
                ],
            }
            for relation in doc._.relations
        ],
    }


def _span(span: Span) -> dict[str, int]:
    return {"start": span.start_char, "end": span.end_char}


def document_from_json(where: str, data: Any, docs: TextDocs[TextOptions]) -> Doc:
    """Make the Doc of a line.

    :param where: The place of the line, for messages.
    :raises ValueError: Where the line is not as the schema says, or points at what is not there.
    """
    where = named(where, data)
    line = check(JsonDocument, where, data, docs.spared)
    given = line.model_fields_set
    tokens = [(start, end) for start, end in line.tokens] if "tokens" in given else None
    sentences = [(start, end) for start, end in line.sentences] if "sentences" in given else None
    if sentences:
        check_order(where, "sentence", line.text, sentences)
    clusters: list[Cluster] = []
    keys: set[str] = set()
    kept: dict[int, int] = {}
    for number, entity in present(line.entities):
        at = f"{where} entities[{number}]"
        key = entity.key or f"{ENTITY_PREFIX}{number + 1}"
        with docs.leaving_out("entities left out, as their key is taken"):
            if key in keys:
                raise ValueError(Errors.E134.format(where=at, name=key))
            keys.add(key)
            mentions = _mentions(at, line.text, entity, docs, strip=tokens is None)
            docs.counts.note("entities without mentions", not mentions)
            if mentions:
                kept[number] = len(clusters)
                clusters.append(Cluster(mentions, entity.label, entity.kb_id, key, entity.id))
    relations = []
    for number, relation in present(line.relations):
        at = f"{where} relations[{number}]"
        with docs.leaving_out("relations left out, as they refer to nothing"):
            ends = (relation.head, relation.tail)
            for end in ends:
                if not 0 <= end < len(line.entities):
                    known = f"{len(line.entities)} entities"
                    raise ValueError(Errors.E131.format(where=at, reference=end, known=known))
            if kept.keys() >= set(ends):
                relations.append(_relation(at, line.text, relation, kept))
            else:
                docs.counts.note("relations left out, as an entity has no mentions")
    doc = docs.make(
        where, line.text, clusters, relations, title=line.title, tokens=tokens, sentences=sentences
    )
    if line.model is not None:
        doc.user_data[MODEL] = line.model.model_dump()
    return doc


def _mentions(
    where: str, text: str, entity: JsonEntity, docs: TextDocs[TextOptions], strip: bool
) -> list[Offsets]:
    found = []
    for place, mention in present(entity.mentions):
        words = mention.text if "text" in mention.model_fields_set else None
        at = f"{where} mentions[{place}]"
        found.append(docs.mention(at, text, mention.start, mention.end, words, strip=strip))
    return [offsets for offsets in found if offsets]


def _relation(where: str, text: str, relation: JsonRelation, places: dict[int, int]) -> dict[str, Any]:
    """The relation as `TextDocs.make` takes it.

    :param places: The places of the entities, by their numbers in the line.
    """
    return {
        **relation.model_dump(include={"label", "label_text", "score"}),
        "head": places[relation.head],
        "tail": places[relation.tail],
        "evidence": [_offsets(where, text, span) for span in relation.evidence],
        "key_mention_pairs": [
            {
                **pair.model_dump(include={"key_score", "relation_score", "share"}),
                "head": _offsets(where, text, pair.head),
                "tail": _offsets(where, text, pair.tail),
            }
            for pair in relation.key_mention_pairs
        ],
    }


def _offsets(where: str, text: str, span: Characters) -> Offsets:
    if not 0 <= span.start < span.end <= len(text):
        raise ValueError(Errors.E121.format(where=where, start=span.start, end=span.end, length=len(text)))
    return span.start, span.end


def _sniff(peek: Peek) -> bool:
    whole = any({"text", "tokens", "sentences"} <= item.keys() for item in peek.objects)
    return whole or any("mentions" in entity for entity in peek.first("entities"))


JSONL = Format(
    name="jsonl",
    description="spacy-kmgre's own JSON lines, with all that a Doc holds",
    reader=json_reader(document_from_json),
    writer=lambda docs, path: write_json_lines(map(document_to_json, docs), path),
    settings=TextOptions,
    endings=(".jsonl",),
    sniff=_sniff,
)
