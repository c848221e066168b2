"""Entity pairs and their mention pairs as index arrays.

In numpy: on the small documents that most are, an operation of torch takes longer to call than to run, and on a GPU
its results would have to be waited for.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

# How many entity pairs, or mention pairs where windows matter, are looked at together to count mention pairs; more
# where one entity has more.
BLOCK = 2**20


class MentionPairs(NamedTuple):
    """The mention pairs of some entity pairs, those of one entity pair side by side.

    :param head: Mention numbers. *Shape:* (P,)
    :param tail: Mention numbers. *Shape:* (P,)
    :param pair_index: The entity pair of each. *Shape:* (P,)
    """

    head: np.ndarray
    tail: np.ndarray
    pair_index: np.ndarray


def mention_pairs(
    clusters: Sequence[Sequence[int]], pairs: np.ndarray, windows: np.ndarray | None = None
) -> MentionPairs:
    """
    :param clusters: The mention numbers of each entity.
    :param pairs: Entity numbers. *Shape:* (N, 2)
    :param windows: Only mention pairs that have a window in common. *Shape:* (M, 2)
    """
    size, mentions = _sizes(clusters)
    first = size.cumsum() - size
    head, tail = pairs[:, 0], pairs[:, 1]
    count = size[head] * size[tail]
    pair_index = np.repeat(np.arange(len(pairs)), count)
    within = np.arange(len(pair_index)) - (count.cumsum() - count)[pair_index]
    width = size[tail][pair_index]
    heads = mentions[first[head][pair_index] + within // width]
    tails = mentions[first[tail][pair_index] + within % width]
    if windows is None:
        return MentionPairs(heads, tails, pair_index)
    met = _meet(windows[heads], windows[tails])
    return MentionPairs(heads[met], tails[met], pair_index[met])


def count_mention_pairs(clusters: Sequence[Sequence[int]]) -> int:
    """How many there are, in whatever windows."""
    size, _ = _sizes(clusters)
    return int(size.sum() ** 2 - (size**2).sum())


def chunk_entity_pairs(
    clusters: Sequence[Sequence[int]],
    max_mention_pairs: int | None = None,
    mirrored: bool = False,
    windows: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """The entity pairs that have mention pairs, in runs of at most `max_mention_pairs` of these, or of one entity
    pair. All of them at once would be too many in a long text.

    :param max_mention_pairs: No limit where None.
    :param mirrored: Follow each entity pair by its mirror, in the same run.
    :param windows: Only mention pairs that have a window in common. *Shape:* (M, 2)
    :returns: Entity numbers, otherwise by head, then by tail. *Shape:* (n, 2)
    """
    limit = sys.maxsize if max_mention_pairs is None else max_mention_pairs
    held: list[np.ndarray] = []
    room = limit
    for pairs, counts in _counted(clusters, mirrored, windows):
        ends = counts.cumsum()
        start = 0
        while start < len(pairs):
            before = int(ends[start - 1]) if start else 0
            stop = int(np.searchsorted(ends, before + room, side="right"))
            if not held:
                stop = max(stop, start + 1)
            if stop > start:
                held.append(pairs[start:stop])
                room -= int(ends[stop - 1]) - before
                start = stop
            if start < len(pairs):
                yield np.concatenate(held).reshape(-1, 2)
                held, room = [], limit
    if held:
        yield np.concatenate(held).reshape(-1, 2)


def _counted(
    clusters: Sequence[Sequence[int]], mirrored: bool, windows: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Entity pairs, each with its mirror where asked for, and how many mention pairs they have. *Shape:* (n, 2) or
    (n, 4), and (n,)"""
    size, mentions = _sizes(clusters)
    everything, some = np.arange(len(size)), size.nonzero()[0]
    ends = size.cumsum()
    starts = (ends - size)[some]
    cells = (len(size) * np.ones_like(size) if windows is None else len(mentions) * size).cumsum()
    for heads in np.split(everything, np.flatnonzero(np.diff(cells // BLOCK)) + 1) if len(size) else ():
        if windows is None:
            counts = size[heads][:, None] * size
        else:
            counts = np.zeros((len(heads), len(size)), dtype=np.int64)
            own = np.isin(some, heads)
            first = ends[heads[0]] - size[heads[0]]
            met = _meet(windows[mentions[first : ends[heads[-1]]]][:, None], windows[mentions])
            if met.size:
                met = np.add.reduceat(met, starts, axis=1, dtype=np.int64)
                rows = some[own] - heads[0]
                counts[np.ix_(rows, some)] = np.add.reduceat(met, starts[own] - first, axis=0)
        counts[heads - heads[0], heads] = 0
        if mirrored:
            counts[everything <= heads[:, None]] = 0
        rows, tails = counts.nonzero()
        found = [heads[rows], tails]
        counts = counts[rows, tails]
        if mirrored:
            found, counts = [*found, *reversed(found)], 2 * counts
        yield np.stack(found, axis=1), counts


class Unordered(NamedTuple):
    """Pairs without their direction, by their first side, then by their second.

    :param low: *Shape:* (U,)
    :param high: *Shape:* (U,)
    :param row: Which of them each pair is. *Shape:* (P,)
    """

    low: np.ndarray
    high: np.ndarray
    row: np.ndarray


def without_direction(head: np.ndarray, tail: np.ndarray, size: int) -> Unordered:
    """Both directions of a pair as one. Pairs that nobody asks for are among them where few are missing, so that the
    second sides of a first one are a run of numbers.

    :param head: Numbers below `size`. *Shape:* (P,)
    :param tail: *Shape:* (P,)
    """
    low, high = np.minimum(head, tail), np.maximum(head, tail)
    first, last = np.full(size, size), np.full(size, -1)
    np.minimum.at(first, low, high)
    np.maximum.at(last, low, high)
    count = np.maximum(last - first + 1, 0)
    total = int(count.sum())
    if total <= 5 * len(head) // 4:
        start = count.cumsum() - count
        lows = np.repeat(np.arange(size), count)
        highs = np.arange(total) - (start - first)[lows]
        return Unordered(lows, highs, (start - first)[low] + high)
    both, row = np.unique(low * size + high, return_inverse=True)
    return Unordered(both // size, both % size, row)


def _sizes(clusters: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """How many mentions the entities have, and which."""
    size = np.array([len(cluster) for cluster in clusters], dtype=np.int64)
    return size, np.array([mention for cluster in clusters for mention in cluster], dtype=np.int64)


def _meet(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether first and last windows have one in common, bool. *Shape:* (..., 2) each, and (...)"""
    return (some[..., 0] <= others[..., 1]) & (others[..., 0] <= some[..., 1])
