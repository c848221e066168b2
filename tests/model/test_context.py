"""Contexts in long texts, where attention rows are runs: against the dense rows of the whole text."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_kmgre.model import maths
from spacy_kmgre.model.batch import chunk_entity_pairs, mention_pairs, without_direction
from spacy_kmgre.model.context import Indices, contexts_of_entities, contexts_of_mentions
from spacy_kmgre.model.encoder import Encoded, Rows
from spacy_kmgre.model.network import rows_of_entities

from .tiny import whole_rows

EXACT = {"rtol": 0.0, "atol": 1e-10}
LENGTH, HEADS, WIDTH = 40, 3, 4
law = settings(deadline=None, derandomize=True, max_examples=60)


@st.composite
def long_texts(draw) -> tuple[Encoded, list[list[int]]]:
    """A text of `LENGTH` pieces whose rows are runs, some of them with nothing in common, and its clusters."""
    torch.manual_seed(draw(st.integers(0, 9)))
    mentions, run = draw(st.integers(2, 7)), draw(st.integers(1, LENGTH))
    starts = torch.tensor(draw(st.lists(st.integers(0, LENGTH - run), min_size=mentions, max_size=mentions)))
    attention = torch.softmax(2 * torch.randn(mentions, HEADS, run, dtype=torch.float64), dim=2)
    hidden = torch.randn(LENGTH, WIDTH, dtype=torch.float64)
    owners = draw(st.lists(st.integers(0, 3), min_size=mentions, max_size=mentions))
    clusters = [[mention for mention, owner in enumerate(owners) if owner == entity] for entity in range(4)]
    return Encoded(hidden, hidden[starts], Rows(attention.requires_grad_()), starts), clusters


def gradient(pooled: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor:
    weights = torch.rand(pooled.shape, generator=torch.Generator().manual_seed(1), dtype=pooled.dtype)
    if not pooled.requires_grad:
        return torch.zeros_like(leaf)
    (found,) = torch.autograd.grad((pooled * weights).sum(), leaf)
    return found


def indices(size: int, mentions: Sequence[np.ndarray], sides: Sequence[np.ndarray], rows: int) -> Indices:
    """:param sides: Of the pairs whose contexts are wanted, numbers below `rows`."""
    arrays = (*mentions, *without_direction(*sides, rows), *sides)
    return Indices(size, *map(torch.from_numpy, arrays))


def of_mentions(head: Sequence[int], tail: Sequence[int], rows: int) -> Indices:
    """Mention pairs that are each of an entity pair of their own."""
    sides = np.array(head), np.array(tail)
    return indices(len(head), (*sides, np.arange(len(head))), sides, rows)


def dense(encoded: Encoded) -> Encoded:
    return Encoded(encoded.hidden, encoded.mentions, Rows(whole_rows(encoded)))


@law
@given(long_texts(), st.sampled_from(maths.CONTEXT_MODES))
def test_mention_pairs(text, mode):
    encoded, _ = text
    everyone = torch.arange(len(encoded.attention))
    head, tail = torch.cartesian_prod(everyone, everyone).unbind(1)
    pairs = of_mentions(head.tolist(), tail.tolist(), len(everyone))
    expected = maths.context_weights(whole_rows(encoded), head, tail, mode) @ encoded.hidden
    found = contexts_of_mentions([encoded], [pairs], mode)(encoded.hidden)
    torch.testing.assert_close(found, expected, **EXACT)
    leaf = encoded.rows.block
    torch.testing.assert_close(gradient(found, leaf), gradient(expected, leaf), **EXACT)
    found = contexts_of_mentions([dense(encoded)], [pairs], mode)(encoded.hidden)
    torch.testing.assert_close(found, expected, **EXACT)


@law
@given(long_texts(), st.sampled_from(maths.CONTEXT_MODES))
def test_entity_pairs(text, mode):
    encoded, clusters = text
    whole = dense(encoded)
    for pairs in chunk_entity_pairs(clusters, 1000):
        mentions = mention_pairs(clusters, pairs)
        of_entities = rows_of_entities([whole], [clusters])
        of_pairs = indices(len(pairs), mentions, pairs.T, len(clusters))
        expected, expected_share = contexts_of_entities([whole], of_entities, [of_pairs], mode)
        # In a long text every entity pair has a context of its own.
        of_pairs = of_pairs._replace(row=torch.arange(len(pairs)))
        found, share = contexts_of_entities([encoded], [encoded.rows], [of_pairs], mode)
        found, expected = found(encoded.hidden), expected(encoded.hidden)
        torch.testing.assert_close(found, expected, **EXACT)
        torch.testing.assert_close(share, expected_share, **EXACT)
        leaf = encoded.rows.block
        torch.testing.assert_close(gradient(found, leaf), gradient(expected, leaf), **EXACT)


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
def test_mentions_far_apart_have_no_context(mode):
    attention = torch.full((2, HEADS, 5), 0.2)
    encoded = Encoded(torch.randn(30, WIDTH), torch.zeros(2, WIDTH), Rows(attention), torch.tensor([0, 20]))
    contexts = contexts_of_mentions([encoded], [of_mentions([0, 1, 0], [1, 0, 0], 2)], mode)(encoded.hidden)
    assert not contexts[:2].any()
    torch.testing.assert_close(contexts[2], encoded.hidden[:5].mean(dim=0))
