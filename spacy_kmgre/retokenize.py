"""Tokens that fit mentions: a token in which a mention begins or ends is split there."""

import itertools
from collections.abc import Iterable

from spacy.tokens import Doc


def split_tokens(doc: Doc, spans: Iterable[tuple[int, int]]) -> Doc:
    """A Doc in which every span is made of whole tokens: the Doc itself where that is so, else a new one.

    The new Doc keeps the text, sentence boundaries and user data. Other annotation stays behind: this step
    belongs right after the tokenizer. (`doc.retokenize()` works in place, but leaves span groups at the old
    token numbers and costs a pass over the Doc for each split.)

    :param spans: Character offsets [start, end) with 0 <= start < end <= len(doc.text).
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
        if space and (last in starts or last + 1 in ends):  # a mention reaches over the space
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
