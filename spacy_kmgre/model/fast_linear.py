"""Linear layers that predict faster on AMD's CPUs, where oneDNN with weights in its own layout is faster than MKL."""

import platform
from pathlib import Path

import torch
from torch import Tensor, nn

from .derived import DerivingModule


def _is_from_amd() -> bool:
    known = Path("/proc/cpuinfo")  # On Linux `platform` does not name the maker.
    if not known.exists():
        return "AuthenticAMD" in platform.processor()
    with known.open(encoding="utf8") as file:
        return "AuthenticAMD" in file.read(500)  # The first core is enough; there may be hundreds.


# torch.compile uses these two operations. They are not public; where they are missing, layers stay as they
# are.
IS_FASTER = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch does not type it.
    and torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]  # torch does not type it.
    and all(hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise"))
    and _is_from_amd()  # On an Intel Xeon they are slower by a tenth.
)


class FastLinear(DerivingModule, nn.Linear):
    """A linear layer that keeps a second copy of its weights, in oneDNN's layout, for inference mode on a CPU.

    :param linear: The layer whose parameters it takes over.
    """

    def __init__(self, linear: nn.Linear):
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        self.training = linear.training

    def forward(self, inputs: Tensor) -> Tensor:
        if not (torch.is_inference_mode_enabled() and inputs.device.type == self.weight.device.type == "cpu"):
            return super().forward(inputs)
        if not (IS_FASTER and inputs.dtype is self.weight.dtype is torch.float32):
            return super().forward(inputs)
        laid_out: Tensor = self.derived(lambda: torch.ops.mkldnn._reorder_linear_weight(self.weight.detach()))
        found: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, laid_out, self.bias, "none", [], "")
        return found


def speed_up(transformer: nn.Module) -> None:
    """Replace the linear layers of a transformer by fast ones with the same parameters."""
    for module in list(transformer.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear:
                setattr(module, name, FastLinear(child))
