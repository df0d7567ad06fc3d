"""The error by balanced halves, against formulas and against what really varies."""

import pytest
import torch

import kldiv

from kldiv.estimators.two_samples.halves import with_halves
from kldiv.estimators.two_samples.lots import Lot

F64 = torch.float64


def lot(points):
    return Lot((points,), torch.full((len(points),), 1 / len(points), dtype=F64), len(points))


def drawn(count, seed, size=()):
    return torch.randn(count, *size, generator=torch.Generator().manual_seed(seed), dtype=F64)


def gap(points_p, weights_p, points_q, weights_q):
    return weights_p @ points_p - weights_q @ points_q


def test_of_a_difference_of_means_it_is_unbiased_and_has_the_textbook_variance():
    p, q = lot(drawn(30, 1)), lot(drawn(30, 2))
    found = [with_halves(gap, [p, q], seed) for seed in range(300)]
    value = p.columns[0].mean() - q.columns[0].mean()
    variance = p.columns[0].var() / 30 + q.columns[0].var() / 30
    assert all(float(each[0]) == pytest.approx(float(value), abs=1e-15) for each in found)
    variances = torch.stack([each[2].square() for each in found])  # of dealings at random
    spread = variances.std() / 300**0.5
    assert abs(float(variances.mean() - variance)) < 4 * float(spread)
    for _, error, stderr in found[:5]:
        assert float(error) == pytest.approx(2.98 * float(stderr), rel=0.02)


def test_the_bias_of_a_square_is_seen():
    # the mean of squares is above the square of the mean by the variance, which halves have twice
    points = drawn(32, 3)
    centred = lot(points - points.mean())
    value, error, stderr = with_halves(lambda x, w: (w @ x).square(), [centred], seed=0)
    assert float(value) == pytest.approx(0, abs=1e-30)
    assert float(error) > 2 * float(points.var() / 32)
    assert 0 < float(stderr) < float(error)


@pytest.mark.parametrize("shift", [0.0, 0.15, 0.3])
def test_the_error_holds_where_the_linear_part_vanishes(shift):
    # the square of a difference of means: leaving out groups, its error fails in 1 of 15
    misses = 0
    for seed in range(100):
        p, q = lot(drawn(64, seed)), lot(drawn(64, 1000 + seed) + shift)
        square = lambda *four: gap(*four).square()
        value, error, _ = with_halves(square, [p, q], seed)
        misses += abs(float(value) - shift**2) > float(error)
    assert misses <= 3  # of 100, where 1 is promised


def test_points_of_one_unit_stay_together():
    units = 8
    points = torch.arange(3 * units, dtype=F64) % units  # three components, alike unit by unit
    weights = torch.tensor([0.2, 0.3, 0.5], dtype=F64).repeat_interleave(units) / units
    several = Lot((points,), weights, units)
    mean = lambda x, w: w @ x
    assert [float(each) for each in with_halves(mean, [several], 0)] == pytest.approx(
        [float(each) for each in with_halves(mean, [lot(points[:units])], 0)]
    )


def test_the_seed_decides_the_halves():
    many = [lot(drawn(90, 1)), lot(drawn(90, 2))]
    first, same, other = (with_halves(gap, many, seed)[2] for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_the_value_has_its_gradient_and_the_error_has_none():
    points = drawn(20, 1).requires_grad_()
    value, error, _ = with_halves(gap, [lot(points), lot(drawn(20, 2))], 0)
    (slope,) = torch.autograd.grad(value, points)
    torch.testing.assert_close(slope, torch.full((20,), 1 / 20, dtype=F64))
    assert not error.requires_grad


def test_few_points_have_a_large_error():
    small, large = (with_halves(gap, [lot(drawn(n, 1)), lot(drawn(n, 2))], 0) for n in (4, 60))
    assert float(small[1] / small[2]) > 3 * float(large[1] / large[2])


def test_of_many_units_a_share_shows_the_error_of_the_whole():
    spread = [
        with_halves(gap, [lot(drawn(20_000, 2 * s)), lot(drawn(20_000, 2 * s + 1))], s)
        for s in range(20)
    ]
    values = torch.stack([value for value, _, _ in spread])
    expected = (2 / 20_000) ** 0.5
    misses = values.abs() > torch.stack([error for _, error, _ in spread])
    assert int(misses.sum()) <= 1
    for _, error, stderr in spread:
        assert 0.4 * expected < float(stderr) < 2 * expected
        assert float(error) < 8 * expected


def test_a_statistic_that_is_dear_is_had_of_halves_of_fewer():
    sizes = []

    def dear(*four):
        sizes.append(len(four[0]))
        return gap(*four)

    lots = [lot(drawn(60, 1)), lot(drawn(60, 2))]
    with_halves(dear, lots, 0, halved=(59, 20))
    assert sizes[:2] == [60, 20]
    assert max(sizes[2:]) <= 14
    sizes.clear()
    with_halves(dear, lots, 0, halved=(60, 20))
    assert min(sizes) > 20


def test_of_many_units_the_value_is_that_of_all():
    p, q = lot(drawn(9_000, 1)), lot(drawn(5_000, 2) + 1)
    value, _, _ = with_halves(gap, [p, q], 0)
    assert float(value) == pytest.approx(
        float(p.columns[0].mean() - q.columns[0].mean()), abs=1e-14
    )


def test_the_error_of_many_units_holds_where_the_linear_part_vanishes():
    misses = 0
    for seed in range(60):
        p, q = lot(drawn(4_500, seed)), lot(drawn(4_500, 1000 + seed))
        square = lambda *four: gap(*four).square()
        value, error, _ = with_halves(square, [p, q], seed)
        misses += float(value) > float(error)
    assert misses <= 2


def test_halves_by_weights_are_those_that_are_taken_one_by_one():
    def square(x, w, y, v):
        return ((w * x).sum(-1) - (v * y).sum(-1)).square()

    units, other = 40, lot(drawn(35, 2))
    points, weights = drawn(80, 1), torch.tensor([0.3, 0.7], dtype=F64)
    several = Lot((points,), weights.repeat_interleave(units) / units, units)
    at_once, alone = (
        torch.stack(with_halves(square, [several, other], 0, weightings=each))
        for each in (True, False)
    )
    torch.testing.assert_close(at_once, alone, rtol=1e-12, atol=0)


def test_a_value_for_each_weighting_is_asked_of_those_who_take_them():
    with pytest.raises(kldiv.InvalidType, match=r"shape \(64,\)"):
        with_halves(lambda x, w: (w * x).sum(), [lot(drawn(30, 1))], 0, weightings=True)
