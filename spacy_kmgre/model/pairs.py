"""Entity pairs and their mention pairs as index tensors."""

from typing import Iterator, List, Sequence, Tuple

import torch
from torch import Tensor


def entity_pairs(entities: Sequence[int]) -> Tensor:
    """All ordered pairs of different entities, by head, then by tail. *Shape:* (N, 2)"""
    numbers = torch.as_tensor(entities, dtype=torch.long)
    pairs = torch.cartesian_prod(numbers, numbers).view(-1, 2)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def mention_pairs(clusters: Sequence[Sequence[int]], pairs: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    """The mention pairs of entity pairs, those of one entity pair side by side.

    :param clusters: The mention numbers of each entity.
    :param pairs: Entity numbers. *Shape:* (N, 2)
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
    return (
        mentions[first[head][pair_index] + within // width],
        mentions[first[tail][pair_index] + within % width],
        pair_index,
    )


def chunk_entity_pairs(
    clusters: Sequence[Sequence[int]], max_mention_pairs: int, mirrored: bool = False
) -> Iterator[Tensor]:
    """The entity pairs of the entities that have mentions, in runs of at most `max_mention_pairs` mention
    pairs, or of one entity pair. All of them at once would be too many in a long text.

    :param mirrored: Follow each entity pair by its mirror, in the same run.
    :returns: Entity numbers, otherwise in the order of `entity_pairs`. *Shape:* (n, 2)
    """
    size = torch.tensor([len(cluster) for cluster in clusters], dtype=torch.long)
    entities = size.nonzero().squeeze(1)
    held: List[Tensor] = []
    room = max_mention_pairs
    for head in entities.tolist():
        tails = entities[entities > head] if mirrored else entities[entities != head]
        pairs = torch.stack([torch.full_like(tails, head), tails], dim=1)
        ends = (size[head] * size[tails]).cumsum(0)
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
                held, room = [], max_mention_pairs
    if held:
        yield torch.cat(held).view(-1, 2)
