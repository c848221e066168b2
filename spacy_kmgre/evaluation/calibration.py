"""Scores that are probabilities: how far they are from that, and what brings them there."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Tuple

import numpy as np
import torch
from torch import nn

from .thresholds import FOLDS, Candidates, document_folds

if TYPE_CHECKING:
    from ..pipe import KmgreRelations

# Scores up to this are left out of the error: of the many that are next to nothing all would be right.
LEAST = 0.1
BINS = 10
STEPS = 100
TINY = 1e-15
DIGITS = 4


@dataclass(frozen=True)
class Calibration:
    """What was found.

    :param slope: Of the line that margins are brought onto: σ(slope · m + intercept) in place of σ(m).
    :param intercept: Of that line.
    :param before: Expected calibration error of the scores as they are, in [0, 1].
    :param cross_validated: The same where the line for each fifth of the documents was made on the others.
    """

    slope: float
    intercept: float
    before: float
    cross_validated: float

    def settings(self, pipe: "KmgreRelations", changed: Dict[str, Any]) -> Dict[str, Any]:
        """What the component must be set to: its predictions stay the same, and their scores become probabilities.

        :param changed: Thresholds that it will have in place of its own.
        """
        slope, intercept = pipe.calibration
        thresholds = changed.get("thresholds", pipe.thresholds)
        scores = np.array([changed.get("threshold", pipe.threshold), *thresholds.values()])
        threshold, *others = apply_line(scores, (self.slope, self.intercept)).tolist()
        return {
            "threshold": threshold,
            "thresholds": dict(zip(thresholds, others)),
            "calibration": [self.slope * slope, self.slope * intercept + self.intercept],
        }


def find_calibration(candidates: Candidates, *, seed: int = 0) -> Calibration:
    """Platt's scaling (1999): of all lines that margins may be brought onto, that with the likeliest outcome.

    :param candidates: Of a corpus that the pipeline was not trained on.
    :param seed: Says which documents go together in cross-validation.
    """
    score = candidates.score.copy()
    fold = document_folds(candidates, seed)
    for number in range(FOLDS):
        line = _fit(candidates.among(fold != number))
        here = fold[candidates.document] == number
        score[here] = apply_line(candidates.score[here], line)
    slope, intercept = _fit(candidates)
    return Calibration(
        slope,
        intercept,
        before=calibration_error(candidates.score, candidates.correct),
        cross_validated=calibration_error(score, candidates.correct),
    )


def calibration_error(score: np.ndarray, correct: np.ndarray) -> float:
    """Expected calibration error: the mean, over equally wide bins, of the distance between mean score and precision,
    weighted by their sizes (Guo et al., ICML 2017). Scores up to 0.1 are left out.

    :param score: *Shape:* (R,)
    :param correct: *Shape:* (R,)
    """
    kept = score > LEAST
    score, correct = score[kept], correct[kept]
    if not len(score):
        return 0.0
    number = np.minimum((score * BINS).astype(int), BINS - 1)
    gap = np.bincount(number, weights=score - correct, minlength=BINS)
    return float(np.abs(gap).sum() / len(score))


def apply_line(score: np.ndarray, line: Tuple[float, float]) -> np.ndarray:
    """Scores after their margins were brought onto a line (slope, intercept)."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-line[0] * _margin(score) - line[1]))


def _fit(candidates: Candidates) -> Tuple[float, float]:
    """Slope, above 0 so that no order of scores changes, and intercept."""
    right = torch.from_numpy(candidates.correct)
    if not len(right):
        return 1.0, 0.0
    margin = torch.from_numpy(_margin(candidates.score.clip(max=1 - TINY)))
    # Platt's targets stop short of 1 and 0: else there is no likeliest line where scores part right from wrong.
    high, low = (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2)
    target = torch.where(right, high, low).double()
    line = torch.zeros(
        2, dtype=torch.float64, requires_grad=True
    )  # logarithm of the slope, and the intercept
    optimizer = torch.optim.LBFGS([line], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = nn.functional.binary_cross_entropy_with_logits(line[0].exp() * margin + line[1], target)
        value.backward()
        return value

    optimizer.step(loss)
    slope, intercept = line.detach().tolist()
    return max(round(math.exp(slope), DIGITS), 10**-DIGITS), round(intercept, DIGITS)


def _margin(score: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):  # thresholds of 0 and 1
        return np.log(score) - np.log1p(-score)
