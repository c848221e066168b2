"""The distance between the two mentions of a pair, as a part of their logits.

A linear head over hidden states cannot say how far apart two mentions stand: that is no sum of what is known of each.
Contexts (4) say little of it, since attention reaches everywhere. Yet mention pairs within a sentence are key far more
often than others. The paper has nothing of the kind; `distance` of the config is the switch.
"""

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

# Where ranges of distances end, in word pieces between two markers.
EDGES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
# From so many sentences on, distances are one range.
SENTENCES = 3
# The rows of the table: first those of word pieces, then those of sentences, last one that stays 0, for mentions whose
# sentence is unknown.
_FIRST_OF_SENTENCES = 2 * (len(EDGES) + 1)
UNKNOWN = _FIRST_OF_SENTENCES + 2 * SENTENCES + 1

# What the numbers of the table are multiplied by. Only a few updates hold pairs of a given range, so that its numbers
# have to move further in each update than the weights of a head, which learn from every pair.
PACE = 3.0


class Distance(nn.Module, ABC):
    """What the distances between mentions add to the logits of their pairs."""

    @abstractmethod
    def forward(self, logits: Tensor, ranges: Tensor) -> Tensor:
        """Add it.

        :param logits: The logits without it. *Shape:* (P, C)
        :param ranges: What `find_ranges` returns, on the device of the logits. *Shape:* (P, 2)
        :returns: *Shape:* (P, C)
        """

    @abstractmethod
    def resize(self, classes: int) -> None:
        """Make room for more classes; those that are there keep their numbers."""


class NoDistance(Distance):
    """Nothing is added, as in the paper."""

    def forward(self, logits: Tensor, ranges: Tensor) -> Tensor:
        return logits

    def resize(self, classes: int) -> None:
        pass


class LearnedDistance(Distance):
    """For each range of distances, and for each class, a number is added that begins at 0 and is learned.

    :param classes: The number C of classes.
    """

    def __init__(self, classes: int):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(UNKNOWN + 1, classes))

    def forward(self, logits: Tensor, ranges: Tensor) -> Tensor:
        added = nn.functional.embedding_bag(ranges, self.table, mode="sum", padding_idx=UNKNOWN)
        return logits + PACE * added

    def resize(self, classes: int) -> None:
        new = self.table.new_zeros((len(self.table), classes))
        new[:, : self.table.shape[1]] = self.table.detach()
        self.table = nn.Parameter(new)


def find_ranges(head: np.ndarray, tail: np.ndarray) -> np.ndarray:
    """Return the ranges of distances that each mention pair is in, of word pieces and of sentences, as rows of the
    table. A distance to a tail before the head and to one behind it are two.

    :param head: The word piece and the sentence of each head's marker, numbered in its document; -1 for an unknown
        sentence. *Shape:* (P, 2)
    :param tail: Those of the tails. *Shape:* (P, 2)
    :returns: *Shape:* (P, 2)
    """
    pieces, sentences = (tail - head).T
    of_pieces = 2 * np.searchsorted(EDGES, np.abs(pieces), side="right") + (pieces > 0)
    of_sentences = _FIRST_OF_SENTENCES + SENTENCES + sentences.clip(-SENTENCES, SENTENCES)
    is_known = (head[:, 1] >= 0) & (tail[:, 1] >= 0)
    return np.stack([of_pieces, np.where(is_known, of_sentences, UNKNOWN)], axis=1)
