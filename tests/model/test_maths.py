"""The equations against plain loops, by their laws, and at the ends of the number range."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from spacy_kmgre.model import maths

from . import reference

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
CLASSES = 7
# How many mention pairs each entity pair has.
SIZES = ((1,), (12,), (1, 1, 1), (3, 1, 7, 2, 1))

law = settings(deadline=None, derandomize=True, max_examples=40)


@dataclass
class Inputs:
    """One argument of each kind, as tensors or as lists; `logits`, `probs`, `pair_index` and the
    fields from `head` to `selected` have a row for each mention pair, shuffled."""

    hidden: Any
    attention: Any
    head: Any
    tail: Any
    pair_index: Any
    logits: Any
    probs: Any
    key_logits: Any
    key_probs: Any
    pseudo_labels: Any
    selected: Any
    pooled_logits: Any
    labels: Any
    num_pairs: int

    def map(self, change: Callable[[Tensor], Any]) -> "Inputs":
        return replace(self, **{k: change(v) for k, v in vars(self).items() if isinstance(v, Tensor)})

    def permuted(self, order: Tensor) -> "Inputs":
        names = ["head", "tail", "pair_index", "logits", "probs"]
        names += ["key_logits", "key_probs", "pseudo_labels", "selected"]
        return replace(self, **{name: getattr(self, name)[order] for name in names})


class Call(NamedTuple):
    """A function under test, on the inputs it takes.

    :param run: Calls it in `maths` or in `reference`.
    :param rows: "pairs" or "entity pairs": what a row of the result stands for.
    :param leaves: The inputs that it is differentiable in.
    """

    run: Callable[[Any, Inputs], Any]
    rows: str
    leaves: tuple[str, ...] = ()


def _context(mode: str) -> Call:
    return Call(
        lambda m, x: m.mention_pair_context(x.hidden, x.attention, x.head, x.tail, mode),
        "pairs",
        ("hidden", "attention"),
    )


def _weights(mode: str) -> Call:
    return Call(lambda m, x: m.context_weights(x.attention, x.head, x.tail, mode), "pairs", ("attention",))


def _focal(alpha: float, gamma: float) -> Call:
    return Call(
        lambda m, x: m.key_focal_loss(x.key_logits, x.pseudo_labels, alpha, gamma), "pairs", ("key_logits",)
    )


CALLS = {
    "context, per head": _context("per_head"),
    "context, pooled": _context("pooled"),
    "context weights, per head": _weights("per_head"),
    "context weights, pooled": _weights("pooled"),
    "pseudo labels": Call(lambda m, x: m.key_pseudo_labels(x.probs, x.pair_index, x.labels), "pairs"),
    "focal loss": Call(
        lambda m, x: m.key_focal_loss(x.key_logits, x.pseudo_labels), "pairs", ("key_logits",)
    ),
    "focal loss, gamma 0": _focal(0.6, 0.0),
    "focal loss, gamma 1/2": _focal(0.25, 0.5),
    "threshold": Call(
        lambda m, x: m.key_threshold(x.key_probs, x.pair_index, x.num_pairs, 0.15, 0.9), "entity pairs"
    ),
    "threshold, low tau": Call(
        lambda m, x: m.key_threshold(x.key_probs, x.pair_index, x.num_pairs, 0.1, 0.3), "entity pairs"
    ),
    "selection": Call(
        lambda m, x: m.select_key_pairs(x.key_probs, x.pair_index, x.num_pairs, 0.15, 0.5), "pairs"
    ),
    "selection, high xi": Call(
        lambda m, x: m.select_key_pairs(x.key_probs, x.pair_index, x.num_pairs, 0.9, 2.0), "pairs"
    ),
    "fusion": Call(
        lambda m, x: m.fuse_mention_logits(x.logits, x.pair_index, x.num_pairs), "entity pairs", ("logits",)
    ),
    "fusion, selected": Call(
        lambda m, x: m.fuse_mention_logits(x.logits, x.pair_index, x.num_pairs, x.selected),
        "entity pairs",
        ("logits",),
    ),
    "relation loss": Call(
        lambda m, x: m.adaptive_threshold_loss(x.pooled_logits, x.labels), "entity pairs", ("pooled_logits",)
    ),
    "share": Call(
        lambda m, x: m.mention_pair_share(x.logits, x.pair_index, x.num_pairs), "pairs", ("logits",)
    ),
    "share, selected": Call(
        lambda m, x: m.mention_pair_share(x.logits, x.pair_index, x.num_pairs, x.selected),
        "pairs",
        ("logits",),
    ),
    "prediction": Call(lambda m, x: m.predict_relations(x.pooled_logits), "entity pairs"),
    "prediction, precise": Call(lambda m, x: m.predict_relations(x.pooled_logits, 2, 0.8), "entity pairs"),
    "scores": Call(lambda m, x: m.relation_scores(x.pooled_logits), "entity pairs", ("pooled_logits",)),
}
CONTEXTS = ("context, per head", "context, pooled")
DIFFERENTIABLE = [name for name, call in CALLS.items() if call.leaves]


def make_inputs(
    sizes: Sequence[int],
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    scale: float = 2.0,
    windows: bool = True,
    steps: int = 0,
) -> Inputs:
    """Random inputs.

    :param scale: Of the logits, those behind the attention included.
    :param windows: Let mentions with odd and even numbers share no word piece.
    :param steps: Bring logits and probabilities to multiples of 1 / steps, so that there are ties.
    """
    random = torch.Generator().manual_seed(seed)
    pairs, entity_pairs, mentions, heads, pieces, width = sum(sizes), len(sizes), 5, 3, 12, 4

    def normal(*shape: int) -> Tensor:
        values = scale * torch.randn(shape, generator=random, dtype=torch.float64)
        return ((values * steps).round() / steps if steps else values).to(dtype)

    def uniform(*shape: int) -> Tensor:
        values = torch.rand(shape, generator=random, dtype=torch.float64)
        return ((values * steps).round() / steps if steps else values).to(dtype)

    def coins(*shape: int) -> Tensor:
        return torch.rand(shape, generator=random) < 0.5

    attention = normal(mentions, heads, pieces).double()
    if windows:
        attention[::2, :, : pieces // 2] = -torch.inf
        attention[1::2, :, pieces // 2 :] = -torch.inf
    pair_index = torch.repeat_interleave(torch.arange(entity_pairs), torch.tensor(sizes, dtype=torch.long))
    first = torch.ones(pairs, dtype=torch.bool)
    first[1:] = pair_index[1:] != pair_index[:-1]
    order = torch.randperm(pairs, generator=random)
    return Inputs(
        hidden=torch.randn((pieces, width), generator=random, dtype=torch.float64).to(dtype),
        attention=attention.softmax(dim=-1).to(dtype),
        head=torch.randint(mentions, (pairs,), generator=random),
        tail=torch.randint(mentions, (pairs,), generator=random),
        pair_index=pair_index[order],
        logits=normal(pairs, CLASSES),
        probs=uniform(pairs, CLASSES),
        key_logits=normal(pairs),
        key_probs=uniform(pairs),
        pseudo_labels=coins(pairs),
        selected=(coins(pairs) | first)[order],
        pooled_logits=normal(entity_pairs, CLASSES),
        labels=coins(entity_pairs, CLASSES),
        num_pairs=entity_pairs,
    )


@st.composite
def inputs(draw: Callable) -> Inputs:
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    return make_inputs(sizes, seed=draw(st.integers(0, 2**16)), steps=draw(st.sampled_from((1, 2, 8))))


@st.composite
def logit_rows(draw: Callable) -> Tensor:
    value = st.one_of(st.floats(-50, 50, width=32), st.sampled_from((-1.0, 0.0, 1.0)))
    classes = draw(st.integers(2, 24))
    rows = draw(st.lists(st.lists(value, min_size=classes, max_size=classes), min_size=1, max_size=3))
    return torch.tensor(rows)


def gradients(call: Call, x: Inputs) -> tuple[Tensor, list[Tensor]]:
    """The result, and the gradients of its rows' random sum."""
    leaves = {name: getattr(x, name).clone().requires_grad_() for name in call.leaves}
    result = call.run(maths, replace(x, **leaves))
    weights = torch.rand(result.shape, generator=torch.Generator().manual_seed(1))
    (result * weights.to(result.dtype)).sum().backward()
    return result.detach(), [leaf.grad for leaf in leaves.values()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CALLS)
