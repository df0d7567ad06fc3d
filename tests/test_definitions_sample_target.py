"""Points with weights are a target, whatever they are kept in."""

import math

import numpy as np
import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv.definitions.sample_target import SampleTarget

F64 = torch.float64


def double(*values):
    return torch.tensor(values, dtype=F64)


def test_samples_have_equal_weights_unless_others_are_given():
    assert SampleTarget(torch.zeros(4, 2)).weights.tolist() == [0.25] * 4
    weighted = SampleTarget(torch.zeros(2), torch.tensor([1.0, 3.0]))
    assert weighted.weights.tolist() == [0.25, 0.75]


def test_samples_know_their_shape_and_their_type():
    target = SampleTarget(torch.zeros(4, 2))
    assert (target.event_shape, target.batch_shape) == ((2,), ())
    assert (target.dtype, target.device.type) == (torch.float32, "cpu")
    assert not target.has_sampler
    assert repr(target) == "4 samples of event shape (2,)"


def test_samples_have_no_density():
    with pytest.raises(kldiv.NotAvailable, match="samples have no density"):
        SampleTarget(torch.zeros(4)).log_prob(double(0.0))


@pytest.mark.parametrize(
    ("points", "weights", "error", "message"),
    [
        (torch.zeros(0), None, kldiv.InvalidArgument, r"must not be empty, got shape \(0,\)"),
        (torch.zeros(0, 3), None, kldiv.InvalidArgument, r"must not be empty, got shape \(0, 3\)"),
        (
            torch.tensor([[1.0, math.nan], [0.0, math.inf], [0.0, 0.0]]),
            None,
            kldiv.InvalidArgument,
            "2 of 3 samples are NaN or infinite; drop them first",
        ),
        (
            torch.zeros(3),
            torch.ones(2),
            kldiv.ShapeMismatch,
            r"weights must have shape \(3,\) as there are 3 samples, got \(2,\)",
        ),
        (torch.zeros(2), [1.0, -1.0], kldiv.InvalidArgument, "not negative.* from -1.0 to 1.0"),
        (
            torch.zeros(2),
            [0, 0],
            kldiv.InvalidArgument,
            "not all zero.* from 0.0 to 0.0",
        ),
        (torch.zeros(2), [1.0, math.nan], kldiv.InvalidArgument, "must be finite"),
        (torch.zeros(2), [1.0, math.inf], kldiv.InvalidArgument, "must be finite"),
        (torch.zeros(2), ["a", "b"], kldiv.InvalidType, "weights must be real numbers, got list"),
        (torch.zeros(2), torch.ones(2, 1), kldiv.ShapeMismatch, r"got \(2, 1\)"),
        (["a"], None, kldiv.InvalidType, "samples must be real numbers, got list"),
    ],
)
def test_wrong_samples_are_an_error_that_names_them(points, weights, error, message):
    with pytest.raises(error, match=message):
        SampleTarget(points, weights)


REPEATED = [1.0] * 3 + [2.0] * 5 + [9.0]
WEIGHTED = ([1.0, 2.0, 9.0, 1e9], [3.0, 5.0, 1.0, 0.0])


@pytest.mark.parametrize("factor", [1.0, 1e-300, 1e305])
def test_only_the_ratios_of_weights_count(factor):
    points, weights = WEIGHTED
    target = SampleTarget(points, [factor * weight for weight in weights])
    assert target.weights.tolist() == pytest.approx([3 / 9, 5 / 9, 1 / 9], rel=1e-15)


def test_points_of_weight_0_are_left_out():
    assert SampleTarget(*WEIGHTED).points.tolist() == [1, 2, 9]


def test_weights_count_as_repetitions_in_a_cross_entropy():
    q = Normal(double(2.0).squeeze(), 1.5)
    weighted, repeated = (
        kldiv.divergence(SampleTarget(*data), q) for data in (WEIGHTED, (REPEATED,))
    )
    assert float(weighted) == pytest.approx(float(repeated), rel=1e-14)


@pytest.mark.parametrize("family", ["normal", "gamma", "exponential", "student_t(df=3)"])
def test_weights_count_as_repetitions_in_a_fit(family):
    weighted, repeated = (
        kldiv.fit(SampleTarget(*data), family).parameters for data in (WEIGHTED, (REPEATED,))
    )
    for name, value in repeated.items():
        assert float(weighted[name]) == pytest.approx(float(value), rel=1e-6)


def test_the_standard_error_is_that_of_the_effective_number_of_points():
    """With half of all points at a tenth of the weight, n is Kish's (Σw)² / Σw²."""
    draws = torch.randn(4_000, generator=torch.Generator().manual_seed(1), dtype=F64)
    weights = torch.where(torch.arange(4_000) < 2_000, 0.1, 1.0).double()
    q = Normal(double(0.0).squeeze(), 1.0)
    found = kldiv.divergence(SampleTarget(draws, weights), q)
    effective = float(weights.sum() ** 2 / weights.square().sum())
    # x²/2 has the variance 1/2; that of the estimate of it, some 5 %
    assert float(found.stderr) == pytest.approx((0.5 / effective) ** 0.5, rel=0.15)
    truth = 0.5 + math.log(2 * math.pi) / 2
    assert abs(float(found) - truth) <= float(found.error)


def test_arrays_go_into_the_registered_target_as_they_are():
    points, weights = (np.array(each) for each in WEIGHTED)
    target = kldiv.targets.create("samples", values=points, weights=weights)
    assert isinstance(target, SampleTarget)
    assert target.weights.tolist() == SampleTarget(*WEIGHTED).weights.tolist()
