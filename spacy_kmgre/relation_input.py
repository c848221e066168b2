"""Relations as people write them, checked and brought into the form that a Doc keeps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from math import isfinite
from operator import index
from typing import Any

from spacy.tokens import Doc, Span

from .entity_groups import entity_keys, entity_of, used_prefix
from .errors import Errors
from .texts import is_text
from .types import Entity, MentionPair, Relation

RELATION_FIELDS = tuple(field.name for field in fields(Relation))
PAIR_FIELDS = tuple(field.name for field in fields(MentionPair))
# What the required fields are.
NEEDED = {
    "head": "the key of a span group, a span that is a mention, or an Entity",
    "tail": "the key of a span group, a span that is a mention, or an Entity",
    "label": "a string",
    "share": "a number",
}
SENTENCES = (
    "a list, each of whose items is the number of a sentence (from 0), a span or [start, end] in tokens"
)


def relation_data_of(doc: Doc, item: Any) -> dict[str, Any]:
    """A relation in the form that the Doc keeps, that of `Relation.to_dict`.

    :param item: A `Relation`, or a dict of its fields. Of these head, tail and label are required. Head and tail are
        the keys of span groups, spans that are mentions, or entities; evidence holds numbers of sentences (from 0),
        spans, or token offsets [start, end); key mention pairs are `MentionPair` objects, or dicts of their fields.
    :raises ValueError: Where a field is missing, unknown or wrong; the message names it.
    """
    data = _fields(item, Relation, RELATION_FIELDS, ("head", "tail", "label"))
    label = data["label"]
    if not isinstance(label, str):
        raise ValueError(_lacking("label", label))
    text = data.get("label_text") or ""
    if not isinstance(text, str):
        raise ValueError(Errors.E071.format(field="label_text", value=text, expected="a string"))
    score = _number("score", data.get("score", 1.0))
    if not 0.0 <= score <= 1.0:
        raise ValueError(Errors.E003.format(label=label, score=score))
    return {
        "head": _entity_key(doc, label, "head", data["head"]),
        "tail": _entity_key(doc, label, "tail", data["tail"]),
        "label": label,
        **({"label_text": text} if text else {}),
        "score": score,
        "key_mention_pairs": [
            _mention_pair(doc, label, pair)
            for pair in _items(
                "key_mention_pairs", data.get("key_mention_pairs", ()), "a list of mention pairs"
            )
        ],
        "evidence": [
            _sentence(doc, label, sentence)
            for sentence in _items("evidence", data.get("evidence", ()), SENTENCES)
        ],
    }


def check_sense(data: Mapping[str, Any]) -> None:
    """See that a relation has a label that can be written, and two entities.

    Corpora hold relations that have not, and their readers count these. Where a person writes one, it is a mistake.

    :raises ValueError: Where it has not.
    """
    if not data["label"].strip():
        raise ValueError(
            Errors.E071.format(field="label", value=data["label"], expected="a name of the relation")
        )
    for field in ("label", "label_text"):
        if not is_text(data.get(field, "")):
            expected = "without half a surrogate pair"
            raise ValueError(Errors.E071.format(field=field, value=data[field], expected=expected))
    if data["head"] == data["tail"]:
        raise ValueError(Errors.E075.format(label=data["label"], key=data["head"]))


def relation_items(relations: Any) -> Iterable[Any]:
    """The relations of an iterable.

    :raises ValueError: Where it is none, or is a single relation.
    """
    if isinstance(relations, str | Mapping | Relation) or not isinstance(relations, Iterable):
        raise ValueError(Errors.E079.format(value=relations))
    return relations


def _fields(item: Any, kind: type, known: Sequence[str], needed: Sequence[str]) -> Mapping[str, Any]:
    """The fields of an object or a dict."""
    if isinstance(item, kind):
        return {name: getattr(item, name) for name in known}
    if not isinstance(item, Mapping):
        raise ValueError(_lacking(needed[0], item))
    for name in item:
        if name not in known:
            close = get_close_matches(str(name), known, n=1)
            hint = f" Is it {close[0]!r}?" if close else ""
            raise ValueError(Errors.E072.format(field=name, hint=hint, known=", ".join(known), value=item))
    for name in needed:
        if name not in item:
            raise ValueError(_lacking(name, item))
    return item


def _lacking(field: str, given: Any) -> str:
    return Errors.E002.format(field=field, expected=NEEDED[field], value=given)


def _items(field: str, value: Any, expected: str) -> Iterable[Any]:
    # The items of a span are tokens.
    if isinstance(value, str | Span | Mapping) or not isinstance(value, Iterable):
        raise ValueError(Errors.E071.format(field=field, value=value, expected=expected))
    return value


def _number(field: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(Errors.E071.format(field=field, value=value, expected="a number")) from None


def _finite(field: str, value: Any) -> float:
    number = _number(field, value)
    if not isfinite(number):
        raise ValueError(Errors.E071.format(field=field, value=value, expected="a finite number"))
    return number


def _entity_key(doc: Doc, label: str, field: str, value: Any) -> str:
    if isinstance(value, Span):
        return _key_of_mention(doc, label, field, value)
    for mention in value.mentions[:1] if isinstance(value, Entity) else ():
        if mention.doc is not doc and mention.doc.text != doc.text:
            raise ValueError(Errors.E077.format(label=label, text=mention.text))
    key = value.key if isinstance(value, Entity) else value
    if not isinstance(key, str):
        raise ValueError(_lacking(field, value))
    if key not in doc.spans:
        raise ValueError(Errors.E001.format(label=label, key=key, known=list(doc.spans)))
    return str(key)


def _key_of_mention(doc: Doc, label: str, field: str, mention: Span) -> str:
    """The key of the entity that has a mention: one with the Doc's prefix, else any span group with a number."""
    start, end = _offsets(doc, label, mention)
    own = entity_keys(doc, used_prefix(doc))
    others = [key for key in doc.spans if key[-1:].isdecimal() and key not in own]
    found: list[str] = []
    for keys in (own, others):
        found = found or [key for key in keys if _has_mention(doc, key, start, end)]
    if len(found) != 1:
        message = Errors.E074 if found else Errors.E073
        known = ", ".join(found or [*own, *others]) or "none"
        raise ValueError(
            message.format(field=field, label=label, text=mention.text, start=start, end=end, known=known)
        )
    return str(found[0])


