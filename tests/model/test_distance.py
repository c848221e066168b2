"""The distance between two mentions as a part of their logits."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_kmgre.model.distance import EDGES, PACE, UNKNOWN, LearnedDistance, NoDistance, find_ranges

place = st.tuples(st.integers(0, 600), st.integers(-1, 12))
mention_pairs = st.lists(st.tuples(place, place), max_size=20)


def arrays(pairs) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of heads and of tails. *Shape:* (P, 2) both"""
    head, tail = np.array(pairs, dtype=np.int64).reshape(-1, 2, 2).transpose(1, 0, 2)
    return head, tail


def ranges_of(head: tuple[int, int], tail: tuple[int, int]) -> list[int]:
    """Count the edges that a distance reaches, one after another."""
    reached = sum(abs(tail[0] - head[0]) >= edge for edge in EDGES)
    of_pieces = 2 * reached + (1 if tail[0] > head[0] else 0)
    if -1 in (head[1], tail[1]):
        return [of_pieces, UNKNOWN]
    return [of_pieces, 2 * (len(EDGES) + 1) + 3 + max(-3, min(3, tail[1] - head[1]))]


@given(mention_pairs)
def test_ranges_are_those_of_a_loop(pairs):
    assert find_ranges(*arrays(pairs)).tolist() == [ranges_of(*pair) for pair in pairs]


@given(mention_pairs)
def test_ranges_of_pieces_and_of_sentences_are_different_rows_of_the_table(pairs):
    head, tail = arrays(pairs)
    of_pieces, of_sentences = find_ranges(head, tail).T
    assert not {*of_pieces.tolist()} & {*of_sentences.tolist()}
    assert (of_sentences < len(LearnedDistance(1).table)).all()


@given(mention_pairs)
def test_directions_have_rows_of_their_own(pairs):
    head, tail = arrays(pairs)
    same = find_ranges(head, tail) == find_ranges(tail, head)
    unknown = (head[:, 1] < 0) | (tail[:, 1] < 0)
    expected = head == tail
    expected[:, 1] |= unknown
    assert (same == expected).all()


def test_numbers_are_those_of_ranges_and_class():
    distance = LearnedDistance(3)
    logits = torch.randn(4, 3)
    ranges = torch.tensor([[0, 31], [5, 31], [5, UNKNOWN], [7, 29]])
    assert torch.equal(distance(logits, ranges), logits)  # Before training it says nothing.
    with torch.no_grad():
        distance.table[5] = torch.tensor([1.0, 0.0, -2.0])
        distance.table[31] = torch.tensor([0.0, 0.5, 4.0])
    expected = PACE * torch.tensor([[0.0, 0.5, 4.0], [1.0, 0.5, 2.0], [1.0, 0.0, -2.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(distance(logits, ranges) - logits, expected)


def test_unknown_sentences_learn_nothing():
    distance = LearnedDistance(2)
    distance(torch.zeros(2, 2), torch.tensor([[0, UNKNOWN], [3, 31]])).sum().backward()
    moved = distance.table.grad.any(dim=1).nonzero().flatten()
    assert moved.tolist() == [0, 3, 31]


def test_more_classes_keep_their_numbers():
    distance = LearnedDistance(2)
    torch.nn.init.normal_(distance.table)
    before = distance.table.detach().clone()
    distance.resize(4)
    assert torch.equal(distance.table[:, :2], before)
    assert not distance.table[:, 2:].any()
    assert distance.table.requires_grad


def test_no_pairs():
    empty = LearnedDistance(2)(torch.zeros(0, 2), torch.zeros(0, 2, dtype=torch.long))
    assert empty.shape == (0, 2)


def test_without_it_logits_stay():
    logits = torch.randn(4, 3)
    assert NoDistance()(logits, torch.zeros(4, 2, dtype=torch.long)) is logits
    assert not list(NoDistance().parameters())
