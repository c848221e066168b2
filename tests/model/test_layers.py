"""Layers that are laid out for a processor, or work in bfloat16, are the same layers."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spacy_kmgre.model import layers
from spacy_kmgre.model.encoder import Encoder
from spacy_kmgre.model.layers import LayerNorm, Linear, adopt, rounded

from .tiny import FAMILIES, make_transformer, random_pieces

needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN"
)
SDPA = ["bert", "roberta", "distilbert"]


@pytest.fixture
def lays_out(monkeypatch):
    monkeypatch.setattr(layers, "LAYS_OUT", True)


def make_linear(inputs=16, outputs=8, bias=True):
    torch.manual_seed(0)
    linear = nn.Linear(inputs, outputs, bias)
    adopt(linear)
    assert type(linear) is Linear
    return linear


def assert_follows_its_weights(linear):
    values = torch.randn(3, 5, linear.in_features)
    with torch.inference_mode():
        found = linear(values)
    assert linear._laid_out is not None
    torch.testing.assert_close(found, nn.functional.linear(values, linear.weight, linear.bias))


@needs_onednn
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40), st.booleans())
def test_laid_out_weights_multiply_the_same(inputs, outputs, rows, bias):
    linear = make_linear(inputs, outputs, bias)
    values = torch.randn(rows, inputs)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(layers, "LAYS_OUT", True)
        found = linear(values)
    torch.testing.assert_close(found, nn.functional.linear(values, linear.weight, linear.bias))


@needs_onednn
def test_laid_out_weights_are_never_old_ones(lays_out):
    linear = make_linear()
    assert_follows_its_weights(linear)
    with torch.no_grad():
        linear.weight.mul_(2)
    assert_follows_its_weights(linear)
    linear.load_state_dict(make_linear().state_dict())
    assert_follows_its_weights(linear)
    linear.weight.data = torch.randn_like(linear.weight)
    assert_follows_its_weights(linear)
    linear.weight = nn.Parameter(torch.randn_like(linear.weight))
    assert_follows_its_weights(linear)
    linear.train().weight.data.add_(1)  # which leaves the version as it was
    linear.eval()
    assert_follows_its_weights(linear)


@needs_onednn
@pytest.mark.filterwarnings("ignore:TF32")
def test_weights_are_laid_out_in_inference_alone_and_not_copied(lays_out):
    linear = make_linear()
    values = torch.randn(3, 16)
    linear(values).sum().backward()
    with torch.no_grad():
        linear(values)
    with torch.inference_mode(), torch.backends.mkldnn.flags(enabled=False):
        linear(values)
    assert linear._laid_out is None and linear.weight.grad is not None
    wide = copy.deepcopy(linear).double()
    with torch.inference_mode():
        linear(values)
        wide(values.double())
        linear(values[:, None])
    assert linear._laid_out is not None and wide._laid_out is None
    for other in (copy.deepcopy(linear), pickle.loads(pickle.dumps(linear))):
        assert type(other) is Linear and other._laid_out is None
        assert_follows_its_weights(other)
    assert list(linear.state_dict()) == ["weight", "bias"]


@needs_onednn
def test_parameters_without_a_version_are_laid_out_too(lays_out):
    with torch.inference_mode():
        linear = make_linear()
    assert_follows_its_weights(linear)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_adopted_transformer_has_the_same_parameters(family):
    transformer = make_transformer(family)
    transformer.pooler = None
    before = dict(transformer.named_parameters())
    plain = [type(module) for module in transformer.modules()].count(nn.Linear)
    Encoder(transformer)
    after = dict(transformer.named_parameters())
    assert list(after) == list(before) and all(after[name] is before[name] for name in before)
    assert plain == [type(module) for module in transformer.modules()].count(Linear) > 0


def gradients_of(encoder, pieces):
    (encoded,) = encoder([pieces])
    (encoded.hidden.sin().sum() + encoded.attention.square().sum()).backward()
    found = {name: parameter.grad for name, parameter in encoder.named_parameters()}
    encoder.zero_grad()
    return encoded, found


@pytest.mark.parametrize("family", SDPA)
def test_a_rounded_transformer_learns_what_the_exact_one_does(family, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    names = ("dropout", "attention_dropout")
    if family != "distilbert":
        names = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    encoder = Encoder(make_transformer(family, **dict.fromkeys(names, 0.0))).train()
    pieces = random_pieces(30, markers=[3, 9])
    exact, expected = gradients_of(encoder, pieces)
    encoder.mixed_precision = True
    mixed, found = gradients_of(encoder, pieces)
    assert mixed.hidden.dtype == torch.float32 and not torch.equal(mixed.hidden, exact.hidden)
    assert [name for name in found if found[name] is None] == [n for n in expected if expected[n] is None]
    ours, exactly = (
        torch.cat([gradient.flatten() for gradient in of.values() if gradient is not None])
        for of in (found, expected)
    )
    assert ours.dtype == torch.float32
    assert torch.cosine_similarity(ours, exactly, dim=0) > 0.995
    assert ours.norm().item() == pytest.approx(exactly.norm().item(), rel=0.05)


def test_rounded_layers_work_in_bfloat16_throughout():
    model = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8, bias=False), nn.LayerNorm(8), nn.Linear(8, 4))
    adopted = adopt(model)
    kept = []
    for module in model:
        module.register_forward_hook(lambda module, inputs, output: kept.append(output.dtype))
    values = torch.randn(5, 8)
    with rounded(adopted):
        out = model(values)
        out.float().sum().backward()
        with ThreadPoolExecutor(1) as pool:  # it is this thread's alone
            assert pool.submit(model, values).result().dtype == torch.float32
    assert kept[:4] == [torch.bfloat16] * 4 and kept[4:] == [torch.float32] * 4
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in model.parameters())
    assert model(values).dtype == torch.float32
    norm, linear = model[0], model[1]
    assert isinstance(norm, LayerNorm) and isinstance(linear, Linear)
    with rounded(adopted):
        expected = norm(values).float() @ linear.weight.bfloat16().float().T
        torch.testing.assert_close(linear(norm(values)).float(), expected, rtol=1e-2, atol=1e-2)


def test_what_has_no_part_in_the_loss_gets_no_gradient():
    """Adam would move a parameter whose gradient is zero."""
    model = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.LayerNorm(4, elementwise_affine=False)])
    adopted = adopt(model)
    model[0].bias.requires_grad_(False)
    with rounded(adopted):
        model[2](model[0](torch.randn(2, 4))).float().sum().backward()
    assert model[0].weight.grad is not None and model[0].bias.grad is None
    assert model[1].weight.grad is None and model[1].bias.grad is None
