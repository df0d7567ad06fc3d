"""The Sinkhorn divergence: its limits, its plans, and that it settles."""

import numpy as np
import ot
import pytest
import scipy.special
import torch

from torch.distributions import MultivariateNormal

import kldiv

F64 = torch.float64


def number(value):
    return torch.tensor(value, dtype=F64)


RANDOM = np.random.default_rng(0)
IN_THE_PLANE = (
    MultivariateNormal(number([0.3, -0.2]), number([[0.82, -0.38], [-0.38, 0.74]])),
    MultivariateNormal(number([-0.1, 0.4]), 1.5 * torch.eye(2, dtype=F64)),
)


def test_sinkhorn_lies_between_its_limits():
    p, q = IN_THE_PLANE
    means = float((p.loc - q.loc).square().sum())
    small, large = (
        float(kldiv.divergence(p, q, f"sinkhorn(epsilon={each})")) for each in (1e-4, 1e4)
    )
    assert small == pytest.approx(float(kldiv.divergence(p, q, "bures")), rel=1e-3)
    assert large == pytest.approx(means, rel=1e-3)


def test_sinkhorn_between_samples_is_not_negative_and_zero_for_equal_ones():
    x = torch.from_numpy(RANDOM.normal(size=(60, 2)))
    compare = kldiv.divergences.create("sinkhorn").compare
    even = torch.full((60,), 1 / 60, dtype=F64)
    assert float(compare(x, even, x, even)) == pytest.approx(0, abs=1e-8)
    assert float(compare(x, even, x + 1e-2, even)) == pytest.approx(2e-4, rel=1e-3)


@pytest.mark.parametrize("epsilon", [1.0, 3.0])
def test_sinkhorn_between_samples_is_that_of_pots_plans(epsilon):
    x, y = RANDOM.normal(size=(40, 2)), 1.4 * RANDOM.normal(size=(30, 2)) + 1

    def cost(x, y):
        v, w = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
        squares = np.square(x[:, None] - y).sum(-1)
        plan = ot.sinkhorn(v, w, squares, epsilon, method="sinkhorn_log", numItermax=20_000)
        return (plan * squares).sum() + epsilon * scipy.special.rel_entr(
            plan, np.outer(v, w)
        ).sum()

    found = kldiv.divergence(x, y, f"sinkhorn(epsilon={epsilon})")
    assert float(found) == pytest.approx(cost(x, y) - (cost(x, x) + cost(y, y)) / 2, rel=1e-5)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_sinkhorn_settles_whatever_the_costs(scale):
    x, y = (scale * torch.from_numpy(RANDOM.standard_cauchy(size=(80, 1))) for _ in range(2))
    even = torch.full((80,), 1 / 80, dtype=F64)
    found = kldiv.divergences.create("sinkhorn").compare(x, even, y, even)
    squares = (x.sort(0)[0] - y.sort(0)[0]).square().mean()
    assert float(found) == pytest.approx(float(squares), abs=5)  # epsilon times a logarithm


def test_sinkhorn_settles_where_points_far_apart_hardly_interact():
    x = torch.from_numpy(np.tan(np.pi * (np.linspace(0, 1, 202)[1:-1] - 0.5))[:, None])
    even = torch.full((200,), 1 / 200, dtype=F64)
    found = kldiv.divergences.create("sinkhorn(epsilon=0.05)").compare(x, even, x + 3, even)
    assert float(found) == pytest.approx(9, abs=1e-4)  # a shift is told from the rest exactly
