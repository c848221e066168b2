"""Scores that are probabilities: how far they are from that, and what brings them there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from .thresholds import CENTRES, FOLDS, Candidates, document_folds

if TYPE_CHECKING:
    from ..pipeline.relations import KmgreRelations

# Scores up to this are left out of the error: of the many that are next to nothing all would be right.
LEAST = 0.1
BINS = 10
STEPS = 100
DIGITS = 4


@dataclass(frozen=True)
class Calibration:
    """What was found.

    :param slope: Of the line that margins l_c - l_TH are brought onto: σ(slope · m + intercept) in place of σ(m).
    :param intercept: Of that line.
    :param before: Expected calibration error of the scores as they are, in [0, 1].
    :param cross_validated: That of the same relations where the line for each fifth of the documents was made on the
        others.
    """

    slope: float
    intercept: float
    before: float
    cross_validated: float

    def settings(self, pipe: "KmgreRelations", changed: dict[str, Any]) -> dict[str, Any]:
        """What the component must be set to: its predictions stay the same, and their scores become probabilities.

        :param changed: Thresholds that it will have in place of its own.
        """
        slope, intercept = pipe.calibration
        thresholds = changed.get("thresholds", pipe.thresholds)
        scores = np.array([changed.get("threshold", pipe.threshold), *thresholds.values()])
        with np.errstate(divide="ignore"):  # thresholds of 0 and 1
            margins = (np.log(scores) - np.log1p(-scores) - intercept) / slope
        threshold, *others = score_margins(margins, (self.slope, self.intercept)).tolist()
        return {
            "threshold": threshold,
            "thresholds": dict(zip(thresholds, others)),
            "calibration": [self.slope, self.intercept],
        }


def find_calibration(candidates: Candidates, line: Sequence[float], *, seed: int = 0) -> Calibration:
    """Platt's scaling (1999): of all lines that margins may be brought onto, that with the likeliest outcome.

    :param candidates: Of a corpus that the pipeline was not trained on.
    :param line: Slope and intercept that the component has.
    :param seed: Says which documents go together in cross-validation.
    """
    before = score_margins(CENTRES, line)
    counted = before > LEAST
    fold = document_folds(candidates, seed)
    scores, counts = [], []
    for number in range(FOLDS):
        counts.append(candidates.margins[fold == number].sum(axis=0)[counted])
        others = fit_line(candidates.margins[fold != number].sum(axis=0))
        scores.append(score_margins(CENTRES, others)[counted])
    return Calibration(
        *fit_line(candidates.margins.sum(axis=0)),
        before=calibration_error(np.tile(before[counted], FOLDS), np.concatenate(counts)),
        cross_validated=calibration_error(np.concatenate(scores), np.concatenate(counts)),
    )


def calibration_error(scores: np.ndarray, counts: np.ndarray) -> float:
    """Expected calibration error: the mean, over equally wide bins, of the distance between mean score and precision,
    weighted by their sizes (Guo et al., ICML 2017).

    :param scores: *Shape:* (R,)
    :param counts: How many wrong and right relations have them. *Shape:* (R, 2)
    """
    size = counts.sum(axis=1)
    if not size.any():
        return 0.0
    number = np.minimum((scores * BINS).astype(int), BINS - 1)
    gap = np.bincount(number, weights=scores * size - counts[:, 1], minlength=BINS)
    return float(np.abs(gap).sum() / size.sum())


def score_margins(margins: np.ndarray, line: Sequence[float]) -> np.ndarray:
    """Scores of margins on a line (slope, intercept)."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-line[0] * margins - line[1]))


def fit_line(counts: np.ndarray) -> tuple[float, float]:
    """Slope, above 0 so that no order of scores changes, and intercept.

    :param counts: How many wrong and right relations have the margins `CENTRES`. *Shape:* (B, 2)
    """
    wrong, right = (torch.from_numpy(column).double() for column in counts.T)
    if not len(counts[counts > 0]):
        return 1.0, 0.0
    # Platt's targets stop short of 1 and 0: else there is no likeliest line where margins part right from wrong.
    high, low = (right.sum() + 1) / (right.sum() + 2), 1 / (wrong.sum() + 2)
    total = wrong + right
    target = (high * right + low * wrong) / total.clamp(min=1)
    margins = torch.from_numpy(CENTRES)
    line = torch.zeros(
        2, dtype=torch.float64, requires_grad=True
    )  # logarithm of the slope, and the intercept
    optimizer = torch.optim.LBFGS([line], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = line[0].exp() * margins + line[1]
        value = nn.functional.binary_cross_entropy_with_logits(logits, target, total, reduction="sum")
        value = value / total.sum()
        value.backward()
        return value

    optimizer.step(loss)
    slope, intercept = line.detach().tolist()
    return max(round(math.exp(slope), DIGITS), 10**-DIGITS), round(intercept, DIGITS)
