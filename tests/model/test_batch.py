"""Index tensors against itertools."""

from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spacy_kmgre.model import batch as pairs_module
from spacy_kmgre.model.batch import chunk_entity_pairs, count_mention_pairs, mention_pairs, without_direction

from .tiny import entity_pairs

law = settings(deadline=None, derandomize=True, max_examples=100)
# Mentions may belong to several entities; an entity without mentions is in no pair.
clusters_of_mentions = st.lists(st.lists(st.integers(0, 30), max_size=4, unique=True), max_size=6)


def with_mentions(clusters: list[list[int]]) -> list[int]:
    return [entity for entity, cluster in enumerate(clusters) if cluster]


@law
@given(clusters_of_mentions)
@example([])
@example([[7]])
@example([[], [1], [], [2, 0]])
def test_mention_pairs(clusters):
    pairs = entity_pairs(with_mentions(clusters))
    head, tail, pair_index = mention_pairs(clusters, pairs.numpy())
    assert {x.dtype for x in (head, tail, pair_index)} == {np.dtype(np.int64)}
    expected = [
        (i, j, number)
        for number, (left, right) in enumerate(pairs.tolist())
        for i, j in product(clusters[left], clusters[right])
    ]
    assert list(zip(head.tolist(), tail.tolist(), pair_index.tolist())) == expected


def test_mention_pairs_by_hand():
    head, tail, pair_index = mention_pairs([[0, 2], [1], [3, 4]], np.array([[0, 2], [1, 0]]))
    assert head.tolist() == [0, 0, 2, 2, 1, 1]
    assert tail.tolist() == [3, 4, 3, 4, 0, 2]
    assert pair_index.tolist() == [0, 0, 0, 0, 1, 1]


@law
@given(clusters_of_mentions, st.integers(1, 40))
@example([[0], [1], [2]], 1)
@example([[0, 1, 2, 3], [4, 5, 6], [7]], 5)
def test_chunks(clusters, most):
    pairs = entity_pairs(with_mentions(clusters))
    chunks = list(chunk_entity_pairs(clusters, most))
    assert [pair for chunk in chunks for pair in chunk.tolist()] == pairs.tolist()
    sizes = [[len(clusters[i]) * len(clusters[j]) for i, j in chunk.tolist()] for chunk in chunks]
    for size in sizes:
        assert len(size) == 1 or (size and sum(size) <= most)
    for size, following in pairwise(sizes):
        assert sum(size) + following[0] > most  # none could be longer


@law
@given(clusters_of_mentions, st.integers(1, 40))
@example([[0, 1, 2, 3], [4, 5, 6], [7]], 5)
def test_chunks_with_mirrors(clusters, most):
    chunks = [chunk.tolist() for chunk in chunk_entity_pairs(clusters, most, mirrored=True)]
    pairs = [tuple(pair) for chunk in chunks for pair in chunk]
    assert sorted(pairs) == sorted(permutations(with_mentions(clusters), 2))
    for chunk in chunks:
        assert all(chunk[row ^ 1] == chunk[row][::-1] for row in range(len(chunk)))
        assert len(chunk) == 2 or sum(len(clusters[i]) * len(clusters[j]) for i, j in chunk) <= most


@pytest.mark.parametrize("most", [1, 7, 4096])
def test_all_mention_pairs_are_in_the_chunks(most):
    clusters = [[0, 1, 2], [3], [4, 5], [6, 7, 8, 9]]
    pairs = entity_pairs(range(4))
    whole = mention_pairs(clusters, pairs.numpy())
    chunks = [mention_pairs(clusters, chunk) for chunk in chunk_entity_pairs(clusters, most)]
    for number in (0, 1):
        assert np.array_equal(np.concatenate([chunk[number] for chunk in chunks]), whole[number])


