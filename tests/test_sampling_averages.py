"""Averages of replicates have an error that knows about tails."""

import math

import torch

from kldiv.estimators.sampling.averages import Average
from kldiv.estimators.sampling.draws import Plan
from kldiv.estimators.sampling.ratios import Ratios

PLAN = Plan(32, 64)
COUNT = PLAN.count


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, dtype=torch.float64, generator=generator)


def average(values, *, combine=lambda found: found[0], bound=None, control=None):
    control = torch.zeros_like(values[0]) if control is None else control
    never = torch.zeros_like(values[:, 0], dtype=torch.bool)
    bounds = None if bound is None else torch.tensor([bound], dtype=torch.float64)
    return Average(Ratios(values, control), PLAN, never, combine, bounds)


def test_the_standard_error_is_that_of_the_mean():
    found = average(drawn(1, COUNT, 400))
    stderr, error, _ = found.errors()
    truth = 1 / math.sqrt(12 * COUNT)
    # each of 400 is known to 1 / √(2 · 31) = 13 %
    assert abs(float(stderr.square().mean().sqrt()) / truth - 1) < 4 * 0.13 / 20
    assert float((error / stderr).min()) > 3.9
    assert ((found.value - 0.5).abs() <= error).all()


def test_the_error_of_a_combination_is_that_of_its_linear_part():
    values = drawn(2, COUNT, 400)
    ratio = average(values, combine=lambda found: found[0] / found[1])
    stderr, _, _ = ratio.errors()
    assert abs(float(stderr.mean()) / math.sqrt(2 / 3 / COUNT) - 1) < 0.05


def test_a_control_takes_its_part_of_the_error():
    control = drawn(COUNT, 50) - 0.5
    values = (3 + 2 * control + 1e-3 * drawn(COUNT, 50, seed=1)).unsqueeze(0)
    stderr, error, _ = average(values, control=control).errors()
    assert float(stderr.max()) < 1e-4
    found = average(values, control=control).value
    assert ((found - 3.0005).abs() <= error).all()


def test_averages_of_what_is_not_negative_are_not():
    control = drawn(COUNT, 2_000) - 0.1  # of mean 0.4, not 0
    values = (control + 0.1).unsqueeze(0)
    assert (average(values, control=control).value >= 0).all()


def test_a_heavy_tail_has_no_error_unless_it_is_known_to_end():
    values = drawn(1, COUNT).pow(-1.2)
    _, error, shape = average(values).errors()
    assert float(shape) > 0.7
    assert float(error) == math.inf
    _, trusted, same = average(values, bound=float(values.max())).errors()
    assert float(same) == float(shape)
    assert math.isfinite(float(trusted))


def test_a_bound_far_above_all_that_was_seen_is_no_comfort():
    values = drawn(1, COUNT).pow(-1.2)
    _, error, _ = average(values, bound=1e3 * float(values.max())).errors()
    assert float(error) == math.inf


def test_ratios_that_do_not_vary_tell_nothing_of_where_no_point_fell():
    values = torch.ones(1, COUNT, dtype=torch.float64)
    stderr, error, _ = average(values, bound=2.0).errors()
    assert float(stderr) == 0
    assert math.isclose(float(error), 5.3 * 2 / COUNT, rel_tol=1e-6)


def test_a_control_that_varies_by_its_rounding_alone_has_no_weight():
    values = torch.ones(1, COUNT, dtype=torch.float64)
    assert float(average(values, control=1e-17 * drawn(COUNT)).value) == 1


def test_rare_values_are_counted_as_often_as_they_may_have_been_missed():
    for expected in (0.5, 1, 2, 4, 8):  # of all points
        values = (drawn(1, COUNT, 2_000) < expected / COUNT).double()
        found = average(values, bound=1.0)
        missed = (found.value - expected / COUNT).abs() > found.errors()[1]
        # of 2000 cases with a probability of 1 %, more than 35 are missed in 0.1 of 100 runs
        assert int(missed.sum()) <= 35


def test_the_heavier_a_tail_the_more_of_it_may_be_beyond_the_largest():
    def inflated(power):
        stderr, error, _ = average(drawn(1, COUNT, 20, seed=3).pow(power)).errors()
        return float((error / stderr).median())

    assert inflated(1) < inflated(-0.2) < inflated(-0.4)
    assert inflated(1) < 4.4  # 3.9 by the quantile, 0.4 by the largest


def test_an_error_larger_than_what_is_in_a_logarithm_or_a_root_is_not_taken_linearly():
    values = (drawn(1, COUNT, 50) < 3 / COUNT).double()
    seen = values.sum((0, 1)) > 0
    logarithm = average(values, bound=1.0, combine=lambda found: found[0].log()).errors()[1]
    assert (logarithm[seen] == math.inf).all()
    root = average(values, bound=1.0, combine=lambda found: found[0].sqrt())
    assert ((root.value - math.sqrt(3 / COUNT)).abs() <= root.errors()[1])[seen].all()
    assert (root.errors()[1][seen] < 1).all()


def test_a_control_that_saw_one_side_only_leaves_nothing_known_but_what_is_bounded():
    values, control = 1 + 1e-3 * drawn(1, COUNT), 1e-4 + 1e-6 * drawn(COUNT, seed=1)
    _, unknown, _ = average(values, control=control).errors()
    assert float(unknown) == math.inf
    _, bounded, _ = average(values, control=control, bound=2.0).errors()
    assert 5.3 * 2 / COUNT <= float(bounded) < 0.02


def test_what_is_known_to_be_infinite_is():
    values = drawn(1, COUNT)
    found = Average(
        Ratios(values, torch.zeros(COUNT, dtype=torch.float64)),
        PLAN,
        torch.ones(1, dtype=torch.bool),
        lambda found: found[0],
        None,
    )
    assert float(found.value) == math.inf
