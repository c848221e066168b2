"""The networks: KMGRE (Jiang et al., COLING 2022) and ATLOP (Zhou et al., AAAI 2021)."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, zip_longest
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from . import maths
from .batch import chunk_entity_pairs, count_mention_pairs, mention_pairs, without_direction
from .context import Contexts, Indices, cat, contexts_of_entities, contexts_of_mentions, read_together
from .encoder import Encoded, Encoder, Rows, on_device
from .heads import Head, LinearHead, Projected, make_head
from .pieces import Document, Pieces

# The two halves that EM trains in turn: θ and ω.
RELATION, KEY = "relation", "key"
BOTH = frozenset((RELATION, KEY))
# Held while a half goes into training or out of it: another thread must not find it between the two.
SWITCHING = Lock()


@dataclass(frozen=True)
class PairScores:
    """Scores of the pairs of one document, or of a part of them.

    :param entities: Entity numbers (head, tail) of the entity pairs. *Shape:* (N, 2)
    :param head: Mention numbers of the mention pairs. Like entity numbers they are on the processor. *Shape:* (P,)
    :param tail: *Shape:* (P,)
    :param pair_index: The entity pair, 0..N-1, of each mention pair, ascending. *Shape:* (P,)
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
    key: Tensor | None = None
    share: Tensor | None = None
    focus: Tensor | None = None

    @property
    def row_index(self) -> Tensor:
        """The entity pair of each row of `relation`."""
        if self.share is None:
            return self.pair_index
        return torch.arange(len(self.entities), device=self.relation.device)


def join_scores(batch: Sequence[PairScores]) -> PairScores:
    """The scores of several documents, or of parts of one, as one. Numbers of entities and mentions stay those of
    their documents.

    :param batch: At least one.
    """
    if len(batch) == 1:
        return batch[0]
    device = batch[0].pair_index.device
    starts = np.cumsum([0, *(len(scores.entities) for scores in batch[:-1])])
    starts = np.repeat(starts, [len(scores.pair_index) for scores in batch])
    focus = None
    columns = [scores.focus.shape[1] for scores in batch if scores.focus is not None]
    if columns:
        focus = torch.cat(
            [
                scores.relation.new_zeros((len(scores.relation), max(columns)))
                if scores.focus is None
                else nn.functional.pad(scores.focus, (0, max(columns) - scores.focus.shape[1]))
                for scores in batch
            ]
        )
    return PairScores(
        torch.cat([scores.entities for scores in batch]),
        torch.cat([scores.head for scores in batch]),
        torch.cat([scores.tail for scores in batch]),
        torch.cat([scores.pair_index for scores in batch]) + on_device(starts, device),
        torch.cat([scores.relation for scores in batch]),
        _cat_known([scores.key for scores in batch]),
        _cat_known([scores.share for scores in batch]),
        focus,
    )


def _cat_known(values: Sequence[Tensor | None]) -> Tensor | None:
    known = [value for value in values if value is not None]
    return torch.cat(known) if known else None


@dataclass(frozen=True)
class Reading:
    """What one half of the network has of some documents, whatever the pairs.

    :param projected: Of all documents one after another.
    :param sentences: Which sentence of its document each word piece is in, of all documents one after another; None
        where nobody asks. *Shape:* (ΣL, S)
    :param entities: The attention rows of each document's entities, where these take the place of mentions.
    """

    encoded: Sequence[Encoded]
    projected: Projected
    sentences: Tensor | None = None
    entities: Sequence[Rows] | None = None

    @property
    def rows(self) -> Sequence[Rows]:
        """The attention rows of what each document's pairs are made of."""
        return [x.rows for x in self.encoded] if self.entities is None else self.entities


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
        self,
        encoded: Sequence[Encoded],
        clusters: Sequence[Sequence[Sequence[int]]],
        sentences: Tensor | None = None,
    ) -> Reading:
        """:param clusters: Of each document."""
        mentions, hidden = cat([x.mentions for x in encoded]), cat([x.hidden for x in encoded])
        if self.level == "mention":
            return Reading(encoded, self.head.project(mentions, hidden), sentences)
        starts = accumulate((len(x.mentions) for x in encoded), initial=0)
        everything = [
            [start + mention for mention in cluster]
            for start, own in zip(starts, clusters)
            for cluster in own
        ]
        projected = self.head.project(entity_embeddings(mentions, everything), hidden)
        return Reading(encoded, projected, sentences, rows_of_entities(encoded, clusters))

    def forward(self, reading: Reading, indices: Sequence[Indices]) -> "Extracted":
        """:param indices: Of each document."""
        share = None
        if self.level == "mention":
            contexts = contexts_of_mentions(reading.encoded, indices, self.context)
        else:
            contexts, share = contexts_of_entities(reading.encoded, reading.rows, indices, self.context)
        head, tail = _sides(indices)
        focus = None if reading.sentences is None else contexts(reading.sentences)
        return Extracted(self.head(reading.projected, contexts, head, tail), contexts, share, focus)


