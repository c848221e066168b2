"""The linear layers and layer norms of a transformer, multiplied in the way that is fastest on the device."""

import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._utils import _unflatten_dense_tensors
from torch.nn.utils.parametrize import ParametrizationList

HALF = torch.bfloat16


def _is_from_amd() -> bool:
    known = Path("/proc/cpuinfo")  # `platform` does not say on Linux
    if not known.exists():
        return "AuthenticAMD" in platform.processor()
    with known.open(encoding="utf8") as file:
        return "AuthenticAMD" in file.read(500)  # of the first core: there may be hundreds


# Whether oneDNN, with weights laid out once, is faster than MKL: encoders by a tenth on an AMD EPYC; on an Intel Xeon
# it is slower by as much.
LAYS_OUT = (
    torch.backends.mkldnn.is_available()
    and torch.backends.mkl.is_available()
    and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")  # what torch.compile uses, but no public function
    and _is_from_amd()
)

# Where rounding once is faster than autocast. On a processor it is not, and there torch adds up the gradients of layer
# norms' weights in bfloat16, far off after some hundred word pieces.
ROUNDS = {"cuda"}

_ROUNDED: ContextVar[dict[Tensor, Tensor] | None] = ContextVar("rounded", default=None)


class _Copy(NamedTuple):
    """Weights laid out anew.

    :param weight: What they were made of.
    :param version: Its version then.
    :param values: Its values then, kept so that no others come to be where they were.
    """

    weight: Tensor
    version: int
    values: Tensor
    laid_out: Tensor

    def is_of(self, weight: Tensor) -> bool:
        """Whether it still is what would be made."""
        same_place = self.values.data_ptr() == weight.data_ptr() and self.values.stride() == weight.stride()
        return self.weight is weight and self.version == weight._version and same_place


class Linear(nn.Linear):
    """On a processor of `LAYS_OUT`, in inference mode, it keeps a copy of its weights as oneDNN wants them.

    The copy is made anew after every change of the weights that torch notes. It notes neither changes through `.data`
    and numpy nor the steps of its own fused optimisers: after these, call `train()` or `eval()`, as training does.
    """

    _copy: _Copy | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        halves = _ROUNDED.get()
        if halves is not None:
            bias = None if self.bias is None else _half(self.bias, halves)
            return F.linear(inputs.to(HALF), _half(self.weight, halves), bias)
        if LAYS_OUT and torch.is_inference_mode_enabled() and self._can_lay_out(inputs):
            return torch.ops.mkldnn._linear_pointwise(inputs, self._laid_out(), self.bias, "none", [], "")
        return super().forward(inputs)

    def _can_lay_out(self, inputs: Tensor) -> bool:
        exact = inputs.dtype is self.weight.dtype is torch.float32
        known = exact and inputs.device.type == self.weight.device.type == "cpu"
        # Tensors made in inference mode have no version.
        return known and not self.weight.is_inference() and bool(torch.backends.mkldnn.enabled)

    def _laid_out(self) -> Tensor:
        weight, copy = self.weight, self._copy
        if copy is None or not copy.is_of(weight):
            version = weight._version  # before the copy, as another thread may be changing the weights
            values = weight.detach()
            laid_out = torch.ops.mkldnn._reorder_linear_weight(values)
            copy = self._copy = _Copy(weight, version, values, laid_out)
        return copy.laid_out

    def train(self, mode: bool = True) -> "Linear":
        self._copy = None
        return cast(Linear, super().train(mode))

    def _apply(self, *args: Any, **kwargs: Any) -> "Linear":
        self._copy = None  # of no use elsewhere
        return cast(Linear, super()._apply(*args, **kwargs))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_copy"}


class LayerNorm(nn.LayerNorm):
    """Of what comes in float32 in float32, and gives on what `rounded` works with."""

    def forward(self, inputs: Tensor) -> Tensor:
        halves = _ROUNDED.get()
        if halves is None:
            return super().forward(inputs)
        if inputs.dtype is not HALF:
            return super().forward(inputs).to(HALF)
        weight, bias = (None if p is None else _half(p, halves) for p in (self.weight, self.bias))
        return F.layer_norm(inputs, self.normalized_shape, weight, bias, self.eps)


Layers = list[Linear | LayerNorm]
_KINDS = {nn.Linear: Linear, nn.LayerNorm: LayerNorm}


def adopt(transformer: nn.Module) -> None:
    """Make its layers those of this file. Their parameters stay what and where they are."""
    for module in transformer.modules():
        module.__class__ = _KINDS.get(type(module), type(module))


def adopted(transformer: nn.Module) -> Layers:
    """The layers of a transformer; none where somebody has put in others, with parameters of their own."""
    found: Layers = []
    for module in transformer.modules():
        if isinstance(module, (Linear, LayerNorm)):
            found.append(module)
        elif module._parameters and not isinstance(module, (nn.Embedding, ParametrizationList)):
            return []
    return found


@contextmanager
def rounded(layers: Layers) -> Iterator[None]:
    """Let an adopted transformer work in bfloat16 altogether, with weights that are rounded once for all layers.

    Autocast rounds each weight by itself, and what goes into each layer: on a GPU, a third of all kernels.
    """
    weights: list[Tensor] = [parameter for layer in layers for parameter in layer.parameters(recurse=False)]
    learns = [weight for weight in weights if weight.requires_grad]
    frozen = [weight for weight in weights if not weight.requires_grad]
    halves = dict(zip(learns, _Round.apply(*learns)))
    with torch.no_grad():
        halves.update(zip(frozen, _copied(frozen, HALF)))
    token = _ROUNDED.set(halves)
    try:
        yield
    finally:
        _ROUNDED.reset(token)


def _half(weight: Tensor, halves: dict[Tensor, Tensor]) -> Tensor:
    """What is not among them is no parameter, but made of some (`torch.nn.utils.parametrize`, `prune`)."""
    found = halves.get(weight)
    return weight.to(HALF) if found is None else found


class _Round(torch.autograd.Function):
    """Tensors in bfloat16, and their gradients in float32."""

    @staticmethod
    def forward(ctx: Any, *wide: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        return _copied(wide, HALF)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        wide = iter(_copied([gradient for gradient in gradients if gradient is not None], torch.float32))
        return tuple(None if gradient is None else next(wide) for gradient in gradients)


def _copied(tensors: Iterable[Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Copies in one block."""
    originals = list(tensors)
    if not originals:
        return ()
    block = originals[0].new_empty(sum(tensor.numel() for tensor in originals), dtype=dtype)
    copies = _unflatten_dense_tensors(block, originals)
    torch._foreach_copy_(copies, originals)
    return copies
