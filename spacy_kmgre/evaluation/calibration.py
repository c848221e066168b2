"""How far scores are from probabilities, and the line that brings them there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from .thresholds import CENTRES, FOLDS, Candidates, document_folds

if TYPE_CHECKING:
    from ..pipeline.relations import KmgreRelations

# The error leaves out scores up to this: of the many next to 0 all would be right.
LEAST = 0.1
BINS = 10
DIGITS = 4


@dataclass(frozen=True)
class Calibration:
    """The line that makes scores probabilities: σ(slope · m + intercept) in place of σ(m), for margins
    m = l_c - l_TH.

    :param slope: The slope, above 0.
    :param intercept: The intercept.
    :param before: The expected calibration error of the scores as they are, in [0, 1].
    :param cross_validated: The error of the same relations where the line for each fifth of the documents is
        found on the others.
    """

    slope: float
    intercept: float
    before: float
    cross_validated: float

    def settings(self, pipe: "KmgreRelations", changed: dict[str, Any]) -> dict[str, Any]:
        """Settings of the component with which its scores are probabilities and its predictions stay the same.

        :param changed: New values of `threshold` and `thresholds`, where the component gets some.
        """
        slope, intercept = pipe.calibration
        thresholds = changed.get("thresholds", pipe.thresholds)
        scores = np.array([changed.get("threshold", pipe.threshold), *thresholds.values()])
        margins = (logit(scores) - intercept) / slope
        threshold, *others = score_margins(margins, (self.slope, self.intercept)).tolist()
        return {
            "threshold": threshold,
            "thresholds": dict(zip(thresholds, others)),
            "calibration": [self.slope, self.intercept],
        }


def find_calibration(candidates: Candidates, line: Sequence[float], *, seed: int = 0) -> Calibration:
    """Find the line by Platt scaling (Platt, Probabilistic Outputs for Support Vector Machines, 1999).

    :param candidates: Candidates of a corpus that the pipeline was not trained on.
    :param line: The slope and the intercept that the component has.
    :param seed: The seed of the folds of cross-validation.
    """
    before = score_margins(CENTRES, line)
    counted = before > LEAST
    fold = document_folds(candidates, seed)
    scores, counts = [], []
    for number in range(FOLDS):
        others = fit_line(candidates.margins[fold != number].sum(axis=0))
        scores.append(score_margins(CENTRES, others)[counted])
        counts.append(candidates.margins[fold == number].sum(axis=0)[counted])
    slope, intercept = fit_line(candidates.margins.sum(axis=0))
    return Calibration(
        slope,
        intercept,
        before=calibration_error(np.tile(before[counted], FOLDS), np.concatenate(counts)),
        cross_validated=calibration_error(np.concatenate(scores), np.concatenate(counts)),
    )


def calibration_error(scores: np.ndarray, counts: np.ndarray) -> float:
    """Compute the expected calibration error: the distance between mean score and precision in equally wide
    bins of scores, weighted by the bins' sizes (Guo et al., ICML 2017).

    :param scores: *Shape:* (R,)
    :param counts: The numbers of wrong and of right relations with these scores.
        *Shape:* (R, 2)
    """
    size = counts.sum(axis=1)
    if not size.any():
        return 0.0
    number = np.minimum((scores * BINS).astype(int), BINS - 1)
    gap = np.bincount(number, weights=scores * size - counts[:, 1], minlength=BINS)
    return float(np.abs(gap).sum() / size.sum())


def score_margins(margins: np.ndarray, line: Sequence[float]) -> np.ndarray:
    """The scores of margins, by a line's slope and intercept."""
    return np.asarray(expit(line[0] * margins + line[1]))


def fit_line(counts: np.ndarray) -> tuple[float, float]:
    """The slope and the intercept that make the outcome likeliest, rounded. The slope is above 0, so that
    scores keep their order.

    :param counts: The numbers of wrong and of right relations with the margins `CENTRES`.
        *Shape:* (B, 2)
    """
    wrong, right = counts.T
    total, sums = wrong + right, counts.sum(axis=0)
    if not total.any():
        return 1.0, 0.0
    # Platt's targets stop short of 0 and 1: otherwise, where margins part right from wrong, no line is likeliest.
    low, high = 1 / (sums[0] + 2), (sums[1] + 1) / (sums[1] + 2)
    target = low * wrong + high * right

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean cross-entropy, and its gradient."""
        logits = line[0] * CENTRES + line[1]
        error = total * expit(logits) - target
        value = (total * np.logaddexp(0.0, logits) - target * logits).sum()
        return value / total.sum(), np.array([error @ CENTRES, error.sum()]) / total.sum()

    found = minimize(
        loss, (1.0, 0.0), jac=True, method="L-BFGS-B", bounds=[(10**-DIGITS, None), (None, None)], tol=1e-12
    )
    slope, intercept = found.x.round(DIGITS).tolist()
    return slope, intercept
