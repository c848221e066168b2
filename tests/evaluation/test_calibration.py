"""Calibration against loops over Python floats, and on scores whose probabilities are known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.evaluation.calibration import (
    Calibration,
    calibration_error,
    find_calibration,
    fit_line,
    score_margins,
)
from spacy_kmgre.evaluation.thresholds import BIN, CENTRES, Candidates, collect_candidates, find_threshold

from ..conftest import component, make_doc, make_examples

law = settings(deadline=None, derandomize=True, max_examples=40)


def make_candidates(margin: np.ndarray, correct: np.ndarray, documents: int = 10) -> Candidates:
    """Make candidates that lie in the documents in turn."""
    rows = np.arange(len(margin))
    margins = np.zeros((documents, len(CENTRES), 2), dtype=int)
    place = np.abs(margin[:, None] - CENTRES).argmin(axis=1)
    np.add.at(margins, (rows % documents, place, correct.astype(int)), 1)
    return Candidates(
        document=rows % documents,
        score=1 / (1 + np.exp(-margin)),
        correct=correct,
        gold=np.full(documents, 2),
        margins=margins,
    )


def draw_candidates(slope: float, intercept: float, count: int, seed: int = 0) -> Candidates:
    """Draw scores whose probabilities lie on a line."""
    random = np.random.default_rng(seed)
    margin = 4 * random.standard_normal(count)
    probability = 1 / (1 + np.exp(-slope * margin - intercept))
    return make_candidates(margin, random.random(count) < probability)


def error_slowly(scores: list[float], counts: list[tuple[int, int]]) -> float:
    total, everything = 0.0, sum(map(sum, counts))
    for number in range(10):
        inside = [i for i, score in enumerate(scores) if min(int(10 * score), 9) == number]
        size = sum(sum(counts[i]) for i in inside)
        if size:
            mean = sum(scores[i] * sum(counts[i]) for i in inside) / size
            precision = sum(counts[i][1] for i in inside) / size
            total += size / everything * abs(mean - precision)
    return total


def loss_slowly(rows: list[tuple[float, bool]], slope: float, intercept: float) -> float:
    """The mean cross-entropy with Platt's targets."""
    right = sum(correct for _, correct in rows)
    high, low = (right + 1) / (right + 2), 1 / (len(rows) - right + 2)
    total = 0.0
    for margin, correct in rows:
        value, target = slope * margin + intercept, high if correct else low
        total += target * math.log1p(math.exp(-value)) + (1 - target) * math.log1p(math.exp(value))
    return total / len(rows)


sizes = st.tuples(st.integers(0, 3), st.integers(0, 3))


@law
@given(st.lists(st.tuples(st.floats(0.0, 1.0), sizes), max_size=30))
def test_error_against_a_loop(rows):
    scores, counts = [row[0] for row in rows], [row[1] for row in rows]
    found = calibration_error(np.array(scores, dtype=float), np.array(counts, dtype=int).reshape(-1, 2))
    assert found == pytest.approx(error_slowly(scores, counts))


@law
@given(st.lists(st.tuples(st.integers(-100, 100), st.booleans()), min_size=2, max_size=30))
def test_no_line_nearby_is_likelier(rows):
    rows = [(BIN * place, correct) for place, correct in rows]
    found = make_candidates(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))
    slope, intercept = fit_line(found.margins.sum(axis=0))
    assert slope > 0 and math.isfinite(intercept)
    least = loss_slowly(rows, slope, intercept)
    for factor, term in ((1.1, 0.0), (0.9, 0.0), (1.0, 0.1), (1.0, -0.1)):
        assert (
            least <= loss_slowly(rows, factor * slope, intercept + term) + 1e-5
        )  # since the line has four digits