@law
@given(clusters_of_mentions, st.integers(1, 40))
@example([[0], [1], [2]], 1)
@example([[0, 1, 2, 3], [4, 5, 6], [7]], 9)
def test_mirrored_chunks(clusters, most):
    chunks = [chunk.tolist() for chunk in chunk_entity_pairs(clusters, most, mirrored=True)]
    pairs = [pair for chunk in chunks for pair in chunk]
    assert sorted(pairs) == sorted(entity_pairs(with_mentions(clusters)).tolist())
    assert pairs[::2] == [
        pair for pair in entity_pairs(with_mentions(clusters)).tolist() if pair[0] < pair[1]
    ]
    sizes = []
    for chunk in chunks:
        assert chunk[1::2] == [pair[::-1] for pair in chunk[::2]]
        sizes.append([2 * len(clusters[i]) * len(clusters[j]) for i, j in chunk[::2]])
    for size in sizes:
        assert len(size) == 1 or (size and sum(size) <= most)
    for size, following in pairwise(sizes):
        assert sum(size) + following[0] > most


mentions_in_windows = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=31, max_size=31).map(
    lambda firsts: np.array([(first, first + more) for first, more in firsts])
)


@pytest.mark.parametrize("block", [1, 50, pairs_module.BLOCK])
@law
@given(clusters_of_mentions, mentions_in_windows, st.integers(1, 40), st.booleans())
def test_mention_pairs_that_share_a_window(block, clusters, windows, most, mirrored):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_module, "BLOCK", block)
        check_mention_pairs_that_share_a_window(clusters, windows, most, mirrored)


def check_mention_pairs_that_share_a_window(clusters, windows, most, mirrored):
    def share(i: int, j: int) -> bool:
        spans = (set(range(first, last + 1)) for first, last in windows[[i, j]].tolist())
        return bool(set.intersection(*spans))

    expected = {}
    for pair in permutations(range(len(clusters)), 2):
        near = [ij for ij in product(clusters[pair[0]], clusters[pair[1]]) if share(*ij)]
        if near:
            expected[pair] = near
    chunks = list(chunk_entity_pairs(clusters, most, mirrored, windows))
    found = [tuple(pair) for chunk in chunks for pair in chunk.tolist()]
    assert found == list(expected) if not mirrored else sorted(found) == sorted(expected)
    for chunk in chunks:
        head, tail, pair_index = mention_pairs(clusters, chunk, windows)
        assert len(head) <= most or len(chunk) <= 1 + mirrored
        for number, pair in enumerate(chunk.tolist()):
            rows = pair_index == number
            assert list(zip(head[rows].tolist(), tail[rows].tolist())) == expected[tuple(pair)]
    (whole,) = list(chunk_entity_pairs(clusters, windows=windows)) or [np.zeros((0, 2))]
    assert [tuple(pair) for pair in whole.tolist()] == list(expected)


@law
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=40))
@example([])
@example([(i, j) for i in range(9) for j in range(9) if i != j])
@example([(0, 8), (8, 0)])
def test_pairs_without_direction(pairs):
    head, tail = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    low, high, row = without_direction(head, tail, 9)
    assert (low <= high).all()
    both = list(zip(low.tolist(), high.tolist()))
    assert both == sorted(set(both))
    assert [both[number] for number in row] == [(min(pair), max(pair)) for pair in pairs]
    assert len(both) <= max(len(set(map(frozenset, pairs))), 5 * len(pairs) // 4)


def test_the_second_sides_of_most_pairs_are_runs():
    head, tail, _ = mention_pairs([[0, 3], [1], [2, 4]], entity_pairs(range(3)).numpy())
    low, high, _ = without_direction(head, tail, 5)
    for number in range(5):
        run = high[low == number]
        assert (run == np.arange(run[0], run[0] + len(run)) if len(run) else run == run).all()
    assert len(low) < len(head)


@law
@given(clusters_of_mentions)
def test_how_many_mention_pairs_there_are(clusters):
    pairs = entity_pairs(with_mentions(clusters)).numpy()
    assert count_mention_pairs(clusters) == len(mention_pairs(clusters, pairs).head)