class Extracted(NamedTuple):
    """What the relation extractor says.

    :param logits: *Shape:* (P, C), or (N, C) where only entity pairs are scored.
    :param share: The mention pairs' parts in the entity pair's context, where only those are scored. *Shape:* (P,)
    :param focus: The contexts' parts in each sentence. *Shape:* (P, S) or (N, S)
    """

    logits: Tensor
    contexts: Contexts
    share: Tensor | None
    focus: Tensor | None


class KeyInstanceClassifier(nn.Module):
    """ω: which mention pairs are key (7), (8).

    :param encoder: Its own encoder, of which the lowest layers may be the relation extractor's; None to read the
        whole of that one. It does not move what is not its own.
    """

    def __init__(self, encoder: Encoder | None, width: int, context: str):
        super().__init__()
        self.encoder = encoder
        self.head = LinearHead(width, 1)
        self.context = context

    def read(self, encoded: Sequence[Encoded]) -> Reading:
        mentions, hidden = cat([x.mentions for x in encoded]), cat([x.hidden for x in encoded])
        return Reading(encoded, self.head.project(mentions, hidden))

    def forward(self, reading: Reading, indices: Sequence[Indices], extracted: Extracted) -> Tensor:
        """
        :param indices: Of each document.
        :param extracted: Of the same mention pairs; their contexts are the same where the encoder is shared.
        :returns: Logits. *Shape:* (P,)
        """
        if self.encoder is None:
            contexts = extracted.contexts.detach()
        else:
            contexts = contexts_of_mentions(reading.encoded, indices, self.context)
        head, tail = _sides(indices)
        return self.head(reading.projected, contexts, head, tail).squeeze(1)


class _Sizes(NamedTuple):
    """
    :param chunk: Mention pairs of one document that are scored at a time.
    :param together: Mention pairs of several.
    """

    chunk: int
    together: int


# A processor wants what stays in its caches, a GPU what keeps it busy.
SIZES = {"cpu": _Sizes(1024, 1024), "cuda": _Sizes(4096, 65536)}


class _Text(NamedTuple):
    """A document of which parts are to be scored.

    :param windows: The first and the last of each mention, where not every mention pair is scored. *Shape:* (M, 2)
    :param sentences: *Shape:* (L, S)
    """

    relation: Encoded
    key: Encoded | None
    clusters: Sequence[Sequence[int]]
    windows: np.ndarray | None
    sentences: np.ndarray | None


Readings = tuple[Reading, Reading | None]


