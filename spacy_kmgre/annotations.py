"""Entities and relations on a Doc.

Only this file, entity_groups.py and stored_relations.py know where they lie: entities in span groups, relations as
plain data in `doc.user_data`, so that both survive `to_bytes`, DocBin, pickle, `Doc.copy` and processes.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, cast

from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans

from .entity_groups import ENTITY_PREFIX as ENTITY_PREFIX
from .entity_groups import IDS, entity_keys, entity_of
from .entity_groups import note_prefix as note_prefix
from .entity_groups import read_entities as read_entities
from .entity_groups import used_prefix as used_prefix
from .errors import Errors
from .relation_input import check_sense, relation_data_of, relation_items
from .retokenize import split_tokens
from .stored_relations import MODEL as MODEL
from .stored_relations import TITLE as TITLE
from .stored_relations import check_stored as check_stored
from .stored_relations import forget_writers, relation_data_by
from .stored_relations import model_of as model_of
from .stored_relations import relation_data as relation_data
from .stored_relations import relations_writer as relations_writer
from .stored_relations import store_relations as store_relations
from .stored_relations import suggested_by as suggested_by
from .types import Entity, MentionPair, Relation, Relations

# The span group of a document's parts, labelled by their kind: title, abstract ...
PASSAGES = "passages"


def install_extensions() -> None:
    """Register what Docs and spans have of this package under `_`; calling it again changes nothing.

    :raises ValueError: Where another package has taken one of the names.
    """
    _install(Doc, "relations", getter=get_relations, setter=set_relations)
    _install(Doc, "relation_data", getter=relation_data, setter=_set_relation_data)
    _install(Doc, "relations_of", method=get_relations_of)
    _install(Doc, "add_relation", method=add_relation)
    _install(Doc, "entities", getter=get_entities, setter=set_entities)
    _install(Span, "entity", getter=get_entity, setter=_refuse_entity)


def _install(owner: type[Doc] | type[Span], name: str, **functions: Any) -> None:
    if not owner.has_extension(name):
        owner.set_extension(name, **functions)
    elif not {*functions.values()} <= {*owner.get_extension(name)}:
        raise ValueError(Errors.E005.format(owner=owner.__name__, name=name))


def document_name(doc: Doc) -> str:
    """How messages call a document: its title, or how its text begins."""
    return str(doc.user_data.get(TITLE) or doc.text[:40])


def name_model(doc: Doc, meta: Mapping[str, Any]) -> None:
    """Write to a Doc which pipeline has found its relations, for exports.

    :param meta: The pipeline's meta, as in `nlp.meta`.
    """
    name = "_".join(filter(None, (meta.get("lang"), meta.get("name"))))
    doc.user_data[MODEL] = {"name": name, "version": str(meta.get("version", ""))}


def get_entities(doc: Doc) -> list[Entity]:
    """The entities on the Doc, gold or predicted, by number (the getter of `doc._.entities`).

    They are those with the prefix that the Doc's entities were read or written with, else the default one, then any
    others that its relations name. `read_entities` takes any prefix, and leaves relations aside.
    """
    found = {entity.key: entity for entity in read_entities(doc, used_prefix(doc))}
    for data in relation_data(doc):
        for key in (data["head"], data["tail"]):
            if key not in found and key in doc.spans:
                found[key] = entity_of(key, doc.spans[key])
    return [entity for entity in found.values() if entity.mentions]


def checked_entities(doc: Doc) -> list[Entity]:
    """Return the entities on the Doc, as `get_entities` does, after a look at its relations.

    :raises ValueError: Where a relation's entity has no mentions, since its span group was emptied or is gone.
    """
    entities = get_entities(doc)
    known = {entity.key for entity in entities}
    for data in relation_data(doc):
        for key in (data["head"], data["tail"]):
            if key not in known:
                name = document_name(doc)
                raise ValueError(Errors.E143.format(name=name, label=data["label"], key=key))
    return entities


def set_entities(doc: Doc, entities: Iterable[Entity]) -> None:
    """Write entities in place of those on the Doc, under its prefix (the setter of `doc._.entities`; see
    `replace_entities` for their keys).

    :raises ValueError: Where anything but entities is given.
    """
    found = list(entities) if isinstance(entities, Iterable) and not isinstance(entities, str) else [entities]
    for entity in found:
        if not isinstance(entity, Entity):
            raise ValueError(Errors.E092.format(value=entity))
    replace_entities(doc, found, used_prefix(doc))


def get_entity(span: Span) -> Entity | None:
    """The entity that has the span as a mention; the first of several, None of none (the getter of
    `span._.entity`). It looks through all entities: for many spans, go through `doc._.entities` once."""
    for entity in get_entities(span.doc):
        if any((mention.start, mention.end) == (span.start, span.end) for mention in entity.mentions):
            return entity
    return None


def write_entities(doc: Doc, entities: Iterable[Entity]) -> None:
    """Write each entity's mentions to its span group, in place of what the group held."""
    ids = {}
    for entity in entities:
        mentions = [
            Span(doc, span.start, span.end, label=entity.label, kb_id=entity.kb_id)
            for span in entity.mentions
        ]
        doc.spans[entity.key] = SpanGroup(doc, name=entity.key, spans=mentions)
        if entity.id:
            ids[entity.key] = entity.id
    if ids:
        doc.user_data[IDS] = {**doc.user_data.get(IDS, {}), **ids}


