"""The losses of the phases of EM, on the scores of a batch."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Collection, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from ..decode import fuse, selected_pairs
from ..model import maths
from ..model.network import BOTH, KEY, RELATION, PairScores

# Below this part of the attention a context's distance from the evidence grows no more.
EPSILON = 1e-4


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


@dataclass(frozen=True)
class Objective:
    """Settings of the losses, which go beyond the paper where they differ from these.

    :param xi: ξ of the key pairs' threshold (12).
    :param fusion: Labels are for fused key pairs (16), or straight for each of them.
    :param alpha: Weight of key pairs in the focal loss (11).
    :param gamma: Its exponent.
    :param pseudo_labels: "hard" is (9); "soft" the posterior p(z | y) ∝ p_ω p_θ, the best pair's being 1.
    :param key_pairs: Entity pairs that ω learns from: "all", or only the "related".
    :param negative_weight: Weight of the entity pairs without relation in the M-step's loss.
    :param evidence_keys: Where gold evidence is known, the key pairs are those that lie in it.
    :param evidence_focus: Weight of a further loss of θ: where gold evidence is known, the negative logarithm of
        the part of the key pairs' context that lies in it, a mean over the entity pairs that have some.
    """

    xi: float = 0.15
    fusion: bool = True
    alpha: float = 0.3
    gamma: float = 2.0
    pseudo_labels: str = "hard"
    key_pairs: str = "all"
    negative_weight: float = 1.0
    evidence_keys: bool = False
    evidence_focus: float = 0.0

    @property
    def uses_evidence(self) -> bool:
        return self.evidence_keys or self.evidence_focus > 0


class Evidence(NamedTuple):
    """Gold evidence of a document.

    :param sentences: By entity pair the numbers of the sentences that are evidence of its relations.
    :param mentions: The sentence of each mention.
    """

    sentences: Mapping[Tuple[int, int], Collection[int]]
    mentions: Sequence[int]


NO_EVIDENCE = Evidence({}, ())
# For every document those with respect to its `relation`, `key` and `focus`, None where there is none.
Gradients = List[Tuple[Optional[Tensor], Optional[Tensor], Optional[Tensor]]]


def loss_and_gradients(
    batch: Sequence[PairScores],
    gold: Sequence[Sequence[Tuple[int, int, int]]],
    phase: Phase,
    objective: Objective,
    *,
    tau: float,
    evidence: Optional[Sequence[Evidence]] = None,
) -> Tuple[Dict[str, float], Dict[str, int], Gradients]:
    """The losses of a batch and their gradients with respect to the scores.

    Losses are sums over entity pairs ("relation") and mention pairs ("key"); whoever steps divides by
    their numbers.

    :param gold: For every document (head entity, tail entity, class) of its relations.
    :param evidence: For every document, where the objective asks for it.
    :returns: The sums, how many pairs they are over, and the gradients.
    """
    sums = {RELATION: 0.0, KEY: 0.0}
    counts = {RELATION: 0, KEY: 0}
    gradients: Gradients = []
    for scores, relations, known in zip(batch, gold, evidence or [NO_EVIDENCE] * len(batch)):
        if not len(scores.entities):
            gradients.append((None, None, None))
            continue
        labels = label_matrix(scores, relations)
        d_relation = d_key = d_focus = None
        if RELATION in phase.moving:
            d_relation, d_focus, total = _relation_gradients(scores, labels, phase, objective, tau, known)
            sums[RELATION] += total
            counts[RELATION] += len(scores.entities)
        if KEY in phase.moving and scores.key is not None:
            leaf = scores.key.detach().requires_grad_()
            with torch.no_grad():
                target, counted = key_targets(scores, labels, objective, known)
            with torch.enable_grad():
                loss = key_loss(leaf, target, objective)[counted].sum()
                (d_key,) = torch.autograd.grad(loss, leaf)
            sums[KEY] += loss.item()
            counts[KEY] += len(counted)
        gradients.append((d_relation, d_key, d_focus))
    return sums, counts, gradients


def _relation_gradients(
    scores: PairScores,
    labels: Tensor,
    phase: Phase,
    objective: Objective,
    tau: float,
    evidence: Evidence,
) -> Tuple[Tensor, Optional[Tensor], float]:
    key = None if phase is Phase.WARMUP or scores.key is None else scores.key.detach()
    leaf = scores.relation.detach().requires_grad_()
    scores = replace(scores, relation=leaf, key=key)
    with torch.enable_grad():
        loss = relation_loss(scores, labels, objective, tau=tau)
        (d_relation,) = torch.autograd.grad(loss, leaf)
    total, d_focus = loss.item(), None
    if objective.evidence_focus and scores.focus is not None and evidence.sentences:
        leaf = scores.focus.detach().requires_grad_()
        with torch.enable_grad():
            loss = focus_loss(replace(scores, focus=leaf), objective, evidence, tau=tau)
            (d_focus,) = torch.autograd.grad(loss, leaf)
        total += loss.item()
    return d_relation, d_focus, total


def relation_loss(scores: PairScores, labels: Tensor, objective: Objective, *, tau: float) -> Tensor:
    """The M-step's loss (17)-(19), over all mention pairs where the scores have no `key`.

    :param labels: bool. *Shape:* (N, C)
    """
    related = labels[:, 1:].any(dim=1)
    weight = torch.where(related, 1.0, objective.negative_weight)
    if objective.fusion:
        fused, _ = fuse(scores, xi=objective.xi, tau=tau, fusion=True)
        return (maths.adaptive_threshold_loss(fused, labels) * weight).sum()
    logits, rows = scores.relation, scores.row_index
    selected = selected_pairs(scores, xi=objective.xi, tau=tau)
    if selected is not None:
        logits, rows = logits[selected], rows[selected]
    # An entity pair weighs the same however many key pairs it has.
    weight = weight / torch.bincount(rows, minlength=len(labels))
    return (maths.adaptive_threshold_loss(logits, labels[rows]) * weight[rows]).sum()


def focus_loss(scores: PairScores, objective: Objective, evidence: Evidence, *, tau: float) -> Tensor:
    """How far the contexts of key mention pairs are from gold evidence: -log of the part that lies in it, a mean
    over the entity pairs that have some, times their number and the objective's weight, to be one beside the
    mean over all entity pairs. DREEAM (Ma et al., EACL 2023) has a divergence over word pieces in its place."""
    assert scores.focus is not None
    inside = torch.zeros((len(scores.entities), scores.focus.shape[1]), dtype=torch.bool)
    for row, pair in enumerate(map(tuple, scores.entities.tolist())):
        for sentence in evidence.sentences.get(pair, ()):
            inside[row, sentence] = True
    inside = inside.to(scores.focus.device)
    rows = scores.row_index
    known = inside.any(dim=1)
    selected = selected_pairs(scores, xi=objective.xi, tau=tau)
    counted = known[rows] if selected is None or scores.share is not None else known[rows] & selected
    part = (scores.focus * inside[rows]).sum(dim=1)[counted]
    total = part.new_zeros(len(known)).index_add(0, rows[counted], part)
    count = torch.bincount(rows[counted], minlength=len(known)).clamp(min=1)
    losses = -torch.log(total / count + EPSILON)[known]
    return losses.mean() * len(known) * objective.evidence_focus


def key_targets(
    scores: PairScores, labels: Tensor, objective: Objective, evidence: Evidence = NO_EVIDENCE
) -> Tuple[Tensor, Tensor]:
    """What ω is to learn: which mention pairs are key, as numbers in [0, 1], and which of them it learns from.

    :returns: *Shape:* (P,), (P,) bool
    """
    assert scores.key is not None
    probs = torch.sigmoid(scores.relation.float())
    related = labels[:, 1:].any(dim=1)
    rows = scores.pair_index
    if objective.pseudo_labels == "hard":
        target = maths.key_pseudo_labels(probs, rows, labels).float()
    else:
        target = maths.key_posterior(torch.sigmoid(scores.key), probs, rows, labels)
    counted = related[rows] if objective.key_pairs == "related" else torch.ones_like(related[rows])
    if objective.evidence_keys and evidence.sentences:
        sentences = torch.tensor(evidence.mentions, device=rows.device)
        of_head, of_tail = sentences[scores.head], sentences[scores.tail]
        for row, pair in enumerate(map(tuple, scores.entities.tolist())):
            known = evidence.sentences.get(pair)
            if known:
                numbers = torch.tensor(sorted(known), device=rows.device)
                members = rows == row
                inside = members & torch.isin(of_head, numbers) & torch.isin(of_tail, numbers)
                if inside.any():  # otherwise the evidence is in neither's sentence
                    target[members] = inside[members].float()
    return target, counted


def key_loss(logits: Tensor, target: Tensor, objective: Objective) -> Tensor:
    """The focal loss (10), (11), between those for 0 and 1 where the target is. *Shape:* (P,)"""
    one, zero = (
        maths.key_focal_loss(logits, torch.full_like(target, value), objective.alpha, objective.gamma)
        for value in (1.0, 0.0)
    )
    return target * one + (1 - target) * zero


def label_matrix(scores: PairScores, relations: Sequence[Tuple[int, int, int]]) -> Tensor:
    """Gold relations in the order of the scores' entity pairs, bool. *Shape:* (N, C)"""
    rows = {(head, tail): row for row, (head, tail) in enumerate(scores.entities.tolist())}
    labels = torch.zeros((len(rows), scores.relation.shape[1]), dtype=torch.bool)
    for head, tail, label in relations:
        if (head, tail) in rows:
            labels[rows[head, tail], label] = True
    return labels.to(scores.relation.device)
