"""Places of nodes: finite, the same every time, and parts apart from each other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.visualise.layout import DISTANCE, place_nodes


@st.composite
def graphs(draw):
    count = draw(st.integers(0, 30))
    node = st.integers(0, max(count - 1, 0))
    edges = draw(st.lists(st.tuples(node, node), max_size=40)) if count else []
    return count, edges


@given(graphs())
@settings(max_examples=50, deadline=None)
def test_every_node_has_a_place_of_its_own(graph):
    count, edges = graph
    places = place_nodes(count, edges)
    assert places.shape == (count, 2) and np.isfinite(places).all()
    assert np.array_equal(places, place_nodes(count, edges))
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(count) * DISTANCE
    assert count < 2 or gaps.min() > DISTANCE / 10


def test_parts_lie_apart_and_neighbours_together():
    star = [(0, leaf) for leaf in range(1, 8)]
    chain = [(8, 9), (9, 10), (10, 11)]
    places = place_nodes(14, [*star, *chain, (12, 12)])
    boxes = [
        (part.min(axis=0), part.max(axis=0))
        for part in (places[:8], places[8:12], places[12:13], places[13:])
    ]
    for place, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[place + 1 :]:
            assert (low > other_high).any() or (other_low > high).any()
    lengths = [np.linalg.norm(places[head] - places[tail]) for head, tail in (*star, *chain)]
    assert min(lengths) > DISTANCE / 3 and max(lengths) < 3 * DISTANCE


def test_a_large_part_takes_moments():
    edges = [(node, node // 3) for node in range(1, 1500)]
    places = place_nodes(1500, edges)
    assert np.isfinite(places).all() and len(np.unique(places.round(), axis=0)) > 1400
