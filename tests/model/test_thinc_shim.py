"""The step: gradients of sums become means, and their global norm is clipped."""

import pytest
import torch
from thinc.api import Optimizer
from torch import nn

from spacy_kmgre.model.optimizer import make_optimizer, step


class Parts(nn.Module):
    """Two parts, as a network has them."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({"relation": nn.Linear(4, 3), "key": nn.Linear(2, 1)})


@pytest.mark.parametrize("counts", [{"relation": 1, "key": 1}, {"relation": 7, "key": 4000}])
@pytest.mark.parametrize("most", [0.0, 1e-3, 1.0, 1e6])
def test_as_dividing_and_then_clipping_the_global_norm(counts, most):
    torch.manual_seed(0)
    network = Parts()
    expected = []
    for name, part in network.parts.items():
        for parameter in part.parameters():
            parameter.grad = 100 * torch.randn_like(parameter)
            expected.append(nn.Parameter(parameter.detach().clone()))
            expected[-1].grad = parameter.grad / counts[name]
    if most:
        nn.utils.clip_grad_norm_(expected, most)
    step(make_optimizer(network), Optimizer(0.0, grad_clip=most), network.parts, counts, (0.0, 0.0))
    for parameter, other in zip(network.parameters(), expected):
        torch.testing.assert_close(parameter.grad, other.grad, rtol=1e-5, atol=0.0)


def test_a_part_without_gradients_is_left_alone_to_the_bit():
    network = Parts()
    adamw, optimizer = make_optimizer(network), Optimizer(0.1, L2=0.1, L2_is_weight_decay=True)
    counts = {"relation": 1, "key": 1}
    network.parts["relation"](torch.ones(1, 4)).sum().backward()
    network.parts["key"](torch.ones(1, 2)).sum().backward()
    step(adamw, optimizer, network.parts, counts, (0.1, 0.1))  # Now both have momentum.
    network.zero_grad(set_to_none=True)
    network.parts["relation"](torch.ones(1, 4)).sum().backward()
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    step(adamw, optimizer, network.parts, counts, (0.1, 0.1))
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name]) == (".key." in name)


def test_a_count_of_nothing_divides_nothing():
    network = Parts()
    network.parts["relation"](torch.ones(1, 4)).sum().backward()
    before = network.parts["relation"].weight.grad.clone()
    step(
        make_optimizer(network),
        Optimizer(0.0, grad_clip=0.0),
        network.parts,
        {"relation": 0, "key": 0},
        (0.0, 0.0),
    )
    assert torch.equal(network.parts["relation"].weight.grad, before)
