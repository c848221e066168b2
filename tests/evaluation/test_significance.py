"""Resampling against loops without arrays, and laws that hold by definition."""

import math
import time
from collections.abc import Sequence

import numpy as np
import pytest

from spacy_kmgre.evaluation.significance import Resampling, bootstrap_intervals, compare
from spacy_kmgre.evaluation.table import count_tables
from spacy_kmgre.scoring.tallies import RelationCounts, Tally


def document(correct: int, predicted: int, gold: int, label: str = "founded") -> RelationCounts:
    tally = Tally(correct, predicted, gold)
    return RelationCounts({"micro": tally}, {label: tally})


def random_documents(count: int, seed: int, quality: float = 0.5) -> list[RelationCounts]:
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        gold = int(random.integers(1, 6))
        correct = int(random.binomial(gold, quality))
        found.append(document(correct, correct + int(random.integers(0, 3)), gold))
    return found


def f_of(documents: Sequence[RelationCounts]) -> float:
    scores = sum(documents, RelationCounts()).scores()
    return math.nan if scores["rel_micro_f"] is None else scores["rel_micro_f"]


def quantile(values: list[float], share: float) -> float:
    """The quantile, linear between the two neighbours."""
    values = sorted(values)
    place = share * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def test_intervals_against_a_loop():
    documents = random_documents(12, seed=0)
    (table,) = count_tables(documents)
    low, high = bootstrap_intervals(table, Resampling(samples=200, confidence=0.9, seed=3))
    random = np.random.default_rng(3)
    drawn = []
    for _ in range(200):
        times = random.multinomial(12, [1 / 12] * 12)
        drawn.append(f_of([doc for doc, count in zip(documents, times) for _ in range(count)]))
    micro = table.rows.index("micro")
    assert low[micro, 2] == pytest.approx(quantile(drawn, 0.05))
    assert high[micro, 2] == pytest.approx(quantile(drawn, 0.95))
    assert low[micro, 2] < f_of(documents) < high[micro, 2]


def test_equal_documents_leave_no_doubt():
    (table,) = count_tables([document(2, 3, 4)] * 20)
    low, high = bootstrap_intervals(table, Resampling(samples=50))
    assert np.allclose(low, high)
    assert np.allclose(low, table.scores(table.totals()))


def test_more_documents_make_the_interval_narrower():
    widths = []
    for count in (20, 200, 2000):
        (table,) = count_tables(random_documents(count, seed=1))
        low, high = bootstrap_intervals(table, Resampling(samples=300))
        widths.append(high[0, 2] - low[0, 2])
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


def test_intervals_hold_the_truth_as_often_as_they_say():
    """The F of a very large corpus lies in 80 % of the 80 % intervals of samples of it."""
    truth = f_of(random_documents(20_000, seed=99))
    inside = 0
    for seed in range(100):
        (table,) = count_tables(random_documents(60, seed=seed))
        low, high = bootstrap_intervals(table, Resampling(samples=200, confidence=0.8, seed=seed))
        inside += low[0, 2] <= truth <= high[0, 2]
    assert 68 <= inside <= 91  # three standard deviations


def test_what_a_sample_lacks_does_not_count():
    documents = [document(1, 1, 1, "founded"), document(0, 1, 1, "rare")]
    (table,) = count_tables(documents)
    low, high = bootstrap_intervals(table, Resampling(samples=100))
    rare = table.rows.index(("label", "rare"))
    assert low[rare].tolist() == high[rare].tolist() == [0, 0, 0]
    (table,) = count_tables([RelationCounts()])
    low, high = bootstrap_intervals(table, Resampling(samples=10))
    assert np.isnan(low).all() and np.isnan(high).all()


def test_randomisation_against_a_loop():
    one, other = random_documents(10, 5), random_documents(10, 6, quality=0.6)
    first, second = count_tables(one, other)
    result = compare(first, second, Resampling(samples=300, seed=7))
    random = np.random.default_rng(7)
    observed = f_of(other) - f_of(one)
    at_least = 0
    for _ in range(300):
        swap = random.integers(0, 2, 10)
        left = [b if swapped else a for a, b, swapped in zip(one, other, swap)]
        right = [a if swapped else b for a, b, swapped in zip(one, other, swap)]
        at_least += abs(f_of(right) - f_of(left)) >= abs(observed) - 1e-12
    assert result.difference[0, 2] == pytest.approx(observed)
    assert result.p_value[0, 2] == pytest.approx((at_least + 1) / 301)


def test_a_model_does_not_differ_from_itself():
    documents = random_documents(10, 0)
    result = compare(*count_tables(documents, documents), Resampling(samples=50))
    assert np.all(result.difference == 0) and np.all(result.p_value == 1)
    assert np.all(result.low == 0) and np.all(result.high == 0)


def test_a_score_that_one_model_lacks_is_not_compared():
    """The label "odd" is never gold, and only the second model predicts it."""
    micro = Tally(1, 2, 1)
    first = [RelationCounts({"micro": micro}, {"founded": micro})] * 5
    second = [RelationCounts({"micro": micro}, {"founded": micro, "odd": Tally(0, 1, 0)})] * 5
    tables = count_tables(first, second)
    odd = tables[0].rows.index(("label", "odd"))
    result = compare(*tables, Resampling(samples=20))
    assert all(np.isnan(values[odd]).all() for values in result)
    assert result.p_value[0].tolist() == [1, 1, 1]


def test_a_model_that_is_always_better():
    worse, better = [document(1, 3, 3)] * 30, [document(2, 3, 3)] * 30
    result = compare(*count_tables(worse, better), Resampling(samples=999))
    assert result.p_value[0, 2] == pytest.approx(1 / 1000)
    assert result.low[0, 2] > 0
    mirrored = compare(*count_tables(better, worse), Resampling(samples=999))
    assert np.allclose(mirrored.difference, -result.difference)
    assert mirrored.p_value[0, 2] == result.p_value[0, 2]


def test_p_values_of_equals_are_spread_evenly():
    small = 0
    for seed in range(100):
        result = compare(
            *count_tables(random_documents(30, seed), random_documents(30, 1000 + seed)),
            Resampling(samples=99, seed=seed),
        )
        small += result.p_value[0, 2] <= 0.2
    assert 8 <= small <= 32


def test_a_thousand_samples_take_seconds():
    labels = [f"label {number}" for number in range(96)]
    random = np.random.default_rng(0)
    documents = []
    for _ in range(1000):
        tallies = {label: Tally(1, 2, 3) for label in random.choice(labels, 20, replace=False)}
        documents.append(RelationCounts({"micro": sum(tallies.values(), Tally())}, tallies))
    start = time.perf_counter()
    compare(*count_tables(documents, documents[::-1]), Resampling(samples=1000))
    assert time.perf_counter() - start < 30
