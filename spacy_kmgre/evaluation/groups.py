"""The groups of relations that reports show, and the functions that find groups the scorer does not know."""

from collections.abc import Sequence
from itertools import pairwise, product

from ..scoring.relations import Grouper, sentence_numbers
from ..types import Relation

# Each bin reaches from its number to the next one's.
MENTION_PAIRS = (1, 2, 4, 8, 16)
DISTANCES = (0, 1, 2, 3, 5)


def by_mention_pairs(relation: Relation, _starts: Sequence[int] | None = None) -> str:
    """The bin of the number of mention pairs that the two entities have."""
    return _bin("pairs", MENTION_PAIRS, len(relation.head.mentions) * len(relation.tail.mentions))


def by_distance(relation: Relation, starts: list[int] | None) -> str | None:
    """The bin of the distance, in sentences, between the two entities' nearest mentions: 0 within a sentence.
    None without sentence boundaries, or where no sentence holds a mention whole."""
    if starts is None:
        return None
    heads, tails = sentence_numbers(relation.head, starts), sentence_numbers(relation.tail, starts)
    if not heads or not tails:
        return None
    return _bin("distance", DISTANCES, min(abs(i - j) for i, j in product(heads, tails)))


GROUPERS: tuple[Grouper, ...] = (by_mention_pairs, by_distance)


def bin_titles(name: str, starts: Sequence[int]) -> dict[str, str]:
    """The titles of a grouper's bins, in order: "1", "2-3", ..., "16 or more"."""
    titles = {f"{name}_{start}": _range(start, end - 1) for start, end in pairwise(starts)}
    return {**titles, f"{name}_{starts[-1]}": f"{starts[-1]} or more"}


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _bin(name: str, starts: Sequence[int], value: int) -> str:
    return f"{name}_{max(start for start in starts if start <= value)}"


# Sections that need sentence boundaries.
PLACE, DISTANCE = "Within and across sentences", "Distance between the nearest mentions, in sentences"
SECTIONS: dict[str, dict[str, str]] = {
    "Overall": {
        "micro": "all relations",
        "ign": "not stated in training (Ign)",
        "macro": "mean over labels",
        "evidence": "evidence sentences",
        "evidence_labelled": "evidence, where annotated",
    },
    PLACE: {"intra": "within a sentence", "inter": "across sentences"},
    "Entities with several mentions": {"m1": "one of the two (M1)", "m2": "both (M2)"},
    "Mention pairs of the entity pair": bin_titles("pairs", MENTION_PAIRS),
    DISTANCE: bin_titles("distance", DISTANCES),
}
LABELS = "Relations"
