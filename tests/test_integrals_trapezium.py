"""The trapezium rule: fast where integrands are smooth, and honest where they are not."""

import math

import pytest
import torch

from kldiv.estimators.integrals.trapezium import Grid, Window, trapezium
from tests.axis import Plain, double

SMOOTH = {
    "a bell": (lambda w: (-w.square() / 2).exp(), math.sqrt(2 * math.pi)),
    "a bell with a sign": (lambda w: w * (-(w - 1).square()).exp(), math.sqrt(math.pi)),
    "a hyperbolic secant": (lambda w: 1 / (4 * w).cosh(), math.pi / 4),
    "two bells": (
        lambda w: (-8 * (w - 2).square()).exp() + (-w.square()).exp(),
        math.sqrt(math.pi) * (1 + 8**-0.5),
    ),
}


def integrated(*functions, rtol=1e-10, rough=False, most=100_000, reach=9.0, steps=24):
    integrand = Plain(*functions, most=most)
    grid = Grid(double(-reach), double(2 * reach / steps), steps)
    ladder = integrand(grid.steps(), None, noise=True).values
    allowed = rtol * ladder.abs().sum(1) * grid.spacing
    zero = torch.zeros(1, dtype=torch.long)
    window = Window(zero, zero, zero + steps)
    found, good, nodes = trapezium(integrand, grid, window, ladder, allowed, torch.tensor([rough]))
    return found, good, nodes, integrand


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("rtol", [1e-4, 1e-7, 1e-10])
def test_smooth_integrands_are_right_within_an_error_that_is_small_enough(name, rtol):
    function, exact = SMOOTH[name]
    found, good, *_ = integrated(function, rtol=rtol)
    assert good.all()
    assert abs(float(found.values) - exact) <= float(found.errors) <= 2 * rtol * exact


@pytest.mark.parametrize("kink", [0.0, 0.1, 0.37, 1.2])
@pytest.mark.parametrize("most", [30, 100, 200, 400, 100_000])
def test_of_a_kink_that_is_known_the_error_covers_whatever_was_spent(kink, most):
    found, *_, integrand = integrated(
        lambda w: (-2 * (w - kink).abs()).exp(), rough=True, most=most
    )
    assert abs(float(found.values) - 1) <= float(found.errors)
    assert int(integrand.budget.spent) <= max(25, most)


def test_a_line_that_nothing_is_left_for_has_an_error_as_large_as_itself():
    found, good, (nodes,), integrand = integrated(SMOOTH["a bell"][0], most=30)
    assert int(integrand.budget.spent) == 25
    assert not good.any()
    assert float(found.errors) >= float(found.values)
    assert float((SMOOTH["a bell"][0](nodes.w) * nodes.weights).sum()) == pytest.approx(
        float(found.values)
    )


def test_the_nodes_are_those_of_the_sum_and_the_coarser_ones_check_it():
    function, exact = SMOOTH["a bell"]
    found, _, nodes, _ = integrated(function)
    (last,) = [each for each in nodes if len(each.line)]
    assert float((function(last.w) * last.weights).sum()) == pytest.approx(
        float(found.values), rel=1e-14
    )
    assert float((function(last.w) * last.coarse).sum()) == pytest.approx(exact, rel=1e-6)


def test_all_integrals_of_a_line_are_had_from_the_same_nodes():
    functions = [SMOOTH[name][0] for name in SMOOTH]
    found, good, *_ = integrated(*functions)
    assert good.all()
    assert found.values.squeeze().tolist() == pytest.approx(
        [SMOOTH[name][1] for name in SMOOTH], rel=1e-10
    )


def test_a_window_leaves_out_what_lies_beyond():
    integrand = Plain(torch.ones_like)
    grid = Grid(double(0.0), double(1.0), 10)
    ladder = torch.ones(1, 11, 1, dtype=torch.float64)
    window = Window(torch.tensor([0]), torch.tensor([3]), torch.tensor([6]))
    _, _, nodes = trapezium(integrand, grid, window, ladder, double([1e-9]), torch.tensor([False]))
    inside = nodes[-1].weights > 0
    assert float(nodes[-1].w[inside].min()) == 3
    assert float(nodes[-1].w[inside].max()) == 6


def test_a_frame_holds_the_windows_of_all_lines():
    first, last = torch.tensor([0, 7]), torch.tensor([3, 9])
    base, count = Window(torch.arange(2), first, last).frame(10)
    assert (base <= first).all()
    assert (base + count >= last).all()
    assert (base + count <= 10).all()
