"""The key instance classifier ω (Jiang et al., COLING 2022) in its forms.

Numbers in brackets are equations of the paper.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from . import maths
from .batch import PairIndex
from .context import Contexts, Weigh, mention_pair_contexts
from .distance import Distance, NoDistance
from .encoder import Encoded, Encoder
from .heads import LinearHead, Projected
from .pieces import Pieces


class Reading(NamedTuple):
    """A batch as one part of the network reads it, before pairs are known.

    :param encoded: The hidden states and attention rows.
    :param projected: The same as the part's head has projected them.
    """

    encoded: Encoded
    projected: Projected


class KeyInstanceClassifier(nn.Module, ABC):
    """ω: says which mention pairs are key.

    :param distance: What the distance between two mentions adds to the logit; nothing where None.
    :cvar learns: Whether there is anything to train.
    """

    learns = True

    def __init__(self, distance: Distance | None = None):
        super().__init__()
        self.distance = distance or NoDistance()

    @abstractmethod
    def read(self, pieces: Sequence[Pieces], extracted: Reading) -> Reading:
        """Read a batch.

        :param extracted: The batch as the relation extractor has read it.
        """

    @abstractmethod
    def contexts(self, reading: Reading, pairs: PairIndex, extracted: Contexts) -> Contexts:
        """Make the contexts of mention pairs (4).

        :param extracted: The contexts that the relation extractor has made.
        """

    @abstractmethod
    def forward(
        self, reading: Reading, contexts: Contexts, head: Tensor, tail: Tensor, relation: Tensor
    ) -> Tensor:
        """Compute the logits of p_ω(z=1) (7), (8).

        :param head: Mention numbers. *Shape:* (P,)
        :param tail: Mention numbers. *Shape:* (P,)
        :param relation: The logits of p_θ (6), without gradient. *Shape:* (P, C)
        :returns: *Shape:* (P,)
        """


class LinearClassifier(KeyInstanceClassifier):
    """ω as a linear layer over hidden states.

    :param width: The width d of hidden states.
    :param distance: As in `KeyInstanceClassifier`.
    """

    def __init__(self, width: int, distance: Distance | None = None):
        super().__init__(distance)
        self.head = LinearHead(width, 1)

    @abstractmethod
    def encode(self, pieces: Sequence[Pieces], extracted: Encoded) -> Encoded:
        """Encode what the classifier reads.

        :param extracted: What the relation extractor has encoded.
        """

    def read(self, pieces: Sequence[Pieces], extracted: Reading) -> Reading:
        encoded = self.encode(pieces, extracted.encoded)
        return Reading(encoded, self.head.project(encoded.mentions, encoded.hidden))

    def forward(
        self, reading: Reading, contexts: Contexts, head: Tensor, tail: Tensor, relation: Tensor
    ) -> Tensor:
        logits: Tensor = self.head(reading.projected, contexts, head, tail)
        return logits.squeeze(1)


class SeparateClassifier(LinearClassifier):
    """ω with an encoder of its own, as in the paper: it shares no parameters with θ.

    :param encoder: Its encoder.
    :param width: The width d of hidden states.
    :param weigh: As in the relation extractor.
    :param distance: As in `KeyInstanceClassifier`.
    """

    def __init__(self, encoder: Encoder, width: int, weigh: Weigh, distance: Distance | None = None):
        super().__init__(width, distance)
        self.encoder = encoder
        self.weigh = weigh

    def encode(self, pieces: Sequence[Pieces], extracted: Encoded) -> Encoded:
        found: Encoded = self.encoder(pieces)
        return found

    def contexts(self, reading: Reading, pairs: PairIndex, extracted: Contexts) -> Contexts:
        return mention_pair_contexts(reading.encoded.rows, pairs.head, pairs.tail, self.weigh)


class SharingClassifier(LinearClassifier):
    """ω as a linear probe of θ: it reads the relation extractor's encoder and its logits, and moves neither.

    To the linear layer's logit it adds θ's largest margin, max_r logit_r − logit_TH, times a weight that it learns: a
    mention pair is key if it has any of the relations, and no linear layer over hidden states can say "any".

    :param width: The width d of hidden states.
    :param distance: As in `KeyInstanceClassifier`.
    :cvar pace: What the weight of the margin is multiplied by. Adam moves each weight of a layer by as much, so
        without it this one would lag behind the linear layer's, which would learn to undo what is too much of it.
    """

    pace = 30.0

    def __init__(self, width: int, distance: Distance | None = None):
        super().__init__(width, distance)
        self.margin = nn.Parameter(torch.full((), 0.25 / self.pace))

    def encode(self, pieces: Sequence[Pieces], extracted: Encoded) -> Encoded:
        return extracted.detach()

    def contexts(self, reading: Reading, pairs: PairIndex, extracted: Contexts) -> Contexts:
        return extracted.detach()

    def forward(
        self, reading: Reading, contexts: Contexts, head: Tensor, tail: Tensor, relation: Tensor
    ) -> Tensor:
        margins = maths.margins(relation)[:, 1:].amax(dim=1)
        return super().forward(reading, contexts, head, tail, relation) + self.pace * self.margin * margins


class NoClassifier(KeyInstanceClassifier):
    """No ω: every mention pair is key (the paper's ablation)."""

    learns = False

    def read(self, pieces: Sequence[Pieces], extracted: Reading) -> Reading:
        return extracted

    def contexts(self, reading: Reading, pairs: PairIndex, extracted: Contexts) -> Contexts:
        return extracted

    def forward(
        self, reading: Reading, contexts: Contexts, head: Tensor, tail: Tensor, relation: Tensor
    ) -> Tensor:
        return torch.full(head.shape, torch.inf, device=head.device)
