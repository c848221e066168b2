"""KMGRE (Jiang et al., COLING 2022): the relation extractor θ and the key instance classifier ω.

Numbers in brackets are equations of the paper; the equations themselves are in maths.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from .batch import FlatBatch, PairIndex, PairScores, flatten, on_device, pair_chunks
from .classifiers import KeyInstanceClassifier, Reading, SharingClassifier
from .context import Weigh, mention_pair_contexts
from .distance import Distance, NoDistance, find_ranges
from .encoder import Encoder
from .heads import Head
from .phases import KEY as KEY
from .phases import RELATION as RELATION
from .pieces import Document, Pieces
from .turns import Turns

# The number of mention pairs that are scored at a time in prediction. So many stay in a CPU's cache, or keep
# a GPU busy.
CHUNK = {"cpu": 1024, "cuda": 32768}


class RelationExtractor(nn.Module):
    """θ: an encoder, and a head that scores pairs for every relation.

    :param weigh: The function that makes context weights of attention products (see context.py).
    :param distance: What the distance between two mentions adds to the logits; nothing where None.
    """

    def __init__(self, encoder: Encoder, head: Head, weigh: Weigh, distance: Distance | None = None):
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.weigh = weigh
        self.distance = distance or NoDistance()

    def resize(self, classes: int) -> None:
        """Give the head more classes."""
        self.head.resize(classes)
        self.distance.resize(classes)


R = TypeVar("R")


class Network(nn.Module, ABC, Generic[R]):
    """What KMGRE and ATLOP share: documents are read once, then their pairs are scored chunk by chunk.

    :param far_pairs: Whether pairs that no window of a long text holds are scored too; their context is zero.
    :param chunk: The number of mention pairs that are scored at a time in prediction; None stands for
        `CHUNK`.
    :ivar xi: ξ of the selection (12).
    :ivar tau: τ (14), which grows in training and belongs to the trained model.
    :ivar fusion: Whether the key mention pairs' logits are fused (16).
    :ivar turns: What keeps the predictions and the updates of several threads apart.
    """

    def __init__(self, extractor: RelationExtractor, *, far_pairs: bool = True, chunk: int | None = None):
        super().__init__()
        self.extractor = extractor
        self.far_pairs = far_pairs
        self.chunk = chunk
        self.xi = 0.0
        self.tau = 0.5
        self.fusion = True
        self.turns = Turns()

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The parts that learn: θ ("relation") and, where there is one, ω ("key")."""
        return {RELATION: self.extractor}

    @property
    def encoders(self) -> list[Encoder]:
        """The encoders: one that the parts share, or one for each part."""
        return [
            found for part in self.parts.values() for found in part.children() if isinstance(found, Encoder)
        ]

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.extractor.encoder.device

    @abstractmethod
    def read(self, batch: FlatBatch, trainable: Collection[str]) -> R:
        """Compute what does not depend on the pairs of a batch."""

    @abstractmethod
    def score(self, batch: FlatBatch, reading: R, pairs: PairIndex, trainable: Collection[str]) -> PairScores:
        """Score some pairs of a batch."""

    def forward(
        self, documents: Sequence[Document], pieces: Sequence[Pieces], trainable: Collection[str]
    ) -> PairScores:
        """Score all pairs of some documents, in training.

        :param pieces: The documents' word pieces.
        :param trainable: The parts that learn; the others run without dropout and without gradient.
        """
        batch = flatten(documents, pieces, self.far_pairs)
        pairs = next(pair_chunks(batch), PairIndex.empty())
        with self.turns.updating():
            return self.score(batch, self.read(batch, trainable), pairs, trainable)

    def predict(
        self, documents: Sequence[Document], pieces: Sequence[Pieces], with_inverse: bool = False
    ) -> Iterator[PairScores]:
        """Score all pairs chunk by chunk, as they are asked for, so that memory does not grow with their number.

        :param pieces: The documents' word pieces.
        :param with_inverse: Whether each entity pair comes in one chunk with its inverse, (tail, head).
        """
        batch = flatten(documents, pieces, self.far_pairs)
        with self.turns.predicting(), torch.inference_mode():
            reading = self.read(batch, ())
        chunk = self.chunk or CHUNK.get(self.device.type, CHUNK["cpu"])
        for pairs in pair_chunks(batch, chunk, with_inverse):
            # They end before each yield: the caller's code runs without them.
            with self.turns.predicting(), torch.inference_mode():
                scores = self.score(batch, reading, pairs, ())
            yield scores

    def complete(self, weights: dict[str, Tensor]) -> None:
        """Add to weights that an earlier version has saved what they lack, so that they score as they did then."""

    def resize(self, classes: int) -> None:
        """Give the relation extractor more classes."""
        self.extractor.resize(classes)

    @contextmanager
    def learning(self, trainable: Collection[str]) -> Iterator[None]:
        """Keep predictions out during a backward pass, in which encoders with gradient checkpointing run again, in
        the mode in which they ran."""
        with self.turns.updating():
            for name, part in self.parts.items():
                if part.training != (name in trainable):
                    part.train(name in trainable)
            yield

    def running(self, name: str, trainable: Collection[str]) -> AbstractContextManager[None]:
        """Put a part into training mode where it learns, and else into evaluation mode. The part stays in this
        mode. Return a context in which gradients are on where the part learns, and else off."""
        learns = name in trainable
        with self.turns.switching:
            part = self.parts.get(name)
            if part is not None and part.training != learns:
                part.train(learns)
        return torch.set_grad_enabled(learns)


