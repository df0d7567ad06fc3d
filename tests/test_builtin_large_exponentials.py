"""The exponential of log probabilities is that of the library to the error that it states."""

import pytest
import torch

from kldiv.builtin.closed_forms.large_exponentials import exponential


@pytest.mark.parametrize(
    ("dtype", "least", "bound"),
    [(torch.float32, -87.0, 3 * torch.finfo(torch.float32).eps), (torch.float64, -708.0, 1e-13)],
)
def test_it_is_the_exponential(dtype, least, bound):
    x = torch.linspace(least, 40.0, 100_001, dtype=torch.float64).to(dtype)
    truth = x.double().exp()
    error = (exponential(x).double() - truth).abs() / truth
    assert float(error.max()) < bound


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_would_underflow_is_hardly_above_zero(dtype):
    x = torch.tensor([-1e4, -torch.inf], dtype=dtype)
    found = exponential(x)
    assert (found >= 0).all()
    assert (found < 1e-37).all()
    assert exponential(torch.tensor([torch.nan], dtype=dtype)).isnan().all()