def identify_entities(doc: Doc, identify: Callable[[Entity], str | None]) -> None:
    """Give each entity of a Doc an identifier that is the same in all documents (`Entity.id`).

    :param identify: A function that gives an entity's identifier. An entity of which it knows none gets one that no
        other entity of any document has: the document's name, # and the entity's key.
    :raises ValueError: Where the function gives no string.
    """
    found = {}
    for entity in get_entities(doc):
        value = identify(entity) or f"{document_name(doc)}#{entity.key}"
        if not isinstance(value, str):
            problem = f"the function gave {value!r} for {entity.text!r}, and should give a string"
            raise ValueError(Errors.E082.format(problem=problem))
        found[entity.key] = value
    doc.user_data[IDS] = found


def _refuse_entity(span: Span, _entity: Any) -> None:
    raise ValueError(Errors.E007.format(mention=span.text))


def replace_entities(doc: Doc, entities: Iterable[Entity], prefix: str = ENTITY_PREFIX) -> None:
    """Write entities in place of all that have the prefix, whoever wrote them.

    An entity whose key is that of such a group keeps it, so that relations still mean it. Others get the
    first free numbers.
    """
    old = entity_keys(doc, prefix)
    entities = list(entities)
    kept = {entity.key for entity in entities}.intersection(old)
    for key in old:
        del doc.spans[key]
    doc.user_data.pop(IDS, None)
    fresh = free_keys(prefix, {*doc.spans, *kept})
    write_entities(
        doc,
        [entity if entity.key in kept else replace(entity, key=next(fresh)) for entity in entities],
    )
    note_prefix(doc, prefix)


def free_keys(prefix: str, taken: Container[str]) -> Iterator[str]:
    """Keys of entities, by number from 1, without those that are taken."""
    return (key for number in count(1) if (key := f"{prefix}{number}") not in taken)


def mention_offsets(entities: Iterable[Entity]) -> list[tuple[int, int]]:
    """Token offsets [start, end) of all mentions of the entities, each span once, in text order."""
    return sorted({(span.start, span.end) for entity in entities for span in entity.mentions})


def project_entities(entities: Iterable[Entity], target: Doc) -> Doc:
    """Write entities to another Doc of the same text, by characters, as the tokens may differ.

    :returns: The target. Where a mention begins or ends inside one of its tokens, a new Doc instead, in which
        that token is split (see `split_tokens`).
    :raises ValueError: Where the texts differ.
    """
    entities = list(entities)
    mentions = [mention for entity in entities for mention in entity.mentions]
    spans = [(mention.start_char, mention.end_char) for mention in mentions]
    length = max((end for _, end in spans), default=0)
    if mentions and mentions[0].doc.text[:length] != target.text[:length]:
        raise ValueError(Errors.E006.format(name=document_name(target), text=target.text[:40]))
    doc = split_tokens(target, spans)
    if mentions:
        note_prefix(doc, used_prefix(mentions[0].doc))
    for entity in entities:
        copied = [
            doc.char_span(mention.start_char, mention.end_char, label=mention.label, kb_id=mention.kb_id)
            for mention in entity.mentions
        ]
        doc.spans[entity.key] = SpanGroup(doc, name=entity.key, spans=cast(list[Span], copied))
    return doc


def write_ents(doc: Doc, entities: Iterable[Entity]) -> None:
    """Set `doc.ents` to the entities' mentions, for `ner` to learn from: each with the entity's type and
    identifier, of overlapping ones the longest. Mentions without a type are left out; a token in none
    is outside of all entities."""
    mentions = [
        Span(doc, span.start, span.end, label=entity.label, kb_id=entity.kb_id)
        for entity in entities
        if entity.label
        for span in entity.mentions
    ]
    doc.ents = filter_spans(mentions)


