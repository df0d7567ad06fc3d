"""The sliced Wasserstein distance: shifts and fits."""

import math

import pytest
import torch

from torch.distributions import Independent, Normal

import kldiv

F64 = torch.float64


def number(value):
    return torch.tensor(value, dtype=F64)


def test_a_shift_is_what_the_sliced_distance_says():
    p = Independent(Normal(torch.zeros(3, dtype=F64), 1.0), 1)
    q = Independent(Normal(number([2.0, 0.0, 0.0]), 1.0), 1)
    found = kldiv.divergence(p, q, "sliced_wasserstein(directions=20000)")
    assert float(found) == pytest.approx(2 / math.sqrt(3), rel=1e-2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::kldiv.ConvergenceWarning")  # sorted samples have kinks
def test_a_mixture_in_the_plane_is_fitted_by_the_sliced_distance():
    points = torch.randn(400, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    points[:200, 0] += 6
    few = kldiv.Samples(points=200)
    divergence = kldiv.divergences.create("sliced_wasserstein(directions=8)")
    fit = kldiv.fit(points, "normal_mixture(components=2)", divergence, estimator=few, starts=1)
    means = fit.q.component_distribution.mean[:, 0].sort()[0]
    torch.testing.assert_close(means, number([0.0, 6.0]), atol=0.4, rtol=0)
