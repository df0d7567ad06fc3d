"""Data of which no member is nearest are refused, and small numbers are not."""

import numpy as np
import pytest
import torch

from torch.distributions import Distribution, HalfCauchy, MultivariateNormal, Normal, Pareto

import kldiv

from kldiv.definitions.sample_target import SampleTarget
from kldiv.solvers.narrow import is_too_narrow

SAME, LINE = [[1.0, 2.0], [1.0, 2.0]], [[1.0, 2.0], [2.0, 3.0], [4.0, 5.0]]
HOPELESS = (
    ([3.0], "normal"),
    ([3.0, 3.0, 3.0], "normal"),
    ([3.0, 3.0], "lognormal"),
    ([3.0, 3.0], "gamma"),
    ([3.0], "student_t"),
    (SAME, "isotropic_normal"),
    (SAME, "diagonal_normal"),
    (SAME, "full_normal"),
    (LINE, "full_normal"),
    ([[1.0, 2.0], [1.0, 3.0]], "diagonal_normal"),
)


@pytest.mark.parametrize(("points", "family"), HOPELESS)
def test_points_that_are_equal_or_on_a_line_are_refused(points, family):
    with pytest.raises(kldiv.NotAvailable, match="is nearest to"):
        kldiv.fit(points, family)


def test_a_component_at_equal_points_is_refused():
    with pytest.raises(
        kldiv.NotAvailable, match=r"some points are equal, .* take fewer components"
    ):
        kldiv.fit([0.0] * 5 + [1.0] * 5, "normal_mixture(components=2)")


@pytest.mark.parametrize(
    ("points", "family", "scale"),
    [
        ([3.0], "normal(scale=1)", 1.0),
        ([1e-9, 3e-9], "normal", 1e-9),
        ([1e8, 1e8 + 2], "normal", 1.0),
        ([1e-9, 2e-9, 3e-9], "laplace", 2e-9 / 3),
        ([[1.0, 2.0], [1.0, 4.0]], "isotropic_normal", 0.5**0.5),
    ],
)
def test_what_has_a_nearest_member_is_fitted(points, family, scale):
    fit = kldiv.fit(points, family)
    assert fit.converged
    assert float(fit.parameters["scale"]) == pytest.approx(scale, rel=1e-9)


@pytest.mark.parametrize("family", ["gumbel", "weibull"])
def test_a_search_that_narrows_without_end_is_not_converged(family):
    with pytest.warns(kldiv.ConvergenceWarning, match="on a slope"):
        fit = kldiv.fit([3.0, 3.0], family)
    assert not fit.converged


def test_it_says_nothing_of_other_targets_and_of_members_as_wide_as_the_data():
    data = SampleTarget(torch.tensor([1.0, 2.0], dtype=torch.float64))
    narrow = Normal(torch.tensor(1.5, dtype=torch.float64), 1e-16)
    assert is_too_narrow(narrow, data)
    assert not is_too_narrow(Normal(1.5, 0.5), data)
    assert not is_too_narrow(narrow, kldiv.targets.create("normal"))


def test_a_member_that_does_not_know_its_support_is_no_concern_of_it():
    data = SampleTarget(torch.tensor([1.0, 2.0], dtype=torch.float64))
    assert not is_too_narrow(Distribution(validate_args=False), data)


def test_a_covariance_that_is_singular_but_for_rounding_is_too_narrow():
    points = SampleTarget(torch.tensor(LINE, dtype=torch.float64))
    root = torch.tensor([[1.0, 0.0], [1.0, 1e-15]], dtype=torch.float64)
    flat = MultivariateNormal(torch.zeros(2, dtype=torch.float64), scale_tril=root)
    assert is_too_narrow(flat, points)


def test_a_member_without_moments_is_not_narrow():
    """The likelihood's own equations tell the optima."""
    points = np.random.default_rng(0).gamma(2.0, size=50)
    pareto = kldiv.fit(points, kldiv.Family.of(Pareto, scale=0.01))
    cauchy = kldiv.fit(points, HalfCauchy)
    assert pareto.converged
    assert cauchy.converged
    alpha, scale = float(pareto.parameters["alpha"]), float(cauchy.parameters["scale"])
    assert alpha == pytest.approx(1 / np.log(points / 0.01).mean(), rel=1e-6)
    assert np.mean(2 * scale**2 / (scale**2 + points**2)) == pytest.approx(1, abs=1e-6)
