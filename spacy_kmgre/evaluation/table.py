"""Counts of many documents as one array, from which the scores of any sample of them are soon computed."""

from collections.abc import Iterable, Sequence

import numpy as np

from ..scoring.tallies import RelationCounts, Tally

MICRO, IGN, MACRO = "micro", "ign", "macro"
# A group, or ("label", its name).
Row = str | tuple[str, str]


class CountTable:
    """Correct, predicted and gold relations of each document, by group and by label.

    :ivar rows: The groups of the scorer, "ign", each label as ("label", name), and "macro".
    :ivar counts: For each row but the last, "macro": the numerator and the denominator of the precision, and
        those of the recall.
        *Shape:* (D, rows - 1, 4)
    """

    def __init__(self, documents: Sequence[RelationCounts], groups: Iterable[str], labels: Iterable[str]):
        groups = [MICRO, *sorted({*groups} - {MICRO})]
        labels = sorted(labels)
        self.rows: list[Row] = [*groups, IGN, *(("label", label) for label in labels), MACRO]
        self.counts = np.zeros((len(documents), len(self.rows) - 1, 4))
        for counts, document in zip(self.counts, documents):
            tallies = [document.groups.get(group, Tally()) for group in (*groups, MICRO)]
            tallies += [document.labels.get(label, Tally()) for label in labels]
            counts[:] = [(tally.correct, tally.predicted, tally.correct, tally.gold) for tally in tallies]
            # Known facts leave the precision of Ign F1, but not its recall.
            counts[len(groups), :2] -= document.known
        self._labels = slice(len(groups) + 1, None)

    def __len__(self) -> int:
        return len(self.counts)

    def totals(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Add up the counts of the corpus, or of samples of its documents.

        :param weights: How often each sample holds each document.
            *Shape:* (D,) or (S, D)
        :returns: *Shape:* (rows - 1, 4), or (S, rows - 1, 4)
        """
        if weights is None:
            weights = np.ones(len(self))
        return np.tensordot(weights, self.counts, axes=1)

    def scores(self, totals: np.ndarray) -> np.ndarray:
        """Compute precision, recall and F as `RelationCounts.scores` does, with NaN for its None.

        :param totals: *Shape:* (..., rows - 1, 4)
        :returns: *Shape:* (..., rows, 3)
        """
        correct, predicted, found, gold = np.moveaxis(totals, -1, 0)
        p, r = _ratio(correct, predicted), _ratio(found, gold)
        scores = np.stack((p, r, _ratio(2 * p * r, p + r)), axis=-1)
        scores[(predicted == 0) & (gold == 0)] = np.nan
        labels = scores[..., self._labels, :]
        count = (~np.isnan(labels)).sum(axis=-2)
        macro = np.where(count, _ratio(np.nansum(labels, axis=-2), count), np.nan)
        return np.concatenate((scores, macro[..., None, :]), axis=-2)


def count_tables(*models: Sequence[RelationCounts]) -> list[CountTable]:
    """Make a table of each model's counts of the same documents. All tables have the same rows."""
    whole = sum((document for documents in models for document in documents), RelationCounts())
    return [CountTable(documents, whole.groups, whole.labels) for documents in models]


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The quotient, 0 for a denominator of 0."""
    result = np.zeros(np.shape(part))
    np.divide(part, whole, out=result, where=whole != 0)
    return result
