"""The exponential and the logarithm are those of the library to the errors that they state."""

import pytest
import torch

from kldiv.builtin.closed_forms.large_exponentials import bits, exponential, logarithm


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
def test_what_would_underflow_is_zero_and_what_is_no_number_is_none(dtype):
    assert (exponential(torch.tensor([-750.0, -1e4, -1e6, -1e10], dtype=dtype)) == 0).all()
    assert exponential(torch.tensor([-torch.inf, torch.nan], dtype=dtype)).isnan().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_logarithm_is_that_of_the_library(dtype):
    near, far = torch.linspace(0.2, 4.0, 100_001), torch.logspace(-30, 30, 100_001)
    y = torch.cat([near, far]).to(dtype)
    truth = y.double().log()
    error = (logarithm(y).double() - truth).abs() / (1 + truth.abs())
    assert float(error.max()) < {torch.float32: 2 * torch.finfo(dtype).eps}.get(dtype, 1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bits_are_in_the_order_of_numbers_that_are_not_negative(dtype):
    x = torch.tensor([0.0, 1e-40, 1e-30, 0.5, 1.0, 1e30, torch.inf, torch.nan], dtype=dtype)
    assert (bits(x).diff() > 0).all()
