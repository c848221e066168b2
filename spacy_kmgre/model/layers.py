"""The linear layers and layer norms of a transformer, multiplied in the way that is fastest on the device."""

import platform
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._utils import _unflatten_dense_tensors

HALF = torch.bfloat16


def _is_from_amd() -> bool:
    known = Path("/proc/cpuinfo")  # `platform` does not say on Linux
    return "AuthenticAMD" in (known.read_text("utf8") if known.exists() else platform.processor())


# Whether oneDNN, with weights laid out once, is faster than MKL: encoders by an eighth on an AMD EPYC; on an Intel Xeon
# it is slower by as much.
LAYS_OUT = torch.backends.mkldnn.is_available() and torch.backends.mkl.is_available() and _is_from_amd()

_ROUNDED: ContextVar[Optional[Dict[Tensor, Tensor]]] = ContextVar("rounded", default=None)


class Linear(nn.Linear):
    """On a processor of `LAYS_OUT`, in inference mode, it keeps a copy of its weights as oneDNN wants them."""

    _laid_out: Optional[Tuple[Tuple[int, int], Tensor]] = None

    def forward(self, inputs: Tensor) -> Tensor:
        rounded = _ROUNDED.get()
        if rounded is not None:
            bias = None if self.bias is None else rounded[self.bias]
            return F.linear(inputs.to(HALF), rounded[self.weight], bias)
        known = inputs.dtype is self.weight.dtype is torch.float32 and inputs.device.type == "cpu"
        if known and LAYS_OUT and torch.is_inference_mode_enabled() and torch.backends.mkldnn.enabled:
            return torch.ops.mkldnn._linear_pointwise(inputs, self._weights(), self.bias, "none", [], "")
        return super().forward(inputs)

    def _weights(self) -> Tensor:
        weight = self.weight
        version = 0 if weight.is_inference() else weight._version
        state = (version, weight.data_ptr())  # another one after a change, and after a move
        laid_out = self._laid_out
        if laid_out is None or laid_out[0] != state:
            laid_out = self._laid_out = (state, torch.ops.mkldnn._reorder_linear_weight(weight.detach()))
        return laid_out[1]

    def train(self, mode: bool = True) -> "Linear":
        if mode:
            self._laid_out = None
        return cast(Linear, super().train(mode))

    def __getstate__(self) -> Dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_laid_out"}


class LayerNorm(nn.LayerNorm):
    """Of what comes in float32 in float32, and gives on what `rounded` works with."""

    def forward(self, inputs: Tensor) -> Tensor:
        rounded = _ROUNDED.get()
        if rounded is None:
            return super().forward(inputs)
        if inputs.dtype is not HALF:
            return super().forward(inputs).to(HALF)
        weight, bias = (rounded.get(p) for p in (self.weight, self.bias))
        return F.layer_norm(inputs, self.normalized_shape, weight, bias, self.eps)


Layers = List[Union[Linear, LayerNorm]]


def adopt(transformer: nn.Module) -> Layers:
    """Make its layers those of this file. Their parameters stay what and where they are."""
    kinds = {nn.Linear: Linear, nn.LayerNorm: LayerNorm}
    for module in transformer.modules():
        module.__class__ = kinds.get(type(module), type(module))
    return [module for module in transformer.modules() if isinstance(module, (Linear, LayerNorm))]


@contextmanager
def rounded(layers: Layers) -> Iterator[None]:
    """Let an adopted transformer work in bfloat16 altogether, with weights that are rounded once for all layers.

    Autocast rounds each weight by itself, and what goes into each layer: on a GPU, a third of all kernels.
    """
    weights: List[Tensor] = [p for layer in layers for p in (layer.weight, layer.bias) if p is not None]
    token = _ROUNDED.set(dict(zip(weights, _Round.apply(*weights))))
    try:
        yield
    finally:
        _ROUNDED.reset(token)


class _Round(torch.autograd.Function):
    """Tensors in bfloat16, and their gradients in float32."""

    @staticmethod
    def forward(ctx: Any, *wide: Tensor) -> Tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        return _copied(list(wide), HALF)

    @staticmethod
    def backward(ctx: Any, *gradients: Optional[Tensor]) -> Tuple[Optional[Tensor], ...]:
        known = [gradient for gradient in gradients if gradient is not None]
        wide = iter(_copied(known, torch.float32))
        return tuple(None if gradient is None else next(wide) for gradient in gradients)


def _copied(tensors: List[Tensor], dtype: torch.dtype) -> Tuple[Tensor, ...]:
    """:param tensors: One at least."""
    flat = tensors[0].new_empty(sum(tensor.numel() for tensor in tensors), dtype=dtype)
    copies = _unflatten_dense_tensors(flat, tensors)
    torch._foreach_copy_(copies, tensors)
    return copies
