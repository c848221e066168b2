"""The losses of the phases of EM, on the scores of a flat batch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..model import maths
from ..model.batch import PairScores, on_device
from ..model.network import KEY, RELATION
from ..model.phases import Phase
from ..model.pieces import Gold
from ..model.settings import Objective

# The loss of a context stops growing where less than about this part of the context lies in the evidence.
EPSILON = 1e-4


class Evidence(NamedTuple):
    """Gold evidence of the pairs of some scores.

    :param inside: Which sentences of its document are evidence of each entity pair, bool. *Shape:* (N, S)
    :param head: The sentence of each mention pair's head. *Shape:* (P,)
    :param tail: The sentence of each mention pair's tail. *Shape:* (P,)
    :param weight: The weight of each entity pair in `focus_loss`: 0 without evidence; the pairs that have some weigh
        together as much as all entity pairs of their document. *Shape:* (N,)
    """

    inside: Tensor
    head: Tensor
    tail: Tensor
    weight: Tensor


def losses(
    scores: PairScores, gold: Sequence[Gold], phase: Phase, objective: Objective, tau: float
) -> dict[str, Tensor]:
    """Compute the loss of each part that learns in a phase, as a scalar to call `backward()` on.

    The loss "relation" is a sum over entity pairs, and "key" is one over mention pairs. The optimizer's step
    divides the gradients by the numbers of these pairs.

    :param gold: What is known of each document.
    :param tau: τ, the upper limit of the key threshold (14).
    """
    found: dict[str, Tensor] = {}
    if not scores.num_pairs:
        return found
    labels = on_device(label_matrix(scores, gold), scores.relation.device)
    evidence = locate(scores, gold) if objective.uses_evidence else None
    if RELATION in phase.trainable:
        with torch.no_grad():
            selected = scores.select(objective.xi, tau)
            if phase is Phase.WARMUP:
                selected = torch.ones_like(selected)
        found[RELATION] = relation_loss(scores, labels, objective, selected)
        if objective.evidence_focus and evidence is not None and scores.sentence_weights.shape[1]:
            found[RELATION] = found[RELATION] + objective.evidence_focus * focus_loss(
                scores, evidence, selected
            )
    if KEY in phase.trainable and scores.key.requires_grad:
        with torch.no_grad():
            targets = key_targets(scores, labels, objective, evidence)
        found[KEY] = maths.key_focal_loss(scores.key, targets, objective.alpha, objective.gamma).sum()
    return found


def relation_loss(scores: PairScores, labels: Tensor, objective: Objective, selected: Tensor) -> Tensor:
    """Compute the M-step's loss (17)-(19), a sum over entity pairs.

    :param labels: bool. *Shape:* (N, C)
    :param selected: Which mention pairs are key. *Shape:* (P,)
    """
    if objective.fusion:
        return maths.adaptive_threshold_loss(scores.fuse(selected), labels).sum()
    rows = scores.pair_index[selected]
    # An entity pair weighs the same however many key pairs it has.
    weight = 1.0 / maths.segment_sizes(rows, len(labels))[rows]
    return (maths.adaptive_threshold_loss(scores.relation[selected], labels[rows]) * weight).sum()


def focus_loss(scores: PairScores, evidence: Evidence, selected: Tensor) -> Tensor:
    """Return how far the contexts of key mention pairs are from gold evidence. This is a weighted sum, over
    the entity pairs that have evidence, of -log of the part of their contexts that lies in it. DREEAM (Ma et
    al., EACL 2023) has a divergence over word pieces in its place.

    :param selected: Which mention pairs are key. *Shape:* (P,)
    """
    rows = scores.row_index
    counted = (evidence.weight > 0)[rows].to(scores.sentence_weights)
    counted = counted * scores.rows_with(selected)
    inside = evidence.inside[:, : scores.sentence_weights.shape[1]]
    part = (scores.sentence_weights * inside[rows]).sum(dim=1) * counted
    total = part.new_zeros(scores.num_pairs).index_add(0, rows, part)
    count = part.new_zeros(scores.num_pairs).index_add(0, rows, counted).clamp(min=1)
    return -(torch.log(total / count + EPSILON) * evidence.weight).sum()


def key_targets(
    scores: PairScores, labels: Tensor, objective: Objective, evidence: Evidence | None
) -> Tensor:
    """Return which mention pairs ω is to call key: those of the pseudo labels (9), or, where gold evidence is
    known and asked for, those whose two mentions lie in it.

    :returns: bool. *Shape:* (P,)
    """
    rows = scores.pair_index
    # The loss of θ leaves TH's logit free, and so σ(logit) too: where it grows, that of any mention pair is near 1.
    targets = maths.key_pseudo_labels(maths.relation_scores(scores.relation), rows, labels)
    if not objective.evidence_keys or evidence is None:
        return targets
    inside = evidence.inside[rows, evidence.head] & evidence.inside[rows, evidence.tail]
    # An entity pair without such a mention pair keeps its pseudo labels.
    says = inside.new_zeros(scores.num_pairs, dtype=torch.long).index_add(0, rows, inside.long()) > 0
    return torch.where(says[rows], inside, targets)


def label_matrix(scores: PairScores, gold: Sequence[Gold]) -> np.ndarray:
    """Make a matrix of gold relations in the order of the scores' entity pairs, bool. *Shape:* (N, C)"""
    row_of = scores.row_of_pair()
    labels = np.zeros((scores.num_pairs, scores.relation.shape[1]), dtype=bool)
    for number, known in enumerate(gold):
        for head, tail, label in known.relations:
            row = row_of.get((number, head, tail))
            if row is not None:
                labels[row, label] = True
    return labels


def locate(scores: PairScores, gold: Sequence[Gold]) -> Evidence | None:
    """Find where gold evidence is. Return None where no scored pair has any."""
    row_of = scores.row_of_pair()
    inside = [
        (row_of[(number, *pair)], sentence)
        for number, known in enumerate(gold)
        for pair, sentences in known.evidence.items()
        if (number, *pair) in row_of
        for sentence in sentences
    ]
    if not inside:
        return None
    document = scores.document.numpy()
    of_mention_pairs = document[scores.pair_index.cpu().numpy()]
    first = np.cumsum([0, *(max(len(known.sentences), 1) for known in gold)])
    sentences = np.concatenate([np.array(known.sentences or (0,), dtype=np.int64) for known in gold])
    owner = first[of_mention_pairs]
    # A document without gold evidence has one place, which stands for all its mentions.
    located = np.array([bool(known.sentences) for known in gold])[of_mention_pairs]
    head, tail = (sentences[owner + side.numpy() * located] for side in (scores.head, scores.tail))
    columns = 1 + max(max(sentence for _, sentence in inside), int(sentences.max()))
    table = np.zeros((scores.num_pairs, max(columns, scores.sentence_weights.shape[1])), dtype=bool)
    table[tuple(np.array(inside).T)] = True
    known = table.any(axis=1)
    pairs, with_evidence = np.bincount(document), np.bincount(document, weights=known)
    weight = known * (pairs / with_evidence.clip(min=1))[document]
    device = scores.relation.device
    return Evidence(
        on_device(table, device),
        on_device(head, device),
        on_device(tail, device),
        on_device(weight, device).to(scores.relation.dtype),
    )
