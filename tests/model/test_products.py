"""Normalised products of attention rows: against indexing, with their gradients, group by group and some at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy_kmgre.model.products import normalised_products

from spacy_kmgre.model import products

law = settings(deadline=None, derandomize=True, max_examples=60)
MENTIONS, HEADS, LENGTH = 5, 3, 6
mentions = st.integers(0, MENTIONS - 1)
# In any order, some of them twice, a mention with itself too; or as the contexts have them, in runs.
any_pairs = st.lists(st.tuples(mentions, mentions), max_size=15)
RUNS = [(i, j) for i in range(MENTIONS) for j in range(i + 1, MENTIONS)]
runs = st.just(RUNS)


def by_indexing(rows, head, tail, pooled=False):
    found = rows[head] * rows[tail]
    if pooled:
        found = found.sum(dim=1, keepdim=True)
    total = found.sum(dim=2, keepdim=True)
    return (found / torch.where(total > 0, total, torch.ones_like(total))).mean(dim=1)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("as_on_a_gpu", [False, True])
@law
@given(pairs=st.one_of(any_pairs, runs), seed=st.integers(0, 99))
def test_values_and_gradients(as_on_a_gpu, pooled, pairs, seed):
    torch.manual_seed(seed)
    rows = torch.rand(MENTIONS, HEADS, LENGTH, dtype=torch.float64)
    rows[0, 1, ::2] = rows[1, 1, 1::2] = 0.0  # nothing in common: in one head
    rows[0, :, :3] = rows[2, :, 3:] = 0.0  # in any
    rows.requires_grad_()
    head, tail = torch.tensor(pairs, dtype=torch.long).view(-1, 2).unbind(1)
    weights = torch.rand(len(pairs), LENGTH, dtype=torch.float64)
    results = []
    with pytest.MonkeyPatch.context() as patch:
        if as_on_a_gpu:  # 4 pairs at a time
            patch.setattr(products, "_on_gpu", lambda rows: True)
            patch.setattr(products, "MOST", 4 * HEADS * LENGTH)
        for function in (normalised_products, by_indexing):
            means = function(rows, head, tail, pooled)
            results.append((means, *torch.autograd.grad((means * weights).sum(), rows)))
    for found, expected in zip(*results):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_rows_that_are_part_of_a_batch():
    torch.manual_seed(0)
    batch = torch.rand(2, HEADS, 2 * MENTIONS, 2 * LENGTH).transpose(1, 2)
    rows = batch[1, :MENTIONS, :, :LENGTH]
    head, tail = torch.tensor([0, 0, 3]), torch.tensor([1, 2, 4])
    torch.testing.assert_close(normalised_products(rows, head, tail), by_indexing(rows, head, tail))


@law
@given(st.lists(st.one_of(any_pairs, runs), max_size=5), st.permutations(range(5)))
def test_documents_of_a_block(documents, order):
    """Each in rows of its own, in whatever order: what is multiplied to find the sums of one has no rows of others."""
    pairs = [
        (MENTIONS * place + i, MENTIONS * place + j) for place, own in zip(order, documents) for i, j in own
    ]
    torch.manual_seed(0)
    rows = torch.rand(5 * MENTIONS, HEADS, LENGTH, dtype=torch.float64)
    head, tail = torch.tensor(pairs, dtype=torch.long).view(-1, 2).unbind(1)
    torch.testing.assert_close(normalised_products(rows, head, tail), by_indexing(rows, head, tail))
    found = list(products._rectangles(head.numpy(), tail.numpy()))
    assert [pair for own, _, _ in found for pair in range(own.start, own.stop)] == [*range(len(pairs))]
    for own, heads, tails in found:
        assert heads.start <= min(head[own]) and max(head[own]) < heads.stop
        assert tails.start <= min(tail[own]) and max(tail[own]) < tails.stop
        places = {row // MENTIONS for row in (heads.start, heads.stop - 1, tails.start, tails.stop - 1)}
        assert len(places) == 1
    if all(own == RUNS for own in documents):
        assert len(found) == len(documents)
