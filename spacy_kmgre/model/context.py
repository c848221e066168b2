"""Contexts of pairs (4), ready to be pooled from any columns that belong to the word pieces.

A text of one window has dense attention rows, and its context weights are one matrix. In a long text a row
is zero but for a run of word pieces, most pairs have no piece in common, and only those that have are looked
at: time and memory grow with the text, not with its square.
"""

from typing import Callable, Iterator, List, Optional, Tuple

import torch
from torch import Tensor

from . import maths
from .encoder import Encoded

# Takes columns (L, c), gives their weighted sums for every pair (P, c).
Pool = Callable[[Tensor], Tensor]


def pool_of_mentions(encoded: Encoded, head: Tensor, tail: Tensor, mode: str) -> Pool:
    """The contexts of mention pairs.

    :param head: Mention numbers. *Shape:* (P,)
    :param tail: Mention numbers. *Shape:* (P,)
    """
    if encoded.starts is None:
        return _dense_pool(encoded.attention, head, tail, mode)
    own = torch.arange(len(head), device=head.device)
    return RunContext(encoded, head, tail, own, len(head), mode).pool


def pool_of_entities(
    encoded: Encoded,
    entities: Optional[Tensor],
    pairs: Tensor,
    head: Tensor,
    tail: Tensor,
    pair_index: Tensor,
    mode: str,
) -> Tuple[Pool, Tensor]:
    """The contexts of entity pairs, whose rows are the means of their mentions' (ATLOP).

    :param entities: The entities' rows; not needed in a long text. *Shape:* (E, K, L)
    :param pairs: Entity numbers. *Shape:* (N, 2)
    :param head: Mention numbers of the mention pairs. *Shape:* (P,)
    :returns: The pool, and each mention pair's part in its entity pair's context, without gradient. *Shape:* (P,)
    """
    if entities is not None:
        pool = _dense_pool(entities, pairs[:, 0], pairs[:, 1], mode)
        rows = encoded.attention.detach()
        mass = torch.einsum("ikl,jkl->ij", rows, rows)[head, tail]
    else:
        context = RunContext(encoded, head, tail, pair_index, len(pairs), mode)
        pool, mass = context.pool, context.mass
    # As the entities' rows are means over mentions, the parts of an entity pair add up to its whole.
    total = mass.new_zeros(len(pairs)).index_add(0, pair_index, mass)
    count = torch.bincount(pair_index, minlength=len(pairs))[pair_index]
    return pool, torch.where(total[pair_index] > 0, mass / total[pair_index], 1.0 / count)


def _dense_pool(rows: Tensor, head: Tensor, tail: Tensor, mode: str) -> Pool:
    """:param rows: Attention over all word pieces. *Shape:* (R, K, L)"""
    # Both directions of a pair have one context.
    both, inverse = (torch.minimum(head, tail) * len(rows) + torch.maximum(head, tail)).unique(
        return_inverse=True
    )
    weights = maths.context_weights(rows, both // len(rows), both % len(rows), mode)
    return lambda columns: (weights @ columns)[inverse]


class RunContext:
    """Context weights in a long text: of mention pairs, or of the entity pairs that they belong to.

    :param target: What each mention pair adds to, 0..N-1. *Shape:* (P,)
    :ivar mass: The attention that each mention pair has in common, without gradient. *Shape:* (P,)
    """

    def __init__(
        self, encoded: Encoded, head: Tensor, tail: Tensor, target: Tensor, num_targets: int, mode: str
    ):
        self.num_targets = num_targets
        self.width = encoded.attention.shape[2]
        products = [
            (pairs, start, product.mean(dim=1, keepdim=True) if mode == "pooled" else product)
            for pairs, start, product in _products(encoded, head, tail)
        ]
        heads = 1 if mode == "pooled" else encoded.attention.shape[1]
        total = encoded.attention.new_zeros((num_targets, heads))
        self.mass = encoded.attention.new_zeros(len(head))
        for pairs, _, product in products:
            masses = product.sum(dim=2)
            total = total.index_add(0, target[pairs], masses)
            self.mass[pairs] = masses.detach().sum(dim=1)
        total = maths.divisor(total)
        self.weights: List[Tuple[Tensor, int, Tensor]] = [
            (target[pairs], start, (product / total[target[pairs]].unsqueeze(2)).mean(dim=1))
            for pairs, start, product in products
        ]

    def pool(self, columns: Tensor) -> Tensor:
        pooled = columns.new_zeros((self.num_targets, columns.shape[1]))
        for targets, start, weights in self.weights:
            pooled = pooled.index_add(0, targets, weights @ columns[start : start + self.width])
        return pooled


def _products(encoded: Encoded, head: Tensor, tail: Tensor) -> Iterator[Tuple[Tensor, int, Tensor]]:
    """The products of attention rows that meet, one head mention after another: the numbers of its mention
    pairs, where its run starts, and their products over the run. *Shape:* (p,), (p, K, B)"""
    assert encoded.starts is not None
    starts, values = encoded.starts, encoded.attention
    width = values.shape[2]
    near = ((starts[head] - starts[tail]).abs() < width).nonzero().squeeze(1)
    near = near[head[near].argsort(stable=True)]
    mentions, counts = head[near].unique_consecutive(return_counts=True)
    run = torch.arange(width, device=starts.device)
    for mention, pairs in zip(mentions.tolist(), near.split(counts.tolist())):
        tails = tail[pairs]
        # Where the head's run lies in the runs of the tails.
        columns = run + (starts[mention] - starts[tails])[:, None]
        inside = (columns >= 0) & (columns < width)
        columns = columns.clamp(0, width - 1)[:, None].expand(-1, values.shape[1], -1)
        met = values[tails].gather(2, columns) * inside[:, None]
        yield pairs, int(starts[mention]), values[mention] * met
