"""The losses of the phases of EM, on the scores of a batch."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..model import maths
from ..model.encoder import on_device
from ..model.network import BOTH, KEY, RELATION, PairScores, join_scores
from ..pipeline.decode import fuse, selected_pairs

# What scores have gradients of.
FIELDS = ("relation", "key", "focus")
# Below this part of the attention a context's distance from the evidence grows no more.
EPSILON = 1e-4


class Phase(str, Enum):
    """What the next update does (Jiang et al. 2022, section 3.4): which halves move, and with what."""

    WARMUP = "warmup"
    E_STEP = "e-step"
    M_STEP = "m-step"
    JOINT = "joint"

    @property
    def moving(self) -> frozenset[str]:
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

    sentences: Mapping[tuple[int, int], Collection[int]]
    mentions: Sequence[int]


NO_EVIDENCE = Evidence({}, ())


class Located(NamedTuple):
    """Gold evidence of the pairs of some scores.

    :param inside: Which sentences of its document are evidence of each entity pair, bool. *Shape:* (N, S)
    :param head: The sentence of each mention pair's head. *Shape:* (P,)
    :param tail: *Shape:* (P,)
    :param weight: Of each entity pair's focus: 0 without evidence, otherwise that with which the pairs that have some
        weigh as much as all of their document. *Shape:* (N,)
    """

    inside: Tensor
    head: Tensor
    tail: Tensor
    weight: Tensor


# For every document those with respect to its `relation`, `key` and `focus`, None where there is none.
Gradients = list[tuple[Tensor | None, Tensor | None, Tensor | None]]


def loss_and_gradients(
    batch: Sequence[PairScores],
    gold: Sequence[Sequence[tuple[int, int, int]]],
    phase: Phase,
    objective: Objective,
    *,
    tau: float,
    evidence: Sequence[Evidence] | None = None,
) -> tuple[dict[str, float], dict[str, int], Gradients]:
    """The losses of a batch and their gradients with respect to the scores.

    Losses are sums over entity pairs ("relation") and mention pairs ("key"); whoever steps divides by
    their numbers.

    :param gold: For every document (head entity, tail entity, class) of its relations.
    :param evidence: For every document, where the objective asks for it.
    :returns: The sums, how many pairs they are over, and the gradients.
    """
    known = [number for number, scores in enumerate(batch) if len(scores.entities)]
    counts = {RELATION: 0, KEY: 0}
    gradients: Gradients = [(None, None, None)] * len(batch)
    if not known:
        return {RELATION: 0.0, KEY: 0.0}, counts, gradients
    some = [batch[number] for number in known]
    scores = join_scores(some)
    labels = on_device(
        np.concatenate([label_matrix(batch[number], gold[number]) for number in known]),
        scores.relation.device,
    )
    located = locate(some, [evidence[number] for number in known]) if evidence else None
    losses: dict[str, list[Tensor]] = {RELATION: [], KEY: []}
    leaves: dict[str, Tensor] = {}
    with torch.enable_grad():
        if RELATION in phase.moving:
            leaves["relation"] = scores.relation.detach().requires_grad_()
            key = None if phase is Phase.WARMUP or scores.key is None else scores.key.detach()
            moved = replace(scores, relation=leaves["relation"], key=key)
            with torch.no_grad():
                selected = selected_pairs(moved, xi=objective.xi, tau=tau)
            losses[RELATION].append(relation_loss(moved, labels, objective, selected))
            if objective.evidence_focus and scores.focus is not None and located is not None:
                leaves["focus"] = scores.focus.detach().requires_grad_()
                moved = replace(moved, relation=scores.relation.detach(), focus=leaves["focus"])
                losses[RELATION].append(focus_loss(moved, objective, located, selected))
            counts[RELATION] = len(scores.entities)
        if KEY in phase.moving and scores.key is not None:
            leaves["key"] = scores.key.detach().requires_grad_()
            with torch.no_grad():
                target, counted = key_targets(scores, labels, objective, located)
            loss = maths.key_focal_loss(leaves["key"], target, objective.alpha, objective.gamma)
            losses[KEY].append((loss * counted).sum())
            counts[KEY] = len(counted)
        everything = [loss for part in losses.values() for loss in part]
        found = torch.autograd.grad(everything, list(leaves.values())) if leaves else ()
    together = [loss.detach().to(everything[0].dtype) for loss in everything]
    values = iter(torch.stack(together).tolist() if together else ())  # one wait for a GPU
    sums = {part: math.fsum(islice(values, len(own))) for part, own in losses.items()}
    rows = [len(own.relation) for own in some]
    sizes = {"relation": rows, "key": [len(own.pair_index) for own in some], "focus": rows}
    parts = {field: gradient.split(sizes[field]) for field, gradient in zip(leaves, found)}
    for row, number in enumerate(known):
        relation, key, focus = (parts[field][row] if field in parts else None for field in FIELDS)
        own = batch[number].focus
        gradients[number] = relation, key, None if own is None or focus is None else focus[:, : own.shape[1]]
    return sums, counts, gradients


def relation_loss(
    scores: PairScores, labels: Tensor, objective: Objective, selected: Tensor | None
) -> Tensor:
    """The M-step's loss (17)-(19).

    :param labels: bool. *Shape:* (N, C)
    :param selected: Which mention pairs are key; all where None. *Shape:* (P,)
    """
    related = labels[:, 1:].any(dim=1)
    weight = torch.where(related, 1.0, objective.negative_weight)
    if objective.fusion:
        fused = fuse(scores, selected, fusion=True)
        return (maths.adaptive_threshold_loss(fused, labels) * weight).sum()
    logits, rows = scores.relation, scores.row_index
    if selected is not None:
        logits, rows = logits[selected], rows[selected]
    # An entity pair weighs the same however many key pairs it has.
    weight = weight / maths.segment_sizes(rows, len(labels))
    return (maths.adaptive_threshold_loss(logits, labels[rows]) * weight[rows]).sum()


def focus_loss(scores: PairScores, objective: Objective, located: Located, selected: Tensor | None) -> Tensor:
    """How far the contexts of key mention pairs are from gold evidence: -log of the part that lies in it, for each
    document a mean over the entity pairs that have some, times their number and the objective's weight, to be one
    beside the mean over all entity pairs. DREEAM (Ma et al., EACL 2023) has a divergence over word pieces in its
    place."""
    assert scores.focus is not None
    rows, size = scores.row_index, len(scores.entities)
    counted = (located.weight > 0)[rows].to(scores.focus)
    if selected is not None and scores.share is None:
        counted = counted * selected
    part = (scores.focus * located.inside[:, : scores.focus.shape[1]][rows]).sum(dim=1) * counted
    total = part.new_zeros(size).index_add(0, rows, part)
    count = part.new_zeros(size).index_add(0, rows, counted).clamp(min=1)
    return -(torch.log(total / count + EPSILON) * located.weight).sum() * objective.evidence_focus


def key_targets(
    scores: PairScores, labels: Tensor, objective: Objective, located: Located | None = None
) -> tuple[Tensor, Tensor]:
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
    if objective.evidence_keys and located is not None:
        inside = (located.inside[rows, located.head] & located.inside[rows, located.tail]).to(target)
        # Otherwise the evidence is in neither's sentence.
        says = inside.new_zeros(len(labels)).index_add(0, rows, inside) > 0
        target = torch.where(says[rows], inside, target)
    return target, counted


def label_matrix(scores: PairScores, relations: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Gold relations in the order of the scores' entity pairs, bool. *Shape:* (N, C)"""
    rows = {(head, tail): row for row, (head, tail) in enumerate(scores.entities.tolist())}
    labels = np.zeros((len(rows), scores.relation.shape[1]), dtype=bool)
    for head, tail, label in relations:
        if (head, tail) in rows:
            labels[rows[head, tail], label] = True
    return labels


