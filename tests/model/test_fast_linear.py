"""Fast linear layers are the same layers: as exact, and never with old weights."""

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spacy_kmgre.model import fast_linear
from spacy_kmgre.model.encoder import Encoder
from spacy_kmgre.model.fast_linear import FastLinear

from .tiny import FAMILIES, make_transformer

OPERATIONS = ("_reorder_linear_weight", "_linear_pointwise")
EXACT = {"rtol": 1e-5, "atol": 1e-5}
needs_operations = pytest.mark.skipif(
    not all(hasattr(torch.ops.mkldnn, name) for name in OPERATIONS) or not torch.backends.mkl.is_available(),
    reason="this build of torch lacks the operations",
)


@pytest.fixture
def faster(monkeypatch):
    """The fast way, on any CPU."""
    monkeypatch.setattr(fast_linear, "IS_FASTER", True)


def make_linear(inputs: int = 16, outputs: int = 8, bias: bool = True) -> FastLinear:
    torch.manual_seed(0)
    return FastLinear(nn.Linear(inputs, outputs, bias)).eval()


def predict(linear: nn.Linear, values: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return linear(values)


def assert_follows_its_weights(linear: FastLinear) -> None:
    values = torch.randn(3, 5, linear.in_features)
    expected = nn.functional.linear(values, linear.weight, linear.bias)
    torch.testing.assert_close(predict(linear, values), expected, **EXACT)


@needs_operations
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40), st.booleans())
def test_the_same_products(inputs, outputs, rows, bias):
    linear, values = make_linear(inputs, outputs, bias), torch.randn(rows, inputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_linear, "IS_FASTER", True)
        found = predict(linear, values)
    torch.testing.assert_close(found, nn.functional.linear(values, linear.weight, linear.bias), **EXACT)


def step(linear: FastLinear) -> None:
    optimizer = torch.optim.SGD(linear.parameters(), lr=1.0)
    linear(torch.ones(2, 16)).sum().backward()
    optimizer.step()
    linear.eval()


def load(linear: FastLinear) -> None:
    linear.load_state_dict({"weight": torch.randn(8, 16), "bias": torch.randn(8)})
    linear.eval()


def train_and_change(linear: FastLinear) -> None:
    linear.train()
    with torch.no_grad():
        linear.weight.mul_(2)


def change_by_its_data(linear: FastLinear) -> None:
    linear.weight.data = -linear.weight.data
    linear.eval()


def move(linear: FastLinear) -> None:
    linear.double().float().bfloat16().float()


@needs_operations
@pytest.mark.parametrize("change", [step, load, train_and_change, change_by_its_data, move])
def test_weights_are_never_old_ones(faster, change):
    linear = make_linear()
    assert_follows_its_weights(linear)
    before = linear.weight.clone()
    change(linear)
    assert not torch.equal(linear.weight, before)
    assert_follows_its_weights(linear)


@needs_operations
@pytest.mark.parametrize("again", [copy.deepcopy, lambda linear: pickle.loads(pickle.dumps(linear))])
def test_copies_stand_on_their_own(faster, again):
    linear = make_linear()
    assert_follows_its_weights(linear)
    other = again(linear)
    assert type(other) is FastLinear
    assert list(other.state_dict()) == ["weight", "bias"]
    with torch.no_grad():
        other.weight.zero_()
    assert_follows_its_weights(other)
    assert_follows_its_weights(linear)


@needs_operations
def test_other_precisions_and_shapes(faster):
    linear = make_linear()
    assert_follows_its_weights(linear)
    wide, values = copy.deepcopy(linear).double(), torch.randn(3, 16)
    torch.testing.assert_close(predict(wide, values.double()).float(), predict(linear, values), **EXACT)
    assert predict(linear, values[:, None]).shape == (3, 1, 8)
    assert predict(linear, values[:0]).shape == (0, 8)


def test_training_is_that_of_a_linear_layer(faster):
    linear, values = make_linear().train(), torch.randn(3, 16)
    plain = nn.Linear(16, 8)
    plain.load_state_dict(linear.state_dict())
    for module in (linear, plain):
        module(values).square().sum().backward()
    assert torch.equal(linear(values), plain(values))
    assert torch.equal(linear.weight.grad, plain.weight.grad)
    assert torch.equal(linear.bias.grad, plain.bias.grad)
    with torch.no_grad():
        assert torch.equal(linear(values), plain(values))


def test_without_the_operations_it_is_a_linear_layer(monkeypatch):
    monkeypatch.setattr(fast_linear, "IS_FASTER", False)
    linear, values = make_linear(), torch.randn(3, 16)
    plain = nn.Linear(16, 8)
    plain.load_state_dict(linear.state_dict())
    assert torch.equal(predict(linear, values), predict(plain, values))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_transformer_keeps_its_parameters(family):
    transformer = make_transformer(family)
    transformer.pooler = None
    before = dict(transformer.named_parameters())
    plain = [type(module) for module in transformer.modules()].count(nn.Linear)
    Encoder(transformer)
    after = dict(transformer.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert plain == [type(module) for module in transformer.modules()].count(FastLinear) > 0


def test_layers_with_a_way_of_their_own_are_left_alone():
    class Doubled(nn.Linear):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(inputs)

    model = nn.Sequential(nn.Linear(4, 4), Doubled(4, 4))
    fast_linear.speed_up(model)
    assert [type(module) for module in model] == [FastLinear, Doubled]
