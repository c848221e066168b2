"""ATLOP (Zhou et al., AAAI 2021): one encoder, and entities in place of mentions.

Numbers in brackets are equations of that paper.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import maths
from .batch import EntityPairScores, FlatBatch, PairIndex, mention_pairs, on_device
from .context import AttentionRows, Run, Weigh, meetings, runs_of, shared_attention, weigh_pieces
from .heads import Projected
from .network import RELATION, Network, sentence_columns


class EntityReading(NamedTuple):
    """A batch as ATLOP reads it.

    :param projected: The entities and hidden states as the head sees them.
    :param mentions: The attention rows of the mentions.
    :param rows: The attention rows of parts of entities (see `entity_rows`).
    :param parts: The numbers of each entity's rows.
    :param sentences: The sentence that each word piece is in, one column a sentence. *Shape:* (L, S)
    """

    projected: Projected
    mentions: AttentionRows
    rows: AttentionRows
    parts: Sequence[Sequence[int]]
    sentences: Tensor


class ATLOP(Network[EntityReading]):
    """Entity pairs are scored from entity embeddings and localised context pooling.

    It has no mention pairs of its own. Those of an entity pair carry their part in the attention that its two
    entities share.
    """

    def read(self, batch: FlatBatch, trainable: Collection[str]) -> EntityReading:
        with self.running(RELATION, trainable):
            encoded = self.extractor.encoder(batch.pieces)
            entities = entity_embeddings(encoded.mentions, batch.clusters)  # (3)
            projected = self.extractor.head.project(entities, encoded.hidden)
            rows, parts = entity_rows(encoded.rows, batch.clusters)
        sentences = sentence_columns(batch.sentences, encoded.hidden)
        return EntityReading(projected, encoded.rows, rows, parts, sentences)

    def score(
        self, batch: FlatBatch, reading: EntityReading, pairs: PairIndex, trainable: Collection[str]
    ) -> EntityPairScores:
        _, _, pair_index = pairs.on_device(self.device)
        head, tail = on_device(np.ascontiguousarray(pairs.entities.T), self.device)
        with self.running(RELATION, trainable):
            contexts = entity_pair_contexts(reading.rows, reading.parts, pairs.entities, self.extractor.weigh)
            relation = self.extractor.head(reading.projected, contexts, head, tail)
            sentence_weights = contexts(reading.sentences)
        return EntityPairScores(
            *batch.numbers(pairs),
            pair_index,
            relation,
            torch.full(pair_index.shape, torch.inf, device=self.device),
            sentence_weights,
            attention=attention_shares(reading.mentions, pairs, pair_index),
        )


def entity_embeddings(mentions: Tensor, clusters: Sequence[Sequence[int]]) -> Tensor:
    """Compute the logsumexp of each entity's mentions (3), zero for an entity without any. *Shape:* (E, d)"""
    index = np.repeat(np.arange(len(clusters)), [len(cluster) for cluster in clusters])
    members = np.array([mention for cluster in clusters for mention in cluster], dtype=np.int64)
    members_, index_ = on_device(members, mentions.device), on_device(index, mentions.device)
    found = maths.fuse_mention_logits(mentions.index_select(0, members_), index_, len(clusters))
    # An entity outside the encoded text is in no pair, but its -inf would reach the head's gradient.
    empty = on_device(np.array([not cluster for cluster in clusters], dtype=bool), mentions.device)
    return found.masked_fill(empty[:, None], 0.0)