def test_equals_the_plain_loops(name, dtype):
    for sizes in SIZES:
        x = make_inputs(sizes, dtype)
        actual = CALLS[name].run(maths, x)
        expected = torch.tensor(CALLS[name].run(reference, x.map(Tensor.tolist)), dtype=torch.float64)
        if actual.dtype == torch.bool:
            assert actual.tolist() == expected.bool().tolist()
        else:
            # Of the results only the context, a hidden state, is as narrow as its inputs.
            assert actual.dtype == (dtype if name in CONTEXTS else torch.promote_types(dtype, torch.float32))
            tolerance = 1e-12 if dtype == torch.float64 else max(1e-4, torch.finfo(actual.dtype).eps)
            torch.testing.assert_close(actual.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient_is_that_of_finite_differences(name):
    x = make_inputs((3, 1, 2), torch.float64, windows=False)
    call = CALLS[name]
    leaves = [getattr(x, leaf).requires_grad_() for leaf in call.leaves]
    assert torch.autograd.gradcheck(
        lambda *values: call.run(maths, replace(x, **dict(zip(call.leaves, values)))), leaves
    )


@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16, torch.float16))
@pytest.mark.parametrize("scale", (1.0, 1e4))
@pytest.mark.parametrize("sizes", ((1,), (1, 10_000, 2)))
@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients_are_finite(name, sizes, scale, dtype):
    x = make_inputs(sizes, dtype, scale=scale)
    if CALLS[name].leaves:
        result, grads = gradients(CALLS[name], x)
        assert all(grad.isfinite().all() for grad in grads)
    else:
        result = CALLS[name].run(maths, x)
    assert result.isfinite().all()
    assert len(result) == (sum(sizes) if CALLS[name].rows == "pairs" else len(sizes))


