"""A report on a pipeline's relations: scores by kind of relation with their intervals, differences from another
pipeline, and the best settings."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from timeit import default_timer
from typing import Any

from spacy.language import Language
from spacy.scorer import Scorer
from spacy.training import Example

from ..scoring.relations import count_relations
from ..scoring.tallies import EVIDENCE_GROUPS, RelationCounts
from ..types import label_title
from .calibration import Calibration
from .groups import DISTANCE, GROUPERS, LABELS, PLACE, SECTIONS
from .significance import DEFAULT, Resampling, bootstrap_intervals, compare
from .table import CountTable, Row, count_tables
from .thresholds import BestThreshold

Interval = tuple[float, float]

# Settings of the component that decide which relations are predicted, with the value that means nothing.
SETTINGS: dict[str, Any] = {
    "threshold": None,
    "max_labels": None,
    "thresholds": {},
    "allowed_triples": None,
    "symmetric": [],
    "inverse": [],
    "calibration": [1.0, 0.0],
    "second_reading": 0.0,
}


@dataclass(frozen=True)
class GroupScores:
    """The scores of one kind of relation, None where there is nothing to score.

    :param name: The name of a group or of a label.
    :param intervals: The intervals of "p", "r" and "f".
    :param difference: F minus the F of the baseline.
    """

    name: str
    title: str
    p: float | None
    r: float | None
    f: float | None
    intervals: dict[str, Interval | None]
    correct: int | None = None
    predicted: int | None = None
    gold: int | None = None
    difference: float | None = None
    difference_interval: Interval | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class Section:
    """A part of a report, with one line for each kind of relation."""

    title: str
    lines: list[GroupScores]


@dataclass(frozen=True)
class Report:
    """A report on the predictions of one pipeline.

    :param settings: The settings that decide which relations are predicted.
    :param notes: What cannot be scored, and why.
    :param baseline: The name of the pipeline that this one is compared with.
    :param threshold: The best threshold, where it has been looked for.
    :param calibration: The line that makes scores probabilities, where it has been looked for.
    """

    model: str
    corpus: str
    documents: int
    samples: int
    confidence: float
    sections: list[Section]
    settings: dict[str, Any]
    notes: list[str]
    baseline: str | None = None
    threshold: BestThreshold | None = None
    calibration: Calibration | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def score_examples(nlp: Language, examples: Sequence[Example]) -> dict[str, Any]:
    """Compute the scores of `nlp.evaluate`, but let the examples keep their predictions."""
    start = default_timer()
    for example, doc in zip(examples, nlp.pipe(example.predicted for example in examples)):
        example.predicted = doc
    seconds = default_timer() - start
    words = sum(len(example.predicted) for example in examples)
    return {**Scorer(nlp).score(examples), "speed": words / seconds}


def count_examples(pipe: Any, examples: Iterable[Example]) -> list[RelationCounts]:
    """Count the relations of each document, in all groups that a report shows.

    :param pipe: The relation component, which knows the facts of its training corpus.
    :param examples: Examples whose predicted Docs have their relations already.
    """
    return [count_relations(example, pipe.known_facts, GROUPERS) for example in examples]


def relation_settings(pipe: Any) -> dict[str, Any]:
    """The settings of the component that decide which relations are predicted, without those that are off."""
    values = {name: getattr(pipe, name) for name in SETTINGS}
    return {name: value for name, value in values.items() if value != SETTINGS[name]}


def make_report(
    counts: Sequence[RelationCounts],
    baseline: Sequence[RelationCounts] | None = None,
    *,
    resampling: Resampling = DEFAULT,
    model: str = "",
    corpus: str = "",
    settings: dict[str, Any] | None = None,
    baseline_name: str = "baseline",
    label_text: Callable[[str], str] = lambda _: "",
) -> Report:
    """Score the relations that `count_examples` has counted.

    :param baseline: The counts of another pipeline on the same documents.
    :param model: The name of the pipeline.
    :param corpus: The name of the corpus.
    :param settings: The pipeline's `relation_settings`.
    :param baseline_name: The name of the other pipeline.
    :param label_text: A function that gives a label in words.
    """
    whole = sum((*counts, *(baseline or ())), RelationCounts())
    rows = _score_rows(count_tables(counts, *([] if baseline is None else [baseline])), resampling)
    hidden = {name for name in EVIDENCE_GROUPS if name in whole.groups and not whole.groups[name].gold}
    notes = []
    if whole.unsplit:
        hidden |= {*SECTIONS[PLACE], *SECTIONS[DISTANCE]}
        notes.append(
            f"Documents without sentence boundaries: {whole.unsplit}. So this report has no scores by sentence or "
            "distance."
        )
    sections = [
        Section(title, [rows[name] for name in groups if name in rows and name not in hidden])
        for title, groups in SECTIONS.items()
    ]
    labels = sorted(whole.labels, key=lambda label: (-whole.labels[label].gold, label))
    lines = [replace(rows["label", label], title=label_title(label, label_text(label))) for label in labels]
    sections.append(Section(LABELS, lines))
    return Report(
        model=model,
        corpus=corpus,
        documents=len(counts),
        samples=resampling.samples,
        confidence=resampling.confidence,
        sections=[section for section in sections if section.lines],
        settings=settings or {},
        notes=notes,
        baseline=None if baseline is None else baseline_name,
    )


def _score_rows(tables: Sequence[CountTable], resampling: Resampling) -> dict[Row, GroupScores]:
    """Score each row of a table, and compare it with the second table, if there is one."""
    table, *others = tables
    totals = table.totals()
    scores = table.scores(totals)
    low, high = bootstrap_intervals(table, resampling)
    comparison = compare(others[0], table, resampling) if others else None
    titles: dict[Row, str] = {name: title for groups in SECTIONS.values() for name, title in groups.items()}
    rows = {}
    for i, row in enumerate(table.rows):
        name = row if isinstance(row, str) else row[1]
        p, r, f = map(_plain, scores[i])
        found: dict[str, Any] = {}
        if i < len(totals):
            correct, predicted, _, gold = totals[i].astype(int).tolist()
            found = {"correct": correct, "predicted": predicted, "gold": gold}
        if comparison is not None:
            found["difference"] = _plain(comparison.difference[i, -1])
            found["difference_interval"] = _interval(comparison.low[i, -1], comparison.high[i, -1])
            found["p_value"] = _plain(comparison.p_value[i, -1])
        intervals = {part: _interval(*ends) for part, *ends in zip("prf", low[i], high[i])}
        rows[row] = GroupScores(name, titles.get(row, name), p, r, f, intervals, **found)
    return rows


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _interval(low: float, high: float) -> Interval | None:
    return None if math.isnan(low) else (float(low), float(high))
