"""The networks: KMGRE (Jiang et al., COLING 2022) and ATLOP (Zhou et al., AAAI 2021)."""

from dataclasses import dataclass
from typing import FrozenSet, Iterator, List, Optional, Sequence

import torch
from torch import Tensor, nn

from ..pieces import Document, Pieces
from . import maths
from .encoder import Encoded, Encoder
from .heads import HEADS, Head, LinearHead
from .pairs import chunk_entity_pairs, entity_pairs, mention_pairs

# The two halves that EM trains in turn: θ and ω.
RELATION, KEY = "relation", "key"
BOTH = frozenset((RELATION, KEY))


@dataclass(frozen=True)
class PairScores:
    """Scores of the pairs of one document, or of a part of them.

    :param entities: Entity numbers (head, tail) of the entity pairs. *Shape:* (N, 2)
    :param head: Mention numbers of the mention pairs. *Shape:* (P,)
    :param tail: *Shape:* (P,)
    :param pair_index: The entity pair, 0..N-1, of each mention pair. *Shape:* (P,)
    :param relation: Logits of the relations, for each mention pair, or for each entity pair where the
        network knows no mention pairs (ATLOP). *Shape:* (P, C) or (N, C)
    :param key: Logits of p(z=1); None without a key instance classifier. *Shape:* (P,)
    :param share: For a network without mention pairs: their parts in the entity pair's context. *Shape:* (P,)
    """

    entities: Tensor
    head: Tensor
    tail: Tensor
    pair_index: Tensor
    relation: Tensor
    key: Optional[Tensor] = None
    share: Optional[Tensor] = None

    @property
    def row_index(self) -> Tensor:
        """The entity pair of each row of `relation`."""
        if self.share is None:
            return self.pair_index
        return torch.arange(len(self.entities), device=self.relation.device)


class RelationExtractor(nn.Module):
    """θ: scores pairs for every relation.

    :param level: "mention" scores mention pairs, "entity" entity pairs, whose sides are the logsumexp of
        their mentions' markers and the mean of their attention rows (ATLOP, eq. 3).
    """

    def __init__(self, encoder: Encoder, head: Head, context: str, level: str = "mention"):
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.context = context
        self.level = level

    def forward(self, encoded: Encoded, head: Tensor, tail: Tensor) -> Tensor:
        """:returns: Logits. *Shape:* (P, C)"""
        weights = maths.context_weights(encoded.attention, head, tail, self.context)
        return self.head(encoded.mentions, encoded.hidden, weights, head, tail)


class KeyInstanceClassifier(nn.Module):
    """ω: which mention pairs are key (7), (8).

    :param encoder: Its own encoder; None to read the relation extractor's, without moving it.
    """

    def __init__(self, encoder: Optional[Encoder], width: int, context: str):
        super().__init__()
        self.encoder = encoder
        self.head = LinearHead(width, 1)
        self.context = context

    def forward(self, encoded: Encoded, head: Tensor, tail: Tensor) -> Tensor:
        """:returns: Logits. *Shape:* (P,)"""
        weights = maths.context_weights(encoded.attention, head, tail, self.context)
        return self.head(encoded.mentions, encoded.hidden, weights, head, tail).squeeze(1)


