"""Banana and funnel: densities against what they are drawn from, moments, batches, fits."""

import math

import pytest
import torch

from torch.distributions import MultivariateNormal, Normal

import kldiv

from kldiv.builtin.targets.bent import banana, funnel
from kldiv.errors import InvalidArgument, ShapeMismatch
from kldiv.resolving import as_target

EACH = [banana(), banana(curvature=-0.3, scale=1.5), funnel(scale=1.0), funnel(4, scale=0.8)]


def double(value):
    return torch.tensor(value, dtype=torch.float64)


def test_the_banana_is_a_normal_about_a_parabola():
    target = banana(curvature=0.5, scale=2.0)
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    first = Normal(double(0.0), double(2.0)).log_prob(x[:, 0])
    second = Normal(-0.5 * (x[:, 0].square() - 4), double(1.0)).log_prob(x[:, 1])
    torch.testing.assert_close(target.log_prob(x), first + second)


@pytest.mark.parametrize("dimension", [2, 10])
def test_the_funnel_is_normal_given_its_first_coordinate(dimension):
    target = funnel(dimension)
    x = torch.randn(50, dimension, generator=torch.Generator().manual_seed(0)).double()
    first = Normal(double(0.0), double(3.0)).log_prob(x[:, 0])
    others = Normal(double(0.0), (x[:, :1] / 2).exp()).log_prob(x[:, 1:]).sum(-1)
    torch.testing.assert_close(target.log_prob(x), first + others)


@pytest.mark.parametrize("target", EACH)
def test_a_sample_has_the_moments_that_are_stated(target):
    torch.manual_seed(0)
    points = target.sample((100_000,))
    z = points.mean(0) / (points.std(0) / math.sqrt(len(points)))
    assert z.abs().max() < 5
    products = points.unsqueeze(-1) * points.unsqueeze(-2)
    off = products.mean(0) - target.covariance_matrix
    assert (off.abs() <= 5 * products.std(0) / math.sqrt(len(points))).all()
    torch.testing.assert_close(target.variance, target.covariance_matrix.diagonal())


@pytest.mark.parametrize("target", EACH)
def test_draws_are_taken_back_to_where_they_came_from(target):
    (transform,) = target.transforms
    x = torch.randn(20, *target.event_shape, generator=torch.Generator().manual_seed(0)).double()
    y = transform(x)
    torch.testing.assert_close(transform.inv(y), x)
    jacobian = torch.stack([torch.autograd.functional.jacobian(transform, each) for each in x])
    torch.testing.assert_close(
        transform.log_abs_det_jacobian(x, y), torch.linalg.slogdet(jacobian).logabsdet
    )


@pytest.mark.parametrize("target", EACH)
def test_far_out_the_density_vanishes_without_nan(target):
    for far in (1e3, 1e50, 1e100):
        corners = torch.cartesian_prod(*[double([-far, 0.0, far])] * target.event_shape[0])
        value = target.log_prob(corners)
        assert not value.isnan().any()
        assert (value[(corners != 0).any(-1)] < -500).all()


@pytest.mark.parametrize("target", EACH)
def test_the_density_has_the_slope_of_its_differences(target):
    x = torch.randn(5, *target.event_shape, generator=torch.Generator().manual_seed(1)).double()
    assert torch.autograd.gradcheck(target.log_prob, x.requires_grad_())


def test_a_batch_of_parameters_is_a_batch_of_targets():
    many = banana(curvature=[0.0, 0.5, 1.0], scale=2.0)
    assert (many.batch_shape, many.event_shape) == ((3,), (2,))
    assert many.sample((4,)).shape == (4, 3, 2)
    torch.testing.assert_close(
        many.log_prob(double([1.0, 2.0]))[1], banana().log_prob(double([1.0, 2.0]))
    )
    wide = funnel(3, scale=[1.0, 2.0])
    assert (wide.batch_shape, wide.event_shape) == ((2,), (3,))
    assert wide.expand(torch.Size([5, 2])).covariance_matrix.shape == (5, 2, 3, 3)
    assert banana().expand(torch.Size([5])).log_prob(torch.zeros(2).double()).shape == (5,)


