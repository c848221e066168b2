"""Contexts of pairs (4): weighted sums over the word pieces that two attention rows have in common.

An attention row covers a run of word pieces: the whole text where one window holds it, and in a longer one
the windows that the mention is in. Only pairs whose runs meet have a context; that of all others is zero. So
time and memory grow with the text and not with its square. Short and long texts are computed in the same way.

A way to make contexts is registered in `spacy_architectures`, by a function that returns a function
`(products, totals) -> weights` such as `maths.per_head_weights`, whose docstring says what these are. A word
piece has the weight 0 where all its products are 0, since runs are padded with zeros. ATLOP also needs weights
that are linear in the products for given totals: in a long text it adds up the weights of the parts of an entity
pair, and nothing checks this. The function has no parameters of its own: θ and ω would share them, and the
pipeline could not be saved.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .batch import on_device

Weigh = Callable[[Tensor, Tensor], Tensor]

# The number of elements in a tensor of products, pairs by heads by word pieces. So many stay in a CPU's
# cache, or keep a GPU busy.
PRODUCTS = {"cpu": 2**18, "cuda": 2**23}


@dataclass(frozen=True)
class AttentionRows:
    """The attention rows of a batch's M mentions, or of other things that have one, over runs of word pieces.

    :param blocks: Rows that were computed together. *Shape:* (R, K, B) each
    :param block: The block of each mention. *Shape:* (M,)
    :param row: The row in its block. *Shape:* (M,)
    :param start: The word piece, numbered over the batch, that the run starts at. *Shape:* (M,)
    :param stop: The word piece that the run ends before; the rest of the row is zero. *Shape:* (M,)
    """

    blocks: Sequence[Tensor]
    block: np.ndarray
    row: np.ndarray
    start: np.ndarray
    stop: np.ndarray

    def detach(self) -> "AttentionRows":
        """Return the same rows without gradient."""
        return AttentionRows([x.detach() for x in self.blocks], self.block, self.row, self.start, self.stop)


class Meeting(NamedTuple):
    """Pairs of rows of two blocks whose runs begin equally far from each other.

    :param pairs: The numbers of the pairs. *Shape:* (p,)
    :param head_rows: The part of the heads' block where the runs may meet. *Shape:* (R, K, b)
    :param tail_rows: The part of the tails' block. *Shape:* (R, K, b)
    :param head: The heads' rows in their block. *Shape:* (p,)
    :param tail: The tails' rows in their block. *Shape:* (p,)
    :param start: The word piece at which each meeting starts. *Shape:* (p,)
    :param stop: The word piece before which it stops. *Shape:* (p,)
    """

    pairs: np.ndarray
    head_rows: Tensor
    tail_rows: Tensor
    head: np.ndarray
    tail: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def meetings(rows: AttentionRows, head: np.ndarray, tail: np.ndarray) -> Iterator[Meeting]:
    """Yield the pairs whose runs meet, in groups that can be multiplied at once.

    :param head: Mention numbers. *Shape:* (P,)
    :param tail: Mention numbers. *Shape:* (P,)
    """
    low, high = np.maximum(rows.start[head], rows.start[tail]), np.minimum(rows.stop[head], rows.stop[tail])
    near = np.flatnonzero(low < high)
    if not len(near):
        return
    distance = rows.start[tail] - rows.start[head]
    span, blocks = int(rows.start.max(initial=0)) + 1, len(rows.blocks)
    code = ((rows.block[head] * blocks + rows.block[tail]) * 2 * span + distance + span)[near]
    _, kind, counts = np.unique(code, return_inverse=True, return_counts=True)
    of_kind = np.split(near[kind.argsort(kind="stable")], counts.cumsum()[:-1])
    for pairs in of_kind:
        head_block, tail_block = rows.block[head[pairs[0]]], rows.block[tail[pairs[0]]]
        apart = int(distance[pairs[0]])
        left, right = rows.blocks[head_block], rows.blocks[tail_block]
        left, right = left[:, :, max(apart, 0) :], right[:, :, max(-apart, 0) :]
        width = min(left.shape[2], right.shape[2])
        yield Meeting(
            pairs,
            left[:, :, :width],
            right[:, :, :width],
            rows.row[head[pairs]],
            rows.row[tail[pairs]],
            low[pairs],
            high[pairs],
        )


def _pieces_of(meeting: Meeting) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Cut a meeting into parts that are multiplied at a time (see `PRODUCTS`). Each comes with the numbers of
    its rows, on the device."""
    left = meeting.head_rows
    size = max(1, PRODUCTS.get(left.device.type, PRODUCTS["cpu"]) // max(1, left.shape[1] * left.shape[2]))
    head, tail = on_device(meeting.head, left.device), on_device(meeting.tail, left.device)
    for start in range(0, len(head), size):
        part = slice(start, start + size)
        yield part, head[part], tail[part]


def _products(meeting: Meeting, head: Tensor, tail: Tensor) -> Tensor:
    return meeting.head_rows.index_select(0, head) * meeting.tail_rows.index_select(0, tail)


def shared_attention(meeting: Meeting) -> Tensor:
    """Return the attention that the two sides of each pair have in common, by head: the sum of the products.
    *Shape:* (p, K)"""
    return torch.cat([_products(meeting, head, tail).sum(dim=2) for _, head, tail in _pieces_of(meeting)])


def weigh_pieces(meeting: Meeting, weigh: Weigh, totals: Tensor | None = None) -> Tensor:
    """Compute the context weights of a meeting's pairs.

    :param totals: What the products are divided by; their own sums where None. *Shape:* (p, K)
    :returns: *Shape:* (p, b)
    """

    def weights(head: Tensor, tail: Tensor, total: Tensor | None) -> Tensor:
        products = _products(meeting, head, tail)
        return weigh(products, products.sum(dim=2) if total is None else total)

    found = []
    for part, head, tail in _pieces_of(meeting):
        total = None if totals is None else totals[part]
        if torch.is_grad_enabled() and meeting.head_rows.requires_grad:
            # The products are as large as all else together, and quick to make again.
            found.append(
                checkpoint(weights, head, tail, total, use_reentrant=False, preserve_rng_state=False)
            )
        else:
            found.append(weights(head, tail, total))
    return torch.cat(found)


class Run(NamedTuple):
    """The context weights of some pairs over one run of word pieces.

    :param pairs: The numbers of the pairs. *Shape:* (p,)
    :param start: The first word piece.
    :param weights: *Shape:* (p, b)
    """

    pairs: np.ndarray
    start: int
    weights: Tensor


def runs_of(meeting: Meeting, weights: Tensor) -> Iterator[Run]:
    """Cut the weights of a meeting to the runs of word pieces that they belong to."""
    edges = [0, *(np.flatnonzero(np.diff(meeting.start)) + 1).tolist(), len(meeting.start)]
    for first, last in pairwise(edges):
        start = int(meeting.start[first])
        width = int(meeting.stop[first:last].max()) - start
        yield Run(meeting.pairs[first:last], start, weights[first:last, :width])


@dataclass(frozen=True)
class Contexts:
    """The contexts of pairs, ready to be pooled from columns that have a row for each word piece. A head
    first projects the hidden states to the few columns that it needs, then pools these. That is exact, and
    avoids a tensor of P x d.

    :param runs: The weights of distinct pairs, each of which is in one run at most.
    :param place: The place of each pair among the pairs of all runs, one run after another. A pair that is in
        no run has the place behind all these. *Shape:* (P,)
    """

    runs: Sequence[Run]
    place: Tensor

    def __call__(self, columns: Tensor) -> Tensor:
        """Make weighted sums of columns.

        :param columns: *Shape:* (L, c)
        :returns: *Shape:* (P, c)
        """
        pooled = [run.weights @ columns[run.start : run.start + run.weights.shape[1]] for run in self.runs]
        return torch.cat([*pooled, columns.new_zeros((1, columns.shape[1]))]).index_select(0, self.place)

    def detach(self) -> "Contexts":
        """Return the same weights without gradient."""
        return Contexts([run._replace(weights=run.weights.detach()) for run in self.runs], self.place)


def mention_pair_contexts(rows: AttentionRows, head: np.ndarray, tail: np.ndarray, weigh: Weigh) -> Contexts:
    """Make the contexts of mention pairs (4). A pair and its inverse have the same one, which is made once.

    :param head: Mention numbers. *Shape:* (P,)
    :param tail: Mention numbers. *Shape:* (P,)
    """
    size = len(rows.start)
    low, high = np.minimum(head, tail), np.maximum(head, tail)
    distinct, inverse = np.unique(low * size + high, return_inverse=True)
    runs = [
        run
        for meeting in meetings(rows, distinct // max(size, 1), distinct % max(size, 1))
        for run in runs_of(meeting, weigh_pieces(meeting, weigh))
    ]
    order = np.concatenate([np.zeros(0, dtype=np.int64), *(run.pairs for run in runs)])
    place = np.full(len(distinct), len(order))
    place[order] = np.arange(len(order))
    return Contexts(runs, on_device(place[inverse.reshape(-1)], rows.blocks[0].device))
