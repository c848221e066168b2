"""Pair scores to relations."""

from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Tuple, Union

import numpy as np
import torch
from torch import Tensor

from .model import maths
from .model.network import PairScores


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
    mention_pairs: List[Tuple[int, int, float, float, float]]
    focus: Optional[np.ndarray] = None


def selected_pairs(scores: PairScores, *, xi: float, tau: float) -> Optional[Tensor]:
    """Which mention pairs are key (12)-(15); None, all, without a key instance classifier. *Shape:* (P,)"""
    if scores.key is None:
        return None
    return maths.select_key_pairs(torch.sigmoid(scores.key), scores.pair_index, len(scores.entities), xi, tau)


def fuse(scores: PairScores, *, xi: float, tau: float, fusion: bool) -> Tuple[Tensor, Optional[Tensor]]:
    """Logits of the entity pairs, and which mention pairs are key (None: all).

    :returns: *Shape:* (N, C), (P,)
    """
    selected = selected_pairs(scores, xi=xi, tau=tau)
    if fusion:
        return (
            maths.fuse_mention_logits(scores.relation, scores.row_index, len(scores.entities), selected),
            selected,
        )
    # Without fusion each key pair speaks for itself: the best margin over TH counts.
    margin = scores.relation - scores.relation[:, :1]
    rows = scores.row_index
    if selected is not None:
        margin, rows = margin[selected], rows[selected]
    index = rows[:, None].expand_as(margin)
    best = margin.new_full((len(scores.entities), margin.shape[1]), -torch.inf)
    return best.scatter_reduce(0, index, margin, "amax"), selected


def decode(
    scores: PairScores,
    *,
    xi: float,
    tau: float,
    fusion: bool,
    max_labels: int,
    threshold: Union[float, Tensor],
    adjust: Optional[Callable[[Tensor], Tensor]] = None,
    calibrate: Optional[Callable[[Tensor], Tensor]] = None,
) -> List[Prediction]:
    """The relations above the threshold, each with the key mention pairs responsible for it.

    :param threshold: One for all classes, or one for each. *Shape:* (C,)
    :param adjust: Gets the logits of the entity pairs, and returns the logits that count.
    :param calibrate: Gets these, and returns logits whose scores are compared with the threshold.
    """
    logits, selected = fuse(scores, xi=xi, tau=tau, fusion=fusion)
    if adjust is not None:
        logits = adjust(logits)
    calibrated = logits if calibrate is None else calibrate(logits)
    predicted = maths.predict_relations(calibrated, max_labels, threshold)
    related = predicted.any(dim=1)
    if not related.any():
        return []
    # From here on only the mention pairs of related entity pairs matter, and few are.
    keep = related[scores.pair_index]
    if selected is not None:
        keep &= selected
    pair_index = scores.pair_index[keep]
    if scores.share is None:
        rows = scores.relation[keep]
        share = maths.mention_pair_share(rows, pair_index, len(logits))
    else:
        rows = scores.relation[pair_index]
        share = scores.share[keep][:, None].expand_as(rows)
    key = torch.ones_like(share[:, 0]) if scores.key is None else torch.sigmoid(scores.key[keep].float())
    focus = None
    if scores.focus is not None:
        focus = (scores.focus[keep] if scores.share is None else scores.focus[pair_index]).cpu().numpy()
    rows_of = _group(pair_index.tolist())
    kept = keep.cpu()
    heads, tails, keys = scores.head[kept].tolist(), scores.tail[kept].tolist(), key.tolist()
    probs, shares = torch.sigmoid(rows.float()).cpu().numpy(), share.cpu().numpy()
    relation_scores, model_scores = (
        maths.relation_scores(values).cpu().numpy() for values in (calibrated, logits)
    )
    entities = scores.entities.tolist()
    predictions = []
    for pair, label in predicted.nonzero().tolist():
        mention_pairs = [
            (heads[row], tails[row], keys[row], float(probs[row, label]), float(shares[row, label]))
            for row in rows_of[pair]
        ]
        head, tail = entities[pair]
        predictions.append(
            Prediction(
                row=pair,
                head=head,
                tail=tail,
                label=label,
                score=float(relation_scores[pair, label]),
                model_score=float(model_scores[pair, label]),
                mention_pairs=sorted(mention_pairs, key=lambda pair: -pair[-1]),
                focus=None if focus is None else shares[rows_of[pair], label] @ focus[rows_of[pair]],
            )
        )
    return predictions


def _group(pair_index: List[int]) -> Dict[int, List[int]]:
    """The rows of each entity pair."""
    rows: Dict[int, List[int]] = {}
    for row, pair in enumerate(pair_index):
        rows.setdefault(pair, []).append(row)
    return rows