@pytest.mark.parametrize("dtype", (torch.bfloat16, torch.float16))
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_half_precision_loses_only_its_rounding(name, dtype):
    half = make_inputs((40, 3), dtype, windows=False)
    double = half.map(lambda value: value.double() if value.dtype == dtype else value)
    for actual, expected in zip(gradients(CALLS[name], half)[1], gradients(CALLS[name], double)[1]):
        tolerance = 4 * torch.finfo(dtype).eps
        torch.testing.assert_close(actual.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CALLS)
def test_no_input_is_changed(name):
    x = make_inputs(SIZES[-1])
    x.labels[:, 0] = True
    before = x.map(Tensor.clone)
    CALLS[name].run(maths, x)
    for field, value in vars(before).items():
        assert torch.equal(torch.as_tensor(getattr(x, field)), torch.as_tensor(value))


@pytest.mark.parametrize("name", CALLS)
def test_no_pairs_give_an_empty_result(name):
    result = CALLS[name].run(maths, make_inputs(()))
    assert result.shape == (0, *CALLS[name].run(maths, make_inputs((2, 1))).shape[1:])


@pytest.mark.parametrize("xi", (0.0, 0.15))
def test_entity_pair_without_mention_pairs(xi):
    none, probs = torch.zeros(0, dtype=torch.long), torch.zeros(0, CLASSES)
    labels = torch.ones(2, CLASSES, dtype=torch.bool)
    assert maths.key_threshold(torch.zeros(0), none, 2, xi, 0.5).tolist() == [0.0, 0.0]
    assert maths.select_key_pairs(torch.zeros(0), none, 2, xi, 0.5).shape == (0,)
    assert maths.key_pseudo_labels(probs, none, labels).shape == (0,)
    assert maths.mention_pair_share(probs, none, 2).shape == (0, CLASSES)
    assert (maths.fuse_mention_logits(probs, none, 2) == -torch.inf).all()


@law
@given(inputs(), st.randoms(use_true_random=False))
def test_order_of_mention_pairs_does_not_matter(x, random):
    order = list(range(len(x.pair_index)))
    random.shuffle(order)
    permuted = x.permuted(torch.tensor(order))
    for call in CALLS.values():
        expected = call.run(maths, x)
        if call.rows == "pairs":
            expected = expected[order]
        torch.testing.assert_close(call.run(maths, permuted), expected)


