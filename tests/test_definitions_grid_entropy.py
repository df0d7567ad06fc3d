"""The integral of f log f over a grid is right within its bound, which is small on fine grids."""

import numpy as np
import pytest

from kldiv.definitions.grid_entropy import integral_of_f_log_f, order_and_bound

UNEVEN = np.array([-1.0, 0.0, 0.25, 2.0, 5.0])
EVEN = np.linspace(-4, 4, 65)
BELL = np.exp(-np.square(EVEN) / 2)
GRIDS = {
    "one cell": ([UNEVEN[:2]], np.array([1.0, 3.0])),
    "an uneven line": ([UNEVEN], np.array([0.0, 1.0, 4.0, 0.5, 0.0])),
    "a line up from zero": ([UNEVEN[:2]], np.array([0.0, 2.0])),
    "a bell": ([EVEN], BELL),
    "float32": ([EVEN], BELL.astype(np.float32)),
    "a plane": ([EVEN, UNEVEN], np.outer(BELL, [1.0, 2.0, 1.5, 3.0, 0.1])),
    "a plane with holes": ([UNEVEN, UNEVEN[:3]], np.arange(15.0).reshape(5, 3) % 4),
    "a space": ([UNEVEN[:3], UNEVEN[:3], UNEVEN], 1 + np.arange(45.0).reshape(3, 3, 5) % 7),
}


def by_small_cells(axes, values, parts):
    """A rule of many points in every part of every cell."""
    nodes, weights = np.polynomial.legendre.leggauss(4)
    shares = ((np.arange(parts)[:, None] + (1 + nodes) / 2) / parts).ravel()
    weights = np.tile(weights / 2 / parts, parts)
    points = [(a[:-1, None] + np.diff(a)[:, None] * shares).ravel() for a in axes]
    areas = [(np.diff(a)[:, None] * weights).ravel() for a in axes]
    for number, (axis, point) in enumerate(zip(axes, points, strict=True)):
        values = np.apply_along_axis(
            lambda line, point=point, axis=axis: np.interp(point, axis, line), number, values
        )
    terms = values * np.log(np.maximum(values, 1e-300))
    for area in reversed(areas):
        terms = terms @ area
    return terms


def grid(axes, values):
    """A grid with the mass that is on it, by the trapezium rule."""
    mass = values.astype(float)
    for axis in reversed(axes):
        mass = np.trapezoid(mass, axis)
    return axes, values, float(mass)


@pytest.mark.parametrize("name", GRIDS)
def test_the_bound_covers_the_error(name):
    axes, values = GRIDS[name]
    order, bound = order_and_bound(*grid(axes, values))
    found = integral_of_f_log_f(*grid(axes, values), order)
    parts = {1: 400, 2: 60, 3: 10}[len(axes)]
    truth = by_small_cells(axes, values.astype(float), parts)
    finer = by_small_cells(axes, values.astype(float), parts // 2)
    assert abs(found - truth) <= bound + 2 * abs(truth - finer) + 1e-13 * np.abs(values).sum()


@pytest.mark.parametrize("count", [65, 257])
def test_a_smooth_density_needs_few_points(count):
    axis = np.linspace(-4, 4, count)
    values = np.exp(-np.square(axis) / 2)
    order, bound = order_and_bound(*grid([axis, axis], np.outer(values, values)))
    assert order <= 8
    assert bound <= 1e-11


def test_blocks_make_no_difference():
    axis = np.linspace(-4, 4, 301)
    plane = np.exp(-np.square(axis[:, None] - axis / 2))
    whole = grid([axis, axis], plane)
    order, _ = order_and_bound(*whole)
    strips = [slice(start, start + 101) for start in (0, 100, 200)]
    parts = [integral_of_f_log_f(*grid([axis[each], axis], plane[each]), order) for each in strips]
    assert sum(parts) == pytest.approx(integral_of_f_log_f(*whole, order), rel=1e-13)


def test_a_rule_is_exact_for_what_is_the_same_everywhere():
    for axes in ([UNEVEN], [UNEVEN, UNEVEN]):
        values = np.full([len(axis) for axis in axes], 3.0)
        order, bound = order_and_bound(*grid(axes, values))
        expected = 3 * np.log(3) * 6.0 ** len(axes)
        assert (order, bound) == (2, 0)
        found = integral_of_f_log_f(*grid(axes, values), order)
        assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("unit", [1e-305, 1e-30, 1e200])
def test_the_unit_of_a_density_makes_no_difference(unit):
    axes, values, mass = grid(*GRIDS["a plane with holes"])
    order, bound = order_and_bound(axes, values, mass)
    assert order_and_bound(axes, values * unit, mass * unit) == (
        order,
        pytest.approx(bound * unit),
    )
    expected = integral_of_f_log_f(axes, values, mass, order) + np.log(unit) * mass
    found = integral_of_f_log_f(axes, values * unit, mass * unit, order)
    assert found == pytest.approx(unit * expected, rel=1e-12)
