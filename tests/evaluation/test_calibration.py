"""Calibration against loops over Python floats, and on scores whose probabilities are known."""

import math
from dataclasses import replace
from typing import List

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.evaluation.calibration import Calibration, apply_line, calibration_error, find_calibration
from spacy_kmgre.evaluation.thresholds import Candidates, collect_candidates, find_thresholds

from ..conftest import component, make_doc, make_examples

law = settings(deadline=None, derandomize=True, max_examples=40)


def make_candidates(score: np.ndarray, correct: np.ndarray, documents: int = 10) -> Candidates:
    rows = np.arange(len(score))
    return Candidates(
        ("a",),
        document=rows % documents,
        pair=rows,
        label=0 * rows,
        score=score,
        correct=correct,
        gold=np.ones((documents, 2), dtype=int),
        max_labels=4,
    )


def draw_candidates(slope: float, intercept: float, count: int, seed: int = 0) -> Candidates:
    """Scores whose probabilities lie on a line."""
    random = np.random.default_rng(seed)
    margin = 4 * random.standard_normal(count)
    probability = 1 / (1 + np.exp(-slope * margin - intercept))
    return make_candidates(1 / (1 + np.exp(-margin)), random.random(count) < probability)


def error_slowly(scores: List[float], correct: List[bool]) -> float:
    kept = [(score, right) for score, right in zip(scores, correct) if score > 0.1]
    total = 0.0
    for number in range(10):
        inside = [pair for pair in kept if min(int(10 * pair[0]), 9) == number]
        if inside:
            mean = sum(score for score, _ in inside) / len(inside)
            precision = sum(right for _, right in inside) / len(inside)
            total += len(inside) / len(kept) * abs(mean - precision)
    return total


def loss_slowly(found: Candidates, slope: float, intercept: float) -> float:
    """With Platt's targets."""
    right = int(found.correct.sum())
    high, low = (right + 1) / (right + 2), 1 / (len(found.correct) - right + 2)
    total = 0.0
    for score, correct in zip(found.score.tolist(), found.correct.tolist()):
        value = slope * math.log(score / (1 - score)) + intercept
        target = high if correct else low
        total += target * math.log1p(math.exp(-value)) + (1 - target) * math.log1p(math.exp(value))
    return total / len(found.score)


scores = st.floats(0.011, 0.999)


@law
@given(st.lists(st.tuples(scores, st.booleans()), max_size=30))
def test_error_against_a_loop(rows):
    score, correct = [row[0] for row in rows], [row[1] for row in rows]
    found = calibration_error(np.array(score, dtype=float), np.array(correct, dtype=bool))
    assert found == pytest.approx(error_slowly(score, correct))


@law
@given(st.lists(st.tuples(scores, st.booleans()), min_size=2, max_size=30))
def test_no_line_nearby_is_likelier(rows):
    found = make_candidates(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))
    line = find_calibration(found)
    assert line.slope > 0 and math.isfinite(line.intercept)
    least = loss_slowly(found, line.slope, line.intercept)
    for slope, intercept in ((1.1, 0.0), (0.9, 0.0), (1.0, 0.1), (1.0, -0.1)):
        assert (
            least <= loss_slowly(found, slope * line.slope, line.intercept + intercept) + 1e-5
        )  # for its four digits


@pytest.mark.parametrize("slope, intercept", [(0.3, -0.7), (1.0, 0.0), (2.0, 1.5)])
def test_known_lines_are_found(slope, intercept):
    found = draw_candidates(slope, intercept, 20000)
    line = find_calibration(found)
    assert (line.slope, line.intercept) == pytest.approx((slope, intercept), abs=0.1)
    assert line.cross_validated < 0.03
    assert line.before == pytest.approx(calibration_error(found.score, found.correct))
    if slope != 1.0:
        assert line.before > 2 * line.cross_validated


def test_an_order_that_is_wrong_is_not_turned_around():
    score = np.linspace(0.05, 0.95, 40)
    assert 0 < find_calibration(make_candidates(score, score < 0.5)).slope < 0.01


@pytest.mark.parametrize("count, correct", [(0, True), (1, True), (1, False), (5, True), (5, False)])
def test_hardly_anything_to_learn_from(count, correct):
    line = find_calibration(make_candidates(np.full(count, 1.0), np.full(count, correct)))
    assert line.slope > 0 and math.isfinite(line.slope) and math.isfinite(line.intercept)


def test_predictions_and_evidence_stay_and_scores_move(trained_folder):
    nlp = spacy.load(trained_folder("KMGRE"))
    pipe = component(nlp)
    pipe.evidence_score, pipe.thresholds = 0.3, {"founded": 0.6}
    before = [relation.to_dict() for relation in nlp(make_doc(nlp))._.relations]
    line = Calibration(0.4, -0.8, 0.0, 0.0)
    for name, value in line.settings(pipe, {}).items():
        setattr(pipe, name, value)
    after = [relation.to_dict() for relation in nlp(make_doc(nlp))._.relations]
    expected = apply_line(np.array([relation["score"] for relation in before]), (0.4, -0.8))
    assert [relation["score"] for relation in after] == pytest.approx(expected.tolist(), abs=1e-5)
    assert before and any(relation["evidence"] for relation in before)
    for relation in (*before, *after):
        del relation["score"]
    assert before == after


def test_one_calibration_upon_another(trained_folder):
    """Found on calibrated scores, the line is that of the model's scores in the end."""
    nlp = spacy.load(trained_folder("KMGRE"))
    pipe, examples = component(nlp), make_examples(nlp)
    direct = find_calibration(collect_candidates(pipe, examples, floor=0.0))
    pipe.calibration = [0.5, -0.5]
    second = find_calibration(collect_candidates(pipe, examples, floor=0.0))
    assert second.settings(pipe, {})["calibration"] == pytest.approx(
        [direct.slope, direct.intercept], abs=1e-2
    )


def test_thresholds_of_nothing_and_everything_stay(trained):
    changed = {"threshold": 0.0, "thresholds": {"founded": 1.0}}
    found = Calibration(0.3, -2.0, 0.0, 0.0).settings(component(trained), changed)
    assert found["threshold"] == 0.0 and found["thresholds"] == {"founded": 1.0}


def test_the_best_thresholds_predict_the_same():
    found = draw_candidates(0.4, -1.0, 300)
    line = find_calibration(found)
    moved = replace(found, score=apply_line(found.score, (line.slope, line.intercept)))
    assert find_thresholds(found).tally == find_thresholds(moved).tally
