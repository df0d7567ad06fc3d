"""Points that move with the edges give Leibniz' rule."""

import pytest
import torch

from torch.distributions import Normal, Uniform

import kldiv

from kldiv.estimators.integrals.moving_edges import move_with_edges

F64 = torch.float64
EDGES = [-1.0, 2.0, 0.5]


def edges(*values):
    return [torch.tensor(value, dtype=F64, requires_grad=True) for value in values]


def test_nothing_moves_at_the_present_parameters():
    x = torch.linspace(-3, 4, 29, dtype=F64)
    moved, stretch = move_with_edges(x, edges(*EDGES))
    assert torch.allclose(moved, x, rtol=0, atol=1e-15)
    assert torch.allclose(stretch, torch.ones_like(stretch), rtol=1e-15)


def test_between_two_edges_a_point_keeps_its_share_of_the_way():
    low, high, middle = edges(*EDGES)
    x = torch.tensor([0.5 + 0.25 * 1.5], dtype=F64)
    moved, stretch = move_with_edges(x, [low, high, middle])
    slopes = torch.autograd.grad(moved.sum(), (low, high, middle), retain_graph=True)
    assert [float(slope) for slope in slopes] == pytest.approx([0, 0.25, 0.75])
    slopes = torch.autograd.grad(stretch.sum(), (low, high, middle))
    assert [float(slope) for slope in slopes] == pytest.approx([0, 1 / 1.5, -1 / 1.5])


@pytest.mark.parametrize(("x", "anchor"), [(-2.0, 0), (3.0, 1)])
def test_beyond_the_outermost_edge_a_point_keeps_its_distance(x, anchor):
    made = edges(*EDGES)
    moved, stretch = move_with_edges(torch.tensor([x], dtype=F64), made)
    slopes = torch.autograd.grad(moved.sum(), made)
    assert [float(slope) for slope in slopes] == [float(k == anchor) for k in range(3)]
    assert stretch.tolist() == [1]


def test_edges_that_coincide_divide_by_nothing():
    made = edges(1.0, 1.0)
    moved, stretch = move_with_edges(torch.tensor([0.0, 1.0, 2.0], dtype=F64), made)
    slopes = torch.autograd.grad(moved.sum() + stretch.sum(), made)
    assert all(slope.isfinite() for slope in slopes)


def test_a_batch_has_its_own_edges():
    low = torch.tensor([0.0, 1.0], dtype=F64)
    moved, _ = move_with_edges(torch.full((3, 2), 0.5, dtype=F64), [low, low + 1])
    assert moved.shape == (3, 2)


@pytest.mark.parametrize("divergence", ["squared_l2", "jensen_shannon", "squared_hellinger"])
@pytest.mark.parametrize("side", ["p", "q"])
def test_gradients_at_edges_inside_the_other_support_are_those_of_the_exact_value(
    divergence, side
):
    normal = Normal(torch.tensor(0.3, dtype=F64), 1.0)

    def value(low, high):
        box = Uniform(low, high, validate_args=False)
        pair = (box, normal) if side == "p" else (normal, box)
        return kldiv.divergence(*pair, divergence, estimator="quadrature").value

    ends = edges(-0.8, 1.7)
    slopes = torch.autograd.grad(value(*ends), ends)
    step = 1e-3
    for index, slope in enumerate(slopes):
        moved = [
            [end.detach() + k * step * (j == index) for j, end in enumerate(ends)]
            for k in (-2, -1, 1, 2)
        ]
        low2, low1, high1, high2 = (float(value(*each)) for each in moved)
        # of fourth order: the error is h⁴ / 30 times a fifth derivative of order 10
        expected = (low2 - 8 * low1 + 8 * high1 - high2) / (12 * step)
        assert float(slope) == pytest.approx(expected, abs=1e-8)
