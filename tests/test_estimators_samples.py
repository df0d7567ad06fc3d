"""Data against a density, by hand and up to a constant; data against data."""

import math

import pytest
import torch

from torch.distributions import Laplace, Normal, Uniform

import kldiv

from kldiv.definitions.sample_target import SampleTarget

POINTS = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)


def one(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


def test_the_cross_entropy_is_the_mean_by_hand():
    found = kldiv.divergence(POINTS, one(Laplace, 0.0, 1.0))
    # -log q(x) = log 2 + |x|: the mean of |x| is 4/3, its squared deviations sum to 14/3
    assert found.method == "samples"
    assert float(found) == pytest.approx(math.log(2) + 4 / 3, rel=1e-14)
    assert float(found.stderr) == pytest.approx(math.sqrt(14 / 3 / 2 / 3), rel=1e-14)
    assert found.evaluations == 3


def test_the_entropy_of_the_data_is_missing_and_said_to_be():
    found = kldiv.divergence(POINTS, one(Normal, 0.0, 1.0))
    assert found.up_to_constant
    assert "+ constant" in repr(found)


def test_a_weight_is_as_good_as_repetition():
    weighted = SampleTarget(POINTS, torch.tensor([2.0, 0.0, 6.0], dtype=torch.float64))
    repeated = POINTS[[0, 2, 2, 2]]
    q = one(Normal, [0.0, 1.0], 2.0)
    found, truth = (kldiv.divergence(p, q) for p in (weighted, repeated))
    assert found.value.shape == (2,)
    torch.testing.assert_close(found.value, truth.value, rtol=1e-14, atol=0.0)


def test_a_point_without_density_is_infinite_unless_its_weight_is_zero():
    q = one(Uniform, 0.0, 2.0)
    found = kldiv.divergence(POINTS, q)
    assert float(found) == math.inf
    assert found.reason == "q has no mass at some of the samples"
    without = SampleTarget(POINTS, torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64))
    assert float(kldiv.divergence(without, q)) == pytest.approx(math.log(2), rel=1e-15)


def test_two_short_arrays_are_refused_with_the_remedy():
    p, q = torch.tensor([[0.1, 0.9], [0.2, 0.8]], dtype=torch.float64)
    with pytest.raises(kldiv.NotAvailable, match=r"torch\.distributions\.Categorical"):
        kldiv.divergence(p, q)


@pytest.mark.parametrize(
    ("p", "q", "divergence", "reason"),
    [
        (POINTS, one(Normal, 0.0, 1.0), "total_variation", "points drawn from q make two samples"),
        (one(Normal, 0.0, 1.0), POINTS, "kl", "give points drawn from p"),
        (POINTS, kldiv.Target(lambda x: -x.abs()), "kl", "not known to be normalised"),
        (one(Normal, 0.0, 1.0), one(Normal, 0.0, 1.0), "kl", "is no sample"),
        (torch.zeros(30), torch.zeros(30), "squared_l2", "two samples tell only the ratio"),
        (torch.zeros(30), torch.zeros(30), "chernoff", "no integral of a function of the ratio"),
        (torch.zeros(30), torch.zeros(19), "kl", "q is worth 19 points of equal weight"),
        (torch.zeros(30, 51), torch.zeros(30, 51), "kl", "in at most 50"),
    ],
)
def test_what_data_cannot_be_compared_with_has_its_reason(p, q, divergence, reason):
    with pytest.raises(kldiv.NotAvailable, match=reason):
        kldiv.divergence(p, q, divergence, estimator="samples")


def draws(loc, count, dimensions, seed):
    generator = torch.Generator().manual_seed(seed)
    return loc + torch.randn(count, dimensions, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("dimensions", [1, 2, 5, 20])
def test_between_two_data_sets_the_error_covers_the_truth(dimensions):
    gap = dimensions**-0.5
    found = kldiv.divergence(draws(0, 300, dimensions, 0), draws(gap, 400, dimensions, 1), seed=0)
    assert abs(float(found) - 0.5) <= float(found.error)
    assert found.method == "samples"
    assert not found.up_to_constant
    assert found.evaluations == 700
    assert 0 < float(found.stderr) < float(found.error)


@pytest.mark.parametrize("count", [20, 21, 23])
def test_the_fewest_points_are_enough(count):
    found = kldiv.divergence(draws(0, count, 1, 0), draws(0, count, 1, 1), seed=0)
    assert 0 <= float(found) <= float(found.error)


def test_the_seed_decides_and_global_randomness_is_left_alone():
    p, q = draws(0, 100, 1, 0), draws(1, 100, 1, 1)
    before = torch.get_rng_state()
    first, same, other = (kldiv.divergence(p, q, seed=seed) for seed in (1, 1, 2))
    assert first == same
    assert float(first) != float(other)
    assert torch.equal(torch.get_rng_state(), before)


def test_equal_weights_are_as_good_as_none_and_points_without_weight_as_good_as_absent():
    p, q = draws(0, 120, 2, 0), draws(1, 90, 2, 1)
    weights = torch.ones(120).double()
    weights[100:] = 0
    with_zeros = kldiv.divergence(SampleTarget(p, weights), q, "jensen_shannon", seed=0)
    without = kldiv.divergence(p[:100], q, "jensen_shannon", seed=0)
    assert float(with_zeros) == pytest.approx(float(without), rel=1e-9)
    assert float(with_zeros.error) == pytest.approx(float(without.error), rel=1e-9)


def test_weights_are_heeded():
    # normal draws weighted by e^x are draws of a normal distribution one to the right
    p, q = draws(0, 600, 1, 0)[:, 0], draws(1, 600, 1, 1)[:, 0]
    found = kldiv.divergence(SampleTarget(p, p.exp()), q, "squared_hellinger", seed=0)
    plain = kldiv.divergence(p, q, "squared_hellinger", seed=0)
    assert abs(float(found)) <= float(found.error)
    assert float(found) < 0.25 * float(plain)


def test_values_have_the_precision_of_the_data():
    p, q = draws(0, 60, 1, 0).float(), draws(1, 60, 1, 1).float()
    found = kldiv.divergence(p, q, seed=0)
    assert found.value.dtype == found.error.dtype == torch.float32
    assert found.value.shape == ()


def test_points_of_any_shape_are_points():
    p, q = draws(0, 60, 6, 0), draws(1, 60, 6, 1)
    flat = kldiv.divergence(p, q, seed=0)
    shaped = kldiv.divergence(p.reshape(60, 2, 3), q.reshape(60, 2, 3), seed=0)
    assert float(flat) == float(shaped)


def test_explaining_compares_nothing():
    p, q = draws(0, 60, 1, 0), draws(1, 60, 1, 1)
    explanation = kldiv.explain(p, q, "renyi(alpha=0.5)")
    assert explanation.method == "samples"
    assert list(explanation.rejected) == ["exact", "sum", "quadrature", "monte_carlo"]


def test_too_few_points_to_draw_are_refused():
    with pytest.raises(kldiv.InvalidArgument, match="at least 20, got 5"):
        kldiv.Samples(points=5)


@pytest.mark.parametrize(("dimensions", "count", "known"), [(10, 60, False), (10, 150, True)])
def test_few_points_in_many_dimensions_have_no_error(dimensions, count, known):
    generator = torch.Generator().manual_seed(0)
    p, q = torch.randn(2, count, dimensions, generator=generator)
    found = kldiv.divergence(p, q, seed=0)
    assert math.isfinite(float(found.error)) is known
    assert ("do not show the tails in 10 dimensions" in found.reason) is not known
