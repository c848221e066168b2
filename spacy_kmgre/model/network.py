"""The networks: KMGRE (Jiang et al., COLING 2022) and ATLOP (Zhou et al., AAAI 2021)."""

from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import Deque, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from ..pieces import Document, Pieces
from . import maths
from .context import Pool, pool_of_entities, pool_of_mentions
from .encoder import Encoded, Encoder
from .heads import Head, LinearHead, Projected, make_head
from .pairs import chunk_entity_pairs, mention_pairs

# The two halves that EM trains in turn: θ and ω.
RELATION, KEY = "relation", "key"
BOTH = frozenset((RELATION, KEY))
# Held while a half goes into training or out of it: another thread must not find it between the two.
SWITCHING = Lock()


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
    :param focus: How much of the context of each row of `relation` lies in each of the document's S sentences; None
        where nobody asks. *Shape:* (P, S) or (N, S)
    """

    entities: Tensor
    head: Tensor
    tail: Tensor
    pair_index: Tensor
    relation: Tensor
    key: Optional[Tensor] = None
    share: Optional[Tensor] = None
    focus: Optional[Tensor] = None

    @property
    def row_index(self) -> Tensor:
        """The entity pair of each row of `relation`."""
        if self.share is None:
            return self.pair_index
        return torch.arange(len(self.entities), device=self.relation.device)


@dataclass(frozen=True)
class Reading:
    """What one half of the network has of a document, whatever the pairs.

    :param entities: The entities' attention rows, where entities take the place of mentions in a text of
        one window. *Shape:* (E, K, L)
    :param sentences: Which sentence each word piece is in; None where nobody asks. *Shape:* (L, S)
    """

    encoded: Encoded
    projected: Projected
    entities: Optional[Tensor] = None
    sentences: Optional[Tensor] = None


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

    def read(
        self, encoded: Encoded, clusters: Sequence[Sequence[int]], sentences: Optional[Tensor] = None
    ) -> Reading:
        if self.level == "mention":
            projected = self.head.project(encoded.mentions, encoded.hidden)
            return Reading(encoded, projected, sentences=sentences)
        embeddings = entity_embeddings(encoded.mentions, clusters)
        entities = entity_rows(encoded.attention, clusters) if encoded.starts is None else None
        return Reading(encoded, self.head.project(embeddings, encoded.hidden), entities, sentences)

    def forward(
        self, reading: Reading, pairs: Tensor, head: Tensor, tail: Tensor, pair_index: Tensor
    ) -> "Extracted":
        """
        :param pairs: Entity numbers. *Shape:* (N, 2)
        :param head: Mention numbers. *Shape:* (P,)
        """
        share = None
        if self.level == "mention":
            pool = pool_of_mentions(reading.encoded, head, tail, self.context)
        else:
            pool, share = pool_of_entities(
                reading.encoded, reading.entities, pairs, head, tail, pair_index, self.context
            )
            head, tail = pairs.unbind(1)
        focus = None if reading.sentences is None else pool(reading.sentences)
        return Extracted(self.head(reading.projected, pool, head, tail), pool, share, focus)


class Extracted(NamedTuple):
    """What the relation extractor says.

    :param logits: *Shape:* (P, C), or (N, C) where only entity pairs are scored.
    :param pool: The contexts.
    :param share: The mention pairs' parts in the entity pair's context, where only those are scored. *Shape:* (P,)
    :param focus: The contexts' parts in each sentence. *Shape:* (P, S) or (N, S)
    """

    logits: Tensor
    pool: Pool
    share: Optional[Tensor]
    focus: Optional[Tensor]


class KeyInstanceClassifier(nn.Module):
    """ω: which mention pairs are key (7), (8).

    :param encoder: Its own encoder, of which the lowest layers may be the relation extractor's; None to read the
        whole of that one. It does not move what is not its own.
    """

    def __init__(self, encoder: Optional[Encoder], width: int, context: str):
        super().__init__()
        self.encoder = encoder
        self.head = LinearHead(width, 1)
        self.context = context

    def read(self, encoded: Encoded) -> Reading:
        return Reading(encoded, self.head.project(encoded.mentions, encoded.hidden))

    def forward(self, reading: Reading, head: Tensor, tail: Tensor, extracted: Extracted) -> Tensor:
        """
        :param extracted: Of the same mention pairs; their contexts are the same where the encoder is shared.
        :returns: Logits. *Shape:* (P,)
        """
        if self.encoder is None:
            pool = extracted.pool.detach()
        else:
            pool = pool_of_mentions(reading.encoded, head, tail, self.context)
        return self.head(reading.projected, pool, head, tail).squeeze(1)


class Network(nn.Module):
    """A relation extractor and, for KMGRE, a key instance classifier.

    :param xi: ξ of the selection (12).
    :param fusion: Fuse the key pairs' logits (16). Without it labels are given straight to the key pairs
        and their best margin counts (the paper's ablation).
    :param far_pairs: Score mention pairs that no window of a long text holds too; their context is zero.
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
        far_pairs: bool = True,
        chunk: int = 1024,
    ):
        super().__init__()
        self.extractor = extractor
        self.classifier = classifier
        self.xi = xi
        self.fusion = fusion
        self.far_pairs = far_pairs
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

        :param moving: The halves that learn; the others run without dropout and without gradient. What the classifier
            shares of the extractor's encoder has its dropout where the extractor learns.
        """
        relation, key = self._encode(batch, moving)
        scores = []
        for number, (document, pieces) in enumerate(zip(documents, batch)):
            clusters, windows = encoded_clusters(document, pieces), self._windows(pieces)
            pairs = torch.cat(
                [torch.zeros((0, 2), dtype=torch.long), *chunk_entity_pairs(clusters, windows=windows)]
            )
            sentences = sentence_columns(document, pieces) if RELATION in moving else None
            readings = self._read(relation[number], key and key[number], clusters, moving, sentences)
            scores.append(self._score(readings, clusters, pairs, windows, moving))
        return scores

    def predict(
        self, documents: Sequence[Document], batch: Sequence[Pieces], mirrored: bool = False
    ) -> List[Iterator[PairScores]]:
        """Scores of all pairs, computed in parts as they are asked for, so that memory does not grow
        with the number of mention pairs.

        :param mirrored: Give each entity pair in one part with its mirror.
        """
        with torch.inference_mode():
            relation, key = self._encode(batch, frozenset())
        return [
            self._predict(document, pieces, relation[number], key and key[number], mirrored)
            for number, (document, pieces) in enumerate(zip(documents, batch))
        ]

    def _predict(
        self, document: Document, pieces: Pieces, relation: Encoded, key: Optional[Encoded], mirrored: bool
    ):
        clusters, windows = encoded_clusters(document, pieces), self._windows(pieces)
        sentences = sentence_columns(document, pieces)
        readings = None
        for pairs in chunk_entity_pairs(clusters, self.chunk, mirrored, windows):
            with torch.inference_mode():  # left before each yield: the caller's code is not ours
                readings = readings or self._read(relation, key, clusters, frozenset(), sentences)
                scores = self._score(readings, clusters, pairs, windows, frozenset())
            yield scores

    def _windows(self, pieces: Pieces) -> Optional[Tensor]:
        """Those of the mentions, where not every mention pair is scored."""
        if self.far_pairs or len(pieces.windows) == 1:
            return None
        return torch.from_numpy(pieces.mention_windows())

    def _encode(self, batch, moving):
        lower: Deque[Tensor] = deque()
        with self._running(RELATION, moving):
            relation = self.extractor.encoder(batch, lower)
        if self.classifier is None:
            return relation, None
        if self.classifier.encoder is None:
            return relation, [encoded.detach() for encoded in relation]
        with self._running(KEY, moving):
            return relation, self.classifier.encoder(batch, deque(hidden.detach() for hidden in lower))

    def _read(
        self, relation: Encoded, key: Optional[Encoded], clusters, moving, sentences: Optional[Tensor] = None
    ) -> Tuple[Reading, Optional[Reading]]:
        with self._running(RELATION, moving):
            if sentences is not None:
                sentences = sentences.to(relation.hidden)
            of_relation = self.extractor.read(relation, clusters, sentences)
        if self.classifier is None or key is None:
            return of_relation, None
        with self._running(KEY, moving):
            return of_relation, self.classifier.read(key)

    def _score(
        self,
        readings: Tuple[Reading, Optional[Reading]],
        clusters,
        pairs: Tensor,
        windows: Optional[Tensor],
        moving,
    ) -> PairScores:
        of_relation, of_key = readings
        if self.extractor.level == "entity":
            windows = None  # an entity's row is that of all its mentions
        device = of_relation.encoded.hidden.device
        head, tail, pair_index = (x.to(device) for x in mention_pairs(clusters, pairs, windows))
        with self._running(RELATION, moving):
            found = self.extractor(of_relation, pairs.to(device), head, tail, pair_index)
        key = None
        if self.classifier is not None and of_key is not None:
            with self._running(KEY, moving):
                key = self.classifier(of_key, head, tail, found)
        return PairScores(pairs, head, tail, pair_index, found.logits, key, found.share, found.focus)

    def _running(self, name: str, moving: FrozenSet[str]):
        half = self.part(name)
        with SWITCHING:
            if half is not None and half.training != (name in moving):
                half.train(name in moving)
        return torch.set_grad_enabled(name in moving)

    def resize(self, classes: int) -> None:
        """Give the relation extractor more classes."""
        self.extractor.head.resize(classes)


def encoded_clusters(document: Document, pieces: Pieces) -> List[List[int]]:
    """The mentions of each entity that lie in the encoded text."""
    return [[mention for mention in cluster if pieces.markers[mention] >= 0] for cluster in document.clusters]


def sentence_columns(document: Document, pieces: Pieces) -> Optional[Tensor]:
    """Which sentence each word piece is in, one column a sentence; None where the document does not say.
    *Shape:* (L, S)"""
    if not len(document.sentences):
        return None
    numbers = torch.arange(len(document.sentences))
    return torch.from_numpy(pieces.sentences)[:, None] == numbers


def entity_embeddings(mentions: Tensor, clusters: Sequence[Sequence[int]]) -> Tensor:
    """The logsumexp of each entity's mentions (ATLOP, eq. 3), zero for an entity without any. *Shape:* (E, d)"""
    members, index = _members(clusters, mentions.device)
    embeddings = maths.fuse_mention_logits(mentions[members], index, len(clusters))
    # An entity outside the encoded text is in no pair, but its -inf would reach the head's gradient.
    empty = torch.tensor([not cluster for cluster in clusters], dtype=torch.bool, device=mentions.device)
    return embeddings.masked_fill(empty[:, None], 0.0)


