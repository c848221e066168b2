"""The threshold that gives a pipeline the best micro F on a corpus."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from spacy.training import Example
from spacy.util import minibatch

from ..annotations import all_entities, relation_data
from ..model import maths
from ..scoring.alignment import align_entities
from ..scoring.tallies import Tally

if TYPE_CHECKING:
    from ..pipeline.relations import KmgreRelations

# Relations with scores up to this are not candidates.
FLOOR = 0.01
FOLDS = 5
# Margins l_c - l_TH are counted in bins of this width, as far as this from 0.
BIN, WIDEST = 0.05, 40.0
CENTRES = np.arange(round(2 * WIDEST / BIN) + 1) * BIN - WIDEST


@dataclass(frozen=True)
class Candidates:
    """All relations that some threshold would predict.

    *Shapes:* (R,) of `document`, `score` and `correct`; (D,) of `gold`; (D, B, 2) of `margins`

    :param document: The numbers of the relations' documents.
    :param score: The relations' scores.
    :param correct: Whether each relation is gold.
    :param gold: The numbers of gold relations in the documents.
    :param margins: The numbers of wrong and of right relations in the documents, those of low scores included, whose
        margins before calibration lie in the bins around `CENTRES`.
    """

    document: np.ndarray
    score: np.ndarray
    correct: np.ndarray
    gold: np.ndarray
    margins: np.ndarray

    def among(self, documents: np.ndarray) -> "Candidates":
        """The candidates in some of the documents.

        :param documents: Whether each document is one of them.
            *Shape:* (D,)
        """
        rows = documents[self.document]
        return Candidates(
            self.document[rows],
            self.score[rows],
            self.correct[rows],
            np.where(documents, self.gold, 0),
            np.where(documents[:, None, None], self.margins, 0),
        )

    def tally(self, threshold: float) -> Tally:
        """Count the relations that a threshold predicts."""
        found = self.score > threshold
        return Tally(int(self.correct[found].sum()), int(found.sum()), int(self.gold.sum()))


@dataclass(frozen=True)
class BestThreshold:
    """The threshold with the best micro F.

    :param threshold: The threshold of all labels.
    :param tally: The counts with this threshold on the corpus that it is the best for.
    :param cross_validated: The counts where the threshold for each fifth of the documents is the best for the
        others, as a corpus that nothing was tuned on would have them.
    """

    threshold: float
    tally: Tally
    cross_validated: Tally

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the component that make it the threshold of all labels."""
        return {"threshold": self.threshold, "thresholds": {}}


def collect_candidates(
    pipe: "KmgreRelations", examples: Iterable[Example], *, batch_size: int = 8, floor: float = FLOOR
) -> Candidates:
    """Score all entity pairs of the predicted Docs, which must have their entities already.

    An entity is right if it has the mentions of a gold one, as in the scorer's micro scores.

    :param floor: A score; relations with scores up to it are left out.
    """
    known = {label: number for number, label in enumerate(pipe.labels)}
    controls = pipe.controls
    gold: list[int] = []
    margins: list[np.ndarray] = []
    columns: list[tuple[np.ndarray, ...]] = []
    for batch in minibatch(examples, batch_size):  # type: ignore[no-untyped-call]  # spaCy's has no types
        scored = pipe.score_pairs([example.predicted for example in batch])
        for example, (entities, parts) in zip(batch, scored):
            relations = {(r["head"], r["tail"], r["label"]) for r in relation_data(example.reference)}
            bins = np.zeros((len(CENTRES), 2), dtype=np.int64)
            gold_entities = all_entities(example.reference)
            matches = align_entities(entities, gold_entities)
            keys = [gold_entities[match.gold].key if match and match.same else None for match in matches]
            for part in parts:
                logits, _ = pipe.relation_logits(part, entities, controls)
                score = maths.relation_scores(controls.calibrate(logits).double())[:, 1:]
                right = _find_gold(part.entities.tolist(), keys, known, relations)
                best, labels = score.cpu().topk(min(pipe.max_labels, len(known)), dim=1)
                rows, places = np.nonzero(best.numpy() > floor)
                document = np.full(len(rows), len(gold))
                columns.append(
                    (document, best.numpy()[rows, places], right[rows, labels.numpy()[rows, places]])
                )
                bins += _count_margins(maths.margins(logits)[:, 1:].cpu().numpy(), right)
            gold.append(len(relations))
            margins.append(bins)
    columns.append((np.zeros(0, dtype=int), np.zeros(0), np.zeros(0, dtype=bool)))
    documents, scores, correct = map(np.concatenate, zip(*columns))
    binned = np.array(margins, dtype=np.int64).reshape(len(gold), len(CENTRES), 2)
    return Candidates(documents, scores, correct, np.array(gold, dtype=np.int64), binned)


