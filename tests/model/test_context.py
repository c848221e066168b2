"""Contexts over runs of word pieces (4): compared with the equations on dense attention rows, values and gradients.

Short texts are runs over the whole text, of which several may lie in one block; in long texts runs overlap, or do
not meet.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spacy_kmgre.model import context as context_module
from spacy_kmgre.model import maths
from spacy_kmgre.model.architectures import CONTEXTS
from spacy_kmgre.model.atlop import attention_shares, entity_pair_contexts, entity_rows
from spacy_kmgre.model.batch import PairIndex, mention_pairs
from spacy_kmgre.model.context import AttentionRows, mention_pair_contexts

from .tiny import whole_rows

EXACT = {"rtol": 0.0, "atol": 1e-10}
LENGTH, HEADS, WIDTH, ENTITIES = 40, 3, 4, 4
law = settings(deadline=None, derandomize=True, max_examples=30)


class Text(NamedTuple):
    """Attention rows and hidden states of a batch, and entities.

    :param values: What the blocks are made of, by setting it to zero outside of the runs.
    """

    rows: AttentionRows
    hidden: Tensor
    clusters: list[list[int]]
    values: list[Tensor]

    @property
    def leaves(self) -> list[Tensor]:
        return [*self.values, self.hidden]


def make_text(
    runs: Sequence[tuple[int, int, int]], places: Sequence[int], owners: Sequence[int], seed: int = 0
) -> Text:
    """Make random attention rows.

    :param runs: The block, start and length of each run of word pieces.
    :param places: The run of each mention.
    :param owners: The entity of each mention.
    """
    torch.manual_seed(seed)
    block, start, length = (np.array(values) for values in zip(*(runs[place] for place in places)))
    count, blocks, leaves = len(places), [], []
    for number in range(max(block) + 1):
        own = torch.from_numpy(length * (block == number))
        # The blocks are wider than most of their rows, and rows of others lie between; none may count.
        values = torch.softmax(2 * torch.randn(count, HEADS, max(length) + 2, dtype=torch.float64), dim=2)
        values[0, 0, ::2] = 0.0
        values[-1, 0, 1::2] = 0.0
        inside = torch.arange(max(length) + 2) < own[:, None]
        leaves.append(values.requires_grad_())
        blocks.append(values * inside[:, None])
    rows = AttentionRows(blocks, block, np.arange(count), start, start + length)
    hidden = torch.randn(LENGTH, WIDTH, dtype=torch.float64, requires_grad=True)
    clusters = [
        [mention for mention, owner in enumerate(owners) if owner == entity] for entity in range(ENTITIES)
    ]
    return Text(rows, hidden, clusters, leaves)


@st.composite
def texts(draw) -> Text:
    """Runs that are apart, overlap, or are the same, in one block or in several."""
    runs = []
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, LENGTH - 1))
        runs.append((draw(st.integers(0, 2)), start, draw(st.integers(1, LENGTH - start))))
    mentions = draw(st.integers(2, 7))
    places = draw(st.lists(st.integers(0, len(runs) - 1), min_size=mentions, max_size=mentions))
    owners = draw(st.lists(st.integers(0, ENTITIES - 1), min_size=mentions, max_size=mentions))
    return make_text(_one_length_for_each_start(runs), places, owners, draw(st.integers(0, 9)))


def _one_length_for_each_start(runs: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """In one block, runs that start together end together, as those of the encoder do."""
    length = {(block, start): size for block, start, size in runs}
    return [(block, start, length[block, start]) for block, start, _ in runs]


SHORT = {
    "one block": make_text([(0, 0, 15), (0, 15, 25)], [0, 0, 0, 1, 1, 1], [0, 1, 0, 2, 3, 3]),
    "several blocks": make_text(
        [(0, 0, 15), (1, 15, 10), (0, 25, 15)], [0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 3, 2]
    ),
}


def everyone(text: Text) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of mentions, of one with itself too, and some of them twice. *Shape:* (P,), (P,)"""
    count = len(text.rows.start)
    head, tail = (side.ravel() for side in np.indices((count, count)))
    return np.append(head, head[::3]), np.append(tail, tail[::3])


def gradients(pooled: Tensor, leaves: Sequence[Tensor]) -> list[Tensor]:
    weights = torch.rand(pooled.shape, generator=torch.Generator().manual_seed(1), dtype=pooled.dtype)
    found = torch.autograd.grad((pooled * weights).sum(), leaves, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(leaf) if own is None else own for leaf, own in zip(leaves, found)]


def assert_same(found: Tensor, expected: Tensor, leaves: Sequence[Tensor]) -> None:
    torch.testing.assert_close(found, expected, **EXACT)
    assert found.requires_grad or not expected.any()
    if found.requires_grad:
        for own, other in zip(gradients(found, leaves), gradients(expected, leaves)):
            assert own.isfinite().all()
            torch.testing.assert_close(own, other, **EXACT)