def entity_rows(
    mentions: AttentionRows, clusters: Sequence[Sequence[int]]
) -> tuple[AttentionRows, list[list[int]]]:
    """Make the attention rows of entities, each of which is the mean of its mentions' rows. In a long text
    the runs of an entity's mentions may begin at several places. Then the entity has a row for each place,
    and the sum of these rows is the mean.

    :returns: The rows, and the numbers of each entity's rows.
    """
    entity = np.repeat(np.arange(len(clusters)), [len(cluster) for cluster in clusters])
    members = np.array([mention for cluster in clusters for mention in cluster], dtype=np.int64)
    keys = np.stack([entity, mentions.block[members], mentions.start[members]])
    distinct, part = np.unique(keys, axis=1, return_inverse=True)
    part = part.reshape(-1)
    size = np.bincount(entity, minlength=len(clusters))
    blocks = []
    row = np.zeros(distinct.shape[1], dtype=np.int64)
    stop = np.zeros_like(row)
    stop[part] = mentions.stop[members]
    for number, block in enumerate(mentions.blocks):
        own = np.flatnonzero(distinct[1] == number)
        row[own] = np.arange(len(own))
        here = np.flatnonzero(mentions.block[members] == number)
        share = on_device(1.0 / size[entity[here]], block.device).to(block.dtype)
        rows = block.index_select(0, on_device(mentions.row[members[here]], block.device))
        total = block.new_zeros((len(own), *block.shape[1:]))
        target = on_device(row[part[here]], block.device)
        blocks.append(total.index_add(0, target, rows * share[:, None, None]))
    parts: list[list[int]] = [[] for _ in clusters]
    for place, owner in enumerate(distinct[0].tolist()):
        parts[owner].append(place)
    return AttentionRows(blocks, distinct[1], row, distinct[2], stop), parts


@dataclass(frozen=True)
class EntityContexts:
    """The contexts of entity pairs. They are used as `Contexts` are, but a pair may be in several runs.

    :param runs: The weights of parts of entity pairs. Here a pair and its inverse have one number.
    :param size: The number U of entity pairs that are so numbered.
    :param place: The number that each entity pair has among these. *Shape:* (N,)
    """

    runs: Sequence[Run]
    size: int
    place: Tensor

    def __call__(self, columns: Tensor) -> Tensor:
        """Make weighted sums of columns.

        :param columns: *Shape:* (L, c)
        :returns: *Shape:* (N, c)
        """
        pooled = columns.new_zeros((self.size, columns.shape[1]))
        for run in self.runs:
            part = run.weights @ columns[run.start : run.start + run.weights.shape[1]]
            pooled = pooled.index_add(0, on_device(run.pairs, columns.device), part)
        return pooled.index_select(0, self.place)


def entity_pair_contexts(
    rows: AttentionRows, parts: Sequence[Sequence[int]], entities: np.ndarray, weigh: Weigh
) -> EntityContexts:
    """Make the contexts of entity pairs by ATLOP's localised context pooling.

    :param rows: The rows of parts of entities.
    :param parts: The numbers of each entity's rows.
    :param entities: The entity numbers of head and tail. *Shape:* (N, 2)
    """
    low, high = entities.min(axis=1), entities.max(axis=1)
    distinct, place = np.unique(low * len(parts) + high, return_inverse=True)
    pairs = np.stack([distinct // max(len(parts), 1), distinct % max(len(parts), 1)], axis=1)
    head, tail, target = mention_pairs(parts, pairs, np.zeros((len(rows.start), 2), dtype=np.int64))
    device = rows.blocks[0].device
    found = list(meetings(rows, head, tail))
    totals = rows.blocks[0].new_zeros((len(distinct), rows.blocks[0].shape[1]))
    targets = [on_device(target[meeting.pairs], device) for meeting in found]
    for meeting, own in zip(found, targets):
        totals = totals.index_add(0, own, shared_attention(meeting))
    runs = [
        run._replace(pairs=target[run.pairs])
        for meeting, own in zip(found, targets)
        for run in runs_of(meeting, weigh_pieces(meeting, weigh, totals.index_select(0, own)))
    ]
    return EntityContexts(runs, len(distinct), on_device(place.reshape(-1), device))


def attention_shares(rows: AttentionRows, pairs: PairIndex, pair_index: Tensor) -> Tensor:
    """Return the part that each mention pair has in the attention of its entity pair. Where there is no
    attention, the parts are equal. *Shape:* (P,)"""
    mass = rows.blocks[0].new_zeros(len(pair_index))
    with torch.no_grad():
        for meeting in meetings(rows, pairs.head, pairs.tail):
            mass[on_device(meeting.pairs, mass.device)] = shared_attention(meeting).sum(dim=1)
        size = len(pairs.entities)
        # As the entities' rows are means over mentions, the parts of an entity pair add up to its whole.
        total = mass.new_zeros(size).index_add(0, pair_index, mass)[pair_index]
        count = maths.segment_sizes(pair_index, size).to(mass)
        return torch.where(total > 0, mass / total, 1.0 / count[pair_index])
