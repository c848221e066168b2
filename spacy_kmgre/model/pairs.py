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
    clusters: Sequence[Sequence[int]], pairs: Tensor, max_mention_pairs: int
) -> Iterator[Tensor]:
    """Cut entity pairs into runs of at most `max_mention_pairs` mention pairs, or of one entity pair."""
    size = torch.tensor([len(cluster) for cluster in clusters], dtype=torch.long)
    counts: List[int] = (size[pairs[:, 0]] * size[pairs[:, 1]]).tolist()
    start, total = 0, 0
    for number, count in enumerate(counts):
        if number > start and total + count > max_mention_pairs:
            yield pairs[start:number]
            start, total = number, 0
        total += count
    if start < len(counts):
        yield pairs[start:]
