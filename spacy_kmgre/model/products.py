"""Normalised products of attention rows: all the work of the contexts (4).

Written with torch's operations, the backward pass would keep several tensors of pairs by heads by pieces; here none is
kept, and on a processor none is made: pairs with the same head go together, which stays in the cache.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Elements of a tensor of pairs by heads by pieces on a GPU.
MOST = 2**23


def normalised_products(rows: Tensor, head: Tensor, tail: Tensor, pooled: bool = False) -> Tensor:
    """The products of two rows, each attention head's brought to sum 1, and their mean over the heads; what sums to
    nothing stays so.

    :param rows: *Shape:* (R, K, L)
    :param head: Numbers of rows. *Shape:* (P,)
    :param tail: Numbers of rows. *Shape:* (P,)
    :param pooled: The heads' sum is brought to sum 1 in their place.
    :returns: *Shape:* (P, L)
    """
    return _NormalisedProducts.apply(rows, head, tail, pooled)


def divisor(total: Tensor) -> Tensor:
    """Sums of weights to divide by: 1 for those that are nothing, so that what sums to nothing stays so."""
    return total.masked_fill(_is_nothing(total), 1.0)


def _is_nothing(total: Tensor) -> Tensor:
    # Below this a sum loses digits and the gradient of the quotient overflows.
    limits = torch.finfo(total.dtype)
    return total < limits.tiny / limits.eps


class _NormalisedProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, head: Tensor, tail: Tensor, pooled: bool) -> Tensor:
        totals = _totals(rows, head, tail)
        if pooled:
            totals = totals.sum(dim=1, keepdim=True)
        share = (1.0 / (totals.shape[1] * divisor(totals))).unsqueeze(1).expand(-1, 1, rows.shape[1])
        means = rows.new_empty((len(head), 1, rows.shape[2]))
        for pairs, left, right in _groups(rows, head, tail):
            torch.bmm(share[pairs], rows[left] * rows[right], out=means[pairs])
        ctx.save_for_backward(rows, totals, head, tail)
        return means.squeeze(1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_means: Tensor) -> tuple[Tensor, None, None, None]:
        rows, totals, head, tail = ctx.saved_tensors
        d_rows = torch.zeros_like(rows, memory_format=torch.contiguous_format)
        share = 1.0 / divisor(totals)
        # A sum that is nothing is no divisor, and has no gradient.
        of_total = share.masked_fill(_is_nothing(totals), 0.0)
        share /= totals.shape[1]
        for pairs, left, right in _groups(rows, head, tail):
            of_head, of_tail, d_mean = rows[left], rows[right], d_means[pairs]
            through_total = ((of_head * of_tail) @ d_mean.unsqueeze(2)).squeeze(2)
            if totals.shape[1] < rows.shape[1]:  # pooled
                through_total = through_total.sum(dim=1, keepdim=True)
            d_products = d_mean.unsqueeze(1) - (through_total * of_total[pairs]).unsqueeze(2)
            d_products *= share[pairs].unsqueeze(2)
            _add(d_rows, right, d_products * of_head)
            _add(d_rows, left, d_products * of_tail)
        return d_rows, None, None, None


def _totals(rows: Tensor, head: Tensor, tail: Tensor) -> Tensor:
    """The sums of the products. *Shape:* (P, K)"""
    totals = rows.new_empty((len(head), rows.shape[1]))
    if _on_gpu(rows):
        for pairs, left, right in _groups(rows, head, tail):
            torch.sum(rows[left] * rows[right], dim=2, out=totals[pairs])
        return totals
    by_head = rows.transpose(0, 1)
    for pairs, heads, tails in _rectangles(head.numpy(), tail.numpy()):
        products = by_head[:, heads] @ by_head[:, tails].transpose(1, 2)
        totals[pairs] = products[:, head[pairs] - heads.start, tail[pairs] - tails.start].T
    return totals


def _on_gpu(rows: Tensor) -> bool:
    return rows.device.type != "cpu"


Numbers = int | slice | Tensor


def _groups(rows: Tensor, head: Tensor, tail: Tensor) -> Iterator[tuple[slice, Numbers, Numbers]]:
    """Pairs to look at together, and the rows on both sides: on a processor runs of pairs with one head; on a GPU,
    which takes longer to be asked than to answer, as many as `MOST` allows."""
    if _on_gpu(rows):
        size = max(1, MOST // (rows.shape[1] * rows.shape[2]))
        for start in range(0, len(head), size):
            pairs = slice(start, start + size)
            yield pairs, head[pairs], tail[pairs]
        return
    heads, tails = head.numpy(), tail.numpy()
    starts, ends = _runs(heads)
    if not len(starts):
        return
    gaps = np.diff(tails, append=-1) != 1
    gaps[ends - 1] = False
    scattered = np.logical_or.reduceat(gaps, starts).tolist()
    for start, end, apart in zip(starts.tolist(), ends.tolist(), scattered):
        pairs, first = slice(start, end), int(tails[start])
        yield pairs, int(heads[start]), tail[pairs] if apart else slice(first, first + end - start)


def _rectangles(heads: np.ndarray, tails: np.ndarray) -> Iterator[tuple[slice, slice, slice]]:
    """Pairs that are most of those of a range of heads and a range of tails, as those of one document are."""
    starts, ends = _runs(heads)
    if not len(starts):
        return
    first = heads[starts].tolist()
    low, high = np.minimum.reduceat(tails, starts).tolist(), np.maximum.reduceat(tails, starts).tolist()
    edges, last, top = [], -1, -1
    for run, (head, lowest, highest) in enumerate(zip(first, low, high)):
        if not (last < head <= top and lowest <= top):
            edges.append(run)
            top = highest
        last, top = head, max(top, highest)
    for begin, end in zip(edges, [*edges[1:], len(first)]):
        pairs = slice(int(starts[begin]), int(ends[end - 1]))
        of_tails = slice(min(low[begin:end]), max(high[begin:end]) + 1)
        yield pairs, slice(first[begin], first[end - 1] + 1), of_tails


def _runs(heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where runs of pairs with one head start and end."""
    edges = np.flatnonzero(np.diff(heads, prepend=-1, append=-1))
    return edges[:-1], edges[1:]


def _add(total: Tensor, rows: Numbers, values: Tensor) -> None:
    if isinstance(rows, int):
        total[rows] += values.sum(dim=0)
    elif isinstance(rows, slice):
        total[rows] += values
    else:
        total.index_add_(0, rows, values)
