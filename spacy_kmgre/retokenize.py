"""Splits tokens in which a mention begins or ends, so that mentions are made of whole tokens."""

import itertools
from collections.abc import Iterable

from spacy.tokens import Doc


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