class Network(nn.Module):
    """A relation extractor and, for KMGRE, a key instance classifier.

    :param xi: ξ of the selection (12).
    :param fusion: Fuse the key pairs' logits (16). Without it labels are given straight to the key pairs
        and their best margin counts (the paper's ablation).
    :param far_pairs: Score mention pairs that no window of a long text holds too; their context is zero.
    :param chunk: Mention pairs of a document that are scored at a time in prediction; where None as `SIZES` say.
    :ivar tau: τ, which grows in training and belongs to the trained model.
    """

    def __init__(
        self,
        extractor: RelationExtractor,
        classifier: KeyInstanceClassifier | None = None,
        *,
        xi: float = 0.15,
        fusion: bool = True,
        far_pairs: bool = True,
        chunk: int | None = None,
    ):
        super().__init__()
        self.extractor = extractor
        self.classifier = classifier
        self.xi = xi
        self.fusion = fusion
        self.far_pairs = far_pairs
        self.chunk = chunk
        self.tau = 0.5

    @property
    def halves(self) -> frozenset[str]:
        return BOTH if self.classifier is not None else frozenset((RELATION,))

    def part(self, name: str) -> nn.Module:
        """The module that holds the parameters θ ("relation") or ω ("key").

        :param name: One of `halves`.
        """
        if name == RELATION:
            return self.extractor
        assert self.classifier is not None
        return self.classifier

    def forward(
        self, documents: Sequence[Document], batch: Sequence[Pieces], moving: frozenset[str]
    ) -> list[PairScores]:
        """Scores of all pairs of the documents, in training.

        :param moving: The halves that learn; the others run without dropout and without gradient. What the classifier
            shares of the extractor's encoder has its dropout where the extractor learns.
        """
        texts = self._texts(documents, batch, moving, with_sentences=RELATION in moving)
        nothing = np.zeros((0, 2), dtype=np.int64)
        pairs = [
            np.concatenate([nothing, *chunk_entity_pairs(text.clusters, windows=text.windows)])
            for text in texts
        ]
        return self._score(self._read(texts, moving), texts, pairs, moving) if texts else []

    def predict(
        self, documents: Sequence[Document], batch: Sequence[Pieces], mirrored: bool = False
    ) -> list[Iterator[PairScores]]:
        """Scores of all pairs, computed in parts as they are asked for, so that memory does not grow with the number
        of mention pairs. Documents of one part are scored together.

        :param mirrored: Give each entity pair in one part with its mirror.
        """
        with torch.inference_mode():
            texts = self._texts(documents, batch, frozenset(), with_sentences=True)
        chunk = self.chunk or self.sizes.chunk
        counts = [max(count_mention_pairs(text.clusters), len(text.relation.hidden)) for text in texts]
        found: list[Iterator[PairScores]] = []
        for together in _runs(counts, chunk, self.sizes.together):
            parts = _Parts(self._predict([texts[number] for number in together], chunk, mirrored))
            found += [parts.of(number) for number in range(len(together))]
        return found

    def _predict(
        self, texts: Sequence[_Text], chunk: int, mirrored: bool
    ) -> Iterator[list[tuple[int, PairScores]]]:
        """The parts of one text, or the only ones of several, each with the number of its text."""
        readings = None
        parts = [chunk_entity_pairs(text.clusters, chunk, mirrored, text.windows) for text in texts]
        for pairs in zip_longest(*parts):
            numbers = [number for number, own in enumerate(pairs) if own is not None]
            some = [texts[number] for number in numbers]
            with torch.inference_mode():  # left before each yield: the caller's code is not ours
                readings = readings or self._read(some, frozenset())
                scores = self._score(readings, some, [pairs[number] for number in numbers], frozenset())
            yield list(zip(numbers, scores))

    def _texts(self, documents, batch, moving, with_sentences: bool) -> list[_Text]:
        relation, key = self._encode(batch, moving)
        return [
            _Text(
                relation[number],
                None if key is None else key[number],
                encoded_clusters(document, pieces),
                None if self.far_pairs or len(pieces.windows) == 1 else pieces.mention_windows(),
                sentence_columns(document, pieces) if with_sentences else None,
            )
            for number, (document, pieces) in enumerate(zip(documents, batch))
        ]

    def _encode(self, batch, moving):
        lower: deque[Tensor] = deque()
        with self._running(RELATION, moving):
            relation = self.extractor.encoder(batch, lower)
        if self.classifier is None:
            return relation, None
        if self.classifier.encoder is None:
            return relation, [encoded.detach() for encoded in relation]
        with self._running(KEY, moving):
            return relation, self.classifier.encoder(batch, deque(hidden.detach() for hidden in lower))

    def _read(self, texts: Sequence[_Text], moving: frozenset[str]) -> Readings:
        with self._running(RELATION, moving):
            encoded = [text.relation for text in texts]
            sentences = _sentence_columns([text.sentences for text in texts], encoded)
            of_relation = self.extractor.read(encoded, [text.clusters for text in texts], sentences)
        if self.classifier is None:
            return of_relation, None
        with self._running(KEY, moving):
            return of_relation, self.classifier.read([text.key for text in texts if text.key is not None])

    def _score(
        self,
        readings: Readings,
        texts: Sequence[_Text],
        pairs: Sequence[np.ndarray],
        moving: frozenset[str],
    ) -> list[PairScores]:
        """:param pairs: Of each text, entity numbers. *Shape:* (N, 2)"""
        of_relation, of_key = readings
        # Both encoders read the same texts together, so that their attention rows have the same numbers.
        sides, indices = self._indices(texts, pairs, [rows.first for rows in of_relation.rows])
        with self._running(RELATION, moving):
            found = self.extractor(of_relation, indices)
        key = None
        if self.classifier is not None and of_key is not None:
            with self._running(KEY, moving):
                key = self.classifier(of_key, indices, found)
        by_mention = [len(own.head) for own in indices]
        by_row = by_mention if found.share is None else [own.size for own in indices]
        focus: list[Tensor | None] = [
            None if own is None or text.sentences is None else own[:, : text.sentences.shape[1]]
            for text, own in zip(texts, _split(found.focus, by_row))
        ]
        return [
            PairScores(
                torch.from_numpy(entities),
                torch.from_numpy(head),
                torch.from_numpy(tail),
                own.pair_index,
                relation,
                *others,
            )
            for entities, (head, tail), own, relation, *others in zip(
                pairs,
                sides,
                indices,
                found.logits.split(by_row),
                _split(key, by_mention),
                _split(found.share, by_mention),
                focus,
            )
        ]

    def _indices(
        self, texts: Sequence[_Text], pairs: Sequence[np.ndarray], first_rows: Sequence[int]
    ) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[Indices]]:
        """Mention numbers of the mention pairs, and everything on the device, brought there in one copy."""
        arrays: list[np.ndarray] = []
        sides = []
        start = distinct = 0
        for text, entities, first in zip(texts, pairs, first_rows):
            of_entities = self.extractor.level == "entity"
            # An entity's row is that of all its mentions.
            mentions = mention_pairs(text.clusters, entities, None if of_entities else text.windows)
            sides.append(mentions[:2])
            head, tail = entities.T if of_entities else mentions[:2]
            size = len(text.clusters) if of_entities else len(text.relation.mentions)
            if of_entities and text.relation.starts is not None:
                low, high, row = head, tail, np.arange(len(entities))
            else:
                low, high, row = without_direction(head, tail, size)
            arrays += [*mentions, low + first, high + first, row + distinct, head + start, tail + start]
            start += size
            distinct += len(low)
        moved = iter(on_device(np.concatenate(arrays), self.device).split([len(array) for array in arrays]))
        each = len(arrays) // len(texts)
        return sides, [Indices(len(entities), *islice(moved, each)) for entities in pairs]

    @property
    def sizes(self) -> _Sizes:
        """How much is scored at a time in prediction."""
        return SIZES.get(self.device.type, SIZES["cpu"])

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def _running(self, name: str, moving: frozenset[str]):
        half = self.part(name)
        with SWITCHING:
            if half.training != (name in moving):
                half.train(name in moving)
        return torch.set_grad_enabled(name in moving)

    def resize(self, classes: int) -> None:
        """Give the relation extractor more classes."""
        self.extractor.head.resize(classes)


