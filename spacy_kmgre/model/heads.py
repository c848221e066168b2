"""Scores of pairs: from what is known of both sides and their context to one logit a class.

A pair's context is a weighted sum of hidden states, c_ij = q_ij H, and both heads use it, and the two sides,
only in linear maps: they project a document's H and rows to the few columns they need once, then pool, which
is exact and avoids a P x d tensor.
"""

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .context import Contexts


class Projected(NamedTuple):
    """A document as a head sees it, whatever the pairs; R rows, mentions or entities.

    :param head: The rows as heads. *Shape:* (R, c)
    :param tail: The rows as tails. *Shape:* (R, c)
    :param context: The hidden states. *Shape:* (L, c) or (L, 2c)
    """

    head: Tensor
    tail: Tensor
    context: Tensor

    def sides(self, head: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Both sides of pairs, given as numbers of rows. *Shape:* (P, c) each"""
        # Not by indexing, whose gradient takes long to add up.
        return self.head.index_select(0, head), self.tail.index_select(0, tail)


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
    def project(self, rows: Tensor, hidden: Tensor) -> Projected:
        """
        :param rows: What the pairs are made of, mentions or entities. *Shape:* (R, d)
        :param hidden: *Shape:* (L, d)
        """

    @abstractmethod
    def forward(self, projected: Projected, contexts: Contexts, head: Tensor, tail: Tensor) -> Tensor:
        """
        :param contexts: Of the pairs.
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

    def project(self, rows: Tensor, hidden: Tensor) -> Projected:
        of_head, of_tail, of_context = self.output.weight.chunk(3, dim=1)
        return Projected(rows @ of_head.T, rows @ of_tail.T, hidden @ of_context.T)

    def forward(self, projected: Projected, contexts: Contexts, head: Tensor, tail: Tensor) -> Tensor:
        of_head, of_tail = projected.sides(head, tail)
        return of_head + of_tail + contexts(projected.context) + self.output.bias


class BilinearHead(Head):
    """The group bilinear head of ATLOP (Zhou et al., AAAI 2021, eq. 8-10).

    :param width: d, of the hidden states.
    :param classes: C.
    :param inner: The width of the two sides once projected.
    :param block: The width of the groups; the largest common divisor with `inner` where it does not divide it.
    """

    def __init__(self, width: int, classes: int, inner: int, block: int = 64):
        block = math.gcd(inner, block)
        super().__init__(inner * block, classes)
        self.block = block
        self.head = nn.Linear(2 * width, inner)
        self.tail = nn.Linear(2 * width, inner)

    def project(self, rows: Tensor, hidden: Tensor) -> Projected:
        head_row, head_context = self.head.weight.chunk(2, dim=1)
        tail_row, tail_context = self.tail.weight.chunk(2, dim=1)
        return Projected(
            rows @ head_row.T, rows @ tail_row.T, hidden @ torch.cat([head_context, tail_context]).T
        )

    def forward(self, projected: Projected, contexts: Contexts, head: Tensor, tail: Tensor) -> Tensor:
        of_head, of_tail = projected.sides(head, tail)
        head_context, tail_context = contexts(projected.context).chunk(2, dim=1)
        left = torch.tanh(of_head + head_context + self.head.bias).split(self.block, dim=1)
        right = torch.tanh(of_tail + tail_context + self.tail.bias).split(self.block, dim=1)
        weights = self.output.weight.split(self.block**2, dim=1)
        # Group by group, and so many pairs at a time: all products at once, P x inner x block, do not fit into a
        # processor's cache.
        size = max(1, len(head)) if head.is_cuda else 1024
        parts = list(self.output.bias.expand(len(head), -1).split(size))
        for x, y, weight in zip(left, right, weights):
            for number, (some, others) in enumerate(zip(x.split(size), y.split(size))):
                products = (some.unsqueeze(2) * others.unsqueeze(1)).flatten(1)
                parts[number] = torch.addmm(parts[number], products, weight.T)
        return torch.cat(parts)


class HiddenHead(Head):
    """A linear head over one hidden layer: w_c tanh(W [h_i; h_j; c_ij] + b) + b_c.

    :param width: d, of the hidden states.
    :param classes: C.
    :param inner: Width of the hidden layer.
    """

    def __init__(self, width: int, classes: int, inner: int):
        super().__init__(inner, classes)
        self.hidden = nn.Linear(3 * width, inner)

    def project(self, rows: Tensor, hidden: Tensor) -> Projected:
        of_head, of_tail, of_context = self.hidden.weight.chunk(3, dim=1)
        return Projected(rows @ of_head.T, rows @ of_tail.T, hidden @ of_context.T)

    def forward(self, projected: Projected, contexts: Contexts, head: Tensor, tail: Tensor) -> Tensor:
        of_head, of_tail = projected.sides(head, tail)
        return self.output(torch.tanh(of_head + of_tail + contexts(projected.context) + self.hidden.bias))


HEADS = ("linear", "hidden", "bilinear")


def make_head(name: str, width: int, classes: int, inner: int, block: int = 64, prior: float = 3.0) -> Head:
    """A relation extractor's head; class 0 is TH.

    :param inner: Of a hidden or a bilinear head.
    :param block: Of a bilinear head.
    :param prior: The bias of TH before training. Most pairs have no relation (as Lin et al., ICCV 2017, begin), and a
        model that says all relations of all pairs takes long to evaluate at step 0.
    """
    head: Head
    if name == "linear":
        head = LinearHead(width, classes)
    elif name == "hidden":
        head = HiddenHead(width, classes, inner)
    else:
        head = BilinearHead(width, classes, inner, block)
    nn.init.constant_(head.output.bias[:1], prior)
    return head
