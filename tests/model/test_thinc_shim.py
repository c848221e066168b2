"""The step: gradients of sums become clipped means."""

import pytest
import torch
from torch import nn

from spacy_kmgre.model.thinc_shim import bring_to_mean


@pytest.mark.parametrize("count", [1, 7, 4000])
@pytest.mark.parametrize("most", [0.0, 1e-3, 1.0, 1e6])
def test_as_dividing_and_then_clipping(count, most):
    torch.manual_seed(0)
    given = [torch.randn(3, 4), torch.randn(5), 100 * torch.randn(1, 1)]
    expected = [nn.Parameter(torch.zeros_like(gradient)) for gradient in given]
    for parameter, gradient in zip(expected, given):
        parameter.grad = gradient / count
    if most:
        nn.utils.clip_grad_norm_(expected, most)
    bring_to_mean(given, count, most)
    for gradient, parameter in zip(given, expected):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-5, atol=0.0)
