"""Layers that are laid out for a processor, or work in bfloat16, are the same layers."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.prune import l1_unstructured

from spacy_kmgre.model import encoder as encoder_module
from spacy_kmgre.model import fast_linear as layers
from spacy_kmgre.model.encoder import Encoder
from spacy_kmgre.model.fast_linear import LayerNorm, Linear, adopt, adopted, rounded

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
    assert linear._copy is not None
    torch.testing.assert_close(found, nn.functional.linear(values, linear.weight, linear.bias))


@needs_onednn
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40), st.booleans())
def test_laid_out_weights_multiply_the_same(inputs, outputs, rows, bias):
    linear = make_linear(inputs, outputs, bias)
    values = torch.randn(rows, inputs)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(layers, "LAYS_OUT", True)
        found = linear(values)
    assert linear._copy is not None
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
    for _ in range(30):  # of which the second may come to be where those before the first were
        linear.weight.data = linear.weight.data * -2
        linear.weight.data = linear.weight.data * 0.5
        assert_follows_its_weights(linear)
    linear.bfloat16().float()
    assert_follows_its_weights(linear)
    linear.weight = nn.Parameter(torch.randn_like(linear.weight))
    assert_follows_its_weights(linear)
    with torch.no_grad():
        for _ in range(2):
            linear.weight.mul_(2)
            assert_follows_its_weights(linear)
            linear.weight = nn.Parameter(linear.weight.data)  # whose versions begin anew
    square = make_linear(8, 8)
    assert_follows_its_weights(square)
    square.weight.data = square.weight.data.T
    assert_follows_its_weights(square)
    linear.weight.data.add_(1)  # which leaves the version as it was
    linear.eval()
    assert_follows_its_weights(linear)


@needs_onednn
def test_weights_are_laid_out_once(lays_out):
    linear = make_linear()
    assert_follows_its_weights(linear)
    first = linear._copy
    assert_follows_its_weights(linear)
    assert linear._copy is first
    linear.to(torch.float64)
    assert linear._copy is None


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
    assert linear._copy is None and linear.weight.grad is not None
    wide = copy.deepcopy(linear).double()
    with torch.inference_mode():
        linear(values)
        wide(values.double())
        linear(values[:, None])
    assert linear._copy is not None and wide._copy is None
    for other in (copy.deepcopy(linear), pickle.loads(pickle.dumps(linear))):
        assert type(other) is Linear and other._copy is None
        assert_follows_its_weights(other)
    assert list(linear.state_dict()) == ["weight", "bias"]


@needs_onednn
def test_parameters_without_a_version_are_not_laid_out(lays_out):
    with torch.inference_mode():
        linear = make_linear()
        linear(torch.randn(3, 16))
    assert linear._copy is None


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


@pytest.fixture
def rounds(monkeypatch):
    """Rounding, as a GPU does it, on a processor; the number of times counts."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(encoder_module, "ROUNDS", {"cpu"})
    times = []

    def counted(layers):
        times.append(len(layers))
        return rounded(layers)

    monkeypatch.setattr(encoder_module, "rounded", counted)
    return times


def make_encoder(family, **changes):
    names = ("dropout", "attention_dropout")
    if family != "distilbert":
        names = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    return Encoder(make_transformer(family, **dict.fromkeys(names, 0.0), **changes)).train()


def gradients_of(encoder, batch):
    for encoded in encoder(batch):
        (encoded.hidden.sin().sum() + encoded.attention.square().sum()).backward(retain_graph=True)
    found = {name: parameter.grad for name, parameter in encoder.named_parameters()}
    encoder.zero_grad()
    return found


def assert_alike(found, expected):
    """But for what is zero, or nearly: attention does not change with the bias of its keys."""
    for name, gradient in expected.items():
        assert (found[name] is None) == (gradient is None), name
        if gradient is not None and "k_lin.bias" not in name and "key.bias" not in name:
            assert found[name].dtype == torch.float32
            assert (found[name] - gradient).norm() < 0.08 * gradient.norm() + 0.01, name


@pytest.mark.parametrize("family", SDPA)
@pytest.mark.parametrize("batch_pieces", [1, 1000], ids=["groups", "one group"])
def test_a_rounded_transformer_learns_what_the_exact_one_does(family, batch_pieces, rounds):
    encoder = make_encoder(family, initializer_range=0.05)
    encoder.batch_pieces = batch_pieces
    batch = [random_pieces(20 + number, markers=[3, 9], seed=number) for number in range(4)]
    expected = gradients_of(encoder, batch)
    assert not rounds
    encoder.mixed_precision = True
    found = gradients_of(encoder, batch)
    assert len(rounds) == (4 if batch_pieces == 1 else 1) and rounds[0] > 12
    assert_alike(found, expected)
    assert any(not torch.equal(found[name], expected[name]) for name in found)


