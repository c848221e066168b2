"""One flat batch: the entities, entity pairs and mention pairs of several documents, numbered one after another.

Index arithmetic is done in numpy: on documents of the usual size an operation of torch takes longer to call
than to run, and on a GPU the CPU would have to wait for its results.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from . import maths
from .pieces import Document, Pieces

# About so many pairs of entities are counted at a time, or pairs of mentions where windows matter. An entity that
# has more pairs than that is counted at once.
BLOCK = 2**20


@dataclass(frozen=True)
class FlatBatch:
    """A batch of D documents before any pair is scored. Together they have M mentions, E entities and L word
    pieces.

    :param pieces: The word pieces of each document.
    :param clusters: The mentions of each entity that lie in the encoded text, by their numbers in the batch.
    :param first_entity: The number of each document's first entity, and E at the end. *Shape:* (D + 1,)
    :param first_mention: The number of each document's first mention, and M at the end. *Shape:* (D + 1,)
    :param places: The word piece that the marker before each mention is, and the sentence that it is in, numbered in
        each document; -1 for a sentence that the document does not say. *Shape:* (M, 2)
    :param windows: The first and last window of each mention, numbered in each document; all zero in a document
        whose mention pairs are all scored. *Shape:* (M, 2)
    :param sentences: The sentence that each word piece is in, from 0 in each document; -1 where it is in none or the
        document does not say. *Shape:* (L,)
    """

    pieces: Sequence[Pieces]
    clusters: Sequence[Sequence[int]]
    first_entity: np.ndarray
    first_mention: np.ndarray
    places: np.ndarray
    windows: np.ndarray
    sentences: np.ndarray

    def numbers(self, pairs: "PairIndex") -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the first four fields of `PairScores`, in which entities and mentions are numbered from 0 in
        each document."""
        first_mention = self.first_mention[pairs.document]
        return (
            torch.from_numpy(pairs.document),
            torch.from_numpy(pairs.entities - self.first_entity[pairs.document][:, None]),
            torch.from_numpy(pairs.head - first_mention[pairs.pair_index]),
            torch.from_numpy(pairs.tail - first_mention[pairs.pair_index]),
        )


def flatten(documents: Sequence[Document], batch: Sequence[Pieces], far_pairs: bool) -> FlatBatch:
    """Lay documents one after another.

    :param far_pairs: Whether mention pairs that no window holds are scored too.
    """
    first_mention = np.array([*accumulate((len(own.markers) for own in batch), initial=0)])
    clusters = [
        [int(first) + mention for mention in cluster if pieces.markers[mention] >= 0]
        for document, pieces, first in zip(documents, batch, first_mention)
        for cluster in document.clusters
    ]
    windows = [
        np.zeros((len(pieces.markers), 2), dtype=np.int64)
        if far_pairs or len(pieces.windows) == 1
        else pieces.mention_windows()
        for pieces in batch
    ]
    places = [np.stack([pieces.markers, pieces.sentences[pieces.markers]], axis=1) for pieces in batch]
    return FlatBatch(
        pieces=batch,
        clusters=clusters,
        first_entity=np.array([*accumulate((len(own.clusters) for own in documents), initial=0)]),
        first_mention=first_mention,
        places=np.concatenate([np.zeros((0, 2), dtype=np.int64), *places]),
        windows=np.concatenate([np.zeros((0, 2), dtype=np.int64), *windows]),
        sentences=np.concatenate([np.zeros(0, dtype=np.int64), *(pieces.sentences for pieces in batch)]),
    )


@dataclass(frozen=True)
class PairIndex:
    """Entity pairs of a batch and their mention pairs. The mention pairs of one entity pair stand side by side.

    :param document: The document of each entity pair. *Shape:* (N,)
    :param entities: The entity numbers of head and tail. *Shape:* (N, 2)
    :param head: The mention numbers of the heads. *Shape:* (P,)
    :param tail: The mention numbers of the tails. *Shape:* (P,)
    :param pair_index: The entity pair of each mention pair. *Shape:* (P,)
    """

    document: np.ndarray
    entities: np.ndarray
    head: np.ndarray
    tail: np.ndarray
    pair_index: np.ndarray

    @classmethod
    def empty(cls) -> "PairIndex":
        """Return an index of no pairs."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(nothing, nothing.reshape(0, 2), nothing, nothing, nothing)

    def on_device(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Bring the heads, the tails and the entity pair of each to a device, in one copy."""
        head, tail, pair_index = on_device(np.stack([self.head, self.tail, self.pair_index]), device)
        return head, tail, pair_index


