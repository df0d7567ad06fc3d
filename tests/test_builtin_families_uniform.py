"""The uniform family: smallest intervals, ends in their order, fits in both directions."""

import math

import pytest
import torch

from torch.distributions import (
    Beta,
    Categorical,
    Exponential,
    MixtureSameFamily,
    Normal,
    Uniform,
)

import kldiv

from kldiv.errors import InvalidArgument, NotFinite


def double(value):
    return torch.tensor(value, dtype=torch.float64)


def test_the_forward_optimum_is_the_smallest_interval_that_covers():
    for p, low, high in [
        (Uniform(double(-1.0), double(2.5)), -1.0, 2.5),
        (Beta(double(2.0), double(5.0)), 0.0, 1.0),
    ]:
        found = kldiv.fit(p, "uniform")
        assert found.solver == "moment_matching"
        assert found.converged
        assert float(found.parameters["low"]) == pytest.approx(low, abs=1e-12)
        assert float(found.parameters["high"]) == pytest.approx(high, abs=1e-12)
        surprise = math.log(high - low) - float(p.entropy())
        assert float(found.divergence) == pytest.approx(surprise, abs=1e-10)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_data_are_covered_from_the_least_to_the_greatest(dtype):
    torch.manual_seed(0)
    points = (1e3 * torch.randn(500, dtype=torch.float64)).to(dtype)
    found = kldiv.fit(points, "uniform")
    digits = 2 * torch.finfo(dtype).eps + 1e-13
    assert found.parameters["low"] <= points.min()
    assert found.parameters["high"] >= points.max()
    assert float(found.parameters["low"]) == pytest.approx(float(points.min()), rel=digits)
    assert float(found.parameters["high"]) == pytest.approx(float(points.max()), rel=digits)
    width = float(points.max() - points.min())
    assert float(found.divergence) == pytest.approx(math.log(width), rel=1e-5)


def test_data_without_weight_need_not_be_covered():
    found = kldiv.fit("samples(values=[1, 2, 9], weights=[1, 1, 0])", "uniform")
    assert float(found.parameters["high"]) == pytest.approx(2)


def test_a_batch_is_covered_each_by_its_own_interval():
    p = Uniform(double([-1.0, 2.0]), double([2.5, 3.0]))
    found = kldiv.fit(p, "uniform")
    torch.testing.assert_close(found.parameters["low"], p.low)
    torch.testing.assert_close(found.parameters["high"], p.high)


def test_what_has_no_end_cannot_be_covered():
    with pytest.raises(NotFinite, match="not finite at any start"):
        kldiv.fit(Normal(double(0.0), double(1.0)), "uniform")


def test_the_reverse_optimum_in_a_normal_has_its_variance():
    """log(1 / w) + E x^2 / 2 is least where w^2 / 12 = 1."""
    found = kldiv.fit(Normal(double(0.3), double(2.0)), "uniform", direction="reverse")
    assert found.converged, found.verdict
    assert float(found.parameters["low"]) == pytest.approx(0.3 - 2 * math.sqrt(3), rel=1e-6)
    assert float(found.parameters["high"]) == pytest.approx(0.3 + 2 * math.sqrt(3), rel=1e-6)


def test_the_reverse_optimum_keeps_inside_a_bounded_target():
    """Stationary where the log density at both ends is the mean of itself, less 1."""
    p = Beta(double(2.0), double(5.0))
    found = kldiv.fit(p, "uniform", direction="reverse")
    low, high = found.parameters["low"], found.parameters["high"]
    assert 0 < low < high < 1
    x = low + (high - low) * (torch.arange(100_000).double() + 0.5) / 100_000
    mean = float(p.log_prob(x).mean())
    assert float(p.log_prob(low)) == pytest.approx(mean - 1, abs=1e-5)
    assert float(p.log_prob(high)) == pytest.approx(mean - 1, abs=1e-5)


def test_an_end_may_be_held_fixed():
    found = kldiv.fit(Beta(double(2.0), double(5.0)), "uniform(low=-1)")
    assert float(found.parameters["low"]) == -1
    assert float(found.parameters["high"]) == pytest.approx(1)
    found = kldiv.fit(Exponential(double(1.0)), "uniform(low=0.1)", direction="reverse")
    assert float(found.parameters["high"]) == pytest.approx(2.1, rel=1e-6)  # -log w + w / 2
    found = kldiv.fit([1.0, 2.0, 3.0], "uniform(high=4)")
    assert float(found.parameters["low"]) == pytest.approx(1)
    both = kldiv.divergence("uniform(low=0, high=1)", "uniform(low=0, high=2)")
    assert float(both) == pytest.approx(math.log(2))


def test_the_ends_are_in_their_order_whatever_the_real_vector():
    for spec in ("uniform", "uniform(low=3)", "uniform(high=3)"):
        family = kldiv.families.create(spec).fitted_to(torch.Size())
        theta = torch.randn(50, family.space.size, dtype=torch.float64)
        member = family.at(theta)
        assert (member.low < member.high).all()
        values = {name: getattr(member, name) for name in family.space.parameters}
        torch.testing.assert_close(family.space.unconstrain(values), theta)


def test_ends_that_are_not_in_their_order_are_refused():
    with pytest.raises(InvalidArgument, match="low must be below high, got 2 and 1"):
        kldiv.families.create("uniform(low=2, high=1)")
    with pytest.raises(InvalidArgument, match=r"low must be below high, got 2.0 and 1.0"):
        kldiv.fit([0.0, 1.0], "uniform", starts={"low": 2.0, "high": 1.0})


@pytest.mark.parametrize("divergence", ["squared_hellinger", "total_variation"])
@pytest.mark.parametrize("held", [{}, {"low": -3.0}, {"high": 3.0}])
def test_where_a_target_is_and_how_wide_changes_nothing(divergence, held):
    far, unit = 40.0, 0.02

    def optima(loc, scale):
        means, scales = loc + scale * double([-2.0, 2.0]), scale * double([0.5, 0.8])
        p = MixtureSameFamily(Categorical(double([0.4, 0.6])), Normal(means, scales))
        held_there = ", ".join(f"{name}={loc + scale * end!r}" for name, end in held.items())
        family = f"uniform({held_there})"
        found = kldiv.fit(p, family, divergence)
        assert found.converged
        ends = [[float(v) for v in each.parameters.values()] for each in found.optima]
        return [each.value for each in found.optima], ends

    (near, its), (away, others) = optima(0.0, 1.0), optima(far, unit)
    assert away == pytest.approx(near, abs=1e-9)
    for one, other in zip(its, others, strict=True):
        assert [(end - far) / unit for end in other] == pytest.approx(one, abs=1e-5)
