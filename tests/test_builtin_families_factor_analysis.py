"""Factor analysis of normal vectors: its minima are minima, and the lowest that others find."""

import math

import numpy as np
import pytest
import torch

from scipy.optimize import minimize

from kldiv.builtin.families.factor_analysis import nearest_factors

F64 = torch.float64


def covariance(size, seed, condition):
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(size, size, generator=generator, dtype=F64)
    turn, _ = torch.linalg.qr(normal)
    spread = torch.rand(size, generator=generator, dtype=F64) - 0.5
    return (turn * condition**spread) @ turn.mT


def divergence(matrix, other, *, forward):
    p, q = (matrix, other) if forward else (other, matrix)
    trace = torch.linalg.solve(q, p).diagonal(dim1=-2, dim2=-1).sum(-1)
    return (trace - p.shape[-1] + torch.logdet(q) - torch.logdet(p)) / 2


def other_minima(matrix, rank, starts, *, forward):
    """Where descents in factors and variances end."""
    size, found = len(matrix), []
    for seed in range(starts):
        random = np.random.default_rng(seed)
        theta = np.concatenate(
            [0.5 * random.standard_normal(size * rank), -3 * random.random(size)]
        )

        def loss(theta):
            theta = torch.from_numpy(theta).requires_grad_()
            factor = theta[: size * rank].reshape(size, rank)
            other = factor @ factor.mT + theta[size * rank :].exp().diag()
            value = divergence(matrix, other, forward=forward)
            (slope,) = torch.autograd.grad(value, theta)
            return float(value.detach()), slope.numpy()

        options = {"maxiter": 5000, "maxfun": 8000, "ftol": 1e-15, "gtol": 1e-9}
        found.append(minimize(loss, theta, jac=True, method="L-BFGS-B", options=options).fun)
    return sorted(found)


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(("size", "rank", "condition"), [(2, 1, 50), (6, 1, 30), (12, 2, 1e3)])
def test_nothing_lower_is_found_by_descents(size, rank, condition, forward):
    matrix = covariance(size, size, condition)
    found = nearest_factors(matrix, rank, forward=forward)
    others = other_minima(matrix, rank, 8, forward=forward)
    assert float(found.divergence[0]) <= others[0] + 1e-7


@pytest.mark.parametrize("forward", [True, False])
def test_the_divergence_is_that_of_the_members(forward):
    matrix = covariance(8, 1, 100) * 1e4
    found = nearest_factors(matrix, 2, forward=forward)
    other = found.factor @ found.factor.mT + torch.diag_embed(found.variance)
    torch.testing.assert_close(
        divergence(matrix, other, forward=forward), found.divergence, rtol=1e-6, atol=1e-7
    )
    assert found.divergence.tolist() == sorted(found.divergence.tolist())


@pytest.mark.parametrize("forward", [True, False])
def test_a_member_is_found(forward):
    generator = torch.Generator().manual_seed(2)
    factor = torch.randn(20, 3, generator=generator, dtype=F64)
    matrix = factor @ factor.mT + torch.diag(0.2 + torch.rand(20, generator=generator, dtype=F64))
    found = nearest_factors(matrix, 3, forward=forward)
    assert float(found.divergence[0]) == pytest.approx(0, abs=1e-9)
    other = found.factor[0] @ found.factor[0].mT + found.variance[0].diag()
    torch.testing.assert_close(other, matrix, rtol=1e-4, atol=1e-4)


def test_a_batch_is_searched_at_once_and_factors_to_spare_are_zero():
    matrices = torch.stack([covariance(3, seed, 20) for seed in range(4)])
    found = nearest_factors(matrices, 5, forward=True)
    assert found.factor.shape[1:] == (4, 3, 5)
    assert (found.factor[..., 3:] == 0).all()
    for number, matrix in enumerate(matrices):
        alone = nearest_factors(matrix, 5, forward=True)
        value = float(found.divergence[0, number])
        assert math.isclose(value, float(alone.divergence[0]), abs_tol=1e-6)
