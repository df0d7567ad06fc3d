"""No divergence is negative or above its bound, in float32 too."""

import math

import pytest
import torch

from torch.distributions import Bernoulli, Normal, Poisson, Uniform

import kldiv

from kldiv.resolving import as_divergence
from tests.cases import DIVERGENCES, estimators_of

ESTIMATORS = {"monte_carlo": kldiv.MonteCarlo(samples=2_000)}
SPREAD = [0.0, 1e-7, 1e-3, 0.3, 2.0, 30.0]


def normals(dtype):
    shift = torch.tensor(SPREAD, dtype=dtype)
    scale = torch.tensor([1.0, 1.0001, 0.5, 3.0], dtype=dtype).unsqueeze(-1)
    return Normal(torch.zeros((), dtype=dtype), torch.ones((), dtype=dtype)), Normal(shift, scale)


def poissons(dtype):
    return Poisson(torch.tensor(3.0, dtype=dtype)), Poisson(3 + torch.tensor(SPREAD, dtype=dtype))


def coins(dtype):
    probs = torch.tensor([0.0, 1e-7, 0.3, 0.3000001, 0.999, 1.0], dtype=dtype)
    return Bernoulli(torch.tensor(0.3, dtype=dtype)), Bernoulli(probs)


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("make", [normals, poissons, coins])
def test_it_is_not_negative_and_at_most_its_bound(divergence, dtype, make):
    p, q = make(dtype)
    eps = torch.finfo(dtype).eps
    bound = as_divergence(divergence).upper_bound
    for name in estimators_of(p, q, divergence):
        found = kldiv.divergence(p, q, divergence, estimator=ESTIMATORS.get(name, name), seed=0)
        assert found.value.dtype == dtype
        assert not found.value.isnan().any()
        assert (found.value >= -8 * eps).all()
        spread = 5 * found.stderr if found.stderr is not None else found.error
        assert (found.value <= bound + spread + 8 * eps * min(bound, 10)).all()


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_the_bound_is_reached_where_the_two_share_no_mass(divergence):
    p, q = (Uniform(torch.tensor(low).double(), low + 1) for low in (0.0, 2.0))
    bound = as_divergence(divergence).upper_bound
    if divergence in ("squared_l2", "density_power(beta=1)"):
        bound = 2.0  # both have density 1 on an interval of length 1: ∫ p² + q²
    elif divergence == "density_power(beta=0.5)":
        bound = 3.0  # ∫ q^1.5 + 2 p^1.5
    elif divergence == "skew_kl(weight=0.3)":
        assert bound == pytest.approx(-math.log(0.7))
    found = kldiv.divergence(p, q, divergence, estimator="quadrature")
    assert float(found) == pytest.approx(bound, rel=1e-9)


@pytest.mark.parametrize(
    ("divergence", "bound"),
    [
        ("jensen_shannon", math.log(2)),
        ("jensen_shannon(weight=0.2)", -0.2 * math.log(0.2) - 0.8 * math.log(0.8)),
        ("jensen_shannon(weight=0)", 0.0),
        ("skew_kl(weight=0.5)", math.log(2)),
        ("tsallis(alpha=0.5)", 2.0),
        ("alpha(alpha=0.5)", 4.0),
        ("alpha(alpha=1)", math.inf),
        ("total_variation", 1.0),
        ("triangular", 2.0),
        ("kl", math.inf),
    ],
)
def test_the_bound_declared_is_the_one_of_the_literature(divergence, bound):
    assert as_divergence(divergence).upper_bound == pytest.approx(bound, rel=1e-15)
