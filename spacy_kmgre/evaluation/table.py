"""Counts of many documents as one array, from which the scores of any sample of them are a product away."""

from collections.abc import Iterable, Sequence

import numpy as np

from ..scoring.relations import RelationCounts, Tally

MICRO, IGN, MACRO = "micro", "ign", "macro"
# A group, or ("label", its name).
Row = str | tuple[str, str]


class CountTable:
    """Gold, predicted and correct relations of each document, by group and by label.

    :ivar rows: Groups of the scorer, "ign", each label as ("label", name), "macro".
    :ivar counts: Correct, predicted and gold relations. The last row, "macro", has none. *Shape:* (D, rows - 1, 3)
    """

    def __init__(self, documents: Sequence[RelationCounts], groups: Iterable[str], labels: Iterable[str]):
        groups = [MICRO, *sorted({*groups} - {MICRO})]
        labels = sorted(labels)
        self.rows: list[Row] = [*groups, IGN, *(("label", label) for label in labels), MACRO]
        self.counts = np.zeros((len(documents), len(self.rows) - 1, 3))
        nothing = Tally()
        for counts, document in zip(self.counts, documents):
            micro = document.groups.get(MICRO, nothing)
            unseen = Tally(micro.correct - document.known, micro.predicted - document.known, micro.gold)
            tallies = [document.groups.get(group, nothing) for group in groups]
            tallies += [unseen, *(document.labels.get(label, nothing) for label in labels)]
            counts[:] = [(tally.correct, tally.predicted, tally.gold) for tally in tallies]

    def __len__(self) -> int:
        return len(self.counts)

    def totals(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Counts of the corpus, or of samples of its documents.

        :param weights: How often each sample holds each document. *Shape:* (S, D)
        :returns: *Shape:* (rows - 1, 3), or (S, rows - 1, 3)
        """
        if weights is None:
            return self.counts.sum(axis=0)
        flat = weights @ self.counts.reshape(len(self), -1)
        return flat.reshape(len(weights), *self.counts.shape[1:])

    def scores(self, totals: np.ndarray) -> np.ndarray:
        """Precision, recall and F of `totals`, as `RelationCounts.scores` defines them, NaN for its None.

        :param totals: *Shape:* (..., rows - 1, 3)
        :returns: *Shape:* (..., rows, 3)
        """
        correct, predicted, gold = np.moveaxis(totals, -1, 0)
        nothing = (predicted == 0) & (gold == 0)
        precision, recall = _ratio(correct, predicted), _ratio(correct, gold)
        micro, ign = self.rows.index(MICRO), self.rows.index(IGN)
        # Precision without known facts goes with the full recall.
        recall[..., ign], nothing[..., ign] = recall[..., micro], nothing[..., micro]
        scores = np.stack((precision, recall, _ratio(2 * precision * recall, precision + recall)), axis=-1)
        scores[nothing] = np.nan
        of_labels = scores[..., ign + 1 :, :]
        scored = ~np.isnan(of_labels)
        macro = _ratio(np.where(scored, of_labels, 0.0).sum(axis=-2), scored.sum(axis=-2))
        macro[~scored.any(axis=-2)] = np.nan
        return np.concatenate((scores, macro[..., None, :]), axis=-2)


def count_tables(*models: Sequence[RelationCounts]) -> list[CountTable]:
    """A table for each model's counts of the same documents, all with the same rows."""
    whole = sum((document for documents in models for document in documents), RelationCounts())
    return [CountTable(documents, whole.groups, whole.labels) for documents in models]


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole != 0)