def locate(batch: Sequence[PairScores], evidence: Sequence[Evidence]) -> Located | None:
    """Where the evidence of some documents is, in the order of their joined scores; None where no scored pair has any.

    :param evidence: For every document.
    """
    inside: list[tuple[int, int]] = []
    heads, tails, weights = [], [], []
    start = 0
    for scores, known in zip(batch, evidence):
        mentions = np.array(known.mentions, dtype=np.int64)
        head, tail = scores.head.numpy(), scores.tail.numpy()
        heads.append(mentions[head] if len(mentions) else np.zeros_like(head))
        tails.append(mentions[tail] if len(mentions) else np.zeros_like(tail))
        weight = np.zeros(len(scores.entities))
        for row, pair in enumerate(map(tuple, scores.entities.tolist()) if known.sentences else ()):
            found = known.sentences.get(pair, ())
            inside += [(start + row, sentence) for sentence in found]
            weight[row] = bool(found)
        weights.append(weight * len(weight) / max(1.0, weight.sum()))
        start += len(weight)
    if not inside:
        return None
    columns = 1 + max(max(sentence for _, sentence in inside), *(int(of.max()) for of in (*heads, *tails)))
    columns = max([columns, *(scores.focus.shape[1] for scores in batch if scores.focus is not None)])
    table = np.zeros((start, columns), dtype=bool)
    table[tuple(np.array(inside).T)] = True
    device, dtype = batch[0].relation.device, batch[0].relation.dtype
    return Located(
        on_device(table, device),
        on_device(np.concatenate(heads), device),
        on_device(np.concatenate(tails), device),
        torch.from_numpy(np.concatenate(weights)).to(dtype).to(device, non_blocking=True),
    )
