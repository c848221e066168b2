"""The thresholds that give a pipeline the best micro F on a corpus."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from spacy.training import Example
from spacy.util import minibatch
from torch import Tensor

from ..annotations import all_entities, relation_data
from ..model import maths
from ..scoring.alignment import align_entities
from ..scoring.relations import Tally

if TYPE_CHECKING:
    from ..pipeline.relations import KmgreRelations

# Scores up to this are not kept, and thresholds below it not looked for.
FLOOR = 0.01
FOLDS = 5
COLUMNS = ("document", "pair", "label", "score", "correct")
# Margins l_c - l_TH are counted in bins of this width, up to these from 0.
BIN, WIDEST = 0.05, 40.0
CENTRES = np.arange(round(2 * WIDEST / BIN) + 1) * BIN - WIDEST


@dataclass(frozen=True)
class Candidates:
    """Every relation that some threshold would predict. R of them, in D documents, with L labels.

    :param labels: The labels that the component knows.
    :param document: *Shape:* (R,)
    :param pair: A number for each entity pair of each document. *Shape:* (R,)
    :param label: Position in `labels`. *Shape:* (R,)
    :param score: *Shape:* (R,)
    :param correct: *Shape:* (R,)
    :param gold: How many gold relations each document has of each label, and, in the last column, of labels
        that the component does not know. *Shape:* (D, L + 1)
    :param margins: How many relations, with those of low scores, each document has whose margin before calibration is
        in a bin around `CENTRES`: wrong ones, right ones. *Shape:* (D, B, 2)
    :param max_labels: Most relations of an entity pair.
    """

    labels: tuple[str, ...]
    document: np.ndarray
    pair: np.ndarray
    label: np.ndarray
    score: np.ndarray
    correct: np.ndarray
    gold: np.ndarray
    margins: np.ndarray
    max_labels: int

    def among(self, documents: np.ndarray) -> "Candidates":
        """Those of some documents.

        :param documents: bool. *Shape:* (D,)
        """
        rows = documents[self.document]
        gold = np.where(documents[:, None], self.gold, 0)
        margins = np.where(documents[:, None, None], self.margins, 0)
        columns = {name: getattr(self, name)[rows] for name in COLUMNS}
        return replace(self, gold=gold, margins=margins, **columns)

    def predicted(self, thresholds: np.ndarray) -> np.ndarray:
        """Which are predicted: those above the threshold of their label, and of an entity pair's the best
        `max_labels`.

        :param thresholds: *Shape:* (L,)
        :returns: bool. *Shape:* (R,)
        """
        above = np.flatnonzero(self.score > thresholds[self.label])
        above = above[np.lexsort((-self.score[above], self.pair[above]))]
        pair = self.pair[above]
        first = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]][: len(pair)])
        place = np.arange(len(pair)) - np.repeat(first, np.diff(np.r_[first, len(pair)]))
        found = np.zeros(len(self.score), dtype=bool)
        found[above[place < self.max_labels]] = True
        return found

    def tally(self, thresholds: np.ndarray) -> Tally:
        """What `thresholds` predict, over all labels.

        :param thresholds: *Shape:* (L,)
        """
        found = self.predicted(thresholds)
        return Tally(int(self.correct[found].sum()), int(found.sum()), int(self.gold.sum()))


@dataclass(frozen=True)
class Thresholds:
    """What the search has found.

    :param threshold: For all labels that `thresholds` does not name.
    :param tally: What they predict on the corpus that they were made for, which is more than on another.
    :param cross_validated: The same with the thresholds for each fifth of the documents made on the others.
    """

    threshold: float
    thresholds: dict[str, float]
    tally: Tally
    cross_validated: Tally

    @property
    def settings(self) -> dict[str, Any]:
        """What the component must be set to."""
        return {"threshold": self.threshold, "thresholds": dict(self.thresholds)}


def collect_candidates(
    pipe: "KmgreRelations", examples: Iterable[Example], *, batch_size: int = 8, floor: float = FLOOR
) -> Candidates:
    """Score all entity pairs of the predicted Docs, which must have their entities.

    An entity is right if it has the mentions of a gold one, as in the scorer's micro scores.

    :param floor: Scores up to this are left out.
    """
    known = {label: number for number, label in enumerate(pipe.labels)}
    controls = pipe.controls
    gold: list[np.ndarray] = []
    margins: list[np.ndarray] = []
    columns: list[list[np.ndarray]] = []
    pairs = 0
    for batch in minibatch(examples, batch_size):
        scored = pipe.score_pairs([example.predicted for example in batch])
        for example, (entities, parts) in zip(batch, scored):
            relations = {(r["head"], r["tail"], r["label"]) for r in relation_data(example.reference)}
            counts = np.zeros(len(known) + 1, dtype=np.int64)
            bins = np.zeros((len(CENTRES), 2), dtype=np.int64)
            for _, _, label in relations:
                counts[known.get(label, -1)] += 1
            gold_entities = all_entities(example.reference)
            matches = align_entities(entities, gold_entities)
            keys = [gold_entities[match.gold].key if match and match.same else None for match in matches]
            for part in parts:
                logits, _ = pipe.relation_logits(part, entities, controls)
                score = maths.relation_scores(controls.calibrate(logits).double())[:, 1:]
                rows, labels = torch.nonzero(score > floor, as_tuple=True)
                sides = part.entities[rows.cpu()].tolist()
                correct = [
                    (keys[head], keys[tail], pipe.labels[label]) in relations
                    for (head, tail), label in zip(sides, labels.tolist())
                ]
                columns.append(
                    [
                        np.full(len(rows), len(gold)),
                        rows.cpu().numpy() + pairs,
                        labels.cpu().numpy(),
                        score[rows, labels].cpu().numpy(),
                        np.array(correct, dtype=bool),
                    ]
                )
                pairs += len(part.entities)
                bins += _count_margins(logits, part.entities, keys, known, relations)
            gold.append(counts)
            margins.append(bins)
    columns.append([np.zeros(0, dtype=kind) for kind in (int, int, int, float, bool)])
    joined = {name: np.concatenate(column) for name, column in zip(COLUMNS, zip(*columns))}
    counted = np.array(gold, dtype=np.int64).reshape(len(gold), len(known) + 1)
    binned = np.array(margins, dtype=np.int64).reshape(len(gold), len(CENTRES), 2)
    return Candidates(labels=pipe.labels, gold=counted, margins=binned, max_labels=pipe.max_labels, **joined)


def _count_margins(
    logits: Tensor,
    entities: Tensor,
    keys: Sequence[str | None],
    known: dict[str, int],
    relations: set[tuple[str, str, str]],
) -> np.ndarray:
    """How many wrong and right relations each bin of margins holds, without those that no triple allows.

    :param logits: *Shape:* (N, C)
    :param entities: *Shape:* (N, 2)
    :param keys: Of the gold entity that each entity is.
    :returns: *Shape:* (B, 2)
    """
    margin = maths.margins(logits)[:, 1:].cpu().numpy()
    allowed = np.isfinite(margin)
    place = ((margin.clip(-WIDEST, WIDEST) + WIDEST) / BIN).round().astype(np.int64)
    count = np.bincount(place[allowed], minlength=len(CENTRES))
    rows = {(keys[head], keys[tail]): row for row, (head, tail) in enumerate(entities.tolist())}
    right = np.zeros_like(count)
    for head, tail, label in relations:
        row, column = rows.get((head, tail)), known.get(label)
        if row is not None and column is not None and allowed[row, column]:
            right[place[row, column]] += 1
    return np.stack([count - right, right], axis=1)


def find_thresholds(
    candidates: Candidates, *, per_relation: bool = False, min_gold: int = 10, seed: int = 0
) -> Thresholds:
    """The thresholds with the best micro F.

    F = 2 correct / (predicted + gold) is a ratio of sums over labels, so the thresholds of all labels are
    optimal together: for a guess f of the best F, each label's threshold maximises 2 correct - f predicted
    for itself, and the F of the outcome is the next guess, until it grows no more (Dinkelbach, On Nonlinear
    Fractional Programming, 1967). Of equally good thresholds the highest is taken. Exact but for entity pairs
    that have more than `max_labels` candidates, of which the best are looked at.

    :param per_relation: A threshold for each label that has `min_gold` gold relations, and one for all the
        others. Otherwise one for all.
    :param seed: Says which documents go together in cross-validation.
    """
    frequent = candidates.gold.sum(axis=0)[:-1] >= min_gold
    group = np.where(frequent, np.arange(len(frequent)) + 1, 0) if per_relation else 0 * frequent
    found = _search(candidates, group)
    tally = Tally()
    fold = document_folds(candidates, seed)
    for number in range(FOLDS):
        if (fold == number).any():
            values = _search(candidates.among(fold != number), group)
            tally += candidates.among(fold == number).tally(values[group])
    own = {candidates.labels[i]: float(found[i + 1]) for i in np.flatnonzero(frequent) if per_relation}
    return Thresholds(float(found[0]), own, candidates.tally(found[group]), tally)


def document_folds(candidates: Candidates, seed: int = 0) -> np.ndarray:
    """The fifth that each document is in, 0..4. *Shape:* (D,)"""
    return np.random.default_rng(seed).permutation(len(candidates.gold)) % FOLDS


def _search(candidates: Candidates, group: np.ndarray) -> np.ndarray:
    """:param group: The group of each label, whose labels share a threshold. *Shape:* (L,)
    :returns: The threshold of each group; 0.5 for one without candidates. *Shape:* (L + 1,)
    """
    everything = candidates.predicted(np.zeros(len(group)))
    rows = np.flatnonzero(everything)
    rows = rows[np.argsort(-candidates.score[rows], kind="stable")]
    of_group = group[candidates.label[rows]]
    curves = {}
    for number in np.unique(of_group):
        members = rows[of_group == number]
        score = candidates.score[members]
        # Only between different scores can a threshold lie.
        cuts = np.r_[0, np.flatnonzero(np.diff(score)) + 1, len(score)]
        correct = np.r_[0, candidates.correct[members].cumsum()]
        curves[int(number)] = (score, cuts, correct[cuts])
    gold, best, chosen = candidates.gold.sum(), -1.0, {}
    while True:
        guess = max(best, 0.0)
        places = {
            number: int(np.argmax(2 * correct - guess * cuts))
            for number, (_, cuts, correct) in curves.items()
        }
        right = sum(curves[number][2][place] for number, place in places.items())
        predicted = sum(curves[number][1][place] for number, place in places.items())
        value = 2 * right / (predicted + gold) if predicted + gold else 0.0
        if value <= best:
            break
        best, chosen = value, places
    found = np.full(len(group) + 1, 0.5)
    for number, place in chosen.items():
        score, cuts, _ = curves[number]
        cut = cuts[place]
        low = score[cut] if cut < len(score) else min(FLOOR, score[-1])
        high = score[cut - 1] if cut else 1.0
        found[number] = _between(low, high)
    return found


def _between(low: float, high: float) -> float:
    """A number between two, with as few digits as will do."""
    middle = (low + high) / 2
    return next((x for digits in range(2, 17) if low < (x := round(middle, digits)) < high), middle)