def _has_mention(doc: Doc, key: str, start: int, end: int) -> bool:
    return any((span.start, span.end) == (start, end) for span in entity_of(key, doc.spans[key]).mentions)


def _mention_pair(doc: Doc, label: str, item: Any) -> dict[str, Any]:
    pair = _fields(item, MentionPair, PAIR_FIELDS, ("head", "tail", "share"))
    return {
        "head": _offsets(doc, label, pair["head"], "key_mention_pairs"),
        "tail": _offsets(doc, label, pair["tail"], "key_mention_pairs"),
        "key_score": _finite("key_score", pair.get("key_score", 1.0)),
        "relation_score": _finite("relation_score", pair.get("relation_score", 1.0)),
        "share": _finite("share", pair["share"]),
    }


def _sentence(doc: Doc, label: str, value: Any) -> list[int]:
    """The token offsets of an evidence sentence."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return _offsets(doc, label, value, "evidence")
    split = doc.has_annotation("SENT_START")
    sentences = list(doc.sents) if split else []
    number = index(value)
    if not 0 <= number < len(sentences):
        known = f"0 to {len(sentences) - 1}" if sentences else "none, as it has no sentence boundaries"
        raise ValueError(Errors.E076.format(label=label, number=number, known=known))
    return [sentences[number].start, sentences[number].end]


def _offsets(doc: Doc, label: str, value: Any, field: str = "mention") -> list[int]:
    """The token offsets of a span, which may be offsets already."""
    if isinstance(value, Span):
        start, end = value.start, value.end
        # A copy of the Doc has the same words in the same places.
        if value.doc is not doc and (len(value.doc) != len(doc) or value.text != doc[start:end].text):
            raise ValueError(Errors.E077.format(label=label, text=value.text))
    else:
        expected = SENTENCES if field == "evidence" else "a span or [start, end] in tokens"
        try:
            start, end = (index(offset) for offset in value)
        except (TypeError, ValueError):
            raise ValueError(Errors.E071.format(field=field, value=value, expected=expected)) from None
    if not 0 <= start < end <= len(doc):
        raise ValueError(Errors.E004.format(label=label, span=[start, end], length=len(doc)))
    return [start, end]
