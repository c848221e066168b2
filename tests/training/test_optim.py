"""The optimiser of a config, and the step that the component takes with it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from spacy.util import registry
from thinc.api import SGD, Adam, Config, Optimizer

from spacy_kmgre.model.architectures import build_encoder, build_kmgre
from spacy_kmgre.model.pieces import Document
from spacy_kmgre.model.thinc_shim import ModelInput, NetworkShim, get_shim
from spacy_kmgre.training.optim import AdamW, create_adamw

CONFIG = """
[optimizer]
@optimizers = "spacy_kmgre.AdamW.v1"
L2 = 0.01
grad_clip = 2.0

[optimizer.learn_rate]
@schedules = "warmup_linear.v1"
initial_rate = 0.1
warmup_steps = 2
total_steps = 6

[optimizer.head_learn_rate]
@schedules = "constant_then.v1"
rate = 0.5
steps = 2

[optimizer.head_learn_rate.schedule]
@schedules = "constant.v1"
rate = 0.25
"""


def test_schedules_of_a_config():
    optimizer = registry.resolve(Config().from_str(CONFIG))["optimizer"]
    assert isinstance(optimizer, AdamW)
    rates = []
    for _ in range(5):
        rates.append((optimizer.learn_rate, optimizer.head_learn_rate))
        optimizer.step_schedules()
    assert [rate for rate, _ in rates] == pytest.approx([0.0, 0.05, 0.1, 0.075, 0.05])
    assert [rate for _, rate in rates] == pytest.approx([0.5, 0.5, 0.25, 0.25, 0.25])
    assert (optimizer.L2, optimizer.grad_clip, optimizer.b1, optimizer.b2) == (0.01, 2.0, 0.9, 0.999)
    assert optimizer.L2_is_weight_decay and optimizer.averages is None


def test_other_components_use_it_as_adam():
    weights, gradient = np.random.default_rng(0).random((2, 4, 3), dtype=np.float32)
    ours = create_adamw(0.01, 0.5, eps=1e-8, L2=0.1)
    theirs = Adam(0.01, eps=1e-8, L2=0.1, use_averages=False)
    for _ in range(3):
        found, _ = ours((1, "W"), weights.copy(), gradient.copy())
        expected, _ = theirs((1, "W"), weights.copy(), gradient.copy())
        assert (found == expected).all()
        assert (found != weights).all()


@pytest.fixture
def shim(tiny_encoder) -> NetworkShim:
    """A network whose gradients the tests make up."""
    torch.manual_seed(0)
    shim = get_shim(build_kmgre(build_encoder(tiny_encoder, overlap=16)))
    shim.load(4)
    return shim


Parameters = dict[str, torch.Tensor]


def snapshot(shim: NetworkShim) -> Parameters:
    return {name: p.detach().clone() for name, p in shim.require_network().named_parameters()}


def set_gradients(shim: NetworkShim, make: Callable[[str, torch.Tensor], torch.Tensor | None]) -> Parameters:
    gradients = {}
    for name, parameter in shim.require_network().named_parameters():
        parameter.grad = make(name, parameter)
        if parameter.grad is not None:
            gradients[name] = parameter.grad.clone()
    return gradients


def noise(name: str, parameter: torch.Tensor) -> torch.Tensor:
    return torch.randn_like(parameter)


def momentum(shim: NetworkShim) -> Parameters:
    """The running mean of the gradients: a tenth of the gradient after one step."""
    assert shim._optimizer is not None
    state = shim._optimizer.state
    return {
        name: state[parameter]["exp_avg"].clone()
        for name, parameter in shim.require_network().named_parameters()
        if parameter in state
    }


def is_head(name: str) -> bool:
    return name.startswith(("extractor.head", "classifier.head"))


def largest_step(shim: NetworkShim, before: Parameters, head: bool) -> float:
    steps = [
        (parameter - before[name]).abs().max().item()
        for name, parameter in shim.require_network().named_parameters()
        if is_head(name) == head
    ]
    assert steps
    return max(steps)


def test_first_steps_are_as_long_as_the_learning_rates(shim):
    for number, optimizer in enumerate([create_adamw(1e-3, 2e-2), Adam(3e-3)]):
        shim._optimizer = None
        before = snapshot(shim)
        set_gradients(shim, noise)
        shim.finish_update(optimizer)
        found = [largest_step(shim, before, head=False), largest_step(shim, before, head=True)]
        assert found == pytest.approx([1e-3, 2e-2] if number == 0 else [3e-3, 3e-3], rel=1e-2)


def test_learning_rates_follow_their_schedules(shim):
    optimizer = create_adamw([1e-3, 0.0, 2e-3], [2e-2, 4e-2, 0.0], beta1=0.0)
    for encoder, head in ([1e-3, 2e-2], [0.0, 4e-2], [2e-3, 0.0]):
        before = snapshot(shim)
        set_gradients(shim, lambda name, parameter: torch.ones_like(parameter))
        shim.finish_update(optimizer)
        optimizer.step_schedules()
        found = [largest_step(shim, before, head=False), largest_step(shim, before, head=True)]
        assert found == pytest.approx([encoder, head], rel=2e-2, abs=1e-9)


def test_encoders_may_learn_at_a_rate_of_their_own(shim):
    before = snapshot(shim)
    set_gradients(shim, noise)
    shim.finish_update(create_adamw(5e-2, 2e-2, 1e-3))
    found = [largest_step(shim, before, head=False), largest_step(shim, before, head=True)]
    assert found == pytest.approx([1e-3, 2e-2], rel=1e-2)


@pytest.mark.parametrize("make", [create_adamw, Adam])
def test_matrices_decay_and_vectors_and_word_embeddings_do_not(shim, make):
    before = snapshot(shim)
    set_gradients(shim, lambda name, parameter: torch.zeros_like(parameter))
    shim.finish_update(make(0.1, L2=0.5))
    for name, parameter in shim.require_network().named_parameters():
        rate = 1e-4 if is_head(name) and make is create_adamw else 0.1
        vector = name.endswith("bias") or "LayerNorm" in name
        assert vector == (parameter.dim() == 1)
        stays = vector or "word_embeddings" in name
        expected = before[name] if stays else before[name] * (1 - rate * 0.5)
        assert torch.allclose(parameter, expected, rtol=1e-6, atol=0), name
        assert not stays or torch.equal(parameter, before[name])


def norm(tensors: list[torch.Tensor]) -> float:
    return torch.cat([tensor.flatten() for tensor in tensors]).norm().item()


@pytest.mark.parametrize("clip", [0.5, 7.0, 0.0])
def test_both_parts_are_clipped_as_one(shim, clip):
    """The gradient of ω alone would be shorter than any limit."""
    sizes = {"extractor": 1.0, "classifier": 1e-4}
    gradients = set_gradients(shim, lambda name, p: torch.randn_like(p) * sizes[name.split(".")[0]])
    length = norm(list(gradients.values()))
    assert length > 10
    assert norm([gradient for name, gradient in gradients.items() if name.startswith("classifier")]) < 0.5
    shim.finish_update(create_adamw(grad_clip=clip))
    scale = clip / length if clip else 1.0
    for name, value in momentum(shim).items():
        torch.testing.assert_close(value, gradients[name] * scale * 0.1, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("make", [create_adamw, Adam, SGD])
@pytest.mark.parametrize("still", ["extractor", "classifier"])
def test_parameters_without_gradients_keep_every_bit(shim, make: Callable[..., Optimizer], still):
    optimizer = make(0.01, L2=0.1)
    for _ in range(3):
        set_gradients(shim, noise)
        shim.finish_update(optimizer)
    before, running = snapshot(shim), momentum(shim)
    assert all(value.any() for value in running.values())
    for _ in range(2):
        set_gradients(shim, lambda name, p: None if name.startswith(still) else torch.randn_like(p))
        shim.finish_update(optimizer)
    for name, parameter in shim.require_network().named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith(still), name
        assert torch.equal(momentum(shim)[name], running[name]) == name.startswith(still), name


def test_gradients_are_gone_after_a_step(shim):
    set_gradients(shim, noise)
    shim.finish_update(create_adamw())
    assert all(parameter.grad is None for parameter in shim.require_network().parameters())
    before = snapshot(shim)
    shim.finish_update(create_adamw(L2=0.5))  # nothing was learned since
    assert all(torch.equal(before[name], value) for name, value in snapshot(shim).items())


def test_sums_become_means(shim):
    document = Document("ann bob it", [(0, 3), (4, 7), (8, 10)], [[0, 2], [1]])
    given = ModelInput([document], shim.pieces([document]), trainable=("relation", "key"))
    for _ in range(3):  # three parts of one batch: 2 entity pairs and 4 mention pairs each
        shim.begin_update(given)
    gradients = set_gradients(shim, noise)
    shim.finish_update(create_adamw(grad_clip=0.0))
    for name, value in momentum(shim).items():
        count = 6 if name.startswith("extractor") else 12
        torch.testing.assert_close(value, gradients[name] / count * 0.1, rtol=1e-5, atol=1e-9)
    gradients = set_gradients(shim, noise)
    shim._optimizer = None
    shim.finish_update(create_adamw(grad_clip=0.0))  # the count starts anew
    for name, value in momentum(shim).items():
        torch.testing.assert_close(value, gradients[name] * 0.1, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("setting", ["learn_rate", "head_learn_rate", "encoder_learn_rate"])
def test_a_schedule_that_is_over(setting: Any):
    with pytest.raises(ValueError, match=setting):
        create_adamw(**{setting: []})