@pytest.mark.parametrize("slope, intercept", [(0.3, -0.7), (1.0, 0.0), (2.0, 1.5)])
def test_known_lines_are_found(slope, intercept):
    found = draw_candidates(slope, intercept, 20000)
    line = find_calibration(found, [1.0, 0.0])
    assert (line.slope, line.intercept) == pytest.approx((slope, intercept), abs=0.1)
    assert line.cross_validated < 0.03
    counted = found.score > 0.1
    assert line.before == pytest.approx(
        calibration_error(found.score[counted], np.eye(2, dtype=int)[found.correct.astype(int)][counted]),
        abs=0.005,
    )
    if slope != 1.0:
        assert line.before > 2 * line.cross_validated
    # With a line already, the line found is the same, and the error is small before and after.
    again = find_calibration(found, [line.slope, line.intercept])
    assert (again.slope, again.intercept) == (line.slope, line.intercept) and again.before < 0.03


def test_cross_validation_scores_documents_with_the_lines_of_others():
    """Each document has a precision of its own, which a line found on the document itself would meet."""
    precision = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    correct = np.arange(100)[:, None] < 100 * precision
    found = make_candidates(np.zeros(500), correct.ravel(), documents=5)
    assert find_calibration(found, [1.0, 0.0]).cross_validated > 0.2


def test_both_errors_are_of_the_same_relations():
    """Both are of the relations with scores above 0.1 before, though their scores fall below that."""
    random = np.random.default_rng(0)
    found = make_candidates(np.full(1000, -0.85), random.random(1000) < 0.05)
    line = find_calibration(found, [1.0, 0.0])
    assert line.before == pytest.approx(0.25, abs=0.02) and 0 < line.cross_validated < 0.03


def test_an_order_that_is_wrong_is_not_turned_around():
    margin = np.linspace(-3, 3, 40)
    assert 0 < fit_line(make_candidates(margin, margin < 0).margins.sum(axis=0))[0] < 0.01


@pytest.mark.parametrize("count, correct", [(0, True), (1, True), (1, False), (5, True), (5, False)])
def test_hardly_anything_to_learn_from(count, correct):
    line = find_calibration(make_candidates(np.full(count, 40.0), np.full(count, correct)), [1.0, 0.0])
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
    scores = np.array([relation["score"] for relation in before])
    expected = score_margins(np.log(scores / (1 - scores)), (0.4, -0.8))
    assert [relation["score"] for relation in after] == pytest.approx(expected.tolist(), abs=1e-5)
    assert before and any(relation["evidence"] for relation in before)
    for relation in (*before, *after):
        del relation["score"]
    assert before == after


def test_a_calibrated_pipeline_is_not_calibrated_further(trained_folder):
    nlp = spacy.load(trained_folder("KMGRE"))
    pipe, examples = component(nlp), make_examples(nlp)
    direct = find_calibration(collect_candidates(pipe, examples), pipe.calibration)
    pipe.calibration = [0.5, -0.5]
    again = find_calibration(collect_candidates(pipe, examples), pipe.calibration)
    assert (again.slope, again.intercept) == (direct.slope, direct.intercept)


def test_margins_are_those_of_all_entity_pairs_and_labels(trained_folder):
    nlp = spacy.load(trained_folder("KMGRE"))
    examples = make_examples(nlp)
    found = collect_candidates(component(nlp), examples, floor=0.0)
    assert found.margins.sum() == len(found.score) and found.margins[..., 1].sum() == found.correct.sum()
    for document in range(len(examples)):
        rows = found.document == document
        margins = np.log(found.score[rows]) - np.log1p(-found.score[rows])
        for number, correct in enumerate((False, True)):
            expected = np.sort(margins[found.correct[rows] == correct])
            known = np.repeat(CENTRES, found.margins[document, :, number])
            np.testing.assert_allclose(known, expected, atol=0.51 * BIN)


def test_thresholds_of_nothing_and_everything_stay(trained):
    changed = {"threshold": 0.0, "thresholds": {"founded": 1.0}}
    found = Calibration(0.3, -2.0, 0.0, 0.0).settings(component(trained), changed)
    assert found["threshold"] == 0.0 and found["thresholds"] == {"founded": 1.0}


def test_the_best_thresholds_predict_the_same():
    found = draw_candidates(0.4, -1.0, 300)
    moved = replace(found, score=score_margins(np.log(found.score / (1 - found.score)), (0.4, -1.0)))
    assert find_threshold(found).tally == find_threshold(moved).tally