def test_layer_norms_keep_their_epsilon(rounds):
    """With one as large as this they give next to nothing."""
    encoder = make_encoder("bert", layer_norm_eps=1e4)
    encoder.mixed_precision = True
    kept = []
    for module in encoder.modules():
        if isinstance(module, LayerNorm):
            module.register_forward_hook(lambda module, inputs, output: kept.append(output.abs().max()))
    encoder([random_pieces(20, markers=[3])])
    assert rounds and len(kept) == 5 and max(kept) < 0.2


def test_processors_stay_with_autocast(rounds, monkeypatch):
    monkeypatch.setattr(encoder_module, "ROUNDS", layers.ROUNDS)
    encoder = make_encoder("bert")
    encoder.mixed_precision = True
    encoder([random_pieces(20, markers=[3])])
    assert not rounds


def test_layers_with_a_way_of_their_own_are_left_alone():
    class Doubled(nn.Linear):
        def forward(self, inputs):
            return 2 * super().forward(inputs)

    model = nn.Sequential(nn.Linear(4, 4), Doubled(4, 4))
    adopt(model)
    assert [type(module) for module in model] == [Linear, Doubled]
    assert adopted(model) == []


def test_frozen_layers_are_not_gone_back_through(rounds):
    encoder = make_encoder("bert")
    encoder.mixed_precision = True
    lowest = encoder.transformer.encoder.layer[0]
    for part in (encoder.transformer.embeddings, lowest):
        part.requires_grad_(False)
    kept = []
    lowest.register_forward_hook(lambda module, inputs, output: kept.append(output[0].requires_grad))
    found = gradients_of(encoder, [random_pieces(20, markers=[3])])
    assert rounds and kept == [False]
    assert {name for name in found if found[name] is None} == {
        name for name in found if ".embeddings." in name or ".layer.0." in name
    }


def change_nothing(encoder):
    pass


def checkpoint(encoder):
    encoder.transformer.gradient_checkpointing_enable({"use_reentrant": False})


def prune_heads(encoder):
    encoder.transformer.prune_heads({0: [1]})


def parametrise(encoder):
    nn.utils.parametrizations.weight_norm(encoder.transformer.encoder.layer[0].output.dense)


def prune(encoder):
    l1_unstructured(encoder.transformer.encoder.layer[0].output.dense, "weight", 0.3)


class Adapter(nn.Module):
    def __init__(self, linear):
        super().__init__()
        self.linear = linear
        self.low, self.high = (nn.Parameter(torch.randn(linear.in_features, 2)) for _ in range(2))

    def forward(self, inputs):
        return self.linear(inputs) + inputs @ self.low @ self.high.T


def adapt(encoder):
    attention = encoder.transformer.encoder.layer[0].attention.output
    attention.dense = Adapter(attention.dense)


@pytest.mark.parametrize("change", [change_nothing, checkpoint, prune_heads, parametrise, prune, adapt])
@pytest.mark.parametrize("mixed_precision", [False, True])
def test_transformers_changed_afterwards_still_learn(change, mixed_precision, rounds):
    encoder = make_encoder("bert")
    change(encoder)
    encoder.mixed_precision = mixed_precision
    for _ in range(2):
        found = gradients_of(encoder, [random_pieces(20, markers=[3])])
        assert all(gradient is not None and gradient.isfinite().all() for gradient in found.values())
    assert bool(rounds) == (mixed_precision and change in (change_nothing, parametrise, prune))


def test_rounded_layers_work_in_bfloat16_throughout():
    model = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8, bias=False), nn.LayerNorm(8), nn.Linear(8, 4))
    adopt(model)
    kept = []
    for module in model:
        module.register_forward_hook(lambda module, inputs, output: kept.append(output.dtype))
    values = torch.randn(5, 8)
    with rounded(adopted(model)):
        out = model(values)
        out.float().sum().backward()
        with ThreadPoolExecutor(1) as pool:  # it is this thread's alone
            assert pool.submit(model, values).result().dtype == torch.float32
    assert kept[:4] == [torch.bfloat16] * 4 and kept[4:] == [torch.float32] * 4
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in model.parameters())
    assert model(values).dtype == torch.float32
    norm, linear = model[0], model[1]
    assert isinstance(norm, LayerNorm) and isinstance(linear, Linear)
    with rounded(adopted(model)):
        expected = norm(values).float() @ linear.weight.bfloat16().float().T
        torch.testing.assert_close(linear(norm(values)).float(), expected, rtol=1e-2, atol=1e-2)


def test_what_has_no_part_in_the_loss_gets_no_gradient():
    """Adam would move a parameter whose gradient is zero."""
    model = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.LayerNorm(4, elementwise_affine=False)])
    adopt(model)
    model[0].bias.requires_grad_(False)
    with rounded(adopted(model)):
        model[2](model[0](torch.randn(2, 4))).float().sum().backward()
    assert model[0].weight.grad is not None and model[0].bias.grad is None
    assert model[1].weight.grad is None and model[1].bias.grad is None


def test_an_error_ends_rounding():
    linear = make_linear()
    with pytest.raises(RuntimeError), rounded([linear]):
        linear(torch.randn(3, 5))
    assert linear(torch.randn(3, 16)).dtype == torch.float32
