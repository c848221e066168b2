"""Linear layers on oneDNN's layout of weights: the same results, and never those of older weights."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from spacy_kmgre.model import packed
from spacy_kmgre.model.encoder import Encoder
from spacy_kmgre.model.packed import PackedLinear, can_pack, pack_linear

from .tiny import FAMILIES, make_transformer, random_pieces


@pytest.fixture
def layer():
    if not can_pack():
        pytest.skip("this torch has no oneDNN for this processor")
    torch.manual_seed(0)
    return PackedLinear(nn.Linear(48, 32)).eval()


def predict(layer: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return layer(inputs)


def expect(layer: PackedLinear, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        expected = inputs.double() @ layer.weight.double().T
        return (expected + layer.bias.double() if layer.bias is not None else expected).float()


@pytest.mark.parametrize("shape", [(1, 48), (7, 48), (2, 5, 48), (0, 48), (512, 48)])
@pytest.mark.parametrize("bias", [True, False])
def test_result_is_that_of_the_product(layer, shape, bias):
    if not bias:
        layer.bias = None
    inputs = torch.randn(shape)
    found = predict(layer, inputs)
    assert isinstance(layer.packed, packed.Packed)
    torch.testing.assert_close(found, expect(layer, inputs))


def change_in_training(layer: PackedLinear) -> None:
    layer.train()
    layer.weight.data.normal_()  # unseen by autograd
    layer.eval()


def step(layer: PackedLinear) -> None:
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    layer(torch.ones(3, 48)).sum().backward()
    optimizer.step()


@pytest.mark.parametrize(
    "change",
    [
        change_in_training,
        lambda layer: layer.load_state_dict({"weight": torch.ones(32, 48), "bias": torch.zeros(32)}),
        lambda layer: setattr(layer, "weight", nn.Parameter(torch.ones(32, 48))),
        step,
    ],
    ids=["in training", "load", "replace", "optimizer"],
)
def test_weights_that_changed_are_packed_anew(layer, change):
    inputs = torch.randn(4, 48)
    before = predict(layer, inputs)
    change(layer)
    found = predict(layer, inputs)
    assert not torch.allclose(before, found)
    torch.testing.assert_close(found, expect(layer, inputs))


def test_weights_are_packed_once(layer):
    predict(layer, torch.randn(4, 48))
    kept = layer.packed
    predict(layer.eval(), torch.randn(9, 48))
    assert layer.packed is kept


def test_training_and_other_types_go_by_torch(layer):
    inputs = torch.randn(4, 48)
    layer(inputs).sum().backward()
    assert layer.weight.grad is not None and layer.packed is None
    with torch.autocast("cpu", torch.bfloat16):
        assert predict(layer, inputs).dtype == torch.bfloat16
    assert predict(layer.double(), inputs.double()).dtype == torch.float64
    assert layer.packed is None


def test_weights_made_in_inference_mode_go_by_torch():
    with torch.inference_mode():
        layer = PackedLinear(nn.Linear(48, 32))
        inputs = torch.randn(4, 48)
        torch.testing.assert_close(layer(inputs), expect(layer, inputs))


def test_training_frees_the_copy(layer):
    predict(layer, torch.randn(4, 48))
    assert layer.train().packed is None


def test_a_copy_packs_its_own(layer):
    inputs = torch.randn(4, 48)
    predict(layer, inputs)
    copy = deepcopy(layer)
    assert copy.packed is None and set(copy.state_dict()) == {"weight", "bias"}
    assert torch.equal(predict(copy, inputs), predict(layer, inputs))


@pytest.mark.parametrize("family", FAMILIES)
def test_encoders_give_the_same_with_and_without(family, monkeypatch):
    batch = [random_pieces(length, markers=[3, 9]) for length in (17, 23)]
    fast = Encoder(make_transformer(family)).eval()
    with monkeypatch.context() as patched:
        patched.setattr(packed, "can_pack", lambda: False)
        plain = Encoder(make_transformer(family)).eval()
    assert can_pack() == any(isinstance(layer, PackedLinear) for layer in fast.modules())
    assert not any(isinstance(layer, PackedLinear) for layer in plain.modules())
    assert set(fast.state_dict()) == set(plain.state_dict())
    for found, expected in zip(predict(fast, batch), predict(plain, batch)):
        torch.testing.assert_close(found.hidden, expected.hidden, rtol=0, atol=1e-5)
        torch.testing.assert_close(found.attention, expected.attention, rtol=0, atol=1e-5)


@pytest.mark.parametrize("error", [AttributeError, RuntimeError])
def test_without_the_operators_layers_stay(error, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(PackedLinear, "forward", fail)
    can_pack.cache_clear()
    try:
        module = nn.Sequential(nn.Linear(2, 2))
        pack_linear(module)
        assert type(module[0]) is nn.Linear
    finally:
        can_pack.cache_clear()
