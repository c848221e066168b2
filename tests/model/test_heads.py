"""Heads are compared with the long way round: a pair's context first, then its features, then its logits."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from spacy_kmgre.model import maths
from spacy_kmgre.model.heads import (
    PACE,
    SHARING,
    BilinearHead,
    Head,
    LabelTextBilinearHead,
    LabelTextHead,
    LinearHead,
    bilinear_head,
    label_text_bilinear_head,
    label_text_head,
    linear_head,
)

EXACT = {"rtol": 0.0, "atol": 1e-10}
CLASSES = 5
HEADS = {
    "linear": linear_head(),
    "bilinear": bilinear_head(48),
    "label_text": label_text_head(),
    "label_text_bilinear": label_text_bilinear_head(48),
}
PARAMETERS = {"linear": 2, "bilinear": 6, "label_text": 3, "label_text_bilinear": 9}


class Inputs(NamedTuple):
    rows: Tensor
    hidden: Tensor
    attention: Tensor
    head: Tensor
    tail: Tensor

    def score(self, head: Head, mode: str) -> Tensor:
        weights = maths.context_weights(self.attention, self.head, self.tail, mode)
        return head(head.project(self.rows, self.hidden), weights.matmul, self.head, self.tail)

    def context(self, mode: str) -> Tensor:
        return maths.mention_pair_context(self.hidden, self.attention, self.head, self.tail, mode)


def make_inputs(width: int, pairs: int = 12, mentions: int = 5, length: int = 17) -> Inputs:
    torch.manual_seed(width)
    attention = torch.softmax(2 * torch.randn(mentions, 3, length, dtype=torch.float64), dim=-1)
    return Inputs(
        rows=torch.randn(mentions, width, dtype=torch.float64),
        hidden=torch.randn(length, width, dtype=torch.float64),
        attention=attention,
        head=torch.randint(mentions, (pairs,)),
        tail=torch.randint(mentions, (pairs,)),
    )


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
@pytest.mark.parametrize("width, pairs", [(8, 12), (32, 1), (8, 0)])
def test_linear_head(mode, width, pairs):
    inputs = make_inputs(width, pairs)
    head = LinearHead(width, CLASSES).double()
    found = inputs.score(head, mode)
    x = torch.cat([inputs.rows[inputs.head], inputs.rows[inputs.tail], inputs.context(mode)], dim=1)
    assert found.shape == (pairs, CLASSES)
    torch.testing.assert_close(found, x @ head.output.weight.T + head.output.bias, **EXACT)


@pytest.fixture
def texts() -> Tensor:
    """The embeddings of the labels; TH has none, and the last label has none either."""
    torch.manual_seed(1)
    found = 3 + torch.randn(CLASSES, 32, dtype=torch.float64)
    found[[0, -1]] = 0.0
    return found


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
def test_label_text_head(mode, texts):
    inputs = make_inputs(32)
    head = LabelTextHead(32, CLASSES).double()
    head.read_texts(texts)
    torch.nn.init.normal_(head.shared)
    found = inputs.score(head, mode)
    known = texts[1:-1] - texts[1:-1].mean(dim=0)
    length = head.output.weight[:, 64:].norm(dim=1).mean()
    context = inputs.context(mode)
    for pair, (i, j) in enumerate(zip(inputs.head.tolist(), inputs.tail.tolist())):
        x = torch.cat([inputs.rows[i], inputs.rows[j], context[pair]])
        for number in range(CLASSES):
            expected = head.output.weight[number] @ x + head.output.bias[number]
            if 0 < number < CLASSES - 1:
                text = length * known[number - 1] / known[number - 1].norm()
                expected = expected + text @ context[pair] + SHARING * text @ head.shared @ x
            torch.testing.assert_close(found[pair, number], expected, **EXACT)


def test_a_label_without_text_begins_as_in_a_linear_head(texts):
    inputs = make_inputs(32)
    head, linear = LabelTextHead(32, CLASSES).double(), LinearHead(32, CLASSES).double()
    linear.output = head.output
    assert torch.equal(inputs.score(head, "per_head"), inputs.score(linear, "per_head"))
    head.read_texts(texts)
    found, expected = inputs.score(head, "per_head"), inputs.score(linear, "per_head")
    assert torch.equal(found[:, [0, -1]], expected[:, [0, -1]])
    assert not torch.isclose(found[:, 1:-1], expected[:, 1:-1]).any()


@pytest.mark.parametrize("known", [1, 2, 3])
def test_labels_that_all_have_the_same_words_keep_them(texts, known):
    """Nothing would be left of them but rounding, were their mean taken off."""
    texts[2 : known + 1], texts[known + 1 :] = texts[1], 0.0
    head = LabelTextHead(32, CLASSES).double()
    head.read_texts(texts)
    length = head.texts[1].norm()
    assert length > 0
    torch.testing.assert_close(
        head.texts[1 : known + 1], (length * texts[1] / texts[1].norm()).expand(known, -1), **EXACT
    )


def test_what_one_label_learns_moves_labels_of_like_texts(texts):
    """A step for class 1 lifts class 2, whose text is nearly the same, and not class 3, whose text is another."""
    inputs = make_inputs(32)
    texts[2] = texts[1] + 0.01 * texts[3]
    head = LabelTextHead(32, CLASSES).double()
    head.read_texts(texts)
    before = inputs.score(head, "per_head")
    before[:, 1].sum().backward()
    with torch.no_grad():
        head.shared += 0.01 * head.shared.grad
        change = (inputs.score(head, "per_head") - before).mean(dim=0)
    assert change[1] > 0 and change[2] > 0.9 * change[1]
    assert change[3] < 0.1 * change[1]
    assert change[0] == change[-1] == 0.0


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
@pytest.mark.parametrize(
    "width, wanted, block",
    [(8, 64, 8), (48, 64, 16), (96, 64, 32), (128, 64, 64), (5, 64, 1), (48, 8, 8), (6, 1, 1)],
)
def test_bilinear_head(mode, width, wanted, block):
    inputs = make_inputs(12)
    head = BilinearHead(12, CLASSES, width, wanted).double()
    assert head.block == block
    found = inputs.score(head, mode)
    assert found.shape == (12, CLASSES)
    # One matrix for each class and each group of features.
    matrices = head.output.weight.view(CLASSES, width // block, block, block)
    context = inputs.context(mode)
    for pair, (i, j) in enumerate(zip(inputs.head.tolist(), inputs.tail.tolist())):
        left = torch.tanh(head.head(torch.cat([inputs.rows[i], context[pair]])))
        right = torch.tanh(head.tail(torch.cat([inputs.rows[j], context[pair]])))
        for number in range(CLASSES):
            expected = head.output.bias[number]
            for group in range(width // block):
                part = slice(group * block, (group + 1) * block)
                expected = expected + left[part] @ matrices[number, group] @ right[part]
            torch.testing.assert_close(found[pair, number], expected, **EXACT)


def test_bilinear_head_on_many_pairs():
    """They are multiplied some at a time."""
    inputs = make_inputs(12, pairs=2100)
    head = BilinearHead(12, CLASSES, 16).double()
    halves = [
        inputs._replace(head=inputs.head[part], tail=inputs.tail[part]).score(head, "per_head")
        for part in (slice(0, 1000), slice(1000, 2100))
    ]
    torch.testing.assert_close(inputs.score(head, "per_head"), torch.cat(halves), **EXACT)


@pytest.mark.parametrize("mode", maths.CONTEXT_MODES)
def test_label_text_bilinear_head(mode, texts):
    """Its logits are those of its two parts; before training they are those of a label-text head."""
    inputs = make_inputs(32)
    head = LabelTextBilinearHead(32, CLASSES, 48, 8).double()
    head.read_texts(texts)
    linear = LabelTextHead(32, CLASSES).double()
    linear.load_state_dict(head.state_dict(), strict=False)
    assert torch.equal(inputs.score(head, mode), inputs.score(linear, mode))
    torch.nn.init.normal_(head.products.output.weight)
    expected = inputs.score(linear, mode) + PACE * inputs.score(head.products, mode)
    torch.testing.assert_close(inputs.score(head, mode), expected, **EXACT)
    head.resize(CLASSES + 2)
    new = head.products.output.weight[CLASSES:], head.products.output.bias[CLASSES:]
    assert all(not part.any() for part in new)


def test_products_say_what_no_sum_can():
    """A relation of two mentions that are alike, or both unlike the rest, is learned by products alone."""
    torch.manual_seed(0)
    sides = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(2, 1)
    head, tail = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    gold = torch.tensor([1.0, 0.0, 0.0, 1.0])
    right = {}
    for name, model in (("linear", LinearHead(2, 1)), ("both", LabelTextBilinearHead(2, 1, 8, 4))):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(300):
            found = model(model.project(sides, torch.zeros(1, 2)), torch.zeros(4, 1).matmul, head, tail)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(found[:, 0], gold)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        right[name] = int(((found[:, 0] > 0) == (gold > 0)).sum())
    assert right["linear"] < 4 and right["both"] == 4


@pytest.mark.parametrize("prior", [0.0, 3.0])
def test_the_threshold_class_starts_at_its_prior(prior):
    for settings in HEADS.values():
        assert settings.build(32, CLASSES, prior).output.bias[0] == prior


@pytest.mark.parametrize("name", HEADS)
def test_gradients_reach_everything(name):
    inputs = make_inputs(32)
    leaves = [x.clone().requires_grad_() for x in inputs[:3]]
    head = HEADS[name].build(32, CLASSES, 0.0).double()
    head.read_texts(torch.randn(CLASSES, 32))
    torch.nn.init.normal_(head.products.output.weight) if name == "label_text_bilinear" else None
    Inputs(*leaves, *inputs[3:]).score(head, "per_head").square().sum().backward()
    for leaf in [*leaves, *head.parameters()]:
        assert leaf.grad is not None and leaf.grad.abs().max() > 1e-6


@pytest.mark.parametrize("name", HEADS)
def test_more_classes_keep_what_is_learned(name):
    inputs = make_inputs(32)
    head = HEADS[name].build(32, CLASSES, 0.0).double()
    head.read_texts(torch.randn(CLASSES, 32))
    before, weight, bias = inputs.score(head, "per_head"), head.output.weight, head.output.bias
    head.resize(CLASSES + 3)
    assert head.classes == CLASSES + 3
    assert torch.equal(head.output.weight[:CLASSES], weight)
    assert torch.equal(head.output.bias[:CLASSES], bias)
    after = inputs.score(head, "per_head")
    assert after.shape == (12, CLASSES + 3)
    torch.testing.assert_close(after[:, :CLASSES], before, **EXACT)
    assert all(parameter.requires_grad for parameter in head.parameters())
    assert len(list(head.parameters())) == PARAMETERS[name]