# Context


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
@law
@given(seed=st.integers(0, 2**16), scale=st.sampled_from((0.0, 1.0, 5.0)))
def test_context_weights_sum_to_one_or_nothing(mode, seed, scale):
    x = make_inputs((6, 3), seed=seed, scale=scale)
    weights = maths.context_weights(x.attention, x.head, x.tail, mode)
    assert (weights >= 0).all()
    same_window = (x.head - x.tail) % 2 == 0
    torch.testing.assert_close(weights.sum(dim=1), same_window.float())
    assert not weights[~same_window].any()


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_mentions_that_share_no_piece_have_a_zero_context(mode, dtype):
    x = make_inputs((4,), dtype)
    x.head, x.tail = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 4])
    result, grads = gradients(_context(mode), x)
    assert not result.any()
    assert all(grad.isfinite().all() for grad in grads)


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
@pytest.mark.parametrize("rest", (1e-12, 1e-16, 1e-19, 1e-20, 1e-22, 1e-38))
def test_context_of_hardly_any_shared_attention_keeps_its_gradient(mode, rest):
    x = make_inputs((1,))
    x.head, x.tail = torch.tensor([0]), torch.tensor([1])
    x.attention = torch.full_like(x.attention, rest)
    x.attention[0, :, 0] = x.attention[1, :, 1] = 0.0
    result, grads = gradients(_context(mode), x)
    assert result.isfinite().all()
    assert all(grad.isfinite().all() for grad in grads)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_inputs_get_no_hooks(name, dtype):
    call, x = CALLS[name], make_inputs((2, 1), dtype)
    leaves = [getattr(x, leaf).requires_grad_() for leaf in call.leaves]
    call.run(maths, x)
    assert not any(leaf._backward_hooks for leaf in leaves)


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_context_of_sharp_attention_keeps_its_gradient(mode, dtype):
    x = make_inputs((400,), dtype, scale=8.0, windows=False)
    for grad in gradients(_context(mode), x)[1]:
        assert grad.isfinite().all()
        assert grad.any()
        # Other paths add theirs.
        assert (grad + grad / 2).isfinite().all()


def test_context_modes_differ_where_heads_differ_in_strength():
    attention = torch.tensor([[[0.9, 0.0, 0.1], [0.0, 0.1, 0.9]], [[0.9, 0.1, 0.0], [0.9, 0.1, 0.0]]])
    pair = (torch.tensor([0]), torch.tensor([1]))
    torch.testing.assert_close(maths.context_weights(attention, *pair), torch.tensor([[0.5, 0.5, 0.0]]))
    torch.testing.assert_close(
        maths.context_weights(attention, *pair, mode="pooled"), torch.tensor([[0.81, 0.01, 0.0]]) / 0.82
    )


def test_unknown_context_mode_is_named():
    x = make_inputs((1,))
    with pytest.raises(ValueError, match=r"per_head.*'per head'"):
        maths.context_weights(x.attention, x.head, x.tail, mode="per head")


# Pseudo labels and their loss


@law
@given(inputs())
def test_pseudo_labels_are_right_where_probabilities_tie(x):
    expected = reference.key_pseudo_labels(x.probs.tolist(), x.pair_index.tolist(), x.labels.tolist())
    assert maths.key_pseudo_labels(x.probs, x.pair_index, x.labels).tolist() == expected


@law
@given(inputs(), st.integers(0, 4))
def test_entity_pairs_have_key_pairs_iff_they_have_a_gold_relation(x, silent):
    x.labels[silent % x.num_pairs, 1:] = False
    key = maths.key_pseudo_labels(x.probs, x.pair_index, x.labels)
    related = x.labels[:, 1:].any(dim=1)
    assert set(x.pair_index[key].tolist()) == set(related.nonzero().flatten().tolist())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", (1, 3, 10, 10_000))
@pytest.mark.parametrize("prob", (0.1, 1 / 3, 0.7, 1e-6))
def test_equally_probable_pairs_are_all_key(prob, count, dtype):
    probs = torch.full((count, 3), prob, dtype=dtype)
    index = torch.zeros(count, dtype=torch.long)
    assert maths.key_pseudo_labels(probs, index, torch.tensor([[False, False, True]])).all()


