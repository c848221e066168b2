"""Steps of torch's AdamW, with the values that spaCy's schedules have at the moment."""

from collections.abc import Mapping
from typing import Any

import torch
from thinc.api import Optimizer
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm


class NetworkOptimizer:
    """AdamW over a network's parameters. Heads and encoders are in different groups, for their learning rates; so are
    biases and layer norms, which do not decay.

    Where the gradient of an embedding is sparse, torch's SparseAdam moves it: only the rows of the word pieces that the
    update has read, and their momentum. These rows do not decay.

    :param network: The network.
    """

    def __init__(self, network: nn.Module):
        sparse = [
            module.weight
            for module in network.modules()
            if isinstance(module, nn.Embedding) and module.sparse
        ]
        self._sparse = {id(weight) for weight in sparse}
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            if id(parameter) not in self._sparse:
                key = (".encoder." not in name, parameter.dim() > 1)
                groups.setdefault(key, []).append(parameter)
        dense = [
            {"params": parameters, "is_head": is_head, "decays": decays}
            for (is_head, decays), parameters in groups.items()
        ]
        self.steppers: list[torch.optim.Optimizer] = [torch.optim.AdamW(dense, fused=True)]
        if sparse:
            of_words = [{"params": [weight], "is_head": False, "decays": False} for weight in sparse]
            self.steppers.append(torch.optim.SparseAdam(of_words))

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The groups of parameters, each with what its steps depend on."""
        return [group for stepper in self.steppers for group in stepper.param_groups]

    @property
    def state(self) -> dict[Tensor, dict[str, Any]]:
        """What is kept of earlier steps, such as the momentum "exp_avg", of each parameter that has moved."""
        return {parameter: kept for stepper in self.steppers for parameter, kept in stepper.state.items()}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for stepper in self.steppers:
            stepper.zero_grad(set_to_none=True)

    def step(
        self,
        optimizer: Optimizer,
        parts: Mapping[str, nn.Module],
        counts: Mapping[str, int],
        learn_rates: tuple[float, float],
    ) -> None:
        """Bring gradients of sums to means, clip their global norm, and step. A part without gradients stays the
        same to the bit: neither momentum nor weight decay moves it.

        :param optimizer: The optimizer of spaCy, whose schedules are read.
        :param parts: The parts of the network, by name.
        :param counts: The number of terms in the sum that is the loss of each part.
        :param learn_rates: The learning rates of heads and encoders.
        """
        with_gradient, values = [], []
        for name, part in parts.items():
            for parameter in part.parameters():
                if parameter.grad is not None:
                    values.append(self._values(parameter).div_(max(1, counts[name])))
                    with_gradient.append(parameter)
        if optimizer.grad_clip:
            clip_grads_with_norm_(with_gradient, optimizer.grad_clip, get_total_norm(values))
        of_heads, of_encoders = learn_rates
        for group in self.groups:
            group["lr"] = of_heads if group["is_head"] else of_encoders
            group["betas"] = (optimizer.b1, optimizer.b2)
            group["eps"] = optimizer.eps * self._eps_factor(group["params"][0], optimizer.b2)
            group["weight_decay"] = optimizer.L2 if group["decays"] else 0.0
        for stepper in self.steppers:
            stepper.step()

    def _eps_factor(self, parameter: nn.Parameter, b2: float) -> float:
        """Return what ε is multiplied by. SparseAdam adds it to the root of the mean square before the correction of
        its bias, and AdamW afterwards."""
        if id(parameter) not in self._sparse:
            return 1.0
        steps = self.steppers[1].state.get(parameter, {}).get("step", 0) + 1
        return float((1.0 - b2**steps) ** 0.5)

    def _values(self, parameter: nn.Parameter) -> Tensor:
        """Return the numbers of a parameter's gradient, which is made sparse, and free of double rows, where it has to
        be."""
        gradient = parameter.grad
        assert gradient is not None
        if id(parameter) in self._sparse:
            gradient = parameter.grad = (gradient if gradient.is_sparse else gradient.to_sparse(1)).coalesce()
            return gradient.values()
        return gradient
