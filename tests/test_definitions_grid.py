"""A density on a grid is taken from whatever users have, or refused with its reason."""

import math

import numpy as np
import pytest
import torch

from torch.distributions import Gamma, Independent, Normal

import kldiv

F64 = torch.float64
X = np.linspace(-8.0, 8.0, 161)
BELL = np.exp(-np.square(X) / 2)


def standard(dtype=F64):
    return Normal(torch.zeros((), dtype=dtype), torch.ones((), dtype=dtype))


def test_a_grid_is_a_target_everywhere():
    target = kldiv.Target.on_grid(X, BELL)
    assert (target.normalized, target.has_sampler, target.batch_shape) == (True, True, ())
    fitted = kldiv.fit(target, "normal").parameters
    # linear interpolation adds h²/6 to the variance, to second order in the step h = 0.1
    assert float(fitted["scale"]) ** 2 == pytest.approx(1 + 0.01 / 6, abs=1e-5)
    assert abs(float(fitted["loc"])) < 1e-12


@pytest.mark.parametrize("count", [5, 17, 400])
def test_kinks_do_not_spoil_the_precision(count):
    x = np.sort(np.random.default_rng(count).uniform(-3, 3, count))
    y = np.random.default_rng(count + 1).uniform(0.1, 1.0, count)
    found = kldiv.divergence(kldiv.Target.on_grid(x, y), standard())
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = np.diff(x)[:, None] / 2
    points = x[:-1, None] + half * (1 + nodes)
    p = np.interp(points, x, y) / np.trapezoid(y, x)
    log_q = -np.square(points) / 2 - np.log(2 * np.pi) / 2
    expected = (half * weights * p * (np.log(p) - log_q)).sum()
    assert abs(float(found) - expected) <= float(found.error) + 1e-12
    assert float(found) == pytest.approx(expected, rel=1e-10)


def test_it_converges_to_the_density_as_the_grid_is_refined():
    errors = []
    for count in (41, 81, 161):
        x = np.linspace(-9, 9, count)
        target = kldiv.Target.on_grid(x, np.exp(-np.square(x) / 2))
        errors.append(float(kldiv.divergence(target, standard(), "total_variation")))
    ratios = np.divide(errors[:-1], errors[1:])
    np.testing.assert_allclose(ratios, 4, rtol=0.1)


def test_the_side_of_a_grid_may_be_either():
    target = kldiv.Target.on_grid([0.0, 1.0], [0.0, 2.0])
    assert float(kldiv.divergence(standard(), target)) == math.inf
    # KL(Beta(2, 1) ‖ U(0, 1)) = log 2 - 1/2
    uniform = torch.distributions.Uniform(torch.zeros((), dtype=F64), 1.0)
    assert float(kldiv.divergence(target, uniform)) == pytest.approx(math.log(2) - 0.5, rel=1e-10)
    # and the reverse is -∫ log 2x = 1 - log 2
    assert float(kldiv.divergence(uniform, target)) == pytest.approx(1 - math.log(2), rel=1e-9)


def test_zeros_at_the_ends_are_no_mass_there():
    x = np.linspace(-1, 12, 66)
    target = kldiv.Target.on_grid(x, np.where(x > 0, x * np.exp(-x), 0.0))
    found = kldiv.divergence(target, Gamma(torch.tensor(2.0, dtype=F64), 1.0))
    assert 0 < float(found) < 0.01


def test_logarithms_may_be_of_any_size():
    for offset in (0.0, 5_000.0, -5_000.0):
        target = kldiv.Target.on_grid(X, -np.square(X) / 2 + offset, log=True)
        plain = kldiv.Target.on_grid(X, BELL)
        found, expected = (kldiv.divergence(each, standard()) for each in (target, plain))
        assert float(found) == pytest.approx(float(expected), rel=1e-6)
    gap = np.where(np.abs(X) < 1, -np.inf, 0.0)
    assert kldiv.Target.on_grid(X, gap, log=True).log_prob(torch.tensor(0.5)).isneginf()


@pytest.mark.parametrize("log", [False, True])
def test_a_measure_keeps_its_mass(log):
    values = np.log(3 * BELL) if log else 3 * BELL
    measure = kldiv.Target.on_grid(X, values, log=log, normalize=False)
    mass = 3 * np.trapezoid(BELL, X)
    assert float(kldiv.Quadrature().mass(measure)[0]) == pytest.approx(mass, rel=1e-10)
    assert not measure.normalized
    normalised = kldiv.divergence(kldiv.Target.on_grid(X, BELL), standard())
    found = kldiv.divergence(measure, standard())
    # ∫ m p log(m p / q) = m log m + m KL(p ‖ q)
    assert float(found) == pytest.approx(mass * (math.log(mass) + float(normalised)), rel=1e-9)


def test_many_densities_on_one_grid_are_a_batch():
    scales = np.array([[0.5], [1.0], [2.0]])
    target = kldiv.Target.on_grid(X, np.exp(-np.square(X / scales) / 2))
    fitted = kldiv.fit(target, "normal").parameters
    assert target.batch_shape == (3,)
    np.testing.assert_allclose(fitted["scale"], scales[:, 0], rtol=0.005)
    single = kldiv.Target.on_grid(X, np.exp(-np.square(X / 0.5) / 2))
    found = kldiv.divergence(target, standard()).value[0]
    assert float(found) == pytest.approx(float(kldiv.divergence(single, standard())), rel=1e-9)


