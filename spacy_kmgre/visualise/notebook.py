"""How relations show themselves in a notebook: as plain HTML with styles of its own, which needs no script."""

from collections.abc import Sequence
from typing import Any

from spacy.tokens import Span

from ..types import MentionPair, Relation
from .page import ENVIRONMENT

# The number of relations in a table, and of key mention pairs of a relation. What is left out is counted.
RELATIONS = 50
PAIRS = 5
# The number of characters on either side of a mention where the Doc has no sentences.
AROUND = 60


def relations_to_html(relations: Sequence[Relation]) -> str:
    """A table of relations, best first."""
    return ENVIRONMENT.get_template("relations.html").render(
        relations=relations[:RELATIONS], more=max(0, len(relations) - RELATIONS)
    )


def relation_to_html(relation: Relation) -> str:
    """A relation with its key mention pairs, each in its sentences."""
    pairs = [(pair, _quotes(pair)) for pair in relation.key_mention_pairs[:PAIRS]]
    return ENVIRONMENT.get_template("relation.html").render(
        relation=relation, pairs=pairs, more=max(0, len(relation.key_mention_pairs) - PAIRS)
    )


def _quotes(pair: MentionPair) -> list[list[tuple[str, str]]]:
    """The quotations that show a mention pair: one where both mentions stand together, else one for each.

    :returns: Pieces of text for each quotation, with the role of those that are mentions, "head" or "tail".
    """
    marks = [(pair.head, "head"), (pair.tail, "tail")]
    for mention, _ in marks:
        start, end = _context(mention)
        if all(start <= other.start_char and other.end_char <= end for other, _ in marks):
            return [_quote((start, end), marks)]
    return [_quote(_context(mention), [(mention, role)]) for mention, role in marks]


def _context(mention: Span) -> tuple[int, int]:
    if mention.doc.has_annotation("SENT_START"):
        sentences = list(mention.sents)
        return sentences[0].start_char, sentences[-1].end_char
    return max(0, mention.start_char - AROUND), mention.end_char + AROUND


def _quote(span: tuple[int, int], marks: list[tuple[Span, str]]) -> list[tuple[str, str]]:
    """Cut a quotation at its mentions; of two that overlap the first stays."""
    place, end = span
    pieces: list[Any] = []
    for mention, role in sorted(marks, key=lambda mark: mark[0].start_char):
        if mention.start_char >= place:
            text = mention.doc.text
            pieces += [(text[place : mention.start_char], ""), (mention.text, role)]
            place = mention.end_char
    return [*pieces, (marks[0][0].doc.text[place:end], "")]
