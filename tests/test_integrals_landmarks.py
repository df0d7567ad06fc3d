"""Adaptive integration begins where a target has mass: at landmarks of any density."""

import numpy as np
import pytest
import scipy.stats
import torch

from torch.distributions import (
    Categorical,
    Cauchy,
    Distribution,
    Gamma,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
    TransformedDistribution,
    constraints,
)
from torch.distributions.transforms import SigmoidTransform

import kldiv

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.landmarks import landmarks, whereabouts
from kldiv.resolving import as_target

F64 = torch.float64


def double(*values):
    return torch.tensor(values, dtype=F64)


def of(target):
    if isinstance(target, Distribution):
        target = DistributionTarget(target)
    return [(place.centre.squeeze(-1), place.scale.squeeze(-1)) for place in landmarks(target)]


def numbers(places):
    return sorted((float(centre), float(scale)) for centre, scale in places)


def test_a_target_may_say_what_has_mass_in_the_same_places():
    def never(x):
        raise AssertionError("it was looked for")

    target = kldiv.Target(never)
    target.alike = MixtureSameFamily(
        Categorical(double(0.5, 0.5)), Normal(double(-5.0, 10.0), double(1.0, 2.0))
    )
    assert numbers(of(target)) == [(-5, 1), (10, 2)]
    places, spread = whereabouts(target)
    assert len(places) == 2
    assert spread.shape == (0, 1)


def test_a_sum_of_normals_says_where_its_parts_are():
    target = kldiv.targets.create("normal_sum", loc=[0.0, 7.0], scale=[2.0, 1e-6])
    assert numbers(of(target)) == [(0, 2), (7, 1e-6)]
    loc = double(0.0, 7.0).requires_grad_()
    (value, slope) = kldiv.targets.create("normal_sum", loc=loc).log_prob(loc.detach())
    (value + slope).backward()
    assert loc.grad.isfinite().all()
    assert not any(place.centre.requires_grad for place in landmarks(target))


def test_a_distribution_is_told_by_mean_and_deviation():
    assert numbers(of(Normal(double(3.0), double(2.0)))) == [(3, 2)]
    assert numbers(of(Gamma(double(4.0), double(2.0)))) == [(2, 1)]


def test_without_moments_location_and_scale_are_taken():
    assert numbers(of(Cauchy(double(3.0), double(2.0)))) == [(3, 2)]
    assert numbers(of(StudentT(double(1.5), double(3.0), double(2.0)))) == [(3, 2)]


def test_each_component_of_a_mixture_is_a_landmark():
    mixture = MixtureSameFamily(
        Categorical(torch.ones(3)), Normal(double(-5, 0, 9), double(1, 2, 0.1))
    )
    assert numbers(of(mixture)) == [(-5, 1), (0, 2), (9, 0.1)]


def test_vectors_have_a_scale_for_each_axis():
    (place,) = landmarks(
        DistributionTarget(MultivariateNormal(double(1, 2), torch.diag(double(4, 9))))
    )
    assert (place.centre.tolist(), place.scale.tolist()) == ([1, 2], [2, 3])
    (place,) = landmarks(DistributionTarget(Independent(Normal(double(1, 2), double(4, 9)), 1)))
    assert (place.centre.tolist(), place.scale.tolist()) == ([1, 2], [4, 9])


def test_a_distribution_that_states_nothing_is_sampled_in_the_same_way_each_time():
    flow = TransformedDistribution(Normal(double(0.0), double(1.0)), [SigmoidTransform()])
    before = torch.get_rng_state()
    first, second = numbers(of(flow)), numbers(of(flow))
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)
    # the median is 1/2; 511 draws know it to 0.6 of their standard error 1.25 σ / √511
    assert first[0][0] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("modes", "widths"),
    [
        ([0.0], [1.0]),
        ([3e5], [2e4]),
        ([-40.0, 0.0, 7.0], [1.0, 0.1, 1.0]),
        ([-1e6, 1e6], [1e5, 1e5]),
        ([1e-4], [1e-5]),
    ],
)
def test_a_bare_log_density_is_searched_for_its_modes(modes, widths):
    parts = Normal(double(*modes), double(*widths))
    target = kldiv.Target(lambda x: parts.log_prob(x.unsqueeze(-1)).logsumexp(-1))
    found = numbers(of(target))
    for mode, width in zip(modes, widths, strict=True):
        centre, scale = min(found, key=lambda place: abs(place[0] - mode))
        assert abs(centre - mode) < width / 10
        assert scale == pytest.approx(width, rel=0.1)


def test_modes_are_found_for_each_element_of_a_batch():
    middle = double(-3.0, 0.0, 500.0)
    target = kldiv.Target(lambda x: -(x - middle).square() / 2)
    centres = torch.stack([centre for centre, _ in of(target)])
    assert torch.allclose(centres, middle.expand_as(centres), atol=1e-6)


def test_modes_in_the_plane_are_found():
    centres = double([-6.0, 0.0], [6.0, 3.0])
    target = kldiv.Target(
        lambda x: (-(x.unsqueeze(-2) - centres).square().sum(-1) / 2).logsumexp(-1),
        event_shape=(2,),
    )
    found = sorted(place.centre.tolist() for place in landmarks(target))
    assert [pytest.approx(place, abs=1e-6) for place in [[-6.0, 0.0], [6.0, 3.0]]] == found


def test_modes_at_a_finite_end_are_found():
    places = numbers(of(kldiv.Target(lambda x: -5 * x, support=constraints.positive)))
    centre, scale = places[0]
    assert 0 < centre < 1 / 5
    assert 0 < scale < 1


def test_a_distribution_without_moments_or_sampler_is_searched_too():
    class Plain(Distribution):
        support = constraints.real
        arg_constraints = {}  # noqa: RUF012 (torch's way)

        def log_prob(self, x):
            return Normal(7.0, 0.5).log_prob(x)

    ((centre, scale),) = numbers(of(Plain(validate_args=False)))
    assert centre == pytest.approx(7.0, abs=1e-6)
    assert scale == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_far_clusters_of_kernels_are_places_of_their_own(dimensions):
    noise = np.random.default_rng(5).normal(size=(dimensions, 40)) * 1e-3
    data = noise + np.where(np.arange(40) < 20, 0.0, 1e3)
    density = as_target(scipy.stats.gaussian_kde(data, bw_method=1e-4), "p")
    found = landmarks(density)
    assert sorted(round(float(place.centre[0])) for place in found) == [0, 1000]
    assert all((place.correlation is None) == (dimensions == 1) for place in found)
