"""The losses of the phases of EM, on the scores of a batch."""

from dataclasses import replace
from enum import Enum
from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

import torch
from torch import Tensor

from ..decode import fuse
from ..model import maths
from ..model.network import BOTH, KEY, RELATION, PairScores


class Phase(str, Enum):
    """What the next update does (Jiang et al. 2022, section 3.4): which halves move, and with what."""

    WARMUP = "warmup"
    E_STEP = "e-step"
    M_STEP = "m-step"
    JOINT = "joint"

    @property
    def moving(self) -> FrozenSet[str]:
        if self is Phase.E_STEP:
            return frozenset((KEY,))
        return frozenset((RELATION,)) if self is Phase.M_STEP else BOTH


Gradients = List[Tuple[Optional[Tensor], Optional[Tensor]]]


def loss_and_gradients(
    batch: Sequence[PairScores],
    gold: Sequence[Sequence[Tuple[int, int, int]]],
    phase: Phase,
    *,
    xi: float,
    tau: float,
    fusion: bool = True,
    alpha: float = 0.3,
    gamma: float = 2.0,
) -> Tuple[Dict[str, float], Dict[str, int], Gradients]:
    """The losses of a batch and their gradients with respect to the scores.

    Losses are sums over entity pairs ("relation") and mention pairs ("key"); whoever steps divides by
    their numbers.

    :param gold: For every document (head entity, tail entity, class) of its relations.
    :returns: The sums, how many pairs they are over, and for every document the gradients of its
        `relation` and `key`, None where that half stands still.
    """
    sums = {RELATION: 0.0, KEY: 0.0}
    counts = {RELATION: 0, KEY: 0}
    gradients: Gradients = []
    for scores, relations in zip(batch, gold):
        if not len(scores.entities):
            gradients.append((None, None))
            continue
        labels = label_matrix(scores, relations)
        d_relation = d_key = None
        if RELATION in phase.moving:
            leaf = scores.relation.detach().requires_grad_()
            with torch.enable_grad():
                loss = relation_loss(scores, leaf, labels, phase, xi=xi, tau=tau, fusion=fusion)
                (d_relation,) = torch.autograd.grad(loss, leaf)
            sums[RELATION] += loss.item()
            counts[RELATION] += len(scores.entities)
        if KEY in phase.moving and scores.key is not None:
            leaf = scores.key.detach().requires_grad_()
            with torch.no_grad():
                probs = torch.sigmoid(scores.relation)
                pseudo = maths.key_pseudo_labels(probs, scores.pair_index, labels)
            with torch.enable_grad():
                loss = maths.key_focal_loss(leaf, pseudo, alpha, gamma).sum()
                (d_key,) = torch.autograd.grad(loss, leaf)
            sums[KEY] += loss.item()
            counts[KEY] += len(scores.head)
        gradients.append((d_relation, d_key))
    return sums, counts, gradients


def relation_loss(
    scores: PairScores, logits: Tensor, labels: Tensor, phase: Phase, *, xi: float, tau: float, fusion: bool
) -> Tensor:
    """The M-step's loss (17)-(19); in the warm-up over all mention pairs.

    :param logits: In place of the scores' own. *Shape:* as `scores.relation`
    :param labels: bool. *Shape:* (N, C)
    """
    key = None if phase is Phase.WARMUP or scores.key is None else scores.key.detach()
    if fusion:
        scores = replace(scores, relation=logits, key=key)
        fused, _ = fuse(scores, xi=xi, tau=tau, fusion=True)
        return maths.adaptive_threshold_loss(fused, labels).sum()
    rows = scores.row_index
    if key is not None:
        selected = maths.select_key_pairs(torch.sigmoid(key), rows, len(labels), xi, tau)
        logits, rows = logits[selected], rows[selected]
    # An entity pair weighs the same however many key pairs it has.
    weight = 1.0 / torch.bincount(rows, minlength=len(labels))[rows]
    return (maths.adaptive_threshold_loss(logits, labels[rows]) * weight).sum()


def label_matrix(scores: PairScores, relations: Sequence[Tuple[int, int, int]]) -> Tensor:
    """Gold relations in the order of the scores' entity pairs, bool. *Shape:* (N, C)"""
    rows = {(head, tail): row for row, (head, tail) in enumerate(scores.entities.tolist())}
    labels = torch.zeros((len(rows), scores.relation.shape[1]), dtype=torch.bool)
    for head, tail, label in relations:
        if (head, tail) in rows:
            labels[rows[head, tail], label] = True
    return labels.to(scores.relation.device)
