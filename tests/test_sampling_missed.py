"""What no point has shown: tails beyond the largest value, draws where numbers end."""

import math

import pytest
import torch

from torch.distributions import Beta, Dirichlet, Gamma, Independent, Normal, Poisson, Uniform

from kldiv.estimators.sampling.missed import at_ends, beyond_largest, by_lost_draws
from kldiv.resolving import as_target

F64 = torch.float64
TINY = torch.finfo(F64).tiny


def one(*values):
    return torch.tensor(values if len(values) > 1 else values[0], dtype=F64)


def test_evenly_spread_points_leave_out_less():
    values = torch.rand(2, 1_000, dtype=F64, generator=torch.Generator().manual_seed(0))
    independent = float((values.var(1).mean() / 2_000).sqrt())
    shape = torch.zeros((), dtype=F64)
    whole = beyond_largest(values, one(2 * independent), shape)
    assert math.isclose(float(whole), 5.3 / 2_000 * float(values.max()))
    part = beyond_largest(values, one(independent / 10), shape)
    assert math.isclose(float(part), float(whole) / 10)
    assert float(beyond_largest(torch.ones(1, 9, dtype=F64), one(0.0), shape)) == 0


def test_a_heavy_tail_reaches_further():
    values, stderr = torch.arange(9, dtype=F64).unsqueeze(0), one(1.0)
    far = [float(beyond_largest(values, stderr, one(k))) for k in (-1.0, 0.0, 0.5, math.nan)]
    assert far[0] == far[1] == far[3] == far[2] / 2


@pytest.mark.parametrize("concentration", [0.005, 0.01, 0.03])
def test_lost_draws_are_off_by_no_more_than_said(concentration):
    """The logarithm of a gamma variable has the mean ψ(a), of which draws see the part above."""
    share = math.exp(
        math.log(TINY) * concentration
    )  # P(G < x) is x^a but for a factor of 1 + O(a)
    unseen = share / concentration  # E(log TINY - log G; G < TINY)
    said = by_lost_draws(one(share), one(-math.log(TINY)), None)
    assert unseen <= float(said) <= 5 * unseen


def test_of_many_lost_draws_only_a_bound_tells():
    assert float(by_lost_draws(one(0.3), one(1.0), None)) == math.inf
    assert float(by_lost_draws(one(0.3), one(1.0), one(2.0))) == 1.2
    assert float(by_lost_draws(one(0.0), one(1.0), None)) == 0


@pytest.mark.parametrize(
    ("distribution", "points", "expected"),
    [
        (Gamma(one(1.0), one(1.0)), one(TINY, 1e-300, 1.0), [True, False, False]),
        (Beta(one(1.0), one(1.0)), one(TINY, 0.5, 1 - 1e-16), [True, False, True]),
        (Uniform(one(3.0), one(4.0)), one(3.0, 3.1, 4.0), [True, False, True]),
        (
            Dirichlet(torch.ones(2, dtype=F64)),
            torch.tensor([[TINY, 1], [0.5, 0.5]], dtype=F64),
            [True, False],
        ),
        (
            Independent(Gamma(torch.ones(2, dtype=F64), 1.0), 1),
            torch.tensor([[1, TINY], [1.0, 1.0]], dtype=F64),
            [True, False],
        ),
    ],
)
def test_draws_at_an_end_of_the_support_are_seen(distribution, points, expected):
    assert at_ends(as_target(distribution, "p"), points).tolist() == expected


def test_where_there_is_no_end_there_is_nothing_to_see():
    assert at_ends(as_target(Normal(one(0.0), one(1.0)), "p"), one(0.0, 1.0)) is None
    assert at_ends(as_target(Poisson(one(1.0)), "p"), one(0.0, 1.0)) is None
