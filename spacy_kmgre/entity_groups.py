"""The span groups in which a Doc keeps its entities: one group an entity, named prefix + number.

`doc.spans[key]` itself may hold wrong words after tokens were merged or split, so mentions are read by `group_spans`.
"""

import re

from spacy.tokens import Doc, Span, SpanGroup

from .retokenize import group_spans
from .types import Entity

ENTITY_PREFIX = "entity_"
# An entity's number. Python refuses to read one of thousands of digits.
NUMBER = re.compile("[0-9]{1,18}")
# Where `doc.user_data` keeps the prefix of a Doc's entities, if it is another one, and their identifiers by key.
PREFIX_USED = "spacy_kmgre.entity_prefix"
IDS = "spacy_kmgre.entity_ids"


def used_prefix(doc: Doc) -> str:
    """Return the prefix that the Doc's entities have, as far as it is known: the default one if nothing is."""
    return str(doc.user_data.get(PREFIX_USED, ENTITY_PREFIX))


def note_prefix(doc: Doc, prefix: str) -> None:
    """Remember the prefix that the Doc's entities have."""
    doc.user_data.pop(PREFIX_USED, None)
    if prefix != ENTITY_PREFIX:
        doc.user_data[PREFIX_USED] = prefix


def entity_keys(doc: Doc, prefix: str) -> list[str]:
    """Return the keys of the span groups named prefix + number, by number."""
    keys = [key for key in doc.spans if key.startswith(prefix) and NUMBER.fullmatch(key[len(prefix) :])]
    return sorted(keys, key=lambda key: (int(key[len(prefix) :]), key))


def read_entities(doc: Doc, prefix: str = ENTITY_PREFIX) -> list[Entity]:
    """The entities in the span groups named prefix + number, by number. Empty spans are no mentions, and
    groups without mentions no entities."""
    entities = [entity_of(key, doc.spans[key]) for key in entity_keys(doc, prefix)]
    return [entity for entity in entities if entity.mentions]


def entity_of(key: str, group: SpanGroup) -> Entity:
    """Return the entity of a span group, which has no mentions where the group has none.

    :param key: The name of the group in `doc.spans`.
    """
    spans: dict[tuple[int, int], Span] = {}
    for span in group_spans(group):
        if len(span):
            spans.setdefault((span.start, span.end), span)
    mentions = tuple(spans[offsets] for offsets in sorted(spans))
    label = next((span.label_ for span in mentions if span.label_), "")
    kb_id = next((span.kb_id_ for span in mentions if span.kb_id_), "")
    ids = group.doc.user_data.get(IDS, {})
    return Entity(mentions=mentions, key=key, label=label, kb_id=kb_id, id=ids.get(key, ""))
