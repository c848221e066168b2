"""Other tokens for the same text: tokens are split where a mention begins or ends, and what token offsets say follows
the characters where other components merge or split tokens."""

import itertools
import struct
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import srsly
from spacy.tokens import Doc, Span, SpanGroup

# What a span group writes of a span: id, kb_id, label; first token, last token, first character, last character.
_SPAN = struct.Struct(">QQQllll")


def split_tokens(doc: Doc, spans: Iterable[tuple[int, int]]) -> Doc:
    """Return a Doc in which every span is made of whole tokens: this Doc if it is one, else a new one.

    The new Doc keeps the text, the sentence boundaries and the user data, but no other annotation, so this step
    belongs right after the tokenizer. (`doc.retokenize()` works in place, but leaves span groups at the old
    token numbers and costs a pass over the Doc for each split.)

    :param spans: The character offsets [start, end) of the spans, 0 <= start < end <= len(doc.text).
    """
    spans = list(spans)
    starts, ends = {start for start, _ in spans}, {end for _, end in spans}
    if starts <= {token.idx for token in doc} and ends <= {token.idx + len(token) for token in doc}:
        return doc
    cuts = starts | ends
    words: list[str] = []
    spaces: list[bool] = []
    sent_starts: list[bool | int | None] = []
    for token in doc:
        first, last, space = token.idx, token.idx + len(token), bool(token.whitespace_)
        bounds = [0, *(at - first for at in range(first + 1, last) if at in cuts), len(token)]
        pieces = [token.text[start:end] for start, end in itertools.pairwise(bounds)]
        if space and (last in starts or last + 1 in ends):  # A mention covers the space.
            pieces.append(token.whitespace_)
            space = False
        words += pieces
        spaces += [False] * (len(pieces) - 1) + [space]
        sent_starts += [token.is_sent_start] + [False] * (len(pieces) - 1)
    return Doc(
        doc.vocab,
        words=words,
        spaces=spaces,
        sent_starts=sent_starts if doc.has_annotation("SENT_START") else None,
        user_data=doc.user_data,
    )


def group_spans(group: SpanGroup) -> list[Span]:
    """The spans of a group, by their characters.

    spaCy's retokenizer leaves groups at the old token numbers, so that their spans are other words afterwards, or none
    at all (IndexError). Where that is so, the spans are those of the tokens that hold their characters now.
    """
    doc = group.doc
    try:
        spans = list(group)
        if all(_is_in_place(span) for span in spans):
            return spans
    except IndexError:
        pass
    found = []
    for item in srsly.msgpack_loads(group.to_bytes())["spans"]:
        ident, kb_id, label, _, _, start, end = _SPAN.unpack(item)
        span = doc.char_span(start, end, label=label, kb_id=kb_id, span_id=ident, alignment_mode="expand")
        if span is not None:
            found.append(span)
    return found


def _is_in_place(span: Span) -> bool:
    doc, start, end = span.doc, span.start, span.end
    if start == end:
        return True
    return bool(doc[start].idx == span.start_char and doc[end - 1].idx + len(doc[end - 1]) == span.end_char)


def token_starts(doc: Doc) -> bytes:
    """The character offsets at which the tokens start, as plain data."""
    return np.array([token.idx for token in doc], dtype=np.int32).tobytes()


def move_relations(relations: list[dict[str, Any]], before: bytes, after: bytes) -> list[dict[str, Any]]:
    """Relations whose token offsets are those of the tokens that hold the same characters now.

    :param relations: Dicts of the form of `Relation.to_dict`.
    :param before: The `token_starts` of the tokens that their offsets number.
    :param after: Those of the tokens that there are now.
    """
    if before == after:
        return relations
    old, new = (np.frombuffer(starts, dtype=np.int32) for starts in (before, after))

    def moved(offsets: Sequence[int]) -> list[int]:
        start, end = offsets
        first = bisect_right(new, old[start]) - 1
        return [first, len(new) if end >= len(old) else bisect_right(new, old[end] - 1)]

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
