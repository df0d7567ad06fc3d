"""Data against a density: the cross-entropy, by hand and up to a constant."""

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
    assert float(found.stderr) == pytest.approx(math.sqrt(14 / 3) / 3, rel=1e-14)
    assert float(found.error) == pytest.approx(3 * float(found.stderr), rel=1e-14)
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


def test_two_arrays_are_refused_with_the_remedy():
    p, q = torch.tensor([[0.1, 0.9], [0.2, 0.8]], dtype=torch.float64)
    with pytest.raises(kldiv.NotAvailable, match=r"torch\.distributions\.Categorical"):
        kldiv.divergence(p, q)


@pytest.mark.parametrize(
    ("p", "q", "divergence", "reason"),
    [
        (POINTS, one(Normal, 0.0, 1.0), "total_variation", "p is only samples; kl does not"),
        (one(Normal, 0.0, 1.0), POINTS, "kl", "only p may be one"),
        (POINTS, kldiv.Target(lambda x: -x.abs()), "kl", "not known to be normalised"),
    ],
)
def test_what_data_cannot_be_compared_with_has_its_reason(p, q, divergence, reason):
    with pytest.raises(kldiv.NotAvailable, match=reason):
        kldiv.divergence(p, q, divergence, estimator="samples")