class Readings(NamedTuple):
    """A batch as both parts read it.

    :param relation: What θ reads.
    :param key: What ω reads.
    :param sentences: The sentence that each word piece is in, one column a sentence. *Shape:* (L, S)
    """

    relation: Reading
    key: Reading
    sentences: Tensor


class KMGRE(Network[Readings]):
    """Key mention pairs guided relation extraction.

    :param classifier: The key instance classifier ω.
    :param xi: ξ of the selection (12).
    :param fusion: Whether the key mention pairs' logits are fused (16). Without it each key mention pair is
        compared with the labels by itself, and the best margin counts (the paper's ablation).
    :param far_pairs: As in `Network`.
    :param chunk: As in `Network`.
    """

    def __init__(
        self,
        extractor: RelationExtractor,
        classifier: KeyInstanceClassifier,
        *,
        xi: float = 0.15,
        fusion: bool = True,
        far_pairs: bool = True,
        chunk: int | None = None,
    ):
        super().__init__(extractor, far_pairs=far_pairs, chunk=chunk)
        self.classifier = classifier
        self.xi = xi
        self.fusion = fusion

    @property
    def parts(self) -> dict[str, nn.Module]:
        key = {KEY: self.classifier} if self.classifier.learns else {}
        return {RELATION: self.extractor, **key}

    def complete(self, weights: dict[str, Tensor]) -> None:
        if isinstance(self.classifier, SharingClassifier):
            weights.setdefault("classifier.margin", torch.zeros(()))  # It read no logits then.

    def read(self, batch: FlatBatch, trainable: Collection[str]) -> Readings:
        with self.running(RELATION, trainable):
            encoded = self.extractor.encoder(batch.pieces)
            relation = Reading(encoded, self.extractor.head.project(encoded.mentions, encoded.hidden))
        with self.running(KEY, trainable):
            key = self.classifier.read(batch.pieces, relation)
        return Readings(relation, key, sentence_columns(batch.sentences, encoded.hidden))

    def score(
        self, batch: FlatBatch, reading: Readings, pairs: PairIndex, trainable: Collection[str]
    ) -> PairScores:
        head, tail, pair_index = pairs.on_device(self.device)
        ranges = on_device(find_ranges(batch.places[pairs.head], batch.places[pairs.tail]), self.device)
        with self.running(RELATION, trainable):
            rows = reading.relation.encoded.rows
            contexts = mention_pair_contexts(rows, pairs.head, pairs.tail, self.extractor.weigh)  # (4)
            relation = self.extractor.head(reading.relation.projected, contexts, head, tail)  # (5), (6)
            relation = self.extractor.distance(relation, ranges)
            sentence_weights = contexts(reading.sentences)
        with self.running(KEY, trainable):
            of_key = self.classifier.contexts(reading.key, pairs, contexts)  # (4)
            key = self.classifier(reading.key, of_key, head, tail, relation.detach())  # (7), (8)
            key = self.classifier.distance(key[:, None], ranges)[:, 0]
        return PairScores(*batch.numbers(pairs), pair_index, relation, key, sentence_weights)


def sentence_columns(sentences: np.ndarray, like: Tensor) -> Tensor:
    """Make a column for each sentence, with 1 for the word pieces in it. There are no columns where no
    document says where its sentences are.

    :param sentences: The sentence of each word piece, -1 for none. *Shape:* (L,)
    :param like: A tensor of the same device and precision.
    :returns: *Shape:* (L, S)
    """
    columns = sentences[:, None] == np.arange(sentences.max(initial=-1) + 1)
    return on_device(columns, like.device).to(like.dtype)
