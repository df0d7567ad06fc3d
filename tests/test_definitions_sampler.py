"""Samplers draw what the distribution has, also where torch's own lose their draws."""

import pytest
import torch

from torch.distributions import Beta, Dirichlet, Independent, Normal

from kldiv.definitions.sampler import sampler_of

F64 = torch.float64
COUNT = 20_000


def drawn(distribution, *shape):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return sampler_of(distribution)(torch.Size(shape))


@pytest.mark.parametrize("concentration", [1e-6, 1e-3, 0.04, 0.3])
def test_shares_have_the_moments_of_their_distribution(concentration):
    each = concentration * torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    for member in (
        Dirichlet(each),
        Beta(each[0], each[1]),
        Independent(Beta(each, each.flip(0)), 1),
    ):
        points = drawn(member, COUNT)
        assert points.shape == (COUNT, *member.event_shape)
        assert points.dtype == F64
        allowed = 4.5 * (member.variance / COUNT).sqrt()
        assert ((points.mean(0) - member.mean).abs() <= allowed).all()
        spread = points.var(0)
        assert ((spread - member.variance).abs() <= 0.05 * member.variance).all()


def test_logarithms_of_shares_are_right_down_to_the_smallest_number():
    a = torch.tensor([0.02, 0.03], dtype=F64)
    logs = drawn(Beta(a[0], a[1]), COUNT).log()
    truth = float(torch.digamma(a[0]) - torch.digamma(a.sum()))
    assert abs(float(logs.mean()) - truth) <= 4.5 * float(logs.std()) / COUNT**0.5


def test_shares_stay_inside_the_support():
    points = drawn(Beta(torch.full((2, 3), 1e-6, dtype=F64), 1e-6), 100)
    assert points.shape == (100, 2, 3)
    assert ((points > 0) & (points < 1)).all()
    assert (drawn(Dirichlet(torch.full((4,), 1e-6)), 100) > 0).all()


def test_all_other_distributions_draw_as_torch_does():
    for member in (Normal(0.0, 1.0), Beta(2.0, 0.5), Dirichlet(torch.ones(3))):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            expected = member.sample((5,))
        assert torch.equal(drawn(member, 5), expected)
