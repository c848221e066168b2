"""Counts behind scores. The sum of the documents' counts is the count of a corpus, or of a sample of it."""

from collections import Counter
from collections import Counter as CounterType
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

# The groups of relations that are scored; `score_relations` says what they are.
LEVELS = ("micro", "strict", "overlap")
SENTENCE_GROUPS = ("intra", "inter")
EVIDENCE_GROUPS = ("evidence", "evidence_labelled")
GROUPS = (*LEVELS, *SENTENCE_GROUPS, "m1", "m2", *EVIDENCE_GROUPS)
# The causes for which a relation is not strictly right, in the order in which the pipeline works.
CAUSES = ("mention", "cluster", "type", "relation")
UNALIGNED = ("gold", "predicted", "relations")


@dataclass(frozen=True)
class Tally:
    """Counts behind a precision, a recall and their F."""

    correct: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.correct + other.correct, self.predicted + other.predicted, self.gold + other.gold)

    def scores(self) -> dict[str, float | None]:
        """Compute `p`, `r` and `f` (see `precision_recall_f`)."""
        return precision_recall_f(self.correct, self.predicted, self.correct, self.gold)


@dataclass(frozen=True)
class RelationCounts:
    """What is counted in a document.

    :param groups: A tally for each group that has members: those of `GROUPS` and those of further groupers.
    :param labels: A tally for each label, gold or predicted.
    :param known: The number of correct relations that are facts of the training corpus.
    :param unsplit: The number of documents that have relations but no sentence boundaries.
    :param missed: The numbers of gold relations that are not strictly found, by `CAUSES`.
    :param spurious: The numbers of predicted relations that are not strictly right, by `CAUSES`.
    :param unaligned: The numbers of gold entities and of predicted entities without a counterpart, and of
        gold relations of such gold entities, by `UNALIGNED`.
    """

    groups: dict[str, Tally] = field(default_factory=dict)
    labels: dict[str, Tally] = field(default_factory=dict)
    known: int = 0
    unsplit: int = 0
    missed: CounterType[str] = field(default_factory=Counter)
    spurious: CounterType[str] = field(default_factory=Counter)
    unaligned: CounterType[str] = field(default_factory=Counter)

    def __add__(self, other: "RelationCounts") -> "RelationCounts":
        return RelationCounts(
            _add(self.groups, other.groups),
            _add(self.labels, other.labels),
            self.known + other.known,
            self.unsplit + other.unsplit,
            self.missed + other.missed,
            self.spurious + other.spurious,
            self.unaligned + other.unaligned,
        )

    def scores(self) -> dict[str, Any]:
        """Compute the scores that `score_relations` describes."""
        result: dict[str, Any] = {}
        for group in GROUPS:
            for name, value in self._scored(group).scores().items():
                result[f"rel_{group}_{name}"] = value

        micro, evidence = self._tally("micro"), self._tally("evidence")
        unseen = precision_recall_f(
            micro.correct - self.known, micro.predicted - self.known, micro.correct, micro.gold
        )
        result["rel_ign_p"], result["rel_ign_f"] = unseen["p"], unseen["f"]

        per_type = {label: self.labels[label].scores() for label in sorted(self.labels)}
        for name in ("p", "r", "f"):
            values = [scores[name] or 0.0 for scores in per_type.values()]
            result[f"rel_macro_{name}"] = fmean(values) if values else None
        result["rel_per_type"] = per_type or None

        something = bool(micro.gold or micro.predicted)
        for side in UNALIGNED:
            result[f"rel_unaligned_{side}"] = self.unaligned[side] if something else None
        for name, lost in (("missed", self.missed), ("spurious", self.spurious)):
            result[f"rel_{name}"] = {cause: lost[cause] for cause in CAUSES} if something else None

        result["rel_counts"] = {
            **vars(micro),
            "known": self.known,
            **{f"evidence_{name}": count for name, count in vars(evidence).items()},
        }
        return result

    def _tally(self, group: str) -> Tally:
        return self.groups.get(group, Tally())

    def _scored(self, group: str) -> Tally:
        """Return the tally of a group, an empty one where its scores would not be those of the whole
        corpus."""
        tally = self._tally(group)
        unsplit = group in SENTENCE_GROUPS and self.unsplit
        unlabelled = group in EVIDENCE_GROUPS and not tally.gold
        return Tally() if unsplit or unlabelled else tally


def precision_recall_f(
    correct: float, predicted: float, found: float, gold: float
) -> dict[str, float | None]:
    """Compute `p` = correct / predicted, `r` = found / gold and their harmonic mean `f`.

    All are None with nothing gold and nothing predicted; otherwise a ratio with the denominator 0 is 0.
    """
    if not predicted and not gold:
        return {"p": None, "r": None, "f": None}
    p, r = correct / predicted if predicted else 0.0, found / gold if gold else 0.0
    return {"p": p, "r": r, "f": 2 * p * r / (p + r) if p + r else 0.0}


def _add(left: dict[str, Tally], right: dict[str, Tally]) -> dict[str, Tally]:
    return left | {name: left.get(name, Tally()) + tally for name, tally in right.items()}
