"""What speaks for a fit: natural gradients, weights of q as a proposal, covariances from data."""

import math

import pytest
import torch

from torch.distributions import (
    Beta,
    Independent,
    MultivariateNormal,
    Normal,
    StudentT,
    constraints,
)

import kldiv

from kldiv.certificate import Diagnostics
from kldiv.certificate.natural_norm import natural_norm
from kldiv.definitions.parameters import Parameter
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget
from kldiv.fitting import _objective
from kldiv.resolving import ladder
from kldiv.solvers.curvature import decrement, hessian
from kldiv.solvers.objective import Objective


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def normal_points(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 1 + 2 * torch.randn(count, generator=generator, dtype=torch.float64)


class StudentVector(kldiv.Family):
    """Independent Student coordinates: no closed form."""

    event_dims = 1
    sized = True

    def declare(self, size):
        return {
            "loc": Parameter(constraints.real, (size,)),
            "scale": Parameter(constraints.positive, (size,)),
        }

    def distribution(self, loc, scale):
        return Independent(StudentT(double(4.0)[0], loc, scale), 1)


def objective_of(target, family, **options):
    options = {"direction": "forward", "estimator": "auto", "seed": 0} | options
    return _objective(target, family, "kl", **options)


def test_a_number_is_computed_once_and_when_it_is_asked_for():
    asked = []
    found = Diagnostics({"a": double(1.0)}, {"b": lambda: asked.append(1) or double(2.0)})
    assert list(found) == ["a", "b"]
    assert len(found) == 2
    assert not asked
    assert [float(found["b"]) for _ in range(3)] == [2.0] * 3
    assert asked == [1]


def test_a_number_that_cannot_be_computed_is_nan():
    def fails():
        raise kldiv.NotAvailable("there is none")

    assert Diagnostics({}, {"a": fails})["a"].isnan()


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_the_natural_norm_is_that_by_the_information_of_the_normal(scale):
    objective = objective_of(Normal(double(0.0)[0], 1.0), "normal")
    theta = double(0.3, math.log(scale))
    gradient = double(0.7, -0.2)
    expected = math.sqrt((0.7 * scale) ** 2 + 0.2**2 / 2)  # F = diag(1 / scale^2, 2)
    assert float(natural_norm(objective, theta, gradient)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "family",
    [
        "isotropic_normal",
        "diagonal_normal",
        "full_normal",
        "diagonal_normal(scale=[1,2,3])",
        "full_normal(loc=[1,2,3])",
    ],
)
def test_the_natural_norm_of_normal_vectors_is_that_by_the_information(family):
    target = kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(3,))
    objective = objective_of(target, family, direction="reverse")
    generator = torch.Generator().manual_seed(0)
    shape = (2, objective.family.space.size)
    theta, gradient = torch.randn(2, *shape, generator=generator, dtype=torch.float64) / 2
    own = Objective(
        DistributionTarget(objective.family.at(theta)),
        objective.family,
        objective.divergence,
        forward=True,
        estimator=ladder(),
    )
    expected = decrement(hessian(own, theta.unsqueeze(0)), gradient.unsqueeze(0)).squeeze(0)
    found = natural_norm(objective, theta, gradient)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_the_natural_norm_of_a_member_that_is_drawn_from_is_near_that_of_its_information():
    target = kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(3,))
    objective = objective_of(target, StudentVector(), direction="reverse")
    gradient = double(0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
    found = natural_norm(objective, torch.zeros(6).double(), gradient)
    one_each = (4 + 3) / (2 * 4)  # 1 / F of the logarithm of a scale, where df = 4
    assert float(found) == pytest.approx(math.sqrt(3 * one_each), rel=0.1)


def test_the_natural_norm_of_many_parameters_is_had_without_their_matrix():
    size = 40
    objective = objective_of(
        Independent(Normal(torch.zeros(size).double(), 1.0), 1), StudentVector()
    )
    theta = torch.zeros(2 * size).double()
    found = natural_norm(objective, theta, torch.ones(2 * size).double())
    one_each = (4 + 3) / (4 + 1) + (4 + 3) / (2 * 4)  # 1 / F of a loc and of a logarithm of scale
    assert float(found) == pytest.approx(math.sqrt(size * one_each), rel=0.1)


def test_each_fit_of_a_batch_has_its_numbers():
    found = kldiv.fit(Normal(double(0.0, 4.0), double(1.0, 2.0)), "laplace", direction="reverse")
    for name in ("natural_gradient_norm", "gap", "pareto_k", "effective_sample_size"):
        assert found.diagnostics[name].shape == (2,), name
    assert (found.diagnostics["natural_gradient_norm"] < 1e-6).all()


def test_supports_that_move_have_no_information():
    found = kldiv.fit(Beta(double(2.0)[0], double(3.0)[0]), "uniform")
    assert found.diagnostics["natural_gradient_norm"].isnan()
    assert kldiv.fit(torch.rand(50).double(), "uniform").diagnostics["covariance"].isnan()


def test_a_fit_that_is_exact_is_a_perfect_proposal():
    matrix = double([2.0, 0.9], [0.9, 1.0])
    target = MultivariateNormal(torch.zeros(2).double(), matrix)
    found = kldiv.fit(target, "full_normal", direction="reverse")
    assert float(found.diagnostics["effective_sample_size"]) == pytest.approx(2000, rel=1e-6)
    narrow = kldiv.fit(target, "diagonal_normal", direction="reverse")
    assert float(narrow.diagnostics["effective_sample_size"]) < 1800
    assert "draws effective" in repr(narrow)


def test_a_proposal_with_thin_tails_shows_by_its_shape():
    found = kldiv.fit(StudentT(double(2.0)[0]), "normal", direction="reverse")
    assert float(found.diagnostics["pareto_k"]) > 0.7


def test_the_gap_tells_of_a_lower_place_that_is_no_minimum():
    found = kldiv.fit("bimodal", "normal", direction="reverse")
    assert float(found.diagnostics["gap"]) == 0


def test_the_covariance_of_a_normal_is_the_known_one():
    points = normal_points(4000)
    found = kldiv.fit(points, "normal")
    scale, centred = found.parameters["scale"], points - found.parameters["loc"]
    fourth = centred.pow(4).mean() / scale.pow(4)
    skew = centred.pow(3).mean() / scale.pow(3)
    variance = scale.square() / 4000
    expected = variance * torch.stack(
        [torch.stack([skew / skew, skew / 2]), torch.stack([skew / 2, (fourth - 1) / 4])]
    )
    assert torch.allclose(found.diagnostics["covariance"], expected, rtol=1e-5, atol=1e-10)
    assert f" ± {float(variance.sqrt()):.2g}" in repr(found)


@pytest.mark.parametrize(
    ("divergence", "factor"),
    # Basu and others, section 4: (1 + β²/(1 + 2β))^{3/2} times the variance of the mean
    [("density_power(beta=0.5)", 1.125**1.5), ("squared_l2", (4 / 3) ** 1.5)],
)
def test_the_covariance_of_a_robust_fit_is_the_known_one(divergence, factor):
    found = kldiv.fit(normal_points(20_000), "normal", divergence)
    variance = found.parameters["scale"].square() / 20_000
    assert float(found.diagnostics["covariance"][0, 0] / variance) == pytest.approx(
        factor, rel=0.02
    )


def test_a_divergence_and_its_logarithm_have_the_same_covariance_without_outliers():
    plain, logarithmic = (
        kldiv.fit(normal_points(20_000), "normal", name).diagnostics["covariance"][0, 0]
        for name in ("squared_l2", "cauchy_schwarz")
    )
    assert float(plain / logarithmic) == pytest.approx(1, rel=0.02)


def test_points_of_weight_0_count_for_nothing():
    points = normal_points(2000)
    weights = (torch.arange(2000) % 2).double()
    half, weighted = (
        kldiv.fit(target, "student_t(df=4)").diagnostics["covariance"]
        for target in (points[1::2], SampleTarget(points, weights))
    )
    assert torch.allclose(half, weighted, rtol=1e-4)


@pytest.mark.slow
def test_the_covariance_is_that_of_fits_to_data_of_another_law():
    found, said = [], []
    for seed in range(400):
        torch.manual_seed(seed)
        fit = kldiv.fit(StudentT(double(10.0)[0]).sample((800,)), "normal")
        found.append(torch.stack(list(fit.parameters.values())))
        said.append(fit.diagnostics["covariance"])
    seen, mean = torch.cov(torch.stack(found).T), torch.stack(said).mean(0)
    assert torch.allclose(seen.diagonal(), mean.diagonal(), rtol=0.25)
    assert float(mean[1, 1]) > 1.2 * float(mean[0, 0]) / 2  # what trusting the model would say
