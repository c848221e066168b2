"""The step: gradients of sums become means, and their global norm is clipped."""

import pytest
import torch
from thinc.api import Optimizer
from torch import nn

from spacy_kmgre.model.optimizer import NetworkOptimizer


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
    NetworkOptimizer(network).step(Optimizer(0.0, grad_clip=most), network.parts, counts, (0.0, 0.0))
    for parameter, other in zip(network.parameters(), expected):
        torch.testing.assert_close(parameter.grad, other.grad, rtol=1e-5, atol=0.0)


def test_a_part_without_gradients_is_left_alone_to_the_bit():
    network = Parts()
    ours, optimizer = NetworkOptimizer(network), Optimizer(0.1, L2=0.1, L2_is_weight_decay=True)
    counts = {"relation": 1, "key": 1}
    network.parts["relation"](torch.ones(1, 4)).sum().backward()
    network.parts["key"](torch.ones(1, 2)).sum().backward()
    ours.step(optimizer, network.parts, counts, (0.1, 0.1))  # Now both have momentum.
    network.zero_grad(set_to_none=True)
    network.parts["relation"](torch.ones(1, 4)).sum().backward()
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    ours.step(optimizer, network.parts, counts, (0.1, 0.1))
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name]) == (".key." in name)


def test_a_count_of_nothing_divides_nothing():
    network = Parts()
    network.parts["relation"](torch.ones(1, 4)).sum().backward()
    before = network.parts["relation"].weight.grad.clone()
    nothing = {"relation": 0, "key": 0}
    NetworkOptimizer(network).step(Optimizer(0.0, grad_clip=0.0), network.parts, nothing, (0.0, 0.0))
    assert torch.equal(network.parts["relation"].weight.grad, before)


class Words(nn.Module):
    """A part that reads words, as encoders do."""

    def __init__(self, sparse: bool):
        super().__init__()
        self.words = nn.Embedding(9, 4, sparse=sparse)
        self.layer = nn.Linear(4, 2)

    def forward(self, ids: list[int]) -> torch.Tensor:
        found: torch.Tensor = self.layer(self.words(torch.tensor(ids)))
        return found


@pytest.mark.parametrize("most", [0.0, 1e-3])
@pytest.mark.parametrize("dense", [False, True])
def test_sparse_gradients_move_the_rows_that_were_read_as_others_do(most, dense):
    """The same words are read twice, one of them in both halves of each update."""
    torch.manual_seed(0)
    parts = Words(sparse=True), Words(sparse=False)
    parts[1].load_state_dict(parts[0].state_dict())
    before = parts[0].words.weight.detach().clone()
    optimizer = Optimizer(0.0, grad_clip=most, L2=0.0)
    for part in parts:
        ours = NetworkOptimizer(part)
        for _ in range(2):
            for half in ([1, 3, 3], [3, 7]):
                (part(half) ** 2).sum().backward()
            if dense and part.words.sparse:
                part.words.weight.grad = part.words.weight.grad.to_dense()
            ours.step(optimizer, {"relation": part}, {"relation": 3}, (0.05, 0.05))
            ours.zero_grad()
            assert all(parameter.grad is None for parameter in part.parameters())
    for found, expected in zip(parts[0].parameters(), parts[1].parameters()):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    moved = (parts[0].words.weight != before).all(dim=1)
    assert moved.nonzero().flatten().tolist() == [1, 3, 7]


def test_words_that_are_not_read_again_stay():
    torch.manual_seed(0)
    part = Words(sparse=True)
    ours, optimizer = NetworkOptimizer(part), Optimizer(0.0, L2=0.5, L2_is_weight_decay=True)
    for ids in ([1], [2]):
        before = part.words.weight.detach().clone()
        part(ids).sum().backward()
        ours.step(optimizer, {"relation": part}, {"relation": 1}, (0.05, 0.05))
        ours.zero_grad()
        assert (part.words.weight != before).any(dim=1).nonzero().flatten().tolist() == ids
