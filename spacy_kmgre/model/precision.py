"""bfloat16: which devices have it, weights in it, and attention that is fast in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device has instructions for bfloat16: a GPU, or a CPU with avx512_bf16, AMX or Arm's."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Earlier versions of torch do not say it of Arm's.
    known: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)() or known.get("bf16"))


def rounded(transformer: Any) -> Any:
    """Return a copy of a transformer in bfloat16, for predictions, with half the memory."""
    weights = {
        id(weight): nn.Parameter(weight.detach().to(torch.bfloat16), requires_grad=False)
        for weight in transformer.parameters()
    }
    return deepcopy(transformer, weights).to(torch.bfloat16)  # Some have numbers that are no parameters.


@contextmanager
def plain_products() -> Iterator[None]:
    """Let attention be two products and a softmax, in the precision that it is given. In bfloat16 on a CPU their
    backward pass takes a third of the time that torch's fused kernel takes for its own."""
    reduced = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()  # type: ignore[no-untyped-call]  # torch does not type it.
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(reduced)
