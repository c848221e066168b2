"""Scores of pairs: from what is known of both sides and their context to one logit a class.

A pair's context is a weighted sum of hidden states, c_ij = q_ij H, and both heads use it only in a linear
map: they project H to the few columns they need once, then pool, which is exact and avoids a P x d tensor.
"""

import math
from abc import ABC, abstractmethod
from typing import Callable, Dict

import torch
from torch import Tensor, nn


class Head(nn.Module, ABC):
    """What both heads share: a last linear layer with one row a class.

    :param features: Width of what the last layer reads.
    :param classes: C.
    """

    def __init__(self, features: int, classes: int):
        super().__init__()
        self.output = nn.Linear(features, classes)

    @property
    def classes(self) -> int:
        return self.output.out_features

    @abstractmethod
    def forward(self, rows: Tensor, hidden: Tensor, weights: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """
        :param rows: What the pairs are made of, mentions or entities. *Shape:* (R, d)
        :param hidden: *Shape:* (L, d)
        :param weights: Context weights. *Shape:* (P, L)
        :param head: Numbers of rows. *Shape:* (P,)
        :param tail: Numbers of rows. *Shape:* (P,)
        :returns: *Shape:* (P, C)
        """

    def resize(self, classes: int) -> None:
        """More classes; those that are there keep their weights."""
        old, new = self.output, nn.Linear(self.output.in_features, classes)
        with torch.no_grad():
            new.weight[: old.out_features] = old.weight
            new.bias[: old.out_features] = old.bias
        self.output = new.to(old.weight)  # its device and precision


class LinearHead(Head):
    """w_c [h_i; h_j; c_ij] + b_c (KMGRE, eq. 5, 6).

    :param width: d, of the hidden states.
    :param classes: C.
    """

    def __init__(self, width: int, classes: int):
        super().__init__(3 * width, classes)

    def forward(self, rows: Tensor, hidden: Tensor, weights: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        of_head, of_tail, of_context = self.output.weight.chunk(3, dim=1)
        return (
            (rows @ of_head.T)[head]
            + (rows @ of_tail.T)[tail]
            + weights @ (hidden @ of_context.T)
            + self.output.bias
        )


class BilinearHead(Head):
    """The group bilinear head of ATLOP (Zhou et al., AAAI 2021, eq. 8-10).

    The groups are 64 wide, or as wide as the largest power of two below that divides the width.

    :param width: d, of the hidden states.
    :param classes: C.
    """

    def __init__(self, width: int, classes: int):
        block = math.gcd(width, 64)
        super().__init__(width * block, classes)
        self.block = block
        self.head = nn.Linear(2 * width, width)
        self.tail = nn.Linear(2 * width, width)

    def forward(self, rows: Tensor, hidden: Tensor, weights: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        side = []
        for layer, numbers in ((self.head, head), (self.tail, tail)):
            of_row, of_context = layer.weight.chunk(2, dim=1)
            context = weights @ (hidden @ of_context.T)
            side.append(torch.tanh((rows @ of_row.T)[numbers] + context + layer.bias))
        left, right = (x.unflatten(1, (-1, self.block)) for x in side)
        return self.output((left.unsqueeze(3) * right.unsqueeze(2)).flatten(1))


HEADS: Dict[str, Callable[[int, int], Head]] = {"linear": LinearHead, "bilinear": BilinearHead}
