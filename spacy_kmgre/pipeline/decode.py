"""Pair scores to relations."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..model import maths
from ..model.network import PairScores


@dataclass(frozen=True)
class Prediction:
    """A predicted relation in numbers.

    :param row: The entity pair, 0..N-1.
    :param label: Class, 1..C-1.
    :param model_score: The score before calibration.
    :param mention_pairs: (head mention, tail mention, key score, relation score, share) of the key mention
        pairs, largest share first.
    :param focus: How much of their contexts, weighted by share, lies in each sentence; None where the scores do
        not say. *Shape:* (S,)
    """

    row: int
    head: int
    tail: int
    label: int
    score: float
    model_score: float
    mention_pairs: list[tuple[int, int, float, float, float]]
    focus: np.ndarray | None = None


def selected_pairs(scores: PairScores, *, xi: float, tau: float) -> Tensor | None:
    """Which mention pairs are key (12)-(15); None, all, without a key instance classifier. *Shape:* (P,)"""
    if scores.key is None:
        return None
    return maths.select_key_pairs(torch.sigmoid(scores.key), scores.pair_index, len(scores.entities), xi, tau)


def fuse(scores: PairScores, selected: Tensor | None, *, fusion: bool) -> Tensor:
    """Logits of the entity pairs.

    :param selected: Which mention pairs are key; all where None. *Shape:* (P,)
    :returns: *Shape:* (N, C)
    """
    if fusion:
        return maths.fuse_mention_logits(scores.relation, scores.row_index, len(scores.entities), selected)
    # Without fusion each key pair speaks for itself: the best margin over TH counts.
    margin = scores.relation - scores.relation[:, :1]
    rows = scores.row_index
    if selected is not None:
        margin, rows = margin[selected], rows[selected]
    index = rows[:, None].expand_as(margin)
    best = margin.new_full((len(scores.entities), margin.shape[1]), -torch.inf)
    return best.scatter_reduce(0, index, margin, "amax")


def decode(
    scores: PairScores,
    *,
    xi: float,
    tau: float,
    fusion: bool,
    max_labels: int,
    threshold: float | Tensor,
    adjust: Callable[[Tensor], Tensor] | None = None,
    calibrate: Callable[[Tensor], Tensor] | None = None,
) -> list[Prediction]:
    """The relations above the threshold, each with the key mention pairs responsible for it.

    :param threshold: One for all classes, or one for each. *Shape:* (C,)
    :param adjust: Gets the logits of the entity pairs, and returns the logits that count.
    :param calibrate: Gets these, and returns logits whose scores are compared with the threshold.
    """
    selected = selected_pairs(scores, xi=xi, tau=tau)
    logits = fuse(scores, selected, fusion=fusion)
    if adjust is not None:
        logits = adjust(logits)
    calibrated = logits if calibrate is None else calibrate(logits)
    predicted = maths.predict_relations(calibrated, max_labels, threshold)
    related = predicted.any(dim=1)
    if not related.any():
        return []
    # From here on only the mention pairs of related entity pairs matter, and few are: on the processor.
    keep = related[scores.pair_index]
    if selected is not None:
        keep &= selected
    kept = keep.nonzero().squeeze(1)
    pair_index = scores.pair_index[kept]
    rows = kept if scores.share is None else pair_index  # of the relation logits
    index, relation = pair_index.cpu().numpy(), maths.wide(scores.relation[rows]).cpu().numpy()
    key = np.ones(len(index)) if scores.key is None else torch.sigmoid(scores.key[kept].float()).cpu().numpy()
    focus = None if scores.focus is None else scores.focus[rows].cpu().numpy()
    given = None if scores.share is None else scores.share[kept].cpu().numpy()
    found = predicted.nonzero()
    relation_scores, model_scores = (
        maths.relation_scores(values)[tuple(found.T)].tolist() for values in (calibrated, logits)
    )
    pairs, labels = found.cpu().numpy().T
    # One line for each key mention pair of each relation.
    firsts, ends = np.searchsorted(index, pairs), np.searchsorted(index, pairs, side="right")
    starts = np.append(0, np.cumsum(ends - firsts))
    relations = np.repeat(np.arange(len(pairs)), ends - firsts)
    lines = np.arange(starts[-1]) - starts[relations] + firsts[relations]
    line_logits = torch.from_numpy(relation[lines, labels[relations]])
    if given is None:
        of_lines = maths.mention_pair_share(line_logits[:, None], torch.from_numpy(relations), len(pairs))
        shares = of_lines.squeeze(1).numpy()
    else:
        shares = given[lines]
    if focus is not None:
        focus = np.add.reduceat(shares[:, None] * focus[lines], starts[:-1])
    order = np.lexsort((-shares, relations))
    numbers = kept.cpu()[lines[order]]
    mention_pairs = list(
        zip(
            scores.head[numbers].tolist(),
            scores.tail[numbers].tolist(),
            key[lines[order]].tolist(),
            torch.sigmoid(line_logits[order]).tolist(),
            shares[order].tolist(),
        )
    )
    heads, tails = scores.entities[pairs].T.tolist()
    return [
        Prediction(
            row=row,
            head=heads[number],
            tail=tails[number],
            label=label,
            score=relation_scores[number],
            model_score=model_scores[number],
            mention_pairs=mention_pairs[starts[number] : starts[number + 1]],
            focus=None if focus is None else focus[number],
        )
        for number, (row, label) in enumerate(zip(pairs.tolist(), labels.tolist()))
    ]
