"""Linear layers that predict on a processor with weights laid out for oneDNN: MiniLM is a tenth faster so on AMD's.

The operators are those that `torch.compile` puts into frozen graphs. They have no public name; where they do not work,
torch's own linear layers stay.
"""

from functools import cache
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor, nn


class Packed(NamedTuple):
    """
    :param place: Address of the weights that were laid out.
    :param version: How often they had been written in place.
    :param weight: The copy, in a layout that only oneDNN reads.
    """

    place: int
    version: int
    weight: Tensor


class PackedLinear(nn.Linear):
    """A float32 linear layer that keeps, between predictions, a copy of its weights in oneDNN's layout.

    :param layer: Whose parameters it takes.
    """

    def __init__(self, layer: nn.Linear):
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias
        self.training = layer.training
        self.packed: Optional[Packed] = None

    def forward(self, input: Tensor) -> Tensor:
        if not (torch.is_inference_mode_enabled() and self._fits(input)):
            return super().forward(input)
        packed = self.packed  # another thread may drop it
        place, version = self.weight.data_ptr(), self.weight._version
        if packed is None or (packed.place, packed.version) != (place, version):
            weight = torch.ops.mkldnn._reorder_linear_weight(self.weight.detach(), None)
            self.packed = packed = Packed(place, version, weight)
        return torch.ops.mkldnn._linear_pointwise(input, packed.weight, self.bias, "none", [], "")

    def _fits(self, input: Tensor) -> bool:
        return (
            input.device.type == self.weight.device.type == "cpu"
            and input.dtype == self.weight.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and not self.weight.is_inference()  # these have no version
        )

    def train(self, mode: bool = True) -> "PackedLinear":
        if mode:  # what is written through `.data` has no version
            self.packed = None
        return super().train(mode)

    def __getstate__(self) -> Any:
        return {**self.__dict__, "packed": None}


def pack_linear(module: nn.Module) -> None:
    """Let the linear layers inside a module be `PackedLinear`, where that works."""
    if not can_pack():
        return
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Linear:
                setattr(parent, name, PackedLinear(child))


@cache
def can_pack() -> bool:
    """Whether this torch has the operators, and they work on this processor."""
    layer = PackedLinear(nn.Linear(2, 2))
    try:
        with torch.inference_mode():
            layer(torch.zeros(1, 2))
    except (AttributeError, RuntimeError):
        return False
    return True
