"""Ring and two moons: the density against its definition, samples, moments, fits."""

import math

import mpmath
import pytest
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv.builtin.targets.arcs import Arc, ring, two_moons
from kldiv.errors import InvalidArgument, ShapeMismatch


def double(value):
    return torch.tensor(value, dtype=torch.float64)


def arc(concentration, direction=0.7, radius=2.0, width=0.6, centre=(1.0, -0.5)):
    numbers = (double(each) for each in (radius, width, concentration, direction))
    return Arc(*numbers, double(centre))


@pytest.mark.parametrize("concentration", [0.0, 1e-9, 0.5, 3.0, 40.0])
def test_the_density_is_the_mean_of_normal_densities_along_the_arc(concentration):
    target = arc(concentration)
    angle = torch.arange(4000).double() * (2 * math.pi / 4000)
    weight = (concentration * ((angle - 0.7).cos() - 1)).exp()
    weight = weight / weight.sum()
    middle = target.centre + 2.0 * torch.stack([angle.cos(), angle.sin()], -1)
    x = target.centre + 2 * torch.randn(40, 2, generator=torch.Generator().manual_seed(0)).double()
    part = MultivariateNormal(middle, 0.36 * torch.eye(2).double()).log_prob(x.unsqueeze(1))
    expected = (part + weight.log()).logsumexp(-1)
    torch.testing.assert_close(target.log_prob(x), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("place", [(0.0, 0.0), (3.0, 0.1), (-3.0, 0.0), (40.0, -7.0)])
def test_thin_arcs_keep_their_digits(place):
    """The terms of the plain formula are of the order 1e6 here."""
    target = arc(50.0, direction=0.0, radius=3.0, width=1e-3, centre=(0.0, 0.0))
    mpmath.mp.dps = 40
    w, r, k = mpmath.mpf(1e-3), mpmath.mpf(3), 50
    x, y = (mpmath.mpf(each) for each in place)
    rho = mpmath.hypot(r * x / w**2 + k, r * y / w**2)
    bessel = mpmath.log(mpmath.besseli(0, rho)) - mpmath.log(mpmath.besseli(0, k))
    expected = bessel - (x**2 + y**2 + r**2) / (2 * w**2) - mpmath.log(2 * mpmath.pi * w**2)
    mpmath.mp.dps = 15
    assert float(target.log_prob(double(place))) == pytest.approx(float(expected), rel=1e-11)


@pytest.mark.parametrize("target", [ring(), arc(0.5), arc(6.0), two_moons()])
def test_a_sample_has_the_moments_that_are_stated(target):
    torch.manual_seed(0)
    points = target.sample((100_000,))
    off = points.mean(0) - target.mean
    assert (off.abs() <= 5 * points.std(0) / math.sqrt(len(points))).all()
    squares = (points - target.mean).square()
    off = squares.mean(0) - target.variance
    assert (off.abs() <= 5 * squares.std(0) / math.sqrt(len(points))).all()
    if isinstance(target, Arc):
        across = (points - target.mean).prod(-1)
        stated = float(target.covariance_matrix[0, 1])
        stderr = float(across.std()) / math.sqrt(len(points))
        assert float(across.mean()) == pytest.approx(stated, abs=5 * stderr)


@pytest.mark.parametrize("target", [ring(), ring(1.0, 2.0), two_moons(), two_moons(2.0, 0.4, 1.0)])
def test_the_mass_is_one(target):
    line = torch.linspace(-12, 12, 601, dtype=torch.float64)
    density = target.log_prob(torch.cartesian_prod(line, line)).exp()
    assert float(density.sum()) * 0.04**2 == pytest.approx(1, abs=1e-6)


def test_a_ring_is_the_same_all_around_and_smooth_at_its_centre():
    angle = torch.linspace(0, 2 * math.pi, 9, dtype=torch.float64)
    value = ring().log_prob(2 * torch.stack([angle.cos(), angle.sin()], -1))
    torch.testing.assert_close(value, value[:1].expand(9))
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(ring().log_prob(x), x)
    assert slope.tolist() == [0, 0]


def test_the_moons_bend_towards_each_other():
    upper, lower = two_moons().component_distribution.mean.unbind(0)
    assert upper.tolist() == pytest.approx([0, float(upper[1])], abs=1e-12)
    assert upper[1] > 0.5
    torch.testing.assert_close(lower, double([1.0, 0.5]) - upper)


@pytest.mark.parametrize("target", [ring(), arc(3.0), two_moons()])
def test_the_density_has_the_slope_of_its_differences(target):
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(1)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: target.log_prob(x), x)


