"""Where nothing is known of a target a fit begins about 0, as widely as it may."""

import torch

from torch.distributions import constraints

import kldiv

from kldiv.solvers.nowhere import nowhere

F64 = torch.float64


def overflowing(x):
    """Falls by 1e8 nats a few units from 0, and overflows soon after."""
    return -(20 * x).exp().sum(-1) - x.square().sum(-1) - (-20 * x).exp().sum(-1)


def widths(log_prob, **options):
    return nowhere(kldiv.Target(log_prob, event_shape=(5,), **options)).variance.sqrt()


def test_of_a_target_of_which_nothing_is_known_the_place_is_about_0_and_not_absurdly_wide():
    assert (widths(lambda x: -x.square().sum(-1)) == 1).all()
    assert (widths(lambda x: -(300 * x).square().sum(-1)) == 1).all()
    assert (widths(overflowing) < 0.5).all()
    assert (widths(lambda x: torch.where(x.abs().amax(-1) < 1, 0.0, -torch.inf)) < 0.5).all()


def test_each_problem_of_a_batch_has_its_own_width():
    steep = torch.tensor([0.01, 1.0], dtype=F64)
    found = widths(lambda x: overflowing(steep.unsqueeze(-1) * x))
    assert (found[0] == 1).all()
    assert (found[1] < 0.5).all()


def test_where_no_width_is_fair_it_is_1():
    assert (widths(lambda x: torch.where(x[..., 0] > 9, 0.0, -torch.inf)) == 1).all()
    assert (widths(lambda x: torch.where(x[..., 0] == 0, 0.0, torch.nan)) == 1).all()


def test_of_a_simplex_the_place_is_that_of_even_shares():
    shares = kldiv.Target(
        lambda x: -x.square().sum(-1), event_shape=(3,), support=constraints.simplex
    )
    place = nowhere(shares)
    assert torch.allclose(place.mean, torch.full((3,), 1 / 3, dtype=F64))
    assert torch.allclose(place.variance, torch.full((3,), 1 / 18, dtype=F64))
