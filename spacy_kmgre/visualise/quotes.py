"""What a text says of a relation, as quotations in which the mentions are marked."""

from collections.abc import Sequence

from spacy.tokens import Span

from ..types import MentionPair, Relation

# The number of characters on either side of a mention where the Doc has no sentences.
AROUND = 60
# The number of evidence sentences to quote where there are no key mention pairs.
SENTENCES = 3

# Pieces of text, with the role of those that are mentions ("head" or "tail"), "" for the others.
Quote = list[tuple[str, str]]


def quote_relation(relation: Relation) -> list[Quote]:
    """Quote the leading key mention pair; without one the evidence, or else the first mentions of both entities."""
    if relation.key_mention_pairs:
        return quote_pair(relation.key_mention_pairs[0])
    marks = [(mention, "head") for mention in relation.head.mentions]
    marks += [(mention, "tail") for mention in relation.tail.mentions]
    spans = [(sentence.start_char, sentence.end_char) for sentence in relation.evidence[:SENTENCES]]
    if not spans:
        spans = list(
            dict.fromkeys(
                _context(entity.mentions[0]) for entity in (relation.head, relation.tail) if entity.mentions
            )
        )
    return [_quote(span, marks) for span in spans]


def quote_pair(pair: MentionPair) -> list[Quote]:
    """Quote a mention pair: once where both mentions stand together, else once for each."""
    marks = [(pair.head, "head"), (pair.tail, "tail")]
    for mention, _ in marks:
        start, end = _context(mention)
        if all(start <= other.start_char and other.end_char <= end for other, _ in marks):
            return [_quote((start, end), marks)]
    return [_quote(_context(mention), [(mention, role)]) for mention, role in marks]


def _context(mention: Span) -> tuple[int, int]:
    if mention.doc.has_annotation("SENT_START"):
        first, last = mention[0].sent, mention[-1].sent
        return first.start_char, last.end_char
    return max(0, mention.start_char - AROUND), min(len(mention.doc.text), mention.end_char + AROUND)


def _quote(span: tuple[int, int], marks: Sequence[tuple[Span, str]]) -> Quote:
    """Cut a quotation at its mentions; of those that overlap the first stays."""
    place, end = span
    text = marks[0][0].doc.text
    pieces: Quote = []
    for mention, role in sorted(marks, key=lambda mark: (mark[0].start_char, -mark[0].end_char)):
        if place <= mention.start_char and mention.end_char <= end:
            pieces += [(text[place : mention.start_char], ""), (mention.text, role)]
            place = mention.end_char
    return [piece for piece in (*pieces, (text[place:end], "")) if piece[0]]