def entity_rows(attention: Tensor, clusters: Sequence[Sequence[int]]) -> Tensor:
    """The mean of the attention rows of each entity's mentions. *Shape:* (E, K, L)"""
    members, index = _members(clusters, attention.device)
    count = torch.bincount(index, minlength=len(clusters)).clamp(min=1)
    total = attention.new_zeros((len(clusters), *attention.shape[1:]))
    return total.index_add(0, index, attention[members]) / count[:, None, None]


def _members(clusters: Sequence[Sequence[int]], device: torch.device) -> Tuple[Tensor, Tensor]:
    """All mentions of all entities, and whose they are."""
    pairs = [(mention, entity) for entity, cluster in enumerate(clusters) for mention in cluster]
    members, index = torch.tensor(pairs, dtype=torch.long, device=device).view(-1, 2).unbind(1)
    return members, index


def build_network(settings: dict, encoders: Sequence[Encoder], classes: int) -> Network:
    """A network from an architecture's settings (see factories.py).

    :param encoders: One, or two where the key instance classifier has its own.
    :param classes: C, TH included.
    """
    for encoder in encoders:
        encoder.mixed_precision = settings["mixed_precision"]
    inner, block = settings["head_width"], settings["head_block"]
    head = make_head(settings["head"], encoders[0].width, classes, inner, block)
    extractor = RelationExtractor(encoders[0], head, settings["context"], settings["level"])
    classifier = None
    if settings["key_classifier"]:
        own = None if settings["shared_encoder"] else encoders[1]
        if own is not None:
            encoders[0].share_layers(own, settings["shared_layers"])
        classifier = KeyInstanceClassifier(own, encoders[0].width, settings["context"])
    network = Network(
        extractor,
        classifier,
        xi=settings["xi"],
        fusion=settings["fusion"],
        far_pairs=settings["far_pairs"],
    )
    # Pretrained encoders come in evaluation mode, new heads in training mode; a half must be in one of them.
    return network.eval()
