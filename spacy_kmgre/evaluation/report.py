"""A report on a pipeline's relations: scores by kind of relation with their intervals, differences from
another pipeline, and the best thresholds."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from timeit import default_timer
from typing import Any

import numpy as np
from spacy import Language
from spacy.scorer import Scorer
from spacy.training import Example

from ..annotations import read_entities
from ..scoring.relations import RelationCounts, count_relations
from .calibration import Calibration
from .groups import DISTANCES, GROUPINGS, MENTION_PAIRS, bin_titles
from .significance import bootstrap_intervals, compare
from .table import CountTable, Row, count_tables
from .thresholds import Thresholds

Interval = tuple[float, float]

# Sections that need sentence boundaries.
PLACE, DISTANCE = "Within and across sentences", "Distance between the nearest mentions, in sentences"
SECTIONS: dict[str, dict[str, str]] = {
    "Overall": {
        "micro": "all relations",
        "ign": "not stated in training (Ign)",
        "macro": "mean over labels",
        "evidence": "evidence sentences",
        "evidence_labelled": "evidence, where annotated",
    },
    PLACE: {"intra": "within a sentence", "inter": "across sentences"},
    "Entities with several mentions": {"m1": "one of the two (M1)", "m2": "both (M2)"},
    "Mention pairs of the entity pair": bin_titles("pairs", MENTION_PAIRS),
    DISTANCE: bin_titles("distance", DISTANCES),
}


@dataclass(frozen=True)
class Line:
    """The scores of one kind of relation, None where there is nothing to score.

    :param name: "micro", a label, ...
    :param intervals: By "p", "r" and "f".
    :param difference: F less that of the baseline, with its interval and p-value.
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
    title: str
    lines: list[Line]


@dataclass(frozen=True)
class Report:
    """What `make_report` says of a pipeline.

    :param settings: Those that decide which relations are predicted.
    :param notes: What cannot be scored, and why.
    :param baseline: Name of the pipeline that it is compared with.
    :param thresholds: By "global" and "per-relation".
    :param calibration: What makes the scores probabilities.
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
    thresholds: dict[str, Thresholds] | None = None
    calibration: Calibration | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def with_settings(self, thresholds: dict[str, Thresholds], calibration: Calibration) -> "Report":
        return replace(self, thresholds=thresholds, calibration=calibration)


@contextmanager
def between_gold_entities(nlp: Language, component: str) -> Iterator[None]:
    """Has the pipeline run its relation component only, on the entities in the Docs' span groups. Other
    components would put their own in their place."""
    pipe: Any = nlp.get_pipe(component)
    reader, pipe.entities = pipe.entities, read_entities
    try:
        with nlp.select_pipes(enable=[component]):
            yield
    finally:
        pipe.entities = reader


def score_examples(nlp: Language, examples: Sequence[Example]) -> dict[str, Any]:
    """What `nlp.evaluate` gives, but the examples keep their predictions."""
    start = default_timer()
    for example, doc in zip(examples, nlp.pipe(example.predicted for example in examples)):
        example.predicted = doc
    seconds = default_timer() - start
    words = sum(len(example.predicted) for example in examples)
    return {**Scorer(nlp).score(examples), "speed": words / seconds}


def count_examples(pipe: Any, examples: Iterable[Example]) -> list[RelationCounts]:
    """The counts of each document, by `GROUPINGS` too. The predicted Docs have their relations already.

    :param pipe: The relation component, for the facts of its training corpus.
    """
    return [count_relations(example, pipe.known_facts, GROUPINGS) for example in examples]


def relation_settings(pipe: Any) -> dict[str, Any]:
    """The settings of the component that decide which relations are predicted, where they do."""
    names = (
        "threshold",
        "max_labels",
        "thresholds",
        "allowed_triples",
        "symmetric",
        "inverse",
        "calibration",
    )
    values = {name: getattr(pipe, name) for name in names}
    return {name: value for name, value in values.items() if value not in (None, [], {}, [1.0, 0.0])}


def make_report(
    counts: Sequence[RelationCounts],
    *,
    model: str = "",
    corpus: str = "",
    settings: dict[str, Any] | None = None,
    baseline: Sequence[RelationCounts] | None = None,
    baseline_name: str = "",
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Report:
    """Scores of what `count_examples` has counted.

    :param baseline: Counts of another pipeline on the same documents.
    :param samples: Bootstrap samples, and rounds of the randomisation test.
    :param confidence: Of the intervals.
    """
    tables = count_tables(counts, *([] if baseline is None else [baseline]))
    table = tables[0]
    random = {"samples": samples, "confidence": confidence, "seed": seed}
    columns = {"interval": bootstrap_intervals(table, **random)}  # type: ignore[arg-type]
    if baseline is not None:
        found = compare(tables[1], table, **random)  # type: ignore[arg-type]
        columns["difference"] = (found.difference, found.p_value)
        columns["difference_interval"] = (found.low, found.high)
    whole = sum((*counts, *(baseline or ())), RelationCounts())
    hidden, notes = set(), []
    if whole.unsplit:
        hidden = {*SECTIONS[PLACE], *SECTIONS[DISTANCE]}
        notes.append(
            f"{whole.unsplit} documents have no sentence boundaries: nothing is said of sentences or distances."
        )
    for name in ("evidence", "evidence_labelled"):
        if name in whole.groups and not whole.groups[name].gold:
            hidden.add(name)
    sections = []
    for title, groups in SECTIONS.items():
        shown = [(name, text) for name, text in groups.items() if name in table.rows and name not in hidden]
        sections.append(Section(title, [_line(table, name, text, columns) for name, text in shown]))
    labels = sorted(whole.labels, key=lambda label: (-whole.labels[label].gold, label))
    lines = [_line(table, ("label", label), label, columns) for label in labels]
    sections.append(Section("Relations", lines))
    return Report(
        model=model,
        corpus=corpus,
        documents=len(counts),
        samples=samples,
        confidence=confidence,
        sections=[section for section in sections if section.lines],
        settings=settings or {},
        notes=notes,
        baseline=None if baseline is None else baseline_name,
    )


def _line(table: CountTable, row: Row, title: str, columns: dict[str, tuple[np.ndarray, np.ndarray]]) -> Line:
    number = table.rows.index(row)
    totals = table.totals()
    p, r, f = (_plain(value) for value in table.scores(totals)[number])
    low, high = columns["interval"]
    intervals = {name: _pair(low[number, i], high[number, i]) for i, name in enumerate("prf")}
    line = Line(row if isinstance(row, str) else row[1], title, p, r, f, intervals)
    if number < len(totals):
        correct, predicted, gold = (int(value) for value in totals[number])
        line = replace(line, correct=correct, predicted=predicted, gold=gold)
    if "difference" not in columns:
        return line
    difference, p_value = columns["difference"]
    low, high = columns["difference_interval"]
    return replace(
        line,
        difference=_plain(difference[number, -1]),
        difference_interval=_pair(low[number, -1], high[number, -1]),
        p_value=_plain(p_value[number, -1]),
    )


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _pair(low: float, high: float) -> Interval | None:
    return None if math.isnan(low) else (float(low), float(high))
