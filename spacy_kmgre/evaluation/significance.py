"""How sure a score is, and whether two models differ.

Documents are drawn, not relations, as the relations of one document depend on one another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .table import CountTable


@dataclass(frozen=True)
class Resampling:
    """The settings of intervals and tests that draw documents at random.

    :param samples: The number of bootstrap samples, and of rounds of the randomisation test.
    :param confidence: The confidence of the intervals, between 0 and 1.
    :param seed: The seed of the random numbers.
    """

    samples: int = 1000
    confidence: float = 0.95
    seed: int = 0


DEFAULT = Resampling()


class Comparison(NamedTuple):
    """A second model against a first one.

    *Shape:* (rows, 3) each

    :param difference: The scores of the second model minus those of the first.
    :param low: The lower ends of the differences' intervals.
    :param high: The upper ends of the differences' intervals.
    :param p_value: The p-values of the hypothesis that the two models do not differ.
    """

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray


def bootstrap_intervals(table: CountTable, resampling: Resampling = DEFAULT) -> tuple[np.ndarray, np.ndarray]:
    """Compute percentile bootstrap intervals of all scores (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13), from samples of as many documents, drawn with replacement. Samples in which
    a score is not defined do not count for it.

    :returns: Lower and upper ends; NaN where no sample has the score.
        *Shape:* (rows, 3) each
    """
    return _intervals(lambda weights: table.scores(table.totals(weights)), len(table), resampling)


def compare(first: CountTable, second: CountTable, resampling: Resampling = DEFAULT) -> Comparison:
    """Compare two models on the same documents.

    The p-value is that of the paired approximate randomisation test, two-sided (Noreen, Computer-Intensive
    Methods for Testing Hypotheses, 1989; for F, Yeh, COLING 2000): in each round each document's results
    change sides with probability 1/2, and the p-value is (n + 1) / (rounds + 1) where n rounds give a
    difference at least as large as the one found. The interval is that of the paired bootstrap, with both
    models on the same samples of documents (Koehn, EMNLP 2004).

    :param first: A table of `count_tables`; the second comes from the same call.
    """

    def difference(weights: np.ndarray | None = None) -> np.ndarray:
        changed: np.ndarray = second.scores(second.totals(weights)) - first.scores(first.totals(weights))
        return changed

    found = difference()
    low, high = _intervals(difference, len(first), resampling)
    return Comparison(found, low, high, _p_values(first, second, found, resampling))


def _p_values(
    first: CountTable, second: CountTable, difference: np.ndarray, resampling: Resampling
) -> np.ndarray:
    random = np.random.default_rng(resampling.seed)
    whole = first.totals() + second.totals()
    at_least = np.ones_like(difference)
    for _ in range(resampling.samples):
        swapped = random.integers(0, 2, len(first))
        left = first.totals(1 - swapped) + second.totals(swapped)
        # A score that a round leaves undefined differs by nothing. Rounding is no difference either.
        drawn = np.nan_to_num(second.scores(whole - left) - first.scores(left))
        at_least += np.abs(drawn) >= np.abs(difference) - 1e-12
    return np.where(np.isnan(difference), np.nan, at_least / (resampling.samples + 1))


def _intervals(
    statistic: Callable[[np.ndarray], np.ndarray], documents: int, resampling: Resampling
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and the upper ends of the bootstrap's intervals.

    :param statistic: A function of how often a sample holds each document.
    """
    random = np.random.default_rng(resampling.seed)
    equal = np.full(documents, 1 / documents)
    drawn = np.array([statistic(random.multinomial(documents, equal)) for _ in range(resampling.samples)])
    undefined = np.isnan(drawn).all(axis=0)
    shares = (1 - resampling.confidence) / 2, (1 + resampling.confidence) / 2
    # A column of NaN alone would give a warning.
    low, high = np.nanquantile(np.where(undefined, 0.0, drawn), shares, axis=0)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)