def pair_chunks(
    batch: FlatBatch, max_mention_pairs: int = sys.maxsize, with_inverse: bool = False
) -> Iterator[PairIndex]:
    """Yield all entity pairs that have mention pairs, in chunks of at most `max_mention_pairs` mention pairs.
    An entity pair with more of them is a chunk by itself. All pairs at once would be too many in a long text.

    :param with_inverse: Whether each entity pair is followed by its inverse, (tail, head), in the same chunk.
    """
    held: list[np.ndarray] = []
    room = max_mention_pairs
    for pairs, counts in _counted_pairs(batch, with_inverse):
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
                yield _index(batch, np.concatenate(held).reshape(-1, 2))
                held, room = [], max_mention_pairs
    if held:
        yield _index(batch, np.concatenate(held).reshape(-1, 2))


def _index(batch: FlatBatch, entities: np.ndarray) -> PairIndex:
    document = np.searchsorted(batch.first_entity, entities[:, 0], side="right") - 1
    return PairIndex(document, entities, *mention_pairs(batch.clusters, entities, batch.windows))


def mention_pairs(
    clusters: Sequence[Sequence[int]], pairs: np.ndarray, windows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mention pairs of some entity pairs, those whose mentions have a window in common.

    :param clusters: The mention numbers of each entity.
    :param pairs: The entity numbers of head and tail. *Shape:* (N, 2)
    :param windows: The first and last window of each mention. *Shape:* (M, 2)
    :returns: The mention numbers of heads and tails, and the entity pair of each. *Shape:* (P,) each
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
    if not windows.any():
        return heads, tails, pair_index
    met = _meet(windows[heads], windows[tails])
    return heads[met], tails[met], pair_index[met]


def _counted_pairs(batch: FlatBatch, with_inverse: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the entity pairs of one document after another, each with its inverse where asked for, and the
    numbers of their mention pairs. *Shape:* (n, 2) or (n, 4), and (n,)"""
    for start, end in zip(batch.first_entity[:-1].tolist(), batch.first_entity[1:].tolist()):
        size, mentions = _sizes(batch.clusters[start:end])
        everything, ends = np.arange(len(size)), size.cumsum()
        windows = batch.windows[mentions]
        cells = (len(mentions) * size if windows.any() else np.full_like(size, len(size))).cumsum()
        for heads in np.split(everything, np.flatnonzero(np.diff(cells // BLOCK)) + 1) if len(size) else ():
            if windows.any():
                counts = _meeting_mentions(size, ends, windows, heads)
            else:
                counts = size[heads][:, None] * size
            counts[heads - heads[0], heads] = 0
            if with_inverse:
                counts[everything <= heads[:, None]] = 0
            rows, tails = counts.nonzero()
            counts = counts[rows, tails]
            found = [start + heads[rows], start + tails]
            if with_inverse:
                found, counts = [*found, *reversed(found)], 2 * counts
            yield np.stack(found, axis=1), counts


def _meeting_mentions(
    size: np.ndarray, ends: np.ndarray, windows: np.ndarray, heads: np.ndarray
) -> np.ndarray:
    """Count the mention pairs with a common window that each of some head entities has with every entity.

    :param size: The number of mentions of each entity. *Shape:* (E,)
    :param ends: The sums of `size` up to each entity, itself included. *Shape:* (E,)
    :param windows: The windows of all mentions, entity by entity. *Shape:* (M, 2)
    :param heads: Neighbouring entity numbers. *Shape:* (H,)
    :returns: *Shape:* (H, E)
    """
    some = size.nonzero()[0]
    counts = np.zeros((len(heads), len(size)), dtype=np.int64)
    own = np.isin(some, heads)
    first = ends[heads[0]] - size[heads[0]]
    met = _meet(windows[first : ends[heads[-1]]][:, None], windows)
    if met.size:
        starts = (ends - size)[some]
        met = np.add.reduceat(met, starts, axis=1, dtype=np.int64)
        rows = some[own] - heads[0]
        counts[np.ix_(rows, some)] = np.add.reduceat(met, starts[own] - first, axis=0)
    return counts


def _sizes(clusters: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of mentions of each entity, and the mentions of all entities one after another."""
    size = np.array([len(cluster) for cluster in clusters], dtype=np.int64)
    return size, np.array([mention for cluster in clusters for mention in cluster], dtype=np.int64)


def _meet(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return whether mentions have a window in common, bool. *Shape:* (..., 2) each, and (...)"""
    return (some[..., 0] <= others[..., 1]) & (others[..., 0] <= some[..., 1])


def on_device(values: np.ndarray, device: torch.device) -> Tensor:
    """Copy an array to a device. The CPU does not wait for the copy."""
    return torch.from_numpy(values).to(device, non_blocking=True)


@dataclass(frozen=True)
class PairScores:
    """What KMGRE says of some pairs of a batch. The first four fields are on the CPU.

    :param document: The document of each entity pair. *Shape:* (N,)
    :param entities: The entity numbers of head and tail, from 0 in each document. *Shape:* (N, 2)
    :param head: The mention numbers of the heads, from 0 in each document. *Shape:* (P,)
    :param tail: The mention numbers of the tails. *Shape:* (P,)
    :param pair_index: The entity pair, 0..N-1, of each mention pair, ascending. *Shape:* (P,)
    :param relation: The logits of the relations (6). *Shape:* (P, C)
    :param key: The logit of p_ω(z=1) (8); infinity where there is no key instance classifier, so that all
        pairs are key. *Shape:* (P,)
    :param sentence_weights: How much of the context of each row of `relation` lies in each of S sentences of
        its document; no column where no document says where its sentences are. *Shape:* (P, S)
    :param second: What a second reading adds to the entity pairs' margins over TH; empty where there was none.
        *Shape:* (N, C) or (0, 0)
    """

    document: Tensor
    entities: Tensor
    head: Tensor
    tail: Tensor
    pair_index: Tensor
    relation: Tensor
    key: Tensor
    sentence_weights: Tensor
    second: Tensor = field(default_factory=lambda: torch.zeros(0, 0), kw_only=True)

    @property
    def num_pairs(self) -> int:
        """The number N of entity pairs."""
        return len(self.entities)

    def row_of_pair(self) -> dict[tuple[int, int, int], int]:
        """Return the entity pair, 0..N-1, of each (document, head entity, tail entity)."""
        heads, tails = self.entities.T.tolist()
        return {key: row for row, key in enumerate(zip(self.document.tolist(), heads, tails))}

    @property
    def row_index(self) -> Tensor:
        """The entity pair of each row of `relation`."""
        return self.pair_index

    def rows_with(self, selected: Tensor) -> Tensor:
        """Return which rows of `relation` are of selected mention pairs, bool. *Shape:* (P,) both"""
        return selected

    def select(self, xi: float, tau: float) -> Tensor:
        """Return which mention pairs are key (12)-(15), bool. *Shape:* (P,)"""
        return maths.select_key_pairs(torch.sigmoid(self.key), self.pair_index, self.num_pairs, xi, tau)

    def fuse(self, selected: Tensor, fusion: bool = True) -> Tensor:
        """Fuse the logits of mention pairs into those of the entity pairs (16).

        :param selected: Which mention pairs are key. *Shape:* (P,)
        :param fusion: Whether logits are fused. Otherwise the best margin over TH among the key mention pairs
            counts (the paper's ablation).
        :returns: *Shape:* (N, C)
        """
        if fusion:
            return maths.fuse_mention_logits(self.relation, self.pair_index, self.num_pairs, selected)
        margins, rows = maths.margins(self.relation)[selected], self.pair_index[selected]
        best = margins.new_full((self.num_pairs, margins.shape[1]), -torch.inf)
        return best.scatter_reduce(0, rows[:, None].expand_as(margins), margins, "amax")

    def rows_of(self, mention_pairs: Tensor) -> Tensor:
        """Return the row of `relation` that each of some mention pairs has.

        :param mention_pairs: The numbers of the mention pairs. *Shape:* (p,)
        :returns: *Shape:* (p,)
        """
        return mention_pairs

    def share_logits(self, mention_pairs: Tensor) -> Tensor:
        """Return the logits whose softmax over an entity pair's key mention pairs is the share of each.

        :param mention_pairs: The numbers of some mention pairs. *Shape:* (p,)
        :returns: One column a class, or one for all. *Shape:* (p, C) or (p, 1)
        """
        return self.relation[mention_pairs]


@dataclass(frozen=True)
class EntityPairScores(PairScores):
    """What ATLOP says of some pairs of a batch: `relation` and `sentence_weights` have a row for each entity pair.

    :param attention: The part that each mention pair has in the attention that its two entities share. *Shape:* (P,)
    """

    attention: Tensor

    @property
    def row_index(self) -> Tensor:
        """The entity pair of each row of `relation`, which has one row for each entity pair."""
        return torch.arange(self.num_pairs, device=self.relation.device)

    def rows_with(self, selected: Tensor) -> Tensor:
        """Return all rows: of each entity pair some mention pairs are selected. *Shape:* (N,)"""
        return selected.new_ones(self.num_pairs)

    def select(self, xi: float, tau: float) -> Tensor:
        """Select all mention pairs, since ATLOP has no key ones. *Shape:* (P,)"""
        return torch.ones_like(self.pair_index, dtype=torch.bool)

    def fuse(self, selected: Tensor, fusion: bool = True) -> Tensor:
        """Return the logits of the entity pairs, as they are. *Shape:* (N, C)"""
        return self.relation

    def rows_of(self, mention_pairs: Tensor) -> Tensor:
        """Return the row of each mention pair's entity pair. *Shape:* (p,)"""
        return self.pair_index[mention_pairs]

    def share_logits(self, mention_pairs: Tensor) -> Tensor:
        """Return the logarithms of the mention pairs' parts in the attention, for all classes.
        *Shape:* (p, 1)"""
        return torch.log(self.attention[mention_pairs])[:, None]
