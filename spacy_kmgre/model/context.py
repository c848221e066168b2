"""Contexts of pairs (4), ready to be pooled from any columns that belong to the word pieces.

A text of one window has dense attention rows, and its context weights are one matrix. In a long text a row
is zero but for a run of word pieces, most pairs have no piece in common, and only those that have are looked
at: time and memory grow with the text, not with its square.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from . import maths
from .encoder import Encoded
from .products import divisor


class Pool(ABC):
    """The context weights of P pairs."""

    @abstractmethod
    def __call__(self, columns: Tensor) -> Tensor:
        """Weighted sums of what belongs to the word pieces.

        :param columns: *Shape:* (L, c)
        :returns: *Shape:* (P, c)
        """

    @abstractmethod
    def detach(self) -> "Pool":
        """The same weights without gradient."""


@dataclass(frozen=True)
class DensePool(Pool):
    """Of a text of one window.

    :param weights: *Shape:* (U, L)
    :param row: Which of them is each pair's. *Shape:* (P,)
    """

    weights: Tensor
    row: Tensor

    def __call__(self, columns: Tensor) -> Tensor:
        return (self.weights @ columns)[self.row]

    def detach(self) -> "DensePool":
        return DensePool(self.weights.detach(), self.row)


@dataclass(frozen=True)
class RunPool(Pool):
    """Of a long text.

    :param weights: Parts of the weights: whose they are, where their pieces start, and they. *Shape:* (p,), (p, b)
    :param size: P.
    """

    weights: List[Tuple[Tensor, int, Tensor]]
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
class JoinedPool(Pool):
    """Of the pairs of several documents, one after another.

    :param lengths: Word pieces of each document.
    """

    pools: Sequence[Pool]
    lengths: Sequence[int]

    def __call__(self, columns: Tensor) -> Tensor:
        parts = zip(self.pools, columns.split(list(self.lengths)))
        return torch.cat([pool(own) for pool, own in parts])

    def detach(self) -> "JoinedPool":
        return JoinedPool([pool.detach() for pool in self.pools], self.lengths)


class Indices(NamedTuple):
    """The pairs of a document, or a part of them, on its device.

    :param size: N, of entity pairs.
    :param head: Mention numbers of the mention pairs. *Shape:* (P,)
    :param tail: Mention numbers. *Shape:* (P,)
    :param pair_index: The entity pair of each mention pair. *Shape:* (P,)
    :param low: One side of the pairs whose contexts are wanted, of mentions or of entities, both directions being
        one; unused in a long text. *Shape:* (U,)
    :param high: The other side. *Shape:* (U,)
    :param row: Which of them each mention pair is, or each entity pair. *Shape:* (P,) or (N,)
    :param head_row: The head of each mention pair, or entity pair, among the rows of all documents of a batch.
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


def pool_of_mentions(encoded: Encoded, indices: Indices, mode: str) -> Pool:
    """The contexts of mention pairs."""
    if encoded.starts is None:
        return _dense_pool(encoded.attention, indices, mode)
    own = torch.arange(len(indices.head), device=indices.head.device)
    return _run_pool(encoded, indices.head, indices.tail, own, len(own), mode)[0]


def pool_of_entities(
    encoded: Encoded, entities: Optional[Tensor], indices: Indices, mode: str
) -> Tuple[Pool, Tensor]:
    """The contexts of entity pairs, whose rows are the means of their mentions' (ATLOP).

    :param entities: The entities' rows; not needed in a long text. *Shape:* (E, K, L)
    :returns: The pool, and each mention pair's part in its entity pair's context, without gradient. *Shape:* (P,)
    """
    head, tail, pair_index, size = indices.head, indices.tail, indices.pair_index, indices.size
    pool: Pool
    if entities is not None:
        pool = _dense_pool(entities, indices, mode)
        rows = encoded.attention.detach()
        mass = torch.einsum("ikl,jkl->ij", rows, rows)[head, tail]
    else:
        pool, mass = _run_pool(encoded, head, tail, pair_index, size, mode)
    # As the entities' rows are means over mentions, the parts of an entity pair add up to its whole.
    total = mass.new_zeros(size).index_add(0, pair_index, mass)
    count = maths.segment_sizes(pair_index, size).to(mass)
    return pool, torch.where(total[pair_index] > 0, mass / total[pair_index], 1.0 / count[pair_index])


def _dense_pool(rows: Tensor, indices: Indices, mode: str) -> DensePool:
    """:param rows: Attention over all word pieces. *Shape:* (R, K, L)"""
    return DensePool(maths.context_weights(rows, indices.low, indices.high, mode), indices.row)


def _run_pool(
    encoded: Encoded, head: Tensor, tail: Tensor, target: Tensor, size: int, mode: str
) -> Tuple[RunPool, Tensor]:
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


def _products(encoded: Encoded, head: Tensor, tail: Tensor) -> Iterator[Tuple[Tensor, int, Tensor]]:
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
