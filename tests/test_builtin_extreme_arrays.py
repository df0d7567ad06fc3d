"""Many pairs of Gumbel's and Weibull's laws in blocks, beside the truth in many digits."""

import mpmath
import pytest
import torch

from torch.distributions import Gumbel, Weibull

import kldiv

EDGES = (0.0, 1e-7, 1e-4, 2.9e-3, 3.1e-3, 0.03, 0.06, 0.099, 0.101, 0.12, 0.3, 0.9)
"""How far scales are apart, also just where one series ends and another begins."""


def truth(shift, ratio):
    whole = shift + mpmath.loggamma(1 + ratio)
    rest = mpmath.loggamma(ratio) + mpmath.euler * (ratio - 1)
    return mpmath.exp(whole) - 1 - whole + rest


def scales(dtype):
    unit = torch.tensor([1.3, 0.02, 77.0]).to(dtype)
    share = torch.tensor([sign * edge for edge in EDGES for sign in (1, -1)])
    scale = (unit.double()[:, None] * (1 + share)).to(dtype)
    return scale.flatten(), unit.repeat_interleave(len(share))


def assert_covered(found, truths):
    eps = torch.finfo(found.value.dtype).eps
    numbers = found.value.tolist(), found.error.tolist()
    for value, error, expected in zip(*numbers, truths, strict=True):
        assert abs(value - expected) <= error
        assert error <= 1.01 * (eps + 1.1e-12) * value


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shift", [0.0, 1e-3, -2.0])
def test_the_error_covers_what_the_value_of_gumbels_is_off_the_truth(shift, dtype):
    scale, unit = scales(dtype)
    loc = (shift * unit.double()).to(dtype)
    found = kldiv.divergence(Gumbel(torch.zeros_like(scale), scale), Gumbel(loc, unit))
    with mpmath.workdps(60):
        rows = zip(*(each.tolist() for each in (loc, scale, unit)), strict=True)
        truths = [
            truth(mpmath.mpf(m) / mpmath.mpf(b), mpmath.mpf(a) / mpmath.mpf(b)) for m, a, b in rows
        ]
        assert_covered(found, truths)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_error_covers_what_the_value_of_weibulls_is_off_the_truth(dtype):
    power, other = scales(dtype)
    scale = torch.full_like(power, 1.01)
    found = kldiv.divergence(Weibull(scale, other), Weibull(torch.ones_like(scale), power))
    with mpmath.workdps(60):
        rows = zip(*(each.tolist() for each in (scale, other, power)), strict=True)
        truths = [
            truth(mpmath.mpf(l) * mpmath.log(mpmath.mpf(s)), mpmath.mpf(l) / mpmath.mpf(k))
            for s, k, l in rows
        ]
        assert_covered(found, truths)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("target", [-3.0, 0.0, 5.0, 60.0])
def test_an_exponent_that_is_small_beside_its_terms_keeps_its_digits(target, dtype):
    scale = torch.tensor([0.01, 0.3, 1.9, 2.1, 6.0, 30.0, 100.0]).to(dtype)
    loc = (target - (1 + scale.double()).lgamma()).to(dtype)
    found = kldiv.divergence(Gumbel(0.0 * scale, scale), Gumbel(loc, 0.0 * scale + 1))
    with mpmath.workdps(60):
        rows = zip(loc.tolist(), scale.tolist(), strict=True)
        assert_covered(found, [truth(mpmath.mpf(m), mpmath.mpf(r)) for m, r in rows])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scales_of_all_sizes_are_covered(dtype):
    scale = torch.logspace(-25, 2, 55, dtype=torch.float64).to(dtype)
    found = kldiv.divergence(Gumbel(0.0 * scale, scale), Gumbel(0.0 * scale, 0.0 * scale + 1))
    with mpmath.workdps(60):
        assert_covered(found, [truth(mpmath.mpf(0), mpmath.mpf(each)) for each in scale.tolist()])
