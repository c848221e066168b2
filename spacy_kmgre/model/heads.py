"""Heads, which turn both sides of a pair and its context into one logit for each class (5), (6).

A pair's context is a weighted sum of hidden states, c_ij = q_ij H. Heads apply linear maps to it and to the
two sides. So they first project the hidden states H and the rows to the few columns that they need, once for
all pairs, and then pool. That is exact, and avoids a tensor of P x d.

A head is registered in `spacy_architectures` by a function that returns `HeadSettings`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .choices import check_range
from .context import Contexts

# How fast labels learn from one another. A logit depends on many more entries of the shared matrix M than of the
# label's own weights w_c, so a training step that moves all entries alike would move it mostly through M.
SHARING = 0.2

# What the products of a label-text bilinear head are multiplied by. A logit depends on thousands of them, so a training
# step that moves all weights alike would move it mostly through these.
PACE = 0.3

# Embeddings that differ by a smaller part of their length are of the same words.
SAME = 1e-3

# The numbers of pairs, and of products of a pair, that a CPU multiplies at a time.
PAIRS, PRODUCTS = 1024, 4096


class Projected(NamedTuple):
    """Documents as a head sees them before any pair is known; R rows are mentions or entities.

    :param head: The rows as heads. *Shape:* (R, c)
    :param tail: The rows as tails. *Shape:* (R, c)
    :param context: The hidden states. *Shape:* (L, c) or (L, 2c)
    """

    head: Tensor
    tail: Tensor
    context: Tensor


class Head(nn.Module, ABC):
    """What all heads share: a last linear layer with one row a class.

    :param features: The width of what the last layer reads.
    :param classes: The number C of classes, TH included.
    :cvar reads_texts: Whether the head has a use for the labels in words.
    """

    reads_texts = False

    def __init__(self, features: int, classes: int):
        super().__init__()
        self.output = nn.Linear(features, classes)

    @property
    def classes(self) -> int:
        """The number C of classes."""
        return self.output.out_features

    @abstractmethod
    def project(self, rows: Tensor, hidden: Tensor) -> Projected:
        """Project what the pairs are made of, once for all pairs.

        :param rows: The embeddings of what the pairs are made of. *Shape:* (R, d)
        :param hidden: The hidden states of all word pieces. *Shape:* (L, d)
        """

    @abstractmethod
    def forward(self, projected: Projected, contexts: Contexts, head: Tensor, tail: Tensor) -> Tensor:
        """Score some pairs.

        :param projected: What `project` has returned.
        :param contexts: The contexts of the pairs.
        :param head: Row numbers of the heads. *Shape:* (P,)
        :param tail: Row numbers of the tails. *Shape:* (P,)
        :returns: Logits. *Shape:* (P, C)
        """

    def read_texts(self, texts: Tensor) -> None:
        """Take embeddings of the labels in words, before training. A head that has no use for them leaves them.

        :param texts: One row a class, zero where there is no text, as for TH. *Shape:* (C, d)
        """

    def resize(self, classes: int) -> None:
        """Make room for more classes; those that are there keep their weights."""
        old, new = self.output, nn.Linear(self.output.in_features, classes)
        with torch.no_grad():
            new.weight[: old.out_features] = old.weight
            new.bias[: old.out_features] = old.bias
        self.output = new.to(old.weight)  # It keeps the device and the precision.


class LinearHead(Head):
    """The linear head of KMGRE, w_c [h_i; h_j; c_ij] + b_c (eq. 5, 6).

    :param width: The width d of hidden states.
    :param classes: The number C of classes.
    """

    def __init__(self, width: int, classes: int):
        super().__init__(3 * width, classes)

    def project(self, rows: Tensor, hidden: Tensor) -> Projected:
        of_head, of_tail, of_context = self.output.weight.chunk(3, dim=1)
        return Projected(rows @ of_head.T, rows @ of_tail.T, hidden @ of_context.T)

    def forward(self, projected: Projected, contexts: Contexts, head: Tensor, tail: Tensor) -> Tensor:
        # Indexing would give the same, but its gradient takes long to add up.
        sides = projected.head.index_select(0, head) + projected.tail.index_select(0, tail)
        return sides + contexts(projected.context) + self.output.bias


class LabelTextHead(LinearHead):
    """A linear head whose weights for the context begin at the embeddings of the labels in words, and whose
    labels share what they learn as far as their texts are alike: w_c + e_c (I + s M), where e_c is the
    embedding, I stands at the context, M is learned, and s is `SHARING`. PRiSM (Choi et al., 2023) also adds a
    learned similarity of pair and text to each logit.

    :param width: The width d of hidden states.
    :param classes: The number C of classes.
    """

    reads_texts = True
    texts: Tensor

    def __init__(self, width: int, classes: int):
        super().__init__(width, classes)
        self.register_buffer("texts", torch.zeros(classes, width))
        self.shared = nn.Parameter(torch.zeros(width, 3 * width))

    def read_texts(self, texts: Tensor) -> None:
        """Centre the embeddings, and scale them to the length of the other weights, so that they all begin alike. Where
        all labels have the same words, nothing is left of these in the middle, and they stay where they are."""
        known = texts.abs().sum(dim=1, keepdim=True) > 0
        if known.any():
            centred = torch.where(known, texts - texts[known[:, 0]].mean(dim=0), 0.0)
            texts = centred if centred.norm() > SAME * texts.norm() else texts
        with torch.no_grad():
            length = self.output.weight[:, -self.texts.shape[1] :].norm(dim=1).mean()
            self.texts.copy_(length * nn.functional.normalize(texts, dim=1))

    def project(self, rows: Tensor, hidden: Tensor) -> Projected:
        weight = self.output.weight + SHARING * self.texts @ self.shared
        of_head, of_tail, of_context = weight.chunk(3, dim=1)
        return Projected(rows @ of_head.T, rows @ of_tail.T, hidden @ (of_context + self.texts).T)

    def resize(self, classes: int) -> None:
        super().resize(classes)
        self.texts = nn.functional.pad(self.texts, (0, 0, 0, classes - len(self.texts)))


class BilinearHead(Head):
    """The group bilinear head of ATLOP (Zhou et al., AAAI 2021, eq. 8-10).

    :param width: The width d of hidden states.
    :param classes: The number C of classes.
    :param inner: The width of the two sides once projected.
    :param block: The width of the groups; where it does not divide `inner`, the largest common divisor of both.
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
        contexts = torch.cat([head_context, tail_context])
        return Projected(rows @ head_row.T, rows @ tail_row.T, hidden @ contexts.T)

    def forward(self, projected: Projected, contexts: Contexts, head: Tensor, tail: Tensor) -> Tensor:
        head_context, tail_context = contexts(projected.context).chunk(2, dim=1)
        left = torch.tanh(projected.head.index_select(0, head) + head_context + self.head.bias)
        right = torch.tanh(projected.tail.index_select(0, tail) + tail_context + self.tail.bias)
        # All products at once, P x inner x block, do not fit into a CPU's cache.
        size = max(1, len(head)) if head.is_cuda else PAIRS
        found = [self._multiply(*some) for some in zip(left.split(size), right.split(size))]  # type: ignore[no-untyped-call]  # torch does not type it.
        return torch.cat(found)

    def _multiply(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the logits of some pairs, of which both sides are known. *Shape:* (P, C)"""
        groups = max(1, PRODUCTS // self.block**2)
        width = groups * self.block
        weights = self.output.weight.split(width * self.block, dim=1)  # type: ignore[no-untyped-call]  # torch does not type it.
        logits = self.output.bias.expand(len(left), -1)
        for x, y, weight in zip(left.split(width, 1), right.split(width, 1), weights):  # type: ignore[no-untyped-call]  # torch does not type it.
            x, y = x.unflatten(1, (-1, self.block, 1)), y.unflatten(1, (-1, 1, self.block))
            logits = torch.addmm(logits, (x * y).flatten(1), weight.T)
        return logits


class LabelTextBilinearHead(LabelTextHead):
    """A label-text head to whose logits those of a group bilinear head are added. A linear layer adds up what is known
    of the head, of the tail and of their context, each by itself; products can say what only two of them together
    mean. The weights of the products begin at 0, so that training begins with the labels in words.

    :param width: The width d of hidden states.
    :param classes: The number C of classes.
    :param inner: The width of the two sides once projected.
    :param block: The width of the groups, as in `BilinearHead`.
    """

    def __init__(self, width: int, classes: int, inner: int, block: int):
        super().__init__(width, classes)
        self.products = BilinearHead(width, classes, inner, block)
        self._begin_at_zero(0)

    def project(self, rows: Tensor, hidden: Tensor) -> Projected:
        both = zip(super().project(rows, hidden), self.products.project(rows, hidden))
        return Projected(*(torch.cat(columns, dim=1) for columns in both))

    def forward(self, projected: Projected, contexts: Contexts, head: Tensor, tail: Tensor) -> Tensor:
        linear = Projected(*(columns[:, : self.classes] for columns in projected))
        products = Projected(*(columns[:, self.classes :] for columns in projected))
        logits: Tensor = PACE * self.products(products, contexts, head, tail)
        return super().forward(linear, contexts, head, tail) + logits

    def resize(self, classes: int) -> None:
        old = self.classes
        super().resize(classes)
        self.products.resize(classes)
        self._begin_at_zero(old)

    def _begin_at_zero(self, first: int) -> None:
        """Forget the products of all classes from one on."""
        with torch.no_grad():
            for parameter in self.products.output.parameters():
                parameter[first:] = 0.0


@dataclass(frozen=True)
class HeadSettings:
    """The head that a relation extractor has.

    :param name: The head's name in saved weights. Weights load into a head of the same name and options only.
    :param kind: The class; it is called with the width d, the number C of classes, and the options.
    :param options: Further arguments of the class.
    """

    name: str
    kind: type[Head]
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self, width: int, classes: int, prior: float) -> Head:
        """Build the head.

        :param width: The width d of hidden states.
        :param classes: The number C of classes; class 0 is TH.
        :param prior: The bias of TH before training. Most pairs have no relation, so training begins with a
            model that predicts few (as in Lin et al., ICCV 2017). A model that predicts all relations of all
            pairs takes long to evaluate at step 0.
        """
        head = self.kind(width, classes, **self.options)
        nn.init.constant_(head.output.bias[:1], prior)
        return head


def linear_head() -> HeadSettings:
    """Choose one linear layer over both sides of a pair and its context, as in the paper
    (`spacy_kmgre.LinearHead.v1`)."""
    return HeadSettings("linear", LinearHead)


def label_text_head() -> HeadSettings:
    """Choose a linear head that begins with the labels in words (`spacy_kmgre.LabelTextHead.v1`)."""
    return HeadSettings("label_text", LabelTextHead)


def label_text_bilinear_head(width: int = 384, block: int = 8) -> HeadSettings:
    """Choose a label-text head and a group bilinear head, of which the logits are added up
    (`spacy_kmgre.LabelTextBilinearHead.v1`).

    :param width: The width of the two projections that are multiplied.
    :param block: The width of the groups within which they are multiplied.
    :raises ValueError: Where one is below 1.
    """
    check_range(1, width=width, block=block)
    return HeadSettings("label_text_bilinear", LabelTextBilinearHead, {"inner": width, "block": block})


def bilinear_head(width: int = 768, block: int = 64) -> HeadSettings:
    """Choose ATLOP's group bilinear head (`spacy_kmgre.BilinearHead.v1`).

    :param width: The width of the two projections that are multiplied; 768 in ATLOP's code, with any encoder.
    :param block: The width of the groups within which they are multiplied.
    :raises ValueError: Where one is below 1.
    """
    check_range(1, width=width, block=block)
    return HeadSettings("bilinear", BilinearHead, {"inner": width, "block": block})
