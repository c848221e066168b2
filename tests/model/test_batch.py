"""The flat batch: index arrays are compared with itertools."""

from itertools import accumulate, pairwise, permutations, product
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spacy_kmgre.model import batch as batch_module
from spacy_kmgre.model.batch import FlatBatch, PairIndex, PairScores, flatten, mention_pairs, pair_chunks
from spacy_kmgre.model.pieces import Document

from ..conftest import tries
from .tiny import random_pieces

law = settings(deadline=None, derandomize=True, max_examples=tries(30))
MENTIONS = 31  # of each document
# Mentions may belong to several entities; an entity without mentions is in no pair.
clusters_of_mentions = st.lists(
    st.lists(st.integers(0, MENTIONS - 1), max_size=4, unique=True).map(tuple), max_size=6
)
batches_of_clusters = st.lists(clusters_of_mentions, max_size=3)
windows_of_mentions = st.one_of(
    st.just([(0, 0)] * MENTIONS),
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 2)).map(lambda own: (own[0], sum(own))),
        min_size=MENTIONS,
        max_size=MENTIONS,
    ),
)
windows_of_batches = st.lists(windows_of_mentions, min_size=3, max_size=3)
NEAR = [[(0, 0)] * MENTIONS] * 3


def make_batch(documents, windows=NEAR) -> FlatBatch:
    """:param documents: For each document the mention numbers of its entities, from 0 in each document."""
    count = len(documents)
    return FlatBatch(
        pieces=(),
        clusters=[
            [MENTIONS * number + mention for mention in cluster]
            for number, clusters in enumerate(documents)
            for cluster in clusters
        ],
        first_entity=np.array([0, *accumulate(map(len, documents))]),
        first_mention=MENTIONS * np.arange(count + 1),
        places=np.zeros((MENTIONS * count, 2), dtype=np.int64),
        windows=np.array(windows[:count], dtype=np.int64).reshape(-1, 2),
        sentences=np.zeros(0, dtype=np.int64),
    )


class EntityPair(NamedTuple):
    """An entity pair in plain numbers from 0 in each document, with its mention pairs."""

    document: int
    head: int
    tail: int
    mention_pairs: tuple[tuple[int, int], ...]


def expected_pairs(documents, windows=NEAR) -> list[EntityPair]:
    found = []
    for number, clusters in enumerate(documents):
        reach = [set(range(first, last + 1)) for first, last in windows[number]]
        for head, tail in permutations(range(len(clusters)), 2):
            near = [(i, j) for i, j in product(clusters[head], clusters[tail]) if reach[i] & reach[j]]
            if near:
                found.append(EntityPair(number, head, tail, tuple(near)))
    return found


def read_back(batch: FlatBatch, pairs: PairIndex) -> list[EntityPair]:
    document, entities, head, tail = (values.numpy() for values in batch.numbers(pairs))
    assert (np.diff(pairs.pair_index) >= 0).all()
    found = []
    for row, (number, sides) in enumerate(zip(document.tolist(), entities.tolist())):
        own = pairs.pair_index == row
        found.append(EntityPair(number, *sides, tuple(zip(head[own].tolist(), tail[own].tolist()))))
    return found


def test_mention_pairs_by_hand():
    nowhere = np.zeros((5, 2), dtype=np.int64)
    head, tail, pair_index = mention_pairs([[0, 2], [1], [3, 4]], np.array([[0, 2], [1, 0]]), nowhere)
    assert head.tolist() == [0, 0, 2, 2, 1, 1]
    assert tail.tolist() == [3, 4, 3, 4, 0, 2]
    assert pair_index.tolist() == [0, 0, 0, 0, 1, 1]
    assert {values.dtype for values in (head, tail, pair_index)} == {np.dtype(np.int64)}


@law
@given(batches_of_clusters, windows_of_batches)
@example([], NEAR)
@example([[], [(7,)], []], NEAR)
@example([[(), (1,), (), (2, 0)], [(0,), (1, 2)]], NEAR)
def test_all_pairs_at_once(documents, windows):
    batch = make_batch(documents, windows)
    pairs = next(pair_chunks(batch), PairIndex.empty())
    assert read_back(batch, pairs) == expected_pairs(documents, windows)
    assert len(list(pair_chunks(batch))) == bool(expected_pairs(documents, windows))


