"""Lattices in the plane integrate what lies where the densities have mass, each better."""

import pytest
import torch

from torch.distributions import MultivariateNormal

from kldiv.estimators.integrals.landmarks import Landmark
from kldiv.solvers.lattices import lattices

F64 = torch.float64
PLACE = Landmark(torch.zeros(2, dtype=F64), torch.ones(2, dtype=F64))


def normal(x):
    covariance = torch.tensor([[1.0, 0.5], [0.5, 2.0]], dtype=F64)
    return MultivariateNormal(torch.zeros(2, dtype=F64), covariance).log_prob(x).unsqueeze(-1)


def bent(x):
    """A normal density along a parabola, of mass 1 as well."""
    moved = torch.stack([x[:, 0], x[:, 1] - x[:, 0].square()], -1)
    return normal(moved)


def heavy(x):
    return -(1 + x.square().sum(-1, keepdim=True)).log()


@pytest.mark.parametrize("density", [normal, bent])
def test_masses_come_ever_nearer_and_the_coarse_nodes_tell_how_near(density):
    gaps, steps = [], []
    for lattice in lattices(density, [PLACE], torch.eye(2, dtype=F64)):
        values = density(lattice.points).squeeze(-1).exp()
        mass, rough = lattice.weights @ values, lattice.coarse @ values
        assert abs(float(mass) - 1) <= abs(float(rough) - 1) + 1e-14
        gaps.append(abs(float(mass) - 1))
        steps.append(float(lattice.step))
    assert gaps[-1] < 1e-12
    assert gaps[-1] <= min(gaps) + 1e-13
    assert steps == sorted(steps, reverse=True)


def test_what_is_left_out_is_nothing_and_the_rim_lies_beside_it():
    lattice = next(lattices(normal, [PLACE], torch.eye(2, dtype=F64)))
    values = normal(lattice.points).squeeze(-1)
    below = values - values.amax()
    assert float(below.amin()) > -42
    assert 0 < int(lattice.rim.sum()) < len(lattice.points)
    assert float(below[lattice.rim > 0].amax()) < float(below[lattice.rim == 0].amin())


def test_mass_without_an_end_has_none():
    assert not list(lattices(heavy, [PLACE], torch.eye(2, dtype=F64)))