class Network(nn.Module):
    """A relation extractor and, for KMGRE, a key instance classifier.

    :param xi: ξ of the selection (12).
    :param fusion: Fuse the key pairs' logits (16). Without it labels are given straight to the key pairs
        and their best margin counts (the paper's ablation).
    :param chunk: Mention pairs scored at a time in prediction.
    """

    tau: Tensor

    def __init__(
        self,
        extractor: RelationExtractor,
        classifier: Optional[KeyInstanceClassifier] = None,
        *,
        xi: float = 0.15,
        fusion: bool = True,
        chunk: int = 4096,
    ):
        super().__init__()
        self.extractor = extractor
        self.classifier = classifier
        self.xi = xi
        self.fusion = fusion
        self.chunk = chunk
        # τ grows in training and belongs to the trained model.
        self.register_buffer("tau", torch.tensor(0.5, dtype=torch.float64))

    @property
    def halves(self) -> FrozenSet[str]:
        return BOTH if self.classifier is not None else frozenset((RELATION,))

    def part(self, name: str) -> Optional[nn.Module]:
        """The module that holds the parameters θ ("relation") or ω ("key")."""
        return self.extractor if name == RELATION else self.classifier

    def forward(
        self, documents: Sequence[Document], batch: Sequence[Pieces], moving: FrozenSet[str]
    ) -> List[PairScores]:
        """Scores of all pairs of the documents, in training.

        :param moving: The halves that learn; the others run without dropout and without gradient.
        """
        relation, key = self._encode(batch, moving)
        scores = []
        for number, (document, pieces) in enumerate(zip(documents, batch)):
            clusters = encoded_clusters(document, pieces)
            pairs = entity_pairs([entity for entity, cluster in enumerate(clusters) if cluster])
            scores.append(self._score(relation[number], key and key[number], clusters, pairs, moving))
        return scores

    def predict(self, documents: Sequence[Document], batch: Sequence[Pieces]) -> List[Iterator[PairScores]]:
        """Scores of all pairs, computed in parts as they are asked for, so that memory does not grow
        with the number of mention pairs."""
        with torch.inference_mode():
            relation, key = self._encode(batch, frozenset())
        return [
            self._predict(document, pieces, relation[number], key and key[number])
            for number, (document, pieces) in enumerate(zip(documents, batch))
        ]

    def _predict(self, document: Document, pieces: Pieces, relation: Encoded, key: Optional[Encoded]):
        clusters = encoded_clusters(document, pieces)
        pairs = entity_pairs([entity for entity, cluster in enumerate(clusters) if cluster])
        for part in chunk_entity_pairs(clusters, pairs, self.chunk):
            with torch.inference_mode():  # left before each yield: the caller's code is not ours
                scores = self._score(relation, key, clusters, part, frozenset())
            yield scores

    def _encode(self, batch, moving):
        with self._running(RELATION, moving):
            relation = self.extractor.encoder(batch)
        if self.classifier is None:
            return relation, None
        if self.classifier.encoder is None:
            still = [Encoded(x.hidden.detach(), x.mentions.detach(), x.attention.detach()) for x in relation]
            return relation, still
        with self._running(KEY, moving):
            return relation, self.classifier.encoder(batch)

    def _score(self, relation: Encoded, key: Optional[Encoded], clusters, pairs, moving) -> PairScores:
        device = relation.hidden.device
        head, tail, pair_index = (x.to(device) for x in mention_pairs(clusters, pairs))
        if self.extractor.level == "entity":
            entity = _entities(relation, clusters)
            sides = pairs.to(device).unbind(1)
            with self._running(RELATION, moving):
                logits = self.extractor(entity, *sides)
            mass = _context_mass(relation.attention.detach(), head, tail, pair_index, len(pairs))
            return PairScores(pairs, head, tail, pair_index, logits, share=mass)
        with self._running(RELATION, moving):
            logits = self.extractor(relation, head, tail)
        key_logits = None
        if self.classifier is not None and key is not None:
            with self._running(KEY, moving):
                key_logits = self.classifier(key, head, tail)
        return PairScores(pairs, head, tail, pair_index, logits, key_logits)

    def _running(self, name: str, moving: FrozenSet[str]):
        half = self.part(name)
        if half is not None and half.training != (name in moving):
            half.train(name in moving)
        return torch.set_grad_enabled(name in moving)

    def resize(self, classes: int) -> None:
        """Give the relation extractor more classes."""
        self.extractor.head.resize(classes)


def encoded_clusters(document: Document, pieces: Pieces) -> List[List[int]]:
    """The mentions of each entity that lie in the encoded text."""
    return [[mention for mention in cluster if pieces.markers[mention] >= 0] for cluster in document.clusters]


def _entities(encoded: Encoded, clusters: Sequence[Sequence[int]]) -> Encoded:
    """Entities in place of mentions (ATLOP, eq. 3)."""
    members = torch.tensor([mention for cluster in clusters for mention in cluster], dtype=torch.long)
    index = torch.tensor(
        [entity for entity, cluster in enumerate(clusters) for _ in cluster], dtype=torch.long
    )
    members, index = members.to(encoded.hidden.device), index.to(encoded.hidden.device)
    attention = encoded.attention[members]
    count = torch.bincount(index, minlength=len(clusters)).clamp(min=1)
    mean = attention.new_zeros((len(clusters), *attention.shape[1:])).index_add(0, index, attention)
    fused = maths.fuse_mention_logits(encoded.mentions[members], index, len(clusters))
    # An entity outside the encoded text is in no pair, but its -inf would reach the head's gradient.
    empty = torch.tensor([not cluster for cluster in clusters], dtype=torch.bool, device=fused.device)
    return Encoded(encoded.hidden, fused.masked_fill(empty[:, None], 0.0), mean / count[:, None, None])


def _context_mass(
    attention: Tensor, head: Tensor, tail: Tensor, pair_index: Tensor, num_pairs: int
) -> Tensor:
    """Each mention pair's part in the attention that the two entities have in common. As the entities'
    rows are means over mentions, the parts of an entity pair add up to its whole. *Shape:* (P,)"""
    mass = torch.einsum("ikl,jkl->ij", attention, attention)[head, tail]
    total = mass.new_zeros(num_pairs).index_add(0, pair_index, mass)
    count = torch.bincount(pair_index, minlength=num_pairs)[pair_index]
    return torch.where(total[pair_index] > 0, mass / total[pair_index], 1.0 / count)


def build_network(settings: dict, encoders: Sequence[Encoder], classes: int) -> Network:
    """A network from an architecture's settings (see factories.py).

    :param encoders: One, or two where the key instance classifier has its own.
    :param classes: C, TH included.
    """
    for encoder in encoders:
        encoder.mixed_precision = settings["mixed_precision"]
    head = HEADS[settings["head"]](encoders[0].width, classes)
    extractor = RelationExtractor(encoders[0], head, settings["context"], settings["level"])
    classifier = None
    if settings["key_classifier"]:
        own = None if settings["shared_encoder"] else encoders[1]
        classifier = KeyInstanceClassifier(own, encoders[0].width, settings["context"])
    return Network(extractor, classifier, xi=settings["xi"], fusion=settings["fusion"])
