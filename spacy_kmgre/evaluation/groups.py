"""Kinds of relations that scores are asked for, beyond those of the scorer."""

from collections.abc import Sequence
from itertools import product

from ..scoring.relations import Grouping, sentence_numbers
from ..types import Relation

# Each bin reaches from its number to the next one's.
MENTION_PAIRS = (1, 2, 4, 8, 16)
DISTANCES = (0, 1, 2, 3, 5)


def by_mention_pairs(relation: Relation, starts: Sequence[int] | None = None) -> str | None:
    """The bin of the number of mention pairs that the two entities have."""
    return _bin("pairs", MENTION_PAIRS, len(relation.head.mentions) * len(relation.tail.mentions))


def by_distance(relation: Relation, starts: list[int] | None) -> str | None:
    """The bin of the distance between the entities, in sentences, of the mention pair with the smallest: 0 within
    a sentence. None without sentence boundaries, or where no sentence holds a mention whole."""
    if starts is None:
        return None
    heads, tails = sentence_numbers(relation.head, starts), sentence_numbers(relation.tail, starts)
    if not heads or not tails:
        return None
    return _bin("distance", DISTANCES, min(abs(i - j) for i, j in product(heads, tails)))


GROUPINGS: tuple[Grouping, ...] = (by_mention_pairs, by_distance)


def bin_titles(name: str, starts: Sequence[int]) -> dict[str, str]:
    """The groups of a grouping, in order, as a reader knows them: "1", "2-3", ..., "16 or more"."""
    titles = {}
    for start, following in zip(starts, (*starts[1:], None)):
        if following is None:
            title = f"{start} or more"
        else:
            title = str(start) if start + 1 == following else f"{start}-{following - 1}"
        titles[f"{name}_{start}"] = title
    return titles


def _bin(name: str, starts: Sequence[int], value: int) -> str | None:
    return next((f"{name}_{start}" for start in reversed(starts) if value >= start), None)
