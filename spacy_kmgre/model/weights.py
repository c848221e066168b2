"""Saved weights, which are checked before memory is taken for a network that they belong to."""

import zlib
from collections.abc import Mapping
from math import isfinite
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from ..errors import Errors

# The name of τ among the weights.
TAU = "tau"


def save_weights(network: nn.Module, tau: float) -> dict[str, Any]:
    """Return a network's weights and τ as safetensors, with a checksum."""
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    data = save({**weights, TAU: torch.tensor(tau, dtype=torch.float64)})
    return {"weights": data, "checksum": zlib.crc32(data)}


def load_weights(saved: Mapping[str, Any]) -> tuple[dict[str, Tensor], float]:
    """Load what `save_weights` has returned; earlier versions saved no checksum.

    :returns: The weights, and τ.
    :raises ValueError: Where the data have changed since, a number is not finite, or τ is not between 0 and 1.
    """
    data = saved["weights"]
    if "checksum" in saved and saved["checksum"] != zlib.crc32(data):
        raise ValueError(
            Errors.E029.format(reason="their checksum is another: they changed since they were saved")
        )
    weights = load(data)
    tau = weights.pop(TAU).item()
    if not (isfinite(tau) and 0.0 <= tau <= 1.0):
        raise ValueError(Errors.E029.format(reason=f"τ is {tau}, and not between 0 and 1"))
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise ValueError(Errors.E029.format(reason=f"{name} holds numbers that are not finite"))
    return weights, tau


def check_layers(encoder: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Check that an encoder's configuration asks for no more layers than there are weights. Even empty layers take
    long to make.

    :raises ValueError: Where it does.
    """
    for name, value in encoder.items():
        if "layers" in name and isinstance(value, (int, float)) and not 0 <= value <= len(weights):
            reason = f"the encoder's configuration has {name} = {value}, the file {len(weights)} tensors"
            raise ValueError(Errors.E029.format(reason=reason))


def check_shapes(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Check that weights are those of a network.

    :param network: The network, which may be on the device "meta", where it takes no memory.
    :raises ValueError: Where a tensor is missing, unknown, of another shape, or not of floating-point numbers.
    """
    expected = network.state_dict()
    for name in sorted({*expected, *weights}):
        if name not in weights or name not in expected:
            reason = f"{name} is missing" if name in expected else f"{name} is unknown"
        elif weights[name].shape != expected[name].shape:
            shapes = (tuple(tensors[name].shape) for tensors in (weights, expected))
            reason = "{} has the shape {}, and its configuration asks for {}".format(name, *shapes)
        elif expected[name].is_floating_point() != weights[name].is_floating_point():
            reason = f"{name} holds {weights[name].dtype} where {expected[name].dtype} is needed"
        else:
            continue
        raise ValueError(Errors.E029.format(reason=reason))


def check_vocabulary(tokenizer: Any, transformer: nn.Module) -> None:
    """Check that an encoder has an embedding for each word piece of a tokenizer.

    :raises ValueError: Where it has not.
    """
    rows = transformer.get_input_embeddings().num_embeddings  # type: ignore[operator]  # Modules have no such type.
    highest = max(tokenizer.get_vocab().values(), default=0)
    if highest >= rows:
        reason = f"the tokenizer numbers word pieces up to {highest}, and the encoder knows {rows}"
        raise ValueError(Errors.E029.format(reason=reason))