class _Parts:
    """Parts of several texts that come together, for each text by itself.

    :param parts: Lists of (number of the text, its part).
    """

    def __init__(self, parts: Iterator[list[tuple[int, PairScores]]]):
        self._parts = parts
        self._waiting: dict[int, deque[PairScores]] = defaultdict(deque)

    def of(self, number: int) -> Iterator[PairScores]:
        waiting = self._waiting[number]
        while True:
            while not waiting:
                found = next(self._parts, None)
                if found is None:
                    return
                for other, part in found:
                    self._waiting[other].append(part)
            yield waiting.popleft()


def _runs(counts: Sequence[int], most_of_one: int, most: int) -> Iterator[range]:
    """Numbers of neighbouring texts that are scored together.

    :param counts: Their mention pairs, or word pieces where these are more.
    :param most_of_one: One with more is alone.
    """
    start, total = 0, 0
    for number, count in enumerate(counts):
        if number > start and (total + count > most or count > most_of_one):
            yield range(start, number)
            start, total = number, 0
        total += count
        if count > most_of_one:
            yield range(start, number + 1)
            start, total = number + 1, 0
    if start < len(counts):
        yield range(start, len(counts))


def _sides(indices: Sequence[Indices]) -> tuple[Tensor, Tensor]:
    """The heads and the tails of all documents' pairs."""
    return cat([own.head_row for own in indices]), cat([own.tail_row for own in indices])