def _find_gold(
    pairs: Sequence[Sequence[int]],
    keys: Sequence[str | None],
    known: dict[str, int],
    relations: set[tuple[str, str, str]],
) -> np.ndarray:
    """Find out whether each label is gold for each entity pair.

    :param pairs: The numbers of each pair's entities.
    :param keys: The key of the gold entity that each entity is.
    :returns: *Shape:* (N, L)
    """
    right = np.zeros((len(pairs), len(known)), dtype=bool)
    rows = {(keys[head], keys[tail]): row for row, (head, tail) in enumerate(pairs)}
    for head, tail, label in relations:
        if (head, tail) in rows and label in known:
            right[rows[head, tail], known[label]] = True
    return right


def _count_margins(margins: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Count the wrong and the right relations in each bin of margins, without those that no triple allows.

    :param margins: Margins; -inf for what no triple allows.
        *Shape:* (N, L)
    :param right: *Shape:* (N, L)
    :returns: *Shape:* (B, 2)
    """
    allowed = np.isfinite(margins)
    place = ((margins[allowed].clip(-WIDEST, WIDEST) + WIDEST) / BIN).round().astype(np.int64)
    gold = right[allowed]
    return np.stack([np.bincount(place[side], minlength=len(CENTRES)) for side in (~gold, gold)], axis=1)


def find_threshold(candidates: Candidates, *, seed: int = 0) -> BestThreshold:
    """Find the threshold with the best micro F; of equally good ones the highest.

    :param seed: The seed of the folds of cross-validation.
    """
    fold = document_folds(candidates, seed)
    cross_validated = Tally()
    for number in range(FOLDS):
        threshold = _best(candidates.among(fold != number))
        cross_validated += candidates.among(fold == number).tally(threshold)
    threshold = _best(candidates)
    return BestThreshold(threshold, candidates.tally(threshold), cross_validated)


def document_folds(candidates: Candidates, seed: int = 0) -> np.ndarray:
    """Draw the fifth that each document is in, from 0 to 4.

    :returns: *Shape:* (D,)
    """
    return np.random.default_rng(seed).permutation(len(candidates.gold)) % FOLDS


def _best(candidates: Candidates) -> float:
    """The best threshold; 0.5 without candidates."""
    if not len(candidates.score):
        return 0.5
    order = np.argsort(-candidates.score)
    score = candidates.score[order]
    # A threshold can only lie between different scores. Each cut is the number of scores above one.
    cuts = np.r_[0, np.flatnonzero(np.diff(score)) + 1, len(score)]
    correct = np.r_[0, candidates.correct[order].cumsum()][cuts]
    cut = cuts[np.argmax(2 * correct / np.maximum(cuts + candidates.gold.sum(), 1))]
    low = score[cut] if cut < len(score) else min(FLOOR, score[-1])
    high = score[cut - 1] if cut else 1.0
    return _between(low, high)


def _between(low: float, high: float) -> float:
    """A number between two, with few digits."""
    middle = float(low + high) / 2
    return next((x for digits in range(2, 17) if low < (x := round(middle, digits)) < high), middle)
