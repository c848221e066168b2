"""The threshold that gives a pipeline the best micro F on a corpus."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from spacy.training import Example
from spacy.util import minibatch

from ..annotations import get_entities, relation_data
from ..model import maths
from ..scoring.alignment import align_entities
from ..scoring.tallies import Tally
from ..types import Entity

if TYPE_CHECKING:
    from ..model.batch import PairScores
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
    margins = [np.zeros((0, len(CENTRES), 2), dtype=np.int64)]
    columns: list[tuple[np.ndarray, ...]] = [(np.zeros(0, dtype=int), np.zeros(0), np.zeros(0, dtype=bool))]
    for batch in minibatch(examples, batch_size):  # type: ignore[no-untyped-call]  # spaCy's has no types
        entities, chunks = pipe.score_pairs([example.predicted for example in batch])
        types = [[entity.label for entity in own] for own in entities]
        facts = [_gold_facts(example, own, known) for example, own in zip(batch, entities)]
        bins = np.zeros((len(batch), len(CENTRES), 2), dtype=np.int64)
        for scores in chunks:
            logits, _ = pipe.relation_logits(scores, types, controls)
            score = maths.relation_scores(controls.calibrate(logits).double())[:, 1:]
            right = _find_gold(scores, facts, len(known))
            best, labels = score.cpu().topk(min(pipe.max_labels, len(known)), dim=1)
            rows, places = np.nonzero(best.numpy() > floor)
            document = scores.document.numpy()
            columns.append(
                (
                    len(gold) + document[rows],
                    best.numpy()[rows, places],
                    right[rows, labels.numpy()[rows, places]],
                )
            )
            margin = maths.margins(logits)[:, 1:].cpu().numpy()
            for number in np.unique(document):
                bins[number] += _count_margins(margin[document == number], right[document == number])
        gold += [
            len({(r["head"], r["tail"], r["label"]) for r in relation_data(eg.reference)}) for eg in batch
        ]
        margins.append(bins)
    documents, found, correct = map(np.concatenate, zip(*columns))
    return Candidates(documents, found, correct, np.array(gold, dtype=np.int64), np.concatenate(margins))


def _gold_facts(
    example: Example, entities: Sequence[Entity], known: dict[str, int]
) -> set[tuple[int, int, int]]:
    """The gold relations between a predicted Doc's entities that are right: (head, tail, label) by number."""
    gold_entities = get_entities(example.reference)
    numbers: dict[str, list[int]] = {}
    for number, match in enumerate(align_entities(entities, gold_entities)):
        if match and match.same:
            numbers.setdefault(gold_entities[match.gold].key, []).append(number)
    return {
        (head, tail, known[relation["label"]])
        for relation in relation_data(example.reference)
        if relation["label"] in known
        for head in numbers.get(relation["head"], ())
        for tail in numbers.get(relation["tail"], ())
    }


def _find_gold(scores: "PairScores", facts: Sequence[set[tuple[int, int, int]]], labels: int) -> np.ndarray:
    """Find out whether each label is gold for each entity pair.

    :param facts: The gold relations of each document, by number.
    :returns: *Shape:* (N, L)
    """
    right = np.zeros((scores.num_pairs, labels), dtype=bool)
    rows = scores.row_of_pair()
    for document, own in enumerate(facts):
        for head, tail, label in own:
            row = rows.get((document, head, tail))
            if row is not None:
                right[row, label] = True
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