def _split(values: Tensor | None, sizes: list[int]) -> Sequence[Tensor | None]:
    return [None] * len(sizes) if values is None else values.split(sizes)


def encoded_clusters(document: Document, pieces: Pieces) -> list[list[int]]:
    """The mentions of each entity that lie in the encoded text."""
    return [[mention for mention in cluster if pieces.markers[mention] >= 0] for cluster in document.clusters]


def sentence_columns(document: Document, pieces: Pieces) -> np.ndarray | None:
    """Which sentence each word piece is in, one column a sentence; None where the document does not say.
    *Shape:* (L, S)"""
    if not len(document.sentences):
        return None
    return pieces.sentences[:, None] == np.arange(len(document.sentences))


def _sentence_columns(sentences: Sequence[np.ndarray | None], like: Sequence[Encoded]) -> Tensor | None:
    """Of several documents, with the columns of the one that has most; zeros for one that does not say, and None
    where none does. *Shape:* (ΣL, S)"""
    columns = max((own.shape[1] for own in sentences if own is not None), default=0)
    if not columns:
        return None
    hidden = like[0].hidden
    padded = np.zeros((sum(len(x.hidden) for x in like), columns), dtype=bool)
    start = 0
    for own, encoded in zip(sentences, like):
        if own is not None:
            padded[start : start + len(own), : own.shape[1]] = own
        start += len(encoded.hidden)
    return on_device(padded, hidden.device).to(hidden.dtype)


def entity_embeddings(mentions: Tensor, clusters: Sequence[Sequence[int]]) -> Tensor:
    """The logsumexp of each entity's mentions (ATLOP, eq. 3), zero for an entity without any. *Shape:* (E, d)"""
    members, index = _members(clusters, mentions.device)
    embeddings = maths.fuse_mention_logits(mentions.index_select(0, members), index, len(clusters))
    # An entity outside the encoded text is in no pair, but its -inf would reach the head's gradient.
    empty = on_device(np.array([not cluster for cluster in clusters], dtype=bool), mentions.device)
    return embeddings.masked_fill(empty[:, None], 0.0)


def rows_of_entities(batch: Sequence[Encoded], clusters: Sequence[Sequence[Sequence[int]]]) -> list[Rows]:
    """The attention rows of each document's entities; in a long text, where nobody asks for them, its mentions'."""
    found = [encoded.rows for encoded in batch]
    for numbers in read_together(batch, found):
        together = [
            [found[number].first + mention for mention in cluster]
            for number in numbers
            for cluster in clusters[number]
        ]
        block = entity_rows(found[numbers[0]].block, together)
        firsts = accumulate((len(clusters[number]) for number in numbers), initial=0)
        for number, first in zip(numbers, firsts):
            found[number] = Rows(block, first)
    return found


def entity_rows(attention: Tensor, clusters: Sequence[Sequence[int]]) -> Tensor:
    """The mean of the attention rows of each entity's mentions. *Shape:* (E, K, L)"""
    members, index = _members(clusters, attention.device)
    count = maths.segment_sizes(index, len(clusters)).clamp(min=1)
    total = attention.new_zeros((len(clusters), *attention.shape[1:]))
    return total.index_add(0, index, attention.index_select(0, members)) / count[:, None, None]


def _members(clusters: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """All mentions of all entities, and whose they are."""
    pairs = [(mention, entity) for entity, cluster in enumerate(clusters) for mention in cluster]
    members, index = on_device(np.array(pairs, dtype=np.int64).reshape(-1, 2).T, device)
    return members, index


def build_network(settings: dict, encoders: Sequence[Encoder], classes: int) -> Network:
    """A network from an architecture's settings (see factories.py).

    :param encoders: One, or two where the key instance classifier has its own.
    :param classes: C, TH included.
    """
    for encoder in encoders:
        encoder.mixed_precision = settings["mixed_precision"]
    inner, block = settings["head_width"], settings["head_block"]
    head = make_head(settings["head"], encoders[0].width, classes, inner, block, settings["threshold_prior"])
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
