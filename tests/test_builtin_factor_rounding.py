"""The condition of factors of covariances, by which their rounding is bounded."""

import pytest
import torch

from kldiv.builtin.closed_forms.factor_rounding import condition


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_the_condition_of_a_factor_is_never_understated(spread):
    generator = torch.Generator().manual_seed(0)
    below = spread * torch.randn(50, 8, 8, generator=generator, dtype=torch.float64).tril(-1)
    factor = below + torch.eye(8)
    known = (torch.linalg.inv(factor).abs() @ factor.abs()).sum(-1).amax(-1)
    found = condition(factor)
    assert (found >= 0.999 * known).all()
    assert ((found < 100) | (found <= 1.001 * known)).all()
