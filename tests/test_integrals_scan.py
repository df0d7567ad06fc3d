"""The modes of a bare log density, looked for everywhere."""

import pytest
import torch

from torch.distributions import constraints

import kldiv

from kldiv.estimators.integrals.scan import scan, width_of
from tests.axis import F64, double


def bell(x, centre, scale):
    return -((x - centre) / scale).square() / 2 - torch.as_tensor(scale, dtype=F64).log()


@pytest.mark.parametrize("centre", [0.0, -7.0, 1e6, 3e-4, 1e12])
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_a_bell_is_found_with_its_deviation(centre, share):
    scale = share * max(abs(centre), 1e-2)
    peaks = scan(kldiv.Target(lambda x: bell(x, centre, scale)))
    assert abs(float(peaks.centre[0]) - centre) < 1e-4 * scale
    assert float(peaks.scale[0]) == pytest.approx(scale, rel=0.05)


def test_the_highest_mode_is_first():
    peaks = scan(kldiv.Target(lambda x: torch.logaddexp(bell(x, -5.0, 2.0), bell(x, 30.0, 1.0))))
    assert peaks.centre.squeeze().tolist() == pytest.approx([30, -5], abs=1e-3)
    assert (peaks.height.diff() < 0).all()


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e4])
@pytest.mark.parametrize("centre", [0.0, -400.0, 1e5])
def test_bells_close_together_are_all_found_wherever_they_are(centre, scale):
    middles, widths = centre + scale * double(-8.0, 1.0, 6.0), scale * double(1.0, 0.3, 0.1)
    peaks = scan(kldiv.Target(lambda x: bell(x.unsqueeze(-1), middles, widths).logsumexp(-1)))
    order = peaks.centre.squeeze(-1).argsort()
    room = 1e-3 * widths + 1e-15 * abs(centre)
    assert ((peaks.centre[order].squeeze(-1) - middles).abs() <= room).all()
    assert peaks.scale[order].squeeze(-1).tolist() == pytest.approx(widths.tolist(), rel=0.05)


@pytest.mark.parametrize("centre", [-300.0, 1e3])
def test_in_the_plane_too(centre):
    middles = centre + double([0.0, 0.0], [6.0, 4.0])

    def log_density(x):
        return bell(x.unsqueeze(-2), middles, 0.5).sum(-1).logsumexp(-1)

    peaks = scan(kldiv.Target(log_density, event_shape=(2,)))
    found = peaks.centre[peaks.centre[:, 0].argsort()]
    torch.testing.assert_close(found, middles, rtol=0.0, atol=1e-3)


def test_each_problem_of_a_batch_has_its_own():
    centre = double(0.0, 500.0, -1e4)
    middles = centre.unsqueeze(-1) + double(-3.0, 5.0)
    peaks = scan(kldiv.Target(lambda x: bell(x.unsqueeze(-1), middles, 0.7).logsumexp(-1)))
    for problem, wanted in enumerate(middles):
        gaps = (peaks.centre[:, problem] - wanted).abs().amin(0)
        assert float(gaps.max()) < 1e-3


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.5, 0.99])
def test_in_the_plane_the_correlation_is_that_of_the_curvature(correlation):
    precision = double([1.0, correlation], [correlation, 1.0]).inverse()
    peaks = scan(kldiv.Target(lambda x: -((x @ precision) * x).sum(-1) / 2, event_shape=(2,)))
    assert float(peaks.correlation[0]) == pytest.approx(correlation, abs=1e-3)
    assert peaks.scale[0].tolist() == pytest.approx([1, 1], rel=0.01)


def test_modes_are_no_more_than_eight():
    peaks = scan(kldiv.Target(lambda x: (3 * x).cos() - (x / 100).square()))
    assert len(peaks.centre) == 8


def test_a_mode_at_an_end_is_found():
    peaks = scan(kldiv.Target(lambda x: -3 * x, support=constraints.positive))
    assert 0 < float(peaks.centre[0]) < 1 / 3


def test_what_was_found_holds_as_long_as_the_log_density_does():
    middle = double(2.0)
    target = kldiv.Target(lambda x: bell(x, middle[0], 1.0))
    peaks = scan(target)
    assert peaks.still_there(target)
    middle += 1
    assert not peaks.still_there(target)


def test_the_width_is_where_a_function_has_fallen_by_one_half():
    peak, top = torch.zeros(1, 2, dtype=F64), torch.zeros(1, dtype=F64)
    found = width_of(lambda u: -u.square().sum(-1) / 8, peak, top)
    assert found.squeeze().tolist() == pytest.approx([2, 2], rel=1e-6)


def test_steps_of_a_slope_are_no_modes_and_a_level_top_is_one():
    stairs = kldiv.Target(lambda x: -(x.abs().clamp(max=1e6) / 3).floor())
    assert len(scan(stairs).centre) == 1


@pytest.mark.parametrize("height", [float("inf"), -float("inf")])
def test_a_density_that_is_finite_nowhere_is_refused(height):
    target = kldiv.Target(lambda x: torch.full_like(x, height))
    with pytest.raises(kldiv.InvalidArgument, match="infinite at all points"):
        scan(target)
