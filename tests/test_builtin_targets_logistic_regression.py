"""Logistic regression: the density, its mode, many points at once, fits."""

import pytest
import torch

from torch.distributions import Bernoulli, MultivariateNormal, Normal

import kldiv

from kldiv.builtin.targets.logistic_regression import logistic_regression
from kldiv.errors import InvalidArgument, InvalidType, ShapeMismatch

FEATURES = [[1.0, 0.2, -1.0], [1.0, -2.0, 0.3], [1.0, 0.5, 0.5], [1.0, 1.5, -0.4]]
LABELS = [1, 0, 0, 1]


def test_the_density_is_likelihood_times_prior_up_to_a_constant():
    target = logistic_regression(FEATURES, LABELS, scale=1.5)
    assert target.event_shape == (3,)
    w = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    logits = w @ torch.tensor(FEATURES, dtype=torch.float64).T
    labels = torch.tensor(LABELS, dtype=torch.float64)
    expected = Bernoulli(logits=logits).log_prob(labels).sum(-1)
    expected = expected + Normal(0.0, 1.5).log_prob(w).sum(-1)
    constant = target.log_prob(w) - expected
    torch.testing.assert_close(constant, constant[:1].expand(20))


def test_the_highest_value_is_zero():
    target = logistic_regression()
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=100, tolerance_grad=1e-12, tolerance_change=0)

    def loss():
        optimizer.zero_grad()
        value = -target.log_prob(w)
        value.backward()
        return value

    optimizer.step(loss)
    assert float(target.log_prob(w.detach())) == pytest.approx(0, abs=1e-10)
    around = w.detach() + torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    assert (target.log_prob(around) < 0).all()


def test_many_data_do_not_make_the_mass_vanish():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1000, 2, generator=generator, dtype=torch.float64)
    labels = torch.bernoulli((features.sum(-1)).sigmoid(), generator=generator)
    target = logistic_regression(features, labels)
    mass, error = kldiv.Quadrature(max_evaluations=40_000).mass(target)
    assert 1e-3 < float(mass) < 1
    assert float(error) < 1e-6 * float(mass)


def test_points_may_have_any_batch_shape():
    target = logistic_regression(FEATURES, LABELS)
    w = torch.randn(7, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    value = target.log_prob(w)
    assert value.shape == (7, 4)
    torch.testing.assert_close(value[2, 3], target.log_prob(w[2, 3]))


def test_the_density_is_finite_with_finite_slopes_far_out():
    w = torch.tensor([[1e3, -1e3], [1e100, 1e100]], dtype=torch.float64, requires_grad=True)
    value = logistic_regression().log_prob(w)
    (slope,) = torch.autograd.grad(value.sum(), w)
    assert value.isfinite().all()
    assert slope.isfinite().all()


def test_the_data_made_up_are_always_the_same_and_leave_the_generator_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    w = torch.tensor([0.3, 1.0], dtype=torch.float64)
    assert logistic_regression().log_prob(w) == logistic_regression().log_prob(w)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_value_by_quadrature_is_that_of_sums_over_a_grid():
    target = logistic_regression()
    q = MultivariateNormal(torch.tensor([0.2, 1.0]).double(), 0.2 * torch.eye(2).double())
    line = torch.linspace(-6, 6, 601, dtype=torch.float64)
    w = torch.cartesian_prod(line, line)
    log_p, log_q = target.log_prob(w), q.log_prob(w)
    log_p = log_p - (log_p.logsumexp(0) + 2 * (line[1] - line[0]).log())
    cell = float((line[1] - line[0]) ** 2)
    for first, second, sides in [(log_p, log_q, (target, q)), (log_q, log_p, (q, target))]:
        expected = float((first.exp() * (first - second)).sum()) * cell
        assert float(kldiv.divergence(*sides)) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal"])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_normal_is_fitted_near_the_mode(family, direction):
    found = kldiv.fit("logistic_regression", family, direction=direction, starts=1)
    assert found.converged, found.verdict
    assert float(found.divergence) < 0.03
    assert found.parameters["loc"].tolist() == pytest.approx([0.236, 1.012], abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"features": FEATURES}, InvalidArgument, "must be given together, or neither"),
        ({"features": FEATURES, "labels": [1, 0]}, ShapeMismatch, "each of the 4 rows .* got 2"),
        ({"features": FEATURES, "labels": [1, 0, 2, 1]}, InvalidArgument, "must be 0 or 1"),
        ({"features": [1.0], "labels": [1]}, ShapeMismatch, "features must be a matrix"),
        ({"scale": 0}, InvalidArgument, "scale must be positive, got 0"),
        ({"scale": "wide"}, InvalidType, "scale must be numbers"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(arguments, error, message):
    with pytest.raises(error, match=message):
        logistic_regression(**arguments)
