"""Contexts of pairs (4), ready to be pooled from any columns that belong to the word pieces.

A text of one window has dense attention rows, and its context weights are one matrix; those of texts that were read
together are computed together. In a long text a row is zero but for a run of word pieces, most pairs have no piece in
common, and only those that have are looked at: time and memory grow with the text, not with its square.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from . import maths
from .encoder import Encoded, Rows
from .products import divisor


class Pool(ABC):
    """The context weights of the U distinct pairs of a document."""

    @abstractmethod
    def __call__(self, columns: Tensor) -> Tensor:
        """Weighted sums of what belongs to the word pieces.

        :param columns: *Shape:* (L, c)
        :returns: *Shape:* (U, c)
        """

    @abstractmethod
    def detach(self) -> "Pool":
        """The same weights without gradient."""


@dataclass(frozen=True)
class DensePool(Pool):
    """Of a text of one window.

    :param weights: *Shape:* (U, L)
    """

    weights: Tensor

    def __call__(self, columns: Tensor) -> Tensor:
        return self.weights @ columns

    def detach(self) -> "DensePool":
        return DensePool(self.weights.detach())


@dataclass(frozen=True)
class RunPool(Pool):
    """Of a long text.

    :param weights: Parts of the weights: whose they are, where their pieces start, and they. *Shape:* (p,), (p, b)
    :param size: U.
    """

    weights: list[tuple[Tensor, int, Tensor]]
    size: int

    def __call__(self, columns: Tensor) -> Tensor:
        pooled = columns.new_zeros((self.size, columns.shape[1]))
        for targets, start, weights in self.weights:
            pooled = pooled.index_add(0, targets, weights @ columns[start : start + weights.shape[1]])
        return pooled

    def detach(self) -> "RunPool":
        parts = [(targets, start, weights.detach()) for targets, start, weights in self.weights]
        return RunPool(parts, self.size)


@dataclass(frozen=True)
class Contexts:
    """Of all pairs of some documents.

    :param pools: Of each document.
    :param lengths: Its word pieces.
    :param row: Which of all documents' distinct pairs each pair is. *Shape:* (P,)
    """

    pools: Sequence[Pool]
    lengths: Sequence[int]
    row: Tensor

    def __call__(self, columns: Tensor) -> Tensor:
        """Weighted sums of what belongs to the word pieces of all documents.

        :param columns: *Shape:* (ΣL, c)
        :returns: *Shape:* (P, c)
        """
        parts = zip(self.pools, columns.split(list(self.lengths)))
        return cat([pool(own) for pool, own in parts]).index_select(0, self.row)

    def detach(self) -> "Contexts":
        """The same weights without gradient."""
        return Contexts([pool.detach() for pool in self.pools], self.lengths, self.row)


class Indices(NamedTuple):
    """The pairs of a document, or a part of them, on its device.

    :param size: N, of entity pairs.
    :param head: Mention numbers of the mention pairs. *Shape:* (P,)
    :param tail: Mention numbers. *Shape:* (P,)
    :param pair_index: The entity pair of each mention pair. *Shape:* (P,)
    :param low: One side of the distinct pairs, of mentions or of entities, whose contexts are wanted, as numbers of
        attention rows; of a long text's entity pairs unused. *Shape:* (U,)
    :param high: The other side. *Shape:* (U,)
    :param row: Which of the distinct pairs of all documents of a batch each mention pair is, or each entity pair.
        *Shape:* (P,) or (N,)
    :param head_row: The head of each mention pair, or entity pair, among those of all documents of a batch.
        *Shape:* (P,) or (N,)
    :param tail_row: Its tail. *Shape:* (P,) or (N,)
    """

    size: int
    head: Tensor
    tail: Tensor
    pair_index: Tensor
    low: Tensor
    high: Tensor
    row: Tensor
    head_row: Tensor
    tail_row: Tensor


def contexts_of_mentions(batch: Sequence[Encoded], indices: Sequence[Indices], mode: str) -> Contexts:
    """The contexts of mention pairs."""
    pools = _dense_pools(batch, [encoded.rows for encoded in batch], indices, mode)
    for number, (encoded, own) in enumerate(zip(batch, indices)):
        if encoded.starts is not None:
            everyone = torch.arange(len(own.low), device=own.low.device)
            pools[number], _ = _run_pool(encoded, own.low, own.high, everyone, len(own.low), mode)
    return _contexts(batch, indices, pools)


def contexts_of_entities(
    batch: Sequence[Encoded], rows: Sequence[Rows], indices: Sequence[Indices], mode: str
) -> tuple[Contexts, Tensor]:
    """The contexts of entity pairs, whose rows are the means of their mentions' (ATLOP).

    :param rows: The entities' rows; unused in a long text.
    :returns: The contexts, and each mention pair's part in its entity pair's context, without gradient. *Shape:* (P,)
    """
    pools = _dense_pools(batch, rows, indices, mode)
    shares = []
    for number, (encoded, own) in enumerate(zip(batch, indices)):
        if encoded.starts is None:
            attention = encoded.attention.detach()
            mass = torch.einsum("ikl,jkl->ij", attention, attention)[own.head, own.tail]
        else:
            pools[number], mass = _run_pool(encoded, own.head, own.tail, own.pair_index, own.size, mode)
        # As the entities' rows are means over mentions, the parts of an entity pair add up to its whole.
        total = mass.new_zeros(own.size).index_add(0, own.pair_index, mass)[own.pair_index]
        count = maths.segment_sizes(own.pair_index, own.size).to(mass)
        shares.append(torch.where(total > 0, mass / total, 1.0 / count[own.pair_index]))
    return _contexts(batch, indices, pools), cat(shares)


def _contexts(batch: Sequence[Encoded], indices: Sequence[Indices], pools: dict[int, Pool]) -> Contexts:
    lengths = [len(encoded.hidden) for encoded in batch]
    return Contexts(
        [pools[number] for number in range(len(batch))], lengths, cat([own.row for own in indices])
    )


def _dense_pools(
    batch: Sequence[Encoded], rows: Sequence[Rows], indices: Sequence[Indices], mode: str
) -> dict[int, Pool]:
    """By number of their document, those of texts of one window."""
    pools: dict[int, Pool] = {}
    for numbers in read_together(batch, rows):
        low, high = (cat([getattr(indices[number], side) for number in numbers]) for side in ("low", "high"))
        weights = maths.context_weights(rows[numbers[0]].block, low, high, mode)
        for number, own in zip(numbers, weights.split([len(indices[number].low) for number in numbers])):
            pools[number] = DensePool(own[:, : len(batch[number].hidden)])
    return pools


def read_together(batch: Sequence[Encoded], rows: Sequence[Rows]) -> Iterable[list[int]]:
    """Numbers of the texts of one window, those whose rows are in one block together."""
    blocks: dict[int, list[int]] = defaultdict(list)
    for number, encoded in enumerate(batch):
        if encoded.starts is None:
            blocks[id(rows[number].block)].append(number)
    return blocks.values()


def cat(values: Sequence[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else torch.cat(list(values))


def _run_pool(
    encoded: Encoded, head: Tensor, tail: Tensor, target: Tensor, size: int, mode: str
) -> tuple[RunPool, Tensor]:
    """
    :param target: What each mention pair adds to, 0..size-1: itself, or its entity pair. *Shape:* (P,)
    :returns: The pool, and the attention that each mention pair has in common, without gradient. *Shape:* (P,)
    """
    products = [
        (pairs, start, product.mean(dim=1, keepdim=True) if mode == "pooled" else product)
        for pairs, start, product in _products(encoded, head, tail)
    ]
    heads = 1 if mode == "pooled" else encoded.attention.shape[1]
    total = encoded.attention.new_zeros((size, heads))
    mass = encoded.attention.new_zeros(len(head))
    for pairs, _, product in products:
        masses = product.sum(dim=2)
        total = total.index_add(0, target[pairs], masses)
        mass[pairs] = masses.detach().sum(dim=1)
    # The reciprocal, without its square in the gradient, which overflows.
    share = torch.exp(-torch.log(divisor(total))) / heads
    weights = [
        (target[pairs], start, (share[target[pairs]].unsqueeze(1) @ product).squeeze(1))
        for pairs, start, product in products
    ]
    return RunPool(weights, size), mass


def _products(encoded: Encoded, head: Tensor, tail: Tensor) -> Iterator[tuple[Tensor, int, Tensor]]:
    """The products of attention rows that meet: the numbers of mention pairs, where their runs have met, and the
    products there. *Shape:* (p,), (p, K, b)

    Runs start where windows do, so that few starts are different, and pairs with the same two go together.
    """
    assert encoded.starts is not None
    starts, rows = encoded.starts, encoded.attention
    width = rows.shape[2]
    both = torch.stack([starts[head], starts[tail]])
    near = ((both[0] - both[1]).abs() < width).nonzero().squeeze(1)
    kinds, kind = both[:, near].unique(dim=1, return_inverse=True)
    counts = torch.bincount(kind, minlength=kinds.shape[1]).tolist()
    members = near[kind.argsort(stable=True)].split(counts)
    for (of_head, of_tail), pairs in zip(kinds.T.tolist(), members):
        low, high = max(of_head, of_tail), min(of_head, of_tail) + width
        left = rows[:, :, low - of_head : high - of_head][head[pairs]]
        right = rows[:, :, low - of_tail : high - of_tail][tail[pairs]]
        yield pairs, low, left * right
