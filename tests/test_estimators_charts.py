"""Every domain is seen in coordinates in which it is a line."""

import math

import pytest
import torch

from kldiv.definitions.support import Interval
from kldiv.estimators.charts import Chart, kind_of

F64 = torch.float64
INF = math.inf


def chart(low, high, centre=0.7, scale=0.3):
    shape = lambda value: torch.tensor([value], dtype=F64)
    return Chart(Interval(shape(low), shape(high)), shape(centre), shape(scale))


CHARTS = {
    "line": chart(-INF, INF),
    "above": chart(0.5, INF),
    "below": chart(-INF, 2.0),
    "between": chart(0.5, 2.0),
}


@pytest.mark.parametrize("kind", CHARTS)
def test_the_kind_says_which_ends_are_finite(kind):
    assert CHARTS[kind].kind == kind


def test_ends_that_differ_in_kind_are_mixed():
    low = torch.tensor([[0.0], [-INF]], dtype=F64)
    assert kind_of(Interval(low, torch.full_like(low, INF))) == "mixed"
    assert kind_of(Interval(torch.full_like(low, -INF), -low.abs())) == "mixed"


@pytest.mark.parametrize("kind", CHARTS)
def test_the_way_there_and_back_is_the_identity(kind):
    u = torch.linspace(-5, 5, 11, dtype=F64).unsqueeze(-1)
    x, _ = CHARTS[kind].to_x(u)
    # x keeps |u| only as well as exp(|u|) times its rounding allows
    assert torch.allclose(CHARTS[kind].to_u(x), u, rtol=0, atol=math.exp(5) * 1e-14)


@pytest.mark.parametrize("kind", CHARTS)
def test_points_are_strictly_inside_even_at_the_limits(kind):
    each = CHARTS[kind]
    u = torch.tensor(each.limits, dtype=F64).reshape(2, 1)
    x, slope = each.to_x(u)
    assert x.isfinite().all()
    assert ((x > each.ends.lower) & (x < each.ends.upper)).all()
    assert (slope > 0).all()


@pytest.mark.parametrize("kind", CHARTS)
def test_the_slope_is_the_derivative(kind):
    u = torch.linspace(-4, 4, 9, dtype=F64).unsqueeze(-1).requires_grad_()
    x, slope = CHARTS[kind].to_x(u)
    (derivative,) = torch.autograd.grad(x.sum(), u)
    assert torch.allclose(slope, derivative.squeeze(-1), rtol=1e-9)


def test_points_beyond_the_limits_are_clipped():
    low, high = CHARTS["line"].limits
    far = torch.tensor([[-1e200], [1e200]], dtype=F64)
    assert CHARTS["line"].to_u(far).flatten().tolist() == [low, high]
    assert CHARTS["above"].to_u(torch.tensor([[0.1]], dtype=F64)).item() == -640


def test_a_rotation_turns_the_plane_and_keeps_its_area():
    factor = torch.tensor([[1.0, 0.0], [0.8, 0.6]], dtype=F64)
    ends = Interval(torch.full((2,), -INF, dtype=F64), torch.full((2,), INF, dtype=F64))
    turned = Chart(ends, torch.zeros(2, dtype=F64), torch.ones(2, dtype=F64), factor)
    u = torch.randn(20, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    x, area = turned.to_x(u)
    assert torch.allclose(x, u.sinh() @ factor.T)
    assert torch.allclose(turned.to_u(x), u, atol=1e-10)
    assert torch.allclose(area, u.cosh().prod(-1) * 0.6)


def test_batches_have_their_own_centres_and_scales():
    ends = Interval(*(torch.full((3, 1), end, dtype=F64) for end in (-INF, INF)))
    centre = torch.tensor([[0.0], [1.0], [2.0]], dtype=F64)
    many = Chart(ends, centre, torch.ones(3, 1, dtype=F64))
    x, slope = many.to_x(torch.zeros(5, 3, 1, dtype=F64))
    assert x[4].flatten().tolist() == [0, 1, 2]
    assert slope.shape == (5, 3)