@pytest.mark.parametrize("target", [ring(), arc(3.0), two_moons()])
def test_far_out_the_density_vanishes_without_nan(target):
    for far in (1e3, 1e50, 1e100):
        value = target.log_prob(torch.cartesian_prod(*[double([-far, 0.0, far])] * 2))
        assert not value.isnan().any()
        assert (value[torch.arange(9) != 4] < -500).all()


def test_a_batch_of_parameters_is_a_batch_of_rings():
    many = ring(radius=[1.0, 2.0, 3.0], width=0.5)
    assert (many.batch_shape, many.event_shape) == ((3,), (2,))
    assert many.sample((4,)).shape == (4, 3, 2)
    x = double([0.4, -2.0])
    torch.testing.assert_close(many.log_prob(x)[2], ring().log_prob(x))
    assert many.expand(torch.Size([2, 3])).covariance_matrix.shape == (2, 3, 2, 2)


@pytest.mark.parametrize("name", ["ring", "two_moons"])
def test_quadrature_and_monte_carlo_agree(name):
    q = MultivariateNormal(double([0.3, -0.2]), double([[6.0, 1.0], [1.0, 5.0]]))
    for p, other in ((name, q), (q, name)):
        exact = kldiv.divergence(p, other)
        assert exact.method == "quadrature"
        drawn = kldiv.divergence(p, other, estimator="monte_carlo", seed=0)
        assert abs(float(exact) - float(drawn)) <= float(exact.error + drawn.error)


def test_forward_a_normal_covers_the_ring_and_reverse_it_takes_a_place_on_the_rim():
    covering = kldiv.fit("ring", "diagonal_normal")
    assert covering.parameters["scale"].tolist() == pytest.approx([math.sqrt(4.75)] * 2)
    start = {"loc": [2.5, 0.3], "scale": [0.5, 1.5]}
    found = kldiv.fit("ring", "diagonal_normal", direction="reverse", starts=start)
    assert found.converged, found.verdict
    assert float(found.parameters["loc"].norm()) == pytest.approx(2.66, abs=0.01)
    assert float(found.divergence) == pytest.approx(1.401129, abs=1e-6)


def test_reverse_a_normal_takes_one_of_the_moons():
    starts = [
        {"loc": mean, "covariance_matrix": [[0.2, 0.0], [0.0, 0.05]]}
        for mean in ([0.0, 0.9], [1.0, -0.4])
    ]
    found = kldiv.fit("two_moons", "full_normal", direction="reverse", starts=starts)
    assert found.converged, found.verdict
    assert len(found.optima) == 2
    first, second = (each.parameters["loc"] for each in found.optima)
    torch.testing.assert_close(first + second, double([1.0, 0.5]), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ring(radius=0.0), InvalidArgument, "radius must be positive, got 0"),
        (lambda: ring(width=-1.0), InvalidArgument, "width must be positive, got -1"),
        (lambda: ring([1.0, 2.0], [1.0, 2.0, 3.0]), ShapeMismatch, r"\(2,\) of radius"),
        (lambda: two_moons(concentration=0), InvalidArgument, "concentration must be positive"),
        (lambda: two_moons(width=[1.0]), ShapeMismatch, "width must be a number"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(make, error, message):
    with pytest.raises(error, match=message):
        make()
