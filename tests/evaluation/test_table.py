"""Tables of counts against the scorer's own sums."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.evaluation.table import CountTable, count_tables
from spacy_kmgre.scoring.tallies import RelationCounts, Tally

LABELS = ("founded", "lives_in", "spouse")
GROUPS = ("intra", "m1", "pairs_2")
law = settings(deadline=None, derandomize=True, max_examples=60)


@st.composite
def tallies(draw) -> Tally:
    correct = draw(st.integers(0, 3))
    return Tally(correct, correct + draw(st.integers(0, 3)), correct + draw(st.integers(0, 3)))


@st.composite
def documents(draw) -> RelationCounts:
    labels = draw(st.dictionaries(st.sampled_from(LABELS), tallies(), max_size=3))
    micro = sum(labels.values(), Tally())
    groups = draw(st.dictionaries(st.sampled_from(GROUPS), tallies(), max_size=3))
    groups = {"micro": micro, **groups} if labels else groups
    return RelationCounts(groups, labels, known=draw(st.integers(0, micro.correct)))


corpora = st.lists(documents(), min_size=1, max_size=6)


def same(found: np.ndarray, expected: list) -> bool:
    """Compare scores, with NaN for None."""
    return found.tolist() == pytest.approx(
        [math.nan if x is None else x for x in expected], nan_ok=True, abs=1e-12
    )


def assert_scores(table: CountTable, scores: np.ndarray, counts: RelationCounts) -> None:
    expected = counts.scores()
    for row, found in zip(table.rows, scores):
        if row == "macro" or row == "micro":
            assert same(found, [expected[f"rel_{row}_{name}"] for name in "prf"]), row
        elif row == "ign":
            assert same(found, [expected["rel_ign_p"], expected["rel_micro_r"], expected["rel_ign_f"]])
        elif isinstance(row, tuple):
            per_type = (expected["rel_per_type"] or {}).get(row[1], Tally().scores())
            assert same(found, [per_type[name] for name in "prf"]), row
        else:
            tally = counts.groups.get(row, Tally()).scores()
            assert same(found, [tally[name] for name in "prf"]), row


def scored(counts: RelationCounts) -> RelationCounts:
    """The counts without labels that are neither gold nor predicted, as `count_relations` makes them."""
    labels = {label: tally for label, tally in counts.labels.items() if tally.gold or tally.predicted}
    return RelationCounts(counts.groups, labels, counts.known)


@law
@given(corpora)
def test_scores_of_the_whole(corpus):
    (table,) = count_tables(corpus)
    assert_scores(table, table.scores(table.totals()), scored(sum(corpus, RelationCounts())))


@law
@given(corpora, st.integers(0, 1000))
def test_scores_of_samples(corpus, seed):
    (table,) = count_tables(corpus)
    weights = np.random.default_rng(seed).integers(0, 3, (4, len(corpus)))
    scores = table.scores(table.totals(weights.astype(float)))
    assert scores.shape == (4, len(table.rows), 3)
    for sample, found in zip(weights, scores):
        drawn = [document for document, times in zip(corpus, sample) for _ in range(times)]
        assert_scores(table, found, scored(sum(drawn, RelationCounts())))


@law
@given(corpora, corpora)
def test_two_models_have_the_same_rows(one, other):
    first, second = count_tables(one, other)
    assert first.rows == second.rows
    for table, corpus in ((first, one), (second, other)):
        assert len(table) == len(corpus)
        assert_scores(table, table.scores(table.totals()), scored(sum(corpus, RelationCounts())))
