"""Entity pairs and their mention pairs as index tensors."""

import sys
from typing import Iterator, List, Optional, Sequence, Tuple

import torch
from torch import Tensor


def mention_pairs(
    clusters: Sequence[Sequence[int]], pairs: Tensor, windows: Optional[Tensor] = None
) -> Tuple[Tensor, Tensor, Tensor]:
    """The mention pairs of entity pairs, those of one entity pair side by side.

    :param clusters: The mention numbers of each entity.
    :param pairs: Entity numbers. *Shape:* (N, 2)
    :param windows: Only mention pairs that have a window in common. *Shape:* (M, 2)
    :returns: Mention numbers of the heads and of the tails, and `pair_index`. *Shape:* (P,) each
    """
    size = torch.tensor([len(cluster) for cluster in clusters], dtype=torch.long)
    first = size.cumsum(0) - size
    mentions = torch.tensor([mention for cluster in clusters for mention in cluster], dtype=torch.long)
    head, tail = pairs.unbind(1)
    count = size[head] * size[tail]
    pair_index = torch.repeat_interleave(torch.arange(len(pairs)), count)
    within = torch.arange(int(count.sum())) - (count.cumsum(0) - count)[pair_index]
    width = size[tail][pair_index]
    heads = mentions[first[head][pair_index] + within // width]
    tails = mentions[first[tail][pair_index] + within % width]
    if windows is None:
        return heads, tails, pair_index
    met = _meet(windows[heads], windows[tails])
    return heads[met], tails[met], pair_index[met]


def chunk_entity_pairs(
    clusters: Sequence[Sequence[int]],
    max_mention_pairs: Optional[int] = None,
    mirrored: bool = False,
    windows: Optional[Tensor] = None,
) -> Iterator[Tensor]:
    """The entity pairs that have mention pairs, in runs of at most `max_mention_pairs` of these, or of one entity
    pair. All of them at once would be too many in a long text.

    :param max_mention_pairs: No limit where None.
    :param mirrored: Follow each entity pair by its mirror, in the same run.
    :param windows: Only mention pairs that have a window in common. *Shape:* (M, 2)
    :returns: Entity numbers, otherwise by head, then by tail. *Shape:* (n, 2)
    """
    size = torch.tensor([len(cluster) for cluster in clusters], dtype=torch.long)
    owner = torch.repeat_interleave(torch.arange(len(clusters)), size)
    members = torch.tensor([mention for cluster in clusters for mention in cluster], dtype=torch.long)
    limit = sys.maxsize if max_mention_pairs is None else max_mention_pairs
    held: List[Tensor] = []
    room = limit
    for head in size.nonzero().squeeze(1).tolist():
        count = size[head] * size
        if windows is not None:
            met = _meet(windows[list(clusters[head])][:, None], windows[members]).sum(dim=0)
            count = torch.zeros_like(size).index_add(0, owner, met)
        count[: head + 1 if mirrored else 0] = 0
        count[head] = 0
        tails = count.nonzero().squeeze(1)
        pairs = torch.stack([torch.full_like(tails, head), tails], dim=1)
        ends = count[tails].cumsum(0)
        if mirrored:
            pairs, ends = torch.cat([pairs, pairs.flip(1)], dim=1), 2 * ends
        start = 0
        while start < len(pairs):
            before = int(ends[start - 1]) if start else 0
            stop = int(torch.searchsorted(ends, before + room, right=True))
            if not held:
                stop = max(stop, start + 1)
            if stop > start:
                held.append(pairs[start:stop])
                room -= int(ends[stop - 1]) - before
                start = stop
            if start < len(pairs):
                yield torch.cat(held).view(-1, 2)
                held, room = [], limit
    if held:
        yield torch.cat(held).view(-1, 2)


def _meet(some: Tensor, others: Tensor) -> Tensor:
    """Whether first and last windows have one in common, bool. *Shape:* (..., 2) each, and (...)"""
    return (some[..., 0] <= others[..., 1]) & (others[..., 0] <= some[..., 1])
