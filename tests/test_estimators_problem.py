"""Two sides are checked against each other before anything is computed."""

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Exponential,
    MultivariateNormal,
    Normal,
    Poisson,
    Uniform,
)

import kldiv

from kldiv.builtin.divergences.kl import KL
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.problem import Estimator, Problem


def between(p, q):
    return Problem(KL(), DistributionTarget(p), DistributionTarget(q))


def of(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


def test_batch_shapes_broadcast_or_are_refused():
    column, row = of(Normal, [[0.0], [1.0]], 1.0), of(Normal, [0.0, 1.0, 2.0], 1.0)
    assert between(column, row).batch_shape == (2, 3)
    with pytest.raises(kldiv.ShapeMismatch, match=r"must broadcast, got \(2,\) and \(3,\)"):
        between(of(Normal, [0.0, 1.0], 1.0), row)


def test_points_of_different_shape_are_refused():
    plane = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    with pytest.raises(
        kldiv.ShapeMismatch,
        match=r"same event shape, got \(\) .* \(2,\).*; points are of shape \(N\)",
    ):
        between(of(Normal, 0.0, 1.0), plane)


def test_a_discrete_and_a_continuous_side_are_refused_unless_one_is_data():
    with pytest.raises(kldiv.SupportMismatch, match=r"is discrete and q = .* is continuous"):
        between(of(Poisson, 1.0), of(Normal, 0.0, 1.0))
    counts = SampleTarget(torch.tensor([0.0, 2.0], dtype=torch.float64))
    assert Problem(KL(), counts, DistributionTarget(of(Poisson, 1.0))).batch_shape == ()


def test_points_that_a_discrete_side_cannot_draw_are_refused():
    coin = of(Bernoulli, 0.5)
    shares = SampleTarget([0.5, 0.5])
    message = r"holds 0.5, which Bernoulli.* cannot draw; if . holds probabilities, make it torch"
    with pytest.raises(kldiv.SupportMismatch, match=rf"p = .*{message}"):
        Problem(KL(), shares, DistributionTarget(coin))
    with pytest.raises(kldiv.SupportMismatch, match=rf"q = .*{message}"):
        Problem(KL(), DistributionTarget(coin), shares)
    assert Problem(KL(), shares, DistributionTarget(of(Normal, 0.0, 1.0))).batch_shape == ()
    assert Problem(KL(), shares, shares).batch_shape == ()


def test_sides_on_two_devices_are_refused():
    elsewhere = Normal(torch.zeros((), device="meta"), 1.0, validate_args=False)
    with pytest.raises(kldiv.InvalidArgument, match=r"p is on device meta and q on cpu; move one"):
        kldiv.divergence(elsewhere, of(Normal, 0.0, 1.0))


def test_the_wider_floating_type_is_that_of_the_result():
    single = Normal(torch.tensor(0.0), torch.tensor(1.0))
    assert between(single, single).dtype == torch.float32
    assert between(single, of(Normal, 0.0, 1.0)).dtype == torch.float64


def test_mass_beyond_the_ends_of_the_other_side_is_found_for_each_element():
    wide, narrow = of(Uniform, [0.0, 0.0], [1.0, 3.0]), of(Uniform, 0.0, 2.0)
    beyond_narrow, beyond_wide = between(wide, narrow).uncovered()
    assert beyond_narrow.tolist() == [False, True]
    assert beyond_wide.tolist() == [True, False]


def test_what_is_infinite_has_its_cause():
    whole, half = of(Normal, 0.0, 1.0), of(Exponential, 1.0)
    assert "has mass where the other has none" in between(whole, half).why_infinite
    assert "falls too fast" in between(whole, whole).why_infinite


def test_an_estimator_is_what_can_estimate_and_refuse():
    assert isinstance(kldiv.Exact(), Estimator)
    assert not isinstance(KL(), Estimator)