def sentence_starts(doc: Doc) -> list[int] | None:
    """Character offsets, None where the Doc has no sentence boundaries."""
    return [sent.start_char for sent in doc.sents] if doc.has_annotation("SENT_START") else None


def get_relations(doc: Doc) -> Relations:
    """The relations on the Doc, best first (the getter of `doc._.relations`)."""
    return _relations(doc, relation_data(doc))


def get_relations_of(doc: Doc, component: str) -> Relations:
    """The relations that a component has written, best first (the method `doc._.relations_of`).

    :param component: Its name in the pipeline. Where several components write relations, each keeps its own.
    :raises ValueError: Where no component of that name has written any; the message names those that have.
    """
    return _relations(doc, relation_data_by(doc, component))


def _relations(doc: Doc, found: Iterable[dict[str, Any]]) -> Relations:
    """Plain data as relations."""
    entities: dict[str, Entity] = {}
    mentions: dict[str, dict[tuple[int, int], Span]] = {}

    def entity(key: str, label: str) -> Entity:
        if key not in entities:
            if key not in doc.spans:
                raise ValueError(Errors.E001.format(label=label, key=key, known=list(doc.spans)))
            entities[key] = entity_of(key, doc.spans[key])
            mentions[key] = {(span.start, span.end): span for span in entities[key].mentions}
        return entities[key]

    def mention(key: str, offsets: Sequence[int]) -> Span:
        start, end = offsets
        return mentions[key].get((start, end)) or doc[start:end]

    return Relations(
        Relation(
            head=entity(data["head"], data["label"]),
            tail=entity(data["tail"], data["label"]),
            label=data["label"],
            score=data["score"],
            key_mention_pairs=tuple(
                MentionPair(
                    head=mention(data["head"], pair["head"]),
                    tail=mention(data["tail"], pair["tail"]),
                    key_score=pair["key_score"],
                    relation_score=pair["relation_score"],
                    share=pair["share"],
                )
                for pair in data["key_mention_pairs"]
            ),
            evidence=tuple(doc[start:end] for start, end in data["evidence"]),
            label_text=data.get("label_text", ""),
        )
        for data in found
    )


def set_relations(doc: Doc, relations: Iterable[Relation | dict[str, Any]]) -> None:
    """Replace the relations on the Doc (the setter of `doc._.relations`).

    :param relations: `Relation` objects, or dicts of their fields (see `relation_data_of`).
    :raises ValueError: Where a field is missing, unknown or wrong, a label is empty, head and tail are one entity, or
        an entity has no span group. The Doc keeps its old relations then.
    """
    found = [relation_data_of(doc, item) for item in relation_items(relations)]
    for data in found:
        check_sense(data)
    forget_writers(doc)
    store_relations(doc, found)


def _set_relation_data(doc: Doc, relations: Iterable[Any]) -> None:
    """Replace the relations by plain data, such as `Doc.from_json` gives back (the setter of `doc._.relation_data`).
    Relations of an entity with itself, which corpora have, stay as they are."""
    forget_writers(doc)
    store_relations(doc, [relation_data_of(doc, item) for item in relation_items(relations)])


def add_relation(
    doc: Doc, head: str | Span | Entity, tail: str | Span | Entity, label: str, **fields: Any
) -> Relation:
    """Add a relation to those on the Doc (the method `doc._.add_relation`). It takes the place of one with the same
    head, tail and label.

    :param head: The head entity: the key of its span group, a span that is one of its mentions, or the entity.
    :param tail: The tail entity.
    :param fields: The other fields: `label_text`, `score` (1 without it), `evidence`, `key_mention_pairs`.
    :returns: The relation as the Doc has it.
    :raises ValueError: See `set_relations`.
    """
    for end in (head, tail):
        if isinstance(end, Entity) and end.mentions[:1] and end.mentions[0].doc is not doc:
            raise ValueError(Errors.E077.format(label=label, text=end.text))
    new = relation_data_of(doc, {**fields, "head": head, "tail": tail, "label": label})
    check_sense(new)

    def triple(data: dict[str, Any]) -> tuple[str, str, str]:
        return data["head"], data["tail"], data["label"]

    store_relations(doc, [*(data for data in relation_data(doc) if triple(data) != triple(new)), new])
    places = [triple(data) for data in relation_data(doc)]
    return get_relations(doc)[places.index(triple(new))]
