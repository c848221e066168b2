"""What formats have in common whose documents come as words, without the text that they stand in."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from spacy.tokens import Doc

from ..annotations import get_entities
from ..errors import Errors
from .assemble import Offsets, spaces_between


class Words(NamedTuple):
    """The text of a document, put together from its words.

    :param tokens: The offsets of the words.
    :param sentences: The offsets of the sentences.
    """

    text: str
    tokens: list[Offsets]
    sentences: list[Offsets]

    @classmethod
    def join(cls, where: str, sentences: Sequence[Sequence[str]]) -> "Words":
        """Join words by single spaces, or by none in scripts that have none.

        :raises ValueError: Where a word is empty.
        """
        words = [word for sentence in sentences for word in sentence]
        if not all(words):
            raise ValueError(Errors.E106.format(where=where))
        pieces = [word + " " * space for word, space in zip(words, spaces_between(words))]
        starts = [0, *accumulate(map(len, pieces))]
        tokens = [(start, start + len(word)) for start, word in zip(starts, words)]
        bounds = pairwise([0, *accumulate(map(len, sentences))])
        parts = [(tokens[first][0], tokens[end - 1][1]) for first, end in bounds if first < end]
        return cls("".join(pieces), tokens, parts)

    def span(self, where: str, first: int, end: int) -> Offsets:
        """The characters of the words [first, end).

        :raises ValueError: Where there are no such words.
        """
        if not 0 <= first < end <= len(self.tokens):
            raise ValueError(Errors.E601.format(where=where, first=first, end=end, length=len(self.tokens)))
        return self.tokens[first][0], self.tokens[end - 1][1]


def whole_sentences(doc: Doc) -> list[Offsets]:
    """The token offsets of a Doc's sentences, of which none ends within a mention; all of the Doc where it has no
    sentence boundaries."""
    starts = [0] if len(doc) else []
    if doc.has_annotation("SENT_START"):
        starts = [sent.start for sent in doc.sents]
    within = {
        i for entity in get_entities(doc) for span in entity.mentions for i in range(span.start + 1, span.end)
    }
    starts = [start for start in starts if start not in within]
    return list(zip(starts, [*starts[1:], len(doc)]))
