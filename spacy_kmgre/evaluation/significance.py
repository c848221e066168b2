"""How sure a score is, and whether two models differ.

Documents are drawn, not relations: those of one document depend on one another.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from .table import CountTable

# Random numbers held at a time.
BLOCK = 4_000_000


class Comparison(NamedTuple):
    """A second model against a first one.

    :param difference: Of the scores, second minus first. *Shape:* (rows, 3)
    :param low: Lower end of the difference's interval. *Shape:* (rows, 3)
    :param high: Upper end. *Shape:* (rows, 3)
    :param p_value: Of the hypothesis that the two models do not differ. *Shape:* (rows, 3)
    """

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray


def bootstrap_intervals(
    table: CountTable, *, samples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bootstrap intervals of all scores (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 13), over samples of as many documents, drawn with replacement. Samples in which a score
    is not defined do not count for it.

    :returns: Lower and upper ends; NaN where no sample has the score. *Shape:* (rows, 3) each
    """
    drawn = [table.scores(table.totals(weights)) for weights in _draw(len(table), samples, seed)]
    return _interval(np.concatenate(drawn), confidence)


def compare(
    first: CountTable,
    second: CountTable,
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Two models on the same documents.

    The p-value is that of the paired approximate randomisation test, two-sided (Noreen, Computer-Intensive
    Methods for Testing Hypotheses, 1989; for F, Yeh, COLING 2000): in each of `samples` rounds each document's
    results change sides with probability 1/2, and (n + 1) / (samples + 1) is the p-value where n rounds give a
    difference at least as large as the one found. The interval is that of the paired bootstrap, both models on
    the same samples of documents (Koehn, EMNLP 2004).

    :param first: A table of `count_tables`, the second from the same call.
    """
    difference = second.scores(second.totals()) - first.scores(first.totals())
    drawn = [
        second.scores(second.totals(weights)) - first.scores(first.totals(weights))
        for weights in _draw(len(first), samples, seed)
    ]
    low, high = _interval(np.concatenate(drawn), confidence)
    return Comparison(difference, low, high, _randomise(first, second, difference, samples, seed))


def _randomise(
    first: CountTable, second: CountTable, difference: np.ndarray, samples: int, seed: int
) -> np.ndarray:
    base, whole = first.totals(), first.totals() + second.totals()
    change = (second.counts - first.counts).reshape(len(first), -1)
    at_least = np.zeros_like(difference)

    def swaps(random: np.random.Generator, rounds: int) -> np.ndarray:
        return random.integers(0, 2, (rounds, len(first))).astype(np.float64)

    for swapped in _blocks(len(first), samples, seed, swaps):
        totals = base + (swapped @ change).reshape(len(swapped), *base.shape)
        found = first.scores(whole - totals) - first.scores(totals)
        # A score that a round leaves undefined differs by nothing. Rounding is no difference either.
        reached = np.abs(np.nan_to_num(found)) >= np.abs(difference) - 1e-12
        at_least += reached.sum(axis=0)
    p_value = (at_least + 1) / (samples + 1)
    return np.where(np.isnan(difference), np.nan, p_value)


def _draw(documents: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each document is in each bootstrap sample, in blocks. *Shape:* (S, D)"""

    def draw(random: np.random.Generator, count: int) -> np.ndarray:
        return random.multinomial(documents, np.full(documents, 1 / documents), size=count).astype(np.float64)

    return _blocks(documents, samples, seed, draw)


def _blocks(
    documents: int, samples: int, seed: int, make: Callable[[np.random.Generator, int], np.ndarray]
) -> Iterator[np.ndarray]:
    random = np.random.default_rng(seed)
    size = max(1, BLOCK // max(1, documents))
    for start in range(0, samples, size):
        yield make(random, min(size, samples - start))


def _interval(drawn: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """:param drawn: *Shape:* (S, rows, 3)"""
    ends: list[np.ndarray] = []
    undefined = np.isnan(drawn).all(axis=0)
    # Without a warning where all is NaN.
    filled = np.where(undefined, 0.0, drawn)
    for share in ((1 - confidence) / 2, (1 + confidence) / 2):
        ends.append(np.where(undefined, np.nan, np.nanquantile(filled, share, axis=0)))
    return ends[0], ends[1]