def test_in_the_plane_the_first_axis_comes_first():
    x, y = np.linspace(-6, 6, 25), np.linspace(-9, 9, 31)
    density = np.exp(-np.square(x)[:, None] / 2 - np.square(y / 1.5) / 2)
    found = kldiv.Target.on_grid((x, y), density).distribution.variance
    # the variances grow by h²/6 each, with the steps h = 0.5 and 0.6
    np.testing.assert_allclose(found, [1 + 0.25 / 6, 2.25 + 0.36 / 6], rtol=1e-3)


def test_a_plane_is_a_target_too():
    axis = np.linspace(0.0, 1.0, 6)
    target = kldiv.Target.on_grid((axis, axis), np.add.outer(axis, axis))
    unit = torch.zeros(2, dtype=F64)
    found = kldiv.divergence(target, Independent(torch.distributions.Uniform(unit, unit + 1), 1))
    # ∫∫ s log s with s = x + y, whose density is s to 1 and 2 - s from there on
    nodes, weights = np.polynomial.legendre.leggauss(40)
    s = 1.5 + nodes / 2
    expected = -1 / 9 + (weights / 2 * s * (2 - s) * np.log(s)).sum()
    assert float(found) == pytest.approx(expected, rel=1e-7)
    fitted = kldiv.fit(target, "full_normal").parameters
    # E x = 7/12, E x² = 5/12, E xy = 1/3
    np.testing.assert_allclose(fitted["loc"], [7 / 12, 7 / 12], rtol=1e-9)
    spread, shared = 5 / 12 - 49 / 144, 1 / 3 - 49 / 144
    expected = [[spread, shared], [shared, spread]]
    np.testing.assert_allclose(fitted["covariance_matrix"], expected, rtol=1e-9)


def test_the_type_of_the_result_follows_the_values():
    single = kldiv.Target.on_grid(X.astype(np.float32), BELL.astype(np.float32))
    assert kldiv.divergence(single, standard(torch.float32)).value.dtype == torch.float32
    assert kldiv.divergence(kldiv.Target.on_grid(X, BELL), standard()).value.dtype == F64
    assert kldiv.Target.on_grid([0, 1, 2], [1, 2, 1]).dtype == F64


def test_gradients_reach_the_values_of_a_density():
    """The slope of KL(p ‖ q) in p is log p / q at the point, up to what keeps the mass at 1."""
    x = torch.linspace(-4, 4, 81, dtype=F64)
    y = standard().log_prob(x - 0.5).exp().requires_grad_()
    value = kldiv.divergence(kldiv.Target.on_grid(x, y), standard()).value
    (slope,) = torch.autograd.grad(value, y)
    step = torch.zeros_like(y)
    step[30] = 1e-4
    with torch.no_grad():
        ends = [
            kldiv.divergence(kldiv.Target.on_grid(x, y + sign * step), standard()).value
            for sign in (1, -1)
        ]
    assert float(slope[30]) == pytest.approx(float(ends[0] - ends[1]) / 2e-4, rel=1e-6)


REFUSED = {
    "points that fall": (
        [0, 2, 1],
        [1, 1, 1],
        ValueError,
        "points must increase, got 1.0 after 2",
    ),
    "points twice": ([0, 1, 1], [1, 1, 1], ValueError, "points must increase, got 1.0 after 1.0"),
    "infinite points": ([0, math.inf], [1, 1], ValueError, "points must be finite"),
    "one point": ([0], [1], ValueError, "at least two numbers along each axis"),
    "no points": ([], [], ValueError, "at least two numbers along each axis"),
    "a matrix of points": (np.eye(2)[None], [1, 1], ValueError, "at least two numbers"),
    "too many values": ([0, 1], [1, 1, 1], ValueError, r"density must have shape \(2,\).*\(3,\)"),
    "axes the other way": (
        ([0, 1], [0, 1, 2]),
        np.ones((3, 2)),
        ValueError,
        r"density must have shape \(2, 3\).*got \(3, 2\).*indexing=\"ij\"",
    ),
    "negative values": ([0, 1], [1, -2], ValueError, "not negative, got -2.0.*log=True"),
    "values that are no numbers": ([0, 1], [1, math.nan], ValueError, "must be finite.*got nan"),
    "zeros only": ([0, 1], [0, 0], ValueError, "positive somewhere, got zeros only"),
    "words": ([0, 1], ["a", "b"], TypeError, "density must be real numbers, got list"),
    "complex points": (np.array([0j, 1]), [1, 1], TypeError, "points must be real numbers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_density_on_a_grid_is_one_error_that_names_it(case):
    points, density, error, message = REFUSED[case]
    with pytest.raises(error, match=message) as caught:
        kldiv.Target.on_grid(points, density)
    assert isinstance(caught.value, kldiv.KldivError)


def test_logarithms_that_are_no_numbers_are_refused():
    with pytest.raises(kldiv.InvalidArgument, match="below infinity, got NaN or infinity"):
        kldiv.Target.on_grid([0, 1], [0.0, math.inf], log=True)
