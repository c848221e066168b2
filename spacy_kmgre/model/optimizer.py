"""A step of torch's AdamW, with the values that spaCy's schedules have at the moment."""

from collections.abc import Mapping

import torch
from thinc.api import Optimizer
from torch import nn


def make_optimizer(network: nn.Module) -> torch.optim.AdamW:
    """Make AdamW over a network's parameters. Heads and encoders are in different groups, for their learning
    rates; so are biases and layer norms, which do not decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        key = (".encoder." not in name, parameter.dim() > 1)
        groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "is_head": is_head, "decays": decays}
            for (is_head, decays), parameters in groups.items()
        ],
        fused=True,
    )


def step(
    adamw: torch.optim.AdamW,
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
    with_gradient = []
    for name, part in parts.items():
        for parameter in part.parameters():
            if parameter.grad is not None:
                parameter.grad.div_(max(1, counts[name]))
                with_gradient.append(parameter)
    if optimizer.grad_clip:
        torch.nn.utils.clip_grad_norm_(with_gradient, optimizer.grad_clip)
    of_heads, of_encoders = learn_rates
    for group in adamw.param_groups:
        group["lr"] = of_heads if group["is_head"] else of_encoders
        group["betas"] = (optimizer.b1, optimizer.b2)
        group["eps"] = optimizer.eps
        group["weight_decay"] = optimizer.L2 if group["decays"] else 0.0
    adamw.step()