@law
@given(inputs())
def test_threshold_class_is_no_relation(x):
    flipped = x.labels.clone()
    flipped[:, 0] = ~flipped[:, 0]
    probs = x.probs.clone()
    probs[:, 0] = 1 - probs[:, 0]
    expected = maths.key_pseudo_labels(x.probs, x.pair_index, x.labels)
    assert torch.equal(maths.key_pseudo_labels(probs, x.pair_index, flipped), expected)
    loss = maths.adaptive_threshold_loss(x.pooled_logits, x.labels)
    assert torch.equal(maths.adaptive_threshold_loss(x.pooled_logits, flipped), loss)


@pytest.mark.parametrize("gamma", (0.0, 0.5, 1.0, 2.0))
def test_focal_loss_of_extreme_logits(gamma):
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4], requires_grad=True)
    loss = maths.key_focal_loss(logits, torch.tensor([True, False, False, True]), gamma=gamma)
    loss.sum().backward()
    torch.testing.assert_close(loss.detach(), torch.tensor([0.0, 0.0, 7000.0, 3000.0]))
    torch.testing.assert_close(logits.grad, torch.tensor([0.0, 0.0, 0.7, -0.3]))


def test_focal_loss_without_focus_is_weighted_cross_entropy():
    logits = torch.linspace(-5, 5, 20, dtype=torch.float64)
    key = torch.arange(20) % 3 == 0
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, key.double(), reduction="none"
    )
    torch.testing.assert_close(maths.key_focal_loss(logits, key, 0.5, 0.0), 0.5 * cross_entropy)


@pytest.mark.parametrize("dtype", (torch.float32, torch.int64))
def test_labels_may_be_numbers(dtype):
    x = make_inputs(SIZES[-1])
    numbers = replace(x, labels=x.labels.to(dtype), pseudo_labels=x.pseudo_labels.to(dtype))
    for name in ("pseudo labels", "focal loss", "relation loss"):
        assert torch.equal(CALLS[name].run(maths, numbers), CALLS[name].run(maths, x))


# Selection


@law
@given(inputs(), st.sampled_from((0.0, 0.25, 1.0)), st.sampled_from((0.0, 0.25, 0.5, 1.0)))
def test_key_pairs_are_those_at_the_threshold_and_never_none(x, xi, tau):
    key = maths.select_key_pairs(x.key_probs, x.pair_index, x.num_pairs, xi, tau)
    expected = reference.select_key_pairs(x.key_probs.tolist(), x.pair_index.tolist(), x.num_pairs, xi, tau)
    assert key.tolist() == expected
    assert set(x.pair_index[key].tolist()) == set(range(x.num_pairs))


