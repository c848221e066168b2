"""Entities and relations on a Doc.

The only file that knows where they lie: entities in span groups, relations as plain data in
`doc.user_data`, so that both survive `to_bytes`, DocBin, pickle, `Doc.copy` and processes.
"""

from typing import Any, Dict, Iterable, List, Sequence, Tuple, Union

from spacy.tokens import Doc, Span, SpanGroup

from .errors import Errors
from .types import Entity, MentionPair, Relation

ENTITY_PREFIX = "entity_"
TITLE = "title"
_RELATIONS = "spacy_kmgre.relations"


def install_extensions() -> None:
    """Register `doc._.relations`; calling it again changes nothing.

    :raises ValueError: Where another package has taken the name.
    """
    if Doc.has_extension("relations"):
        if Doc.get_extension("relations")[2] is not get_relations:
            raise ValueError(Errors.E005)
        return
    Doc.set_extension("relations", getter=get_relations, setter=set_relations)


def document_name(doc: Doc) -> str:
    """How messages call a document: its title, or how its text begins."""
    return str(doc.user_data.get(TITLE) or doc.text[:40])


def read_entities(doc: Doc, prefix: str = ENTITY_PREFIX) -> List[Entity]:
    """The entities in the span groups named prefix + number, by number. Empty spans are no mentions, and
    groups without mentions no entities."""
    numbered = [
        (int(key[len(prefix) :]), key)
        for key in doc.spans
        if key.startswith(prefix) and key[len(prefix) :].isdecimal()
    ]
    entities = [_entity(key, doc.spans[key]) for _, key in sorted(numbered)]
    return [entity for entity in entities if entity.mentions]


def write_entities(doc: Doc, entities: Iterable[Entity]) -> None:
    """Write each entity's mentions to its span group, in place of what the group held."""
    for entity in entities:
        mentions = [
            Span(doc, span.start, span.end, label=entity.label, kb_id=entity.kb_id)
            for span in entity.mentions
        ]
        doc.spans[entity.key] = SpanGroup(doc, name=entity.key, spans=mentions)


def mention_offsets(entities: Iterable[Entity]) -> List[Tuple[int, int]]:
    """Token offsets [start, end) of all mentions of the entities, each span once, in text order."""
    return sorted({(span.start, span.end) for entity in entities for span in entity.mentions})


def copy_entities(source: Doc, target: Doc, prefix: str = ENTITY_PREFIX) -> int:
    """Copy the entities of a Doc's span groups to another Doc of the same text (see `project_entities`)."""
    return project_entities(read_entities(source, prefix), target)


def project_entities(entities: Iterable[Entity], target: Doc) -> int:
    """Write entities to another Doc of the same text, by characters, as the tokens may differ.

    :returns: The number of mentions left out because no tokens of the target match them.
    """
    lost = 0
    for entity in entities:
        mentions = []
        for span in entity.mentions:
            copied = target.char_span(span.start_char, span.end_char, label=span.label, kb_id=span.kb_id)
            lost += copied is None
            mentions += [copied] if copied is not None else []
        target.spans[entity.key] = SpanGroup(target, name=entity.key, spans=mentions)
    return lost


def get_relations(doc: Doc) -> List[Relation]:
    """The relations on the Doc, best first (the getter of `doc._.relations`)."""
    entities: Dict[str, Entity] = {}
    mentions: Dict[str, Dict[Tuple[int, int], Span]] = {}

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
        )
        for data in relation_data(doc)
    ]


def relation_data(doc: Doc) -> List[Dict[str, Any]]:
    """The stored form of the relations (`Relation.to_dict`), without making spans."""
    return list(doc.user_data.get(_RELATIONS, ()))


def set_relations(doc: Doc, relations: Iterable[Union[Relation, Dict[str, Any]]]) -> None:
    """Replace the relations on the Doc (the setter of `doc._.relations`).

    :param relations: `Relation` objects, or dicts of the form of `Relation.to_dict` in which only
        head, tail and label are required.
    :raises ValueError: Where an entity has no span group, a field is missing, a score lies outside
        [0, 1] or a span outside the Doc. The Doc keeps its old relations then.
    """
    data = [_checked(doc, item.to_dict() if isinstance(item, Relation) else item) for item in relations]
    doc.user_data[_RELATIONS] = sorted(data, key=lambda item: -item["score"])


def _checked(doc: Doc, data: Dict[str, Any]) -> Dict[str, Any]:
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


def _offsets(doc: Doc, label: str, span: Sequence[int]) -> List[int]:
    start, end = (int(offset) for offset in span)
    if not 0 <= start < end <= len(doc):
        raise ValueError(Errors.E004.format(label=label, span=[start, end], length=len(doc)))
    return [start, end]


def _entity(key: str, group: SpanGroup) -> Entity:
    spans: Dict[Tuple[int, int], Span] = {}
    for span in group:
        if len(span):
            spans.setdefault((span.start, span.end), span)
    mentions = tuple(spans[offsets] for offsets in sorted(spans))
    label = next((span.label_ for span in mentions if span.label_), "")
    kb_id = next((span.kb_id_ for span in mentions if span.kb_id_), "")
    return Entity(mentions=mentions, key=key, label=label, kb_id=kb_id)