@pytest.mark.parametrize("block", [1, 50, batch_module.BLOCK])
@pytest.mark.parametrize("with_inverse", [False, True])
@law
@given(batches_of_clusters, windows_of_batches, st.integers(1, 40))
@example([[(0,), (1,), (2,)]], NEAR, 1)
@example([[(0, 1, 2, 3), (4, 5, 6), (7,)]], NEAR, 5)
@example([[(0, 1, 2, 3), (4, 5, 6), (7,)], [(0,), (1,)]], NEAR, 9)
def test_chunks(block, with_inverse, documents, windows, most):
    batch = make_batch(documents, windows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "BLOCK", block)
        chunks = [read_back(batch, chunk) for chunk in pair_chunks(batch, most, with_inverse)]
    found = [pair for chunk in chunks for pair in chunk]
    expected = expected_pairs(documents, windows)
    step = 1
    if with_inverse:
        step = 2
        assert sorted(found) == sorted(expected)
        assert found[::2] == [pair for pair in expected if pair.head < pair.tail]
        for chunk in chunks:
            sides = [pair[:3] for pair in chunk]
            assert [(number, tail, head) for number, head, tail in sides[1::2]] == sides[::2]
    else:
        assert found == expected
    sizes = [
        [sum(len(pair.mention_pairs) for pair in chunk[i : i + step]) for i in range(0, len(chunk), step)]
        for chunk in chunks
    ]
    assert all(len(size) == 1 or (size and sum(size) <= most) for size in sizes)
    for size, following in pairwise(sizes):
        assert sum(size) + following[0] > most  # none could be longer


def test_documents_laid_one_after_another():
    """Mention 1 of the second document is outside the encoded text, and its windows matter where pairs may be far."""
    windows = [(1, 11), (8, 18), (15, 25)]
    pieces = [random_pieces(8, markers=[2, 5]), random_pieces(26, markers=[9, -1, 20], windows=windows)]
    documents = [Document("", [(0, 1), (2, 3)], [[0], [1]]), Document("", [(0, 1)] * 3, [[0, 1], [1], [2]])]
    batch = flatten(documents, pieces, far_pairs=True)
    assert batch.clusters == [[0], [1], [2], [], [4]]
    assert batch.first_entity.tolist() == [0, 2, 5]
    assert batch.first_mention.tolist() == [0, 2, 5]
    assert len(batch.sentences) == 34
    assert not batch.windows.any()
    assert flatten(documents, pieces, far_pairs=False).windows[[0, 1, 2, 4]].tolist() == [
        [0, 0],
        [0, 0],
        [0, 1],
        [2, 2],
    ]
    assert read_back(batch, next(pair_chunks(batch)))[2:] == [
        EntityPair(1, 0, 2, ((0, 2),)),
        EntityPair(1, 2, 0, ((2, 0),)),
    ]


@pytest.mark.parametrize("fusion", [True, False])
def test_logits_of_entity_pairs(fusion):
    """Without fusion, the best margin over TH among the key mention pairs counts."""
    torch.manual_seed(0)
    numbers = torch.zeros(3, dtype=torch.long)
    pair_index = torch.tensor([0, 0, 0, 1, 2, 2])
    relation, key = torch.randn(6, 4), torch.tensor([2.0, -2.0, 1.9, -3.0, 0.0, 0.0])
    scores = PairScores(
        numbers, torch.zeros(3, 2), pair_index, pair_index, pair_index, relation, key, torch.zeros(6, 0)
    )
    selected = scores.select(xi=0.15, tau=0.5)
    assert selected.tolist() == [True, False, True, True, True, True]
    found = scores.fuse(selected, fusion)
    for row in range(3):
        own = relation[selected & (pair_index == row)]
        expected = own.exp().sum(dim=0).log() if fusion else (own - own[:, :1]).max(dim=0).values
        torch.testing.assert_close(found[row], expected)
