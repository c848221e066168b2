"""Entities and relations on a Doc.

The only file that knows where they lie: entities in span groups, relations as plain data in
`doc.user_data`, so that both survive `to_bytes`, DocBin, pickle, `Doc.copy` and processes.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import (
    Any,
    cast,
)

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import filter_spans

from .errors import Errors
from .retokenize import group_spans, moved_offsets, split_tokens
from .types import Entity, MentionPair, Relation

ENTITY_PREFIX = "entity_"
TITLE = "title"
_RELATIONS = "spacy_kmgre.relations"
_PREFIX = "spacy_kmgre.entity_prefix"
_TOKENS = "spacy_kmgre.token_starts"


def install_extensions() -> None:
    """Register `doc._.relations`, `doc._.entities` and `span._.entity`; calling it again changes nothing.

    :raises ValueError: Where another package has taken one of the names.
    """
    _install(Doc, "relations", get_relations, set_relations)
    _install(Doc, "entities", get_entities, set_entities)
    _install(Span, "entity", get_entity, _refuse_entity)


def _install(
    owner: type[Doc] | type[Span], name: str, getter: Callable[..., Any], setter: Callable[..., Any]
) -> None:
    if not owner.has_extension(name):
        owner.set_extension(name, getter=getter, setter=setter)
    elif owner.get_extension(name)[2] is not getter:
        raise ValueError(Errors.E005.format(owner=owner.__name__, name=name))


def document_name(doc: Doc) -> str:
    """How messages call a document: its title, or how its text begins."""
    return str(doc.user_data.get(TITLE) or doc.text[:40])


def read_entities(doc: Doc, prefix: str = ENTITY_PREFIX) -> list[Entity]:
    """The entities in the span groups named prefix + number, by number. Empty spans are no mentions, and
    groups without mentions no entities."""
    entities = [_entity(key, doc.spans[key]) for key in _entity_keys(doc, prefix)]
    return [entity for entity in entities if entity.mentions]


def get_entities(doc: Doc) -> list[Entity]:
    """The entities on the Doc, by number (the getter of `doc._.entities`).

    They are those that `replace_entities` wrote, whatever their prefix, and in a Doc that it has not written
    to those with the default prefix. `read_entities` takes any.
    """
    return read_entities(doc, doc.user_data.get(_PREFIX, ENTITY_PREFIX))


def set_entities(doc: Doc, entities: Iterable[Entity]) -> None:
    """Write entities in place of those on the Doc, under its prefix (the setter of `doc._.entities`; see
    `replace_entities` for their keys)."""
    replace_entities(doc, entities, doc.user_data.get(_PREFIX, ENTITY_PREFIX))


def get_entity(span: Span) -> Entity | None:
    """The entity that has the span as a mention; the first of several, None of none (the getter of
    `span._.entity`). It looks through all entities: for many spans, go through `doc._.entities` once."""
    for entity in get_entities(span.doc):
        if any((mention.start, mention.end) == (span.start, span.end) for mention in entity.mentions):
            return entity
    return None


def write_entities(doc: Doc, entities: Iterable[Entity]) -> None:
    """Write each entity's mentions to its span group, in place of what the group held."""
    for entity in entities:
        mentions = [
            Span(doc, span.start, span.end, label=entity.label, kb_id=entity.kb_id)
            for span in entity.mentions
        ]
        doc.spans[entity.key] = SpanGroup(doc, name=entity.key, spans=mentions)


def _refuse_entity(span: Span, _entity: Any) -> None:
    raise ValueError(Errors.E007.format(mention=span.text))


def replace_entities(doc: Doc, entities: Iterable[Entity], prefix: str = ENTITY_PREFIX) -> None:
    """Write entities in place of all that have the prefix, whoever wrote them.

    An entity whose key is that of such a group keeps it, so that relations still mean it. Others get the
    first free numbers.
    """
    old = _entity_keys(doc, prefix)
    entities = list(entities)
    kept = {entity.key for entity in entities}.intersection(old)
    for key in old:
        del doc.spans[key]
    fresh = free_keys(prefix, {*doc.spans, *kept})
    write_entities(
        doc,
        [entity if entity.key in kept else replace(entity, key=next(fresh)) for entity in entities],
    )
    doc.user_data.pop(_PREFIX, None)
    if prefix != ENTITY_PREFIX:
        doc.user_data[_PREFIX] = prefix


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


def all_entities(doc: Doc) -> list[Entity]:
    """The entities of a Doc, gold or predicted: those of `read_entities`, then any others that its
    relations name (a reader of entities may have a prefix of its own)."""
    found = {entity.key: entity for entity in read_entities(doc)}
    for data in relation_data(doc):
        for key in (data["head"], data["tail"]):
            if key not in found and key in doc.spans:
                found[key] = _entity(key, doc.spans[key])
    return [entity for entity in found.values() if entity.mentions]


def sentence_starts(doc: Doc) -> list[int] | None:
    """Character offsets, None where the Doc has no sentence boundaries."""
    return [sent.start_char for sent in doc.sents] if doc.has_annotation("SENT_START") else None