def test_without_curvature_a_banana_is_normal():
    p = banana(curvature=0.0)
    q = MultivariateNormal(torch.zeros(2).double(), torch.diag(double([4.0, 1.0])))
    assert float(kldiv.divergence(p, q)) == pytest.approx(0, abs=1e-9)


def test_gradients_reach_the_curvature():
    bend = double(0.5).requires_grad_()
    q = MultivariateNormal(torch.zeros(2).double(), torch.diag(double([4.0, 9.0])))
    value = kldiv.divergence(banana(bend), q).value
    (slope,) = torch.autograd.grad(value, bend)
    # log q has the mean -(1 + 2 b^2 s^4) / 18, and the entropy of p does not depend on b
    assert float(slope) == pytest.approx(4 * 0.5 * 16 / 18, rel=1e-6)


@pytest.mark.parametrize("name", ["banana", "funnel(scale=1)"])
def test_quadrature_and_monte_carlo_agree(name):
    q = MultivariateNormal(double([0.3, -0.2]), double([[6.0, 1.0], [1.0, 9.0]]))
    exact = kldiv.divergence(name, q)
    assert exact.method == "quadrature"
    drawn = kldiv.divergence(name, q, estimator="monte_carlo", seed=0)
    assert abs(float(exact) - float(drawn)) <= float(exact.error + drawn.error)


def test_the_divergence_of_a_banana_from_its_moments_is_that_of_the_formula():
    """Both entropies are known: log(2 pi e) + log s, and that of the normal."""
    found = kldiv.fit("banana", "full_normal")
    assert found.solver == "moment_matching"
    assert float(found.divergence) == pytest.approx(math.log(3), rel=1e-6)
    found = kldiv.fit("funnel(scale=1)", "diagonal_normal")
    assert float(found.divergence) == pytest.approx(0.25, rel=1e-6)  # (s^2 / 2) / 2
    torch.testing.assert_close(
        found.parameters["scale"], double([1.0, math.exp(0.25)]), rtol=1e-9, atol=0
    )


def test_the_reverse_fit_of_a_funnel_is_that_of_the_formula():
    """q is N(m, a^2) N(0, b^2), and b^2 = exp(m - a^2 / 2) with 1 / a^2 = 1 / s^2 + 1 / 2."""
    found = kldiv.fit("funnel(scale=1)", "diagonal_normal", direction="reverse", starts=1)
    assert found.converged, found.verdict
    square = 1 / 1.5
    torch.testing.assert_close(
        found.parameters["scale"],
        double([math.sqrt(square), math.exp(-square / 4)]),
        rtol=1e-5,
        atol=0,
    )
    assert found.parameters["loc"].abs().max() < 1e-5


def test_the_reverse_fit_of_a_banana_stays_in_its_middle():
    """E log p is stationary where the mean is (0, b (s^2 - a^2)) for a scale a of x_1."""
    found = kldiv.fit("banana", "full_normal", direction="reverse", starts=1)
    assert found.converged, found.verdict
    square = (-0.25 + math.sqrt(0.25**2 + 4)) / 2  # 1 / a^2 = 1 / s^2 + 4 b^2 a^2
    matrix = found.parameters["covariance_matrix"]
    torch.testing.assert_close(matrix, torch.diag(double([square, 1.0])), rtol=1e-4, atol=1e-5)
    assert float(found.parameters["loc"][1]) == pytest.approx(0.5 * (4 - square), rel=1e-4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: banana(scale=0.0), InvalidArgument, "scale must be positive, got 0"),
        (lambda: banana([1.0, 2.0], [1.0, 2.0, 3.0]), ShapeMismatch, r"\(2,\) of curvature"),
        (lambda: funnel(1), InvalidArgument, "dimension must be finite and at least 2, got 1"),
        (lambda: funnel(2.5), InvalidArgument, "dimension must be an integer, got 2.5"),
        (lambda: funnel(scale=-1.0), InvalidArgument, "scale must be positive, got -1"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_bent_normals_of_one_bijection_are_compared_in_closed_form():
    """The twist is the same, so that only the normals behind it differ."""
    p = as_target("funnel(scale=1)", "p").distribution
    q = as_target("funnel(scale=2)", "q").distribution
    found = kldiv.divergence(p, q)
    assert float(found) == pytest.approx(math.log(2) + 1 / 8 - 0.5, abs=1e-9)
