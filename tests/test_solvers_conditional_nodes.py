"""Nodes for targets that are normal given a coordinate: exact means, gradients and Hessians."""

import math

import pytest
import torch

from kldiv.numerics import NORMAL_ENTROPY
from kldiv.solvers.conditional_nodes import ConditionalNodes, gauss_hermite, reflection
from tests.conditional_targets import funnel, funnel_energy, hierarchy
from tests.objectives import objective_of

F64 = torch.float64
FAMILIES = ["isotropic_normal", "diagonal_normal", "full_normal"]
STEP = 1e-4


def on_nodes(target, coordinate, family, count=40):
    objective = objective_of(target, family, forward=False)
    return ConditionalNodes(objective, objective.chart, coordinate, count)


def points(surface, rows=2, scale=0.3):
    generator = torch.Generator().manual_seed(1)
    size = surface.objective.family.space.size
    return surface.point(scale * torch.randn(rows, size, generator=generator, dtype=F64))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [3, 10])
def test_the_divergence_is_that_of_the_closed_form(family, size):
    surface = on_nodes(funnel(size), 0, family)
    point = points(surface)
    found = surface.derivatives(point)[0]
    for row, (loc, root) in enumerate(zip(*surface.members(point), strict=True)):
        entropy = root.diagonal().log().sum() + size * NORMAL_ENTROPY
        expected = -funnel_energy(loc, root) - entropy
        torch.testing.assert_close(found[row], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("coordinate", [0, 2, 3])
def test_gradient_and_hessian_are_those_of_small_steps(family, coordinate):
    surface = on_nodes(hierarchy(4, coordinate), coordinate, family)
    point = points(surface)
    _, gradient, hessian = surface.derivatives(point)
    steps = STEP * torch.eye(gradient.shape[-1], dtype=F64)

    def moved(step):
        return surface.derivatives(surface.moved(point, step.expand_as(gradient)))[0]

    ahead, behind = (torch.stack([moved(sign * step) for step in steps], -1) for sign in (1, -1))
    torch.testing.assert_close((ahead - behind) / (2 * STEP), gradient, rtol=1e-6, atol=1e-6)
    for i, one in enumerate(steps):
        for j, other in enumerate(steps[: i + 1]):
            corners = moved(one + other) + moved(-one - other) - moved(one - other)
            bend = (corners - moved(other - one)) / (4 * STEP**2)
            torch.testing.assert_close(bend, hessian[:, i, j], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(hessian, hessian.mT)
    torch.testing.assert_close(surface.value_and_gradient(point)[1], gradient)


@pytest.mark.parametrize("family", FAMILIES)
def test_batches_are_rows(family):
    surface = on_nodes(funnel(5), 0, family)
    point = points(surface, 6)
    apart = surface.derivatives(point)
    for one, other in zip(surface.derivatives(point.reshape(3, 2, -1)), apart, strict=True):
        torch.testing.assert_close(one.flatten(0, 1), other)


def test_a_reflection_turns_rows_into_the_axis():
    generator = torch.Generator().manual_seed(0)
    row = torch.randn(50, 5, generator=generator, dtype=F64)
    row[:, 2] = row[:, 2].abs() * torch.logspace(-8, 4, 50, dtype=F64)
    turn = reflection(row, 2)
    identity = torch.eye(5, dtype=F64).expand_as(turn)
    torch.testing.assert_close(turn @ turn.mT, identity, rtol=0, atol=1e-14)
    lengths = torch.linalg.vector_norm(row, dim=-1, keepdim=True)
    turned = (row.unsqueeze(-2) @ turn).squeeze(-2) / lengths
    torch.testing.assert_close(turned, -identity[:, 2], rtol=0, atol=1e-14)


@pytest.mark.parametrize("count", [12, 24, 48, 96])
def test_gauss_and_hermite_have_the_moments_of_a_normal_variable(count):
    nodes, weights = gauss_hermite(count)
    moments = [float(weights @ nodes**power) for power in range(9)]
    assert moments == pytest.approx([1, 0, 1, 0, 3, 0, 15, 0, 105], abs=1e-10)
    assert float(weights @ (2 * nodes).exp()) == pytest.approx(math.exp(2), rel=1e-5)