def get_relations(doc: Doc) -> list[Relation]:
    """The relations on the Doc, best first (the getter of `doc._.relations`)."""
    entities: dict[str, Entity] = {}
    mentions: dict[str, dict[tuple[int, int], Span]] = {}

    def entity(key: str, label: str) -> Entity:
        if key not in entities:
            if key not in doc.spans:
                raise ValueError(Errors.E001.format(label=label, key=key, known=list(doc.spans)))
            entities[key] = _entity(key, doc.spans[key])
            mentions[key] = {(span.start, span.end): span for span in entities[key].mentions}
        return entities[key]

    def mention(key: str, offsets: Sequence[int]) -> Span:
        start, end = offsets
        return mentions[key].get((start, end)) or doc[start:end]

    return [
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
        for data in relation_data(doc)
    ]


def relation_data(doc: Doc) -> list[dict[str, Any]]:
    """The stored form of the relations (`Relation.to_dict`), without making spans.

    Where the Doc has other tokens than when they were stored, as after `merge_entities`, its token offsets are those of
    the tokens that hold the same characters now.
    """
    relations = list(doc.user_data.get(_RELATIONS, ()))
    stored = doc.user_data.get(_TOKENS)
    if not relations or stored is None or stored == _token_starts(doc):
        return relations
    moved = moved_offsets(
        np.frombuffer(stored, dtype=np.int32), np.frombuffer(_token_starts(doc), dtype=np.int32)
    )
    return [
        {
            **data,
            "key_mention_pairs": [
                {**pair, "head": moved(pair["head"]), "tail": moved(pair["tail"])}
                for pair in data["key_mention_pairs"]
            ],
            "evidence": [moved(sentence) for sentence in data["evidence"]],
        }
        for data in relations
    ]


def set_relations(doc: Doc, relations: Iterable[Relation | dict[str, Any]]) -> None:
    """Replace the relations on the Doc (the setter of `doc._.relations`).

    :param relations: `Relation` objects, or dicts of the form of `Relation.to_dict` in which only
        head, tail and label are required.
    :raises ValueError: Where an entity has no span group, a field is missing, a score lies outside
        [0, 1] or a span outside the Doc. The Doc keeps its old relations then.
    """
    store_relations(
        doc, [_checked(doc, item.to_dict() if isinstance(item, Relation) else item) for item in relations]
    )


def store_relations(doc: Doc, relations: Iterable[dict[str, Any]]) -> None:
    """Replace the relations on the Doc by some that are right.

    :param relations: Complete dicts of the form of `Relation.to_dict`.
    """
    doc.user_data[_RELATIONS] = sorted(relations, key=lambda item: -item["score"])
    doc.user_data[_TOKENS] = _token_starts(doc)


def _token_starts(doc: Doc) -> bytes:
    """The character offsets at which the tokens start."""
    return np.array([token.idx for token in doc], dtype=np.int32).tobytes()


def _checked(doc: Doc, data: dict[str, Any]) -> dict[str, Any]:
    for field in ("head", "tail", "label"):
        if not isinstance(data, dict) or not isinstance(data.get(field), str):
            raise ValueError(Errors.E002.format(field=field, value=data))
    label, score = data["label"], float(data.get("score", 1.0))
    if not 0.0 <= score <= 1.0:
        raise ValueError(Errors.E003.format(label=label, score=score))
    for key in (data["head"], data["tail"]):
        if key not in doc.spans:
            raise ValueError(Errors.E001.format(label=label, key=key, known=list(doc.spans)))
    for pair in data.get("key_mention_pairs", ()):
        for field in ("head", "tail", "share"):
            if field not in pair:
                raise ValueError(Errors.E002.format(field=field, value=pair))
    return {
        "head": data["head"],
        "tail": data["tail"],
        "label": label,
        **({"label_text": str(data["label_text"])} if data.get("label_text") else {}),
        "score": score,
        "key_mention_pairs": [
            {
                "head": _offsets(doc, label, pair["head"]),
                "tail": _offsets(doc, label, pair["tail"]),
                "key_score": float(pair.get("key_score", 1.0)),
                "relation_score": float(pair.get("relation_score", 1.0)),
                "share": float(pair["share"]),
            }
            for pair in data.get("key_mention_pairs", ())
        ],
        "evidence": [_offsets(doc, label, sent) for sent in data.get("evidence", ())],
    }


def _offsets(doc: Doc, label: str, span: Sequence[int]) -> list[int]:
    start, end = (int(offset) for offset in span)
    if not 0 <= start < end <= len(doc):
        raise ValueError(Errors.E004.format(label=label, span=[start, end], length=len(doc)))
    return [start, end]


def _entity_keys(doc: Doc, prefix: str) -> list[str]:
    """The keys of the span groups named prefix + number, by number."""
    keys = [key for key in doc.spans if key.startswith(prefix) and key[len(prefix) :].isdecimal()]
    return sorted(keys, key=lambda key: (int(key[len(prefix) :]), key))


def _entity(key: str, group: SpanGroup) -> Entity:
    spans: dict[tuple[int, int], Span] = {}
    for span in group_spans(group):
        if len(span):
            spans.setdefault((span.start, span.end), span)
    mentions = tuple(spans[offsets] for offsets in sorted(spans))
    label = next((span.label_ for span in mentions if span.label_), "")
    kb_id = next((span.kb_id_ for span in mentions if span.kb_id_), "")
    return Entity(mentions=mentions, key=key, label=label, kb_id=kb_id)