def check_mention_pairs(text: Text, mode: str) -> None:
    head, tail = everyone(text)
    dense = whole_rows(text.rows, LENGTH)
    sides = torch.from_numpy(head), torch.from_numpy(tail)
    expected = maths.mention_pair_context(text.hidden, dense, *sides, mode)
    contexts = mention_pair_contexts(text.rows, head, tail, CONTEXTS[mode])
    assert_same(contexts(text.hidden), expected, text.leaves)
    with torch.inference_mode():
        again = mention_pair_contexts(text.rows, head, tail, CONTEXTS[mode])(text.hidden)
    torch.testing.assert_close(again, expected, **EXACT)
    detached = contexts.detach()(text.hidden)
    torch.testing.assert_close(detached, expected, **EXACT)
    if detached.requires_grad:
        assert not any(gradient.any() for gradient in gradients(detached, text.values))


@pytest.mark.parametrize("products", [1, 700, context_module.PRODUCTS["cpu"]])
@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
@pytest.mark.parametrize("text", SHORT.values(), ids=SHORT)
def test_mention_pairs_of_short_texts(text, mode, products, monkeypatch):
    """Some pairs are multiplied at a time, or all of them."""
    monkeypatch.setitem(context_module.PRODUCTS, "cpu", products)
    check_mention_pairs(text, mode)


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
@law
@given(texts())
def test_mention_pairs_of_long_texts(mode, text):
    check_mention_pairs(text, mode)


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
def test_no_pairs(mode):
    text, nothing = SHORT["one block"], np.zeros(0, dtype=np.int64)
    assert mention_pair_contexts(text.rows, nothing, nothing, CONTEXTS[mode])(text.hidden).shape == (0, WIDTH)
    empty = AttentionRows(text.rows.blocks, nothing, nothing, nothing, nothing)
    assert mention_pair_contexts(empty, nothing, nothing, CONTEXTS[mode])(text.hidden).shape == (0, WIDTH)


@pytest.mark.parametrize("blocks", [(0, 0), (0, 1)])
@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
def test_mentions_whose_runs_do_not_meet_have_no_context(mode, blocks):
    text = make_text([(blocks[0], 0, 10), (blocks[1], 20, 10)], [0, 1], [0, 1])
    contexts = mention_pair_contexts(text.rows, np.array([0, 1, 0]), np.array([1, 0, 0]), CONTEXTS[mode])
    found = contexts(text.hidden)
    assert not found[:2].any()
    assert found[2].any()
    assert all(gradient.isfinite().all() for gradient in gradients(found, text.leaves))
    far = mention_pair_contexts(text.rows, np.array([0]), np.array([1]), CONTEXTS[mode])(text.hidden)
    assert far.shape == (1, WIDTH)
    assert not far.any()


# ATLOP's entities


def entity_pairs(clusters: Sequence[Sequence[int]]) -> np.ndarray:
    """All ordered pairs of different entities that have mentions. *Shape:* (N, 2)"""
    known = [entity for entity, cluster in enumerate(clusters) if cluster]
    pairs = [(head, tail) for head in known for tail in known if head != tail]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def check_entity_pairs(text: Text, mode: str) -> None:
    pairs = entity_pairs(text.clusters)
    dense = whole_rows(text.rows, LENGTH)
    entities = torch.stack(
        [dense[own].mean(dim=0) if own else torch.zeros_like(dense[0]) for own in text.clusters]
    )
    rows, parts = entity_rows(text.rows, text.clusters)
    of_parts = whole_rows(rows, LENGTH)
    torch.testing.assert_close(torch.stack([of_parts[own].sum(dim=0) for own in parts]), entities, **EXACT)
    sides = torch.from_numpy(pairs).unbind(1)
    expected = maths.mention_pair_context(text.hidden, entities, *sides, mode)
    contexts = entity_pair_contexts(rows, parts, pairs, CONTEXTS[mode])
    assert_same(contexts(text.hidden), expected, text.leaves)

    head, tail, pair_index = mention_pairs(text.clusters, pairs, np.zeros((len(dense), 2), dtype=np.int64))
    index = PairIndex(np.zeros(len(pairs), dtype=np.int64), pairs, head, tail, pair_index)
    found = attention_shares(text.rows, index, torch.from_numpy(pair_index))
    assert not found.requires_grad
    mass = (dense[head] * dense[tail]).sum(dim=(1, 2)).tolist()
    for row in range(len(pairs)):
        own = np.flatnonzero(pair_index == row)
        total = sum(mass[number] for number in own)
        shares = [mass[number] / total if total else 1 / len(own) for number in own]
        assert found[own].tolist() == pytest.approx(shares, abs=1e-10)


@pytest.mark.parametrize("products", [1, context_module.PRODUCTS["cpu"]])
@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
@pytest.mark.parametrize("text", SHORT.values(), ids=SHORT)
def test_entity_pairs_of_short_texts(text, mode, products, monkeypatch):
    monkeypatch.setitem(context_module.PRODUCTS, "cpu", products)
    check_entity_pairs(text, mode)


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
@law
@given(texts())
def test_entity_pairs_of_long_texts(mode, text):
    """An entity whose mentions' runs begin at several places has a row for each place."""
    check_entity_pairs(text, mode)
