"""Docs of several Docs, and of parts of one, with their entities and relations.

spaCy's own `Doc.from_docs` makes one entity of the first entities of all Docs, and `Span.as_doc` leaves entities out;
both leave relations out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from spacy.tokens import Doc, Span, SpanGroup

from .annotations import (
    ENTITY_PREFIX,
    MODEL,
    TITLE,
    checked_entities,
    free_keys,
    get_entities,
    note_prefix,
    relation_data,
    relations_writer,
    store_relations,
    used_prefix,
    write_entities,
)
from .errors import Errors
from .retokenize import group_spans
from .stored_relations import forget_writers
from .types import Entity


def from_docs(docs: Iterable[Doc], ensure_whitespace: bool = True, attrs: list[Any] | None = None) -> Doc:
    """Join Docs to one, as `Doc.from_docs` does, with their entities and relations.

    The entities of different Docs stay different entities: they are numbered anew, in the order of the Docs. Other span
    groups of one name become one. The Doc has no title; what pipeline or component has found the relations is known
    where all Docs say the same.

    :param docs: Docs of one vocabulary, at least one.
    :param ensure_whitespace: Whether to put a space between two Docs where there is none.
    :param attrs: The token attributes to keep, as `Doc.from_docs` takes them; all where None.
    :raises ValueError: Where there is no Doc, their vocabularies differ, or a relation's entity has no mentions.
    """
    docs = docs if isinstance(docs, Doc) else list(docs)
    if isinstance(docs, Doc) or not docs or not all(isinstance(doc, Doc) for doc in docs):
        raise ValueError(Errors.E611.format(name="from_docs", expected="a list of Docs", value=docs))
    join: Any = Doc.from_docs  # spaCy's types lack `exclude`
    joined: Doc = join(docs, ensure_whitespace, attrs, exclude=["spans", "user_data"])
    relations: list[dict[str, Any]] = []
    taken: set[str] = {key for doc in docs for key in _other_groups(doc)}
    fresh = free_keys(ENTITY_PREFIX, taken)
    first = 0
    for doc in docs:
        entities = checked_entities(doc)
        keys = {entity.key: next(fresh) for entity in entities}
        write_entities(joined, [_moved(joined, entity, keys, first) for entity in entities])
        for key in _other_groups(doc):
            spans = [*joined.spans.get(key, ()), *_copies(joined, group_spans(doc.spans[key]), first)]
            joined.spans[key] = SpanGroup(joined, name=key, spans=spans)
        relations += [_shifted(data, keys, first) for data in relation_data(doc)]
        joined.user_data.update(_underscores(doc, joined[first].idx if first < len(joined) else 0))
        first += len(doc)
    writers = {relations_writer(doc) for doc in docs}
    store_relations(joined, relations, writers.pop() if len(writers) == 1 else "")
    models = [doc.user_data.get(MODEL) for doc in docs]
    if models[0] and all(model == models[0] for model in models):
        joined.user_data[MODEL] = dict(models[0])
    return joined


def as_doc(span: Span, *, copy_user_data: bool = False) -> Doc:
    """Make a Doc of a span, as `Span.as_doc` does, with the entities and relations that lie in it.

    An entity keeps its key and the mentions that lie wholly in the span. A relation stays where both of its entities
    have such mentions and, if it has key mention pairs, one of these lies in the span: what the part does not say is no
    relation of the part. The shares of the key mention pairs that stay sum to 1 again. The title stays.

    :param copy_user_data: Whether to copy other user data of the Doc, as `Span.as_doc` does.
    :raises ValueError: Where the span is none.
    """
    if not isinstance(span, Span):
        raise ValueError(Errors.E611.format(name="as_doc", expected="a span of a Doc", value=span))
    part: Doc = span.as_doc(copy_user_data=copy_user_data)
    source = span.doc
    entities = []
    for entity in get_entities(source):
        mentions = tuple(mention for mention in entity.mentions if _within(span, mention.start, mention.end))
        if mentions:
            entities.append(replace(entity, mentions=mentions))
    keys = {entity.key: entity.key for entity in entities}
    write_entities(part, [_moved(part, entity, keys, -span.start) for entity in entities])
    for key in _other_groups(source):
        inside = [found for found in group_spans(source.spans[key]) if _within(span, found.start, found.end)]
        part.spans[key] = SpanGroup(part, name=key, spans=_copies(part, inside, -span.start))
    kept = [
        _part_of(span, data) for data in relation_data(source) if {data["head"], data["tail"]} <= set(keys)
    ]
    shifted = [_shifted(data, keys, -span.start) for data in kept if data is not None]
    for name in (TITLE, MODEL):
        if name in source.user_data:
            part.user_data[name] = source.user_data[name]
    note_prefix(part, used_prefix(source))
    forget_writers(part)
    store_relations(part, shifted, relations_writer(source))
    return part


def _other_groups(doc: Doc) -> list[str]:
    """The keys of the span groups that are no entities."""
    entities = {entity.key for entity in get_entities(doc)}
    return [key for key in doc.spans if key not in entities]


def _within(span: Span, start: int, end: int) -> bool:
    return bool(span.start <= start < end <= span.end)


def _copies(target: Doc, spans: Iterable[Span], by: int) -> list[Span]:
    return [
        Span(target, span.start + by, span.end + by, label=span.label, kb_id=span.kb_id, span_id=span.id)
        for span in spans
    ]


def _moved(target: Doc, entity: Entity, keys: Mapping[str, str], by: int) -> Entity:
    """An entity on another Doc, where its tokens have other numbers."""
    return replace(entity, key=keys[entity.key], mentions=tuple(_copies(target, entity.mentions, by)))


def _part_of(span: Span, data: dict[str, Any]) -> dict[str, Any] | None:
    """What a part of a Doc has of a relation, None where it has nothing."""
    pairs = [
        pair
        for pair in data["key_mention_pairs"]
        if _within(span, *pair["head"]) and _within(span, *pair["tail"])
    ]
    if data["key_mention_pairs"] and not pairs:
        return None
    total = sum(pair["share"] for pair in pairs) or 1.0
    return {
        **data,
        "key_mention_pairs": [{**pair, "share": pair["share"] / total} for pair in pairs],
        "evidence": [sentence for sentence in data["evidence"] if _within(span, *sentence)],
    }


def _shifted(data: Mapping[str, Any], keys: Mapping[str, str], by: int) -> dict[str, Any]:
    """A relation whose entities have other keys and whose tokens have other numbers."""

    def move(offsets: Sequence[int]) -> list[int]:
        return [offset + by for offset in offsets]

    return {
        **data,
        "head": keys[data["head"]],
        "tail": keys[data["tail"]],
        "key_mention_pairs": [
            {**pair, "head": move(pair["head"]), "tail": move(pair["tail"])}
            for pair in data["key_mention_pairs"]
        ],
        "evidence": [move(sentence) for sentence in data["evidence"]],
    }


def _underscores(doc: Doc, by: int) -> dict[Any, Any]:
    """The extension attributes of a Doc's tokens and spans, which are kept by characters."""
    found: dict[Any, Any] = {}
    user_data: dict[Any, Any] = doc.user_data
    for key, value in user_data.items():
        if isinstance(key, tuple) and len(key) == 4 and key[0] == "._." and key[2] is not None:
            end = None if key[3] is None else key[3] + by
            found[key[0], key[1], key[2] + by, end] = value
    return found