@law
@given(inputs(), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_lower_xi_or_tau_only_adds_key_pairs(x, xi, tau, factor):
    key = maths.select_key_pairs(x.key_probs, x.pair_index, x.num_pairs, xi, tau)
    more = maths.select_key_pairs(x.key_probs, x.pair_index, x.num_pairs, factor * xi, factor * tau)
    assert (more | ~key).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_best_pairs_are_key_where_none_reaches_the_threshold(dtype):
    probs = torch.tensor([0.4] * 9 + [0.0], dtype=dtype)
    index = torch.zeros(10, dtype=torch.long)
    assert maths.key_threshold(probs, index, 1, 0.15, 0.5).item() == pytest.approx(0.42, abs=2e-3)
    assert maths.select_key_pairs(probs, index, 1, 0.15, 0.5).tolist() == [True] * 9 + [False]


def test_tau_of_zero_selects_everything():
    x = make_inputs(SIZES[-1])
    assert maths.select_key_pairs(x.key_probs, x.pair_index, x.num_pairs, 0.15, 0.0).all()


# Fusion and shares


@law
@given(inputs(), st.integers(0, 4))
def test_shares_are_the_gradient_of_the_fused_logits(x, silent):
    x.selected[x.pair_index == silent] = False
    for selected in (None, x.selected):
        logits = x.logits.clone().requires_grad_()
        fused = maths.fuse_mention_logits(logits, x.pair_index, x.num_pairs, selected)
        fused.sum().backward()
        share = maths.mention_pair_share(x.logits, x.pair_index, x.num_pairs, selected)
        torch.testing.assert_close(share, logits.grad)
        total = torch.zeros_like(fused).index_add(0, x.pair_index, share)
        torch.testing.assert_close(total, (fused > -torch.inf).float())
        if selected is not None:
            assert not share[~selected].any()


def test_fused_logits_without_a_selected_pair_are_minus_infinity():
    x = make_inputs((2, 3))
    fused = maths.fuse_mention_logits(x.logits, x.pair_index, 2, x.pair_index == 0)
    assert fused[0].isfinite().all()
    assert (fused[1] == -torch.inf).all()


def test_extreme_logits_fuse_to_the_largest():
    logits = torch.tensor([[1e4, -1e4], [-1e4, -1e4], [1e4, -1e4]], requires_grad=True)
    index = torch.tensor([0, 0, 1])
    fused = maths.fuse_mention_logits(logits, index, 2)
    fused.sum().backward()
    expected = torch.tensor([[1e4, -1e4 + 0.6931], [1e4, -1e4]])
    torch.testing.assert_close(fused.detach(), expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(logits.grad, torch.tensor([[1.0, 0.5], [0.0, 0.5], [1.0, 1.0]]))


# Relation loss, scores and predictions


def test_relation_loss_of_extreme_logits():
    logits = torch.tensor([[0.0, 1e4, -1e4], [0.0, -1e4, 1e4]], requires_grad=True)
    loss = maths.adaptive_threshold_loss(logits, torch.tensor([[False, True, False]] * 2))
    loss.sum().backward()
    torch.testing.assert_close(loss.detach(), torch.tensor([0.0, 2e4]))
    expected = torch.tensor([[0.0, 0.0, 0.0], [0.0, -1.0, 1.0]])
    torch.testing.assert_close(logits.grad, expected)


@law
@given(logit_rows())
@example(torch.tensor([[0.0, 1e-9, 0.0, -1e-9]]))
def test_relations_above_the_threshold_class_are_predicted(logits):
    predicted = maths.predict_relations(logits, max_labels=logits.shape[1])
    assert torch.equal(predicted, logits > logits[:, :1])


@law
@given(logit_rows(), st.integers(0, 6), st.floats(0, 1))
@example(torch.tensor([[1.0, -1e-25, 0.0]]), 1, 0.0)
def test_predictions_are_the_best_and_at_most_max_labels(logits, max_labels, threshold):
    predicted = maths.predict_relations(logits, max_labels, threshold)
    eligible = maths.predict_relations(logits, logits.shape[1], threshold)
    assert not predicted[:, 0].any()
    assert (eligible | ~predicted).all()
    assert torch.equal(predicted.sum(dim=1), eligible.sum(dim=1).clamp(max=max_labels))
    worst = logits.masked_fill(~predicted, torch.inf).amin(dim=1, keepdim=True)
    assert (logits <= worst)[eligible & ~predicted].all()


@law
@given(logit_rows(), st.integers(1, 6), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_only_removes_predictions(logits, max_labels, one, other):
    low, high = sorted((one, other))
    predicted = maths.predict_relations(logits, max_labels, low)
    assert (predicted | ~maths.predict_relations(logits, max_labels, high)).all()


@pytest.mark.parametrize("beyond", (0.0, 0.5))
def test_thresholds_at_and_beyond_the_ends_predict_all_or_nothing(beyond):
    logits = make_inputs((1, 1), scale=30.0).pooled_logits
    assert maths.predict_relations(logits, CLASSES, 0.0 - beyond)[:, 1:].all()
    assert not maths.predict_relations(logits, CLASSES, 1.0 + beyond).any()


@law
@given(logit_rows())
def test_scores_are_probabilities_that_rank_like_the_logits(logits):
    scores = maths.relation_scores(logits)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (scores[:, 0] == 0.5).all()
    best = logits.argmax(dim=1, keepdim=True)
    assert (scores.gather(1, best) == scores.amax(dim=1, keepdim=True)).all()
