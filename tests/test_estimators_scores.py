"""Scores by autograd, and the integrand of a divergence of scores."""

import math

import pytest
import torch

from torch.distributions import Gamma, Gumbel, Independent, Normal, Uniform

import kldiv

from kldiv.builtin.divergences.fisher import Fisher
from kldiv.estimators.problem import Problem
from kldiv.estimators.scores import expectand, score_of, score_terms, within
from kldiv.resolving import as_target

ZERO = torch.zeros((), dtype=torch.float64)


def tensor(value, **options):
    return torch.tensor(value, dtype=torch.float64, **options)


def problem(p, q):
    return Problem(Fisher(), as_target(p, "p"), as_target(q, "q"))


def test_the_score_is_the_gradient_in_each_coordinate():
    loc = tensor([[0.0, 1.0], [2.0, -1.0]])
    side = as_target(Independent(Normal(loc, 1.0), 1), "p")
    x = torch.randn(5, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    log, score = score_of(side, x)
    assert log.shape == (5, 2)
    torch.testing.assert_close(score, loc - x)
    assert not score.requires_grad


def test_scalars_have_scores_of_length_1():
    _, score = score_of(
        as_target(Normal(tensor([0.0, 1.0]), 2.0), "p"), torch.zeros(3, 2).double()
    )
    assert score.shape == (3, 2, 1)
    torch.testing.assert_close(score[0, :, 0], tensor([0.0, 0.25]))


def test_the_score_has_the_gradients_of_the_parameters():
    scale = tensor(2.0, requires_grad=True)
    _, score = score_of(as_target(Normal(0.0, scale), "p"), tensor([3.0]))
    (slope,) = torch.autograd.grad(score.sum(), scale)
    assert float(slope) == pytest.approx(2 * 3 / 2**3)


def test_a_density_that_does_not_vary_has_score_0():
    _, score = score_of(as_target(Uniform(tensor(0.0), 1.0), "p"), tensor([0.2, 0.7, 3.0]))
    assert score.eq(0).all()


def test_a_density_that_torch_cannot_differentiate_is_an_error_that_says_what_to_do():
    def log_prob(x):
        return torch.as_tensor(-(x.detach().numpy() ** 2))

    with pytest.raises(kldiv.NotAvailable, match="write it in torch operations"):
        score_of(kldiv.Target(log_prob), tensor([0.0, 1.0]))


def test_only_p_makes_it_infinite_and_only_q_or_neither_makes_it_0():
    x = tensor([-0.5, 0.5, 1.5, 2.5])
    terms, noise = score_terms(
        problem(Uniform(tensor(0.0), 2.0), Uniform(tensor(1.0), 3.0)), ZERO, x
    )
    assert terms.tolist() == [[0.0, math.inf, 0.0, 0.0]]
    assert noise.isfinite().all()


def test_a_score_beyond_the_square_root_of_all_numbers_does_not_overflow():
    """x² e^-x against x³ e^-x: the squared score is x^-2, and p times it is 1/2 at 0."""
    x = tensor([1e-250, 1e-170, 1e-100])
    terms, _ = score_terms(problem(Gamma(tensor(3.0), 1.0), Gamma(tensor(4.0), 1.0)), ZERO, x)
    torch.testing.assert_close(terms, tensor([[0.5, 0.5, 0.5]]), rtol=1e-12, atol=0)


def test_points_without_mass_have_no_part_in_any_gradient():
    scale = tensor(1.0, requires_grad=True)
    x = tensor([0.0, 1.0, 1e90, -1e150])
    slopes = []
    for points in (x, x[:2]):
        terms, _ = score_terms(problem(Normal(0.0, scale), Normal(1.0, 2 * scale)), ZERO, points)
        slopes += torch.autograd.grad(terms.sum(), scale)
    assert float(slopes[0]) == float(slopes[1])


def test_what_is_divided_by_its_scale_is_the_whole():
    sides = problem(Normal(tensor(0.0), 1.0), Normal(tensor(0.5), 2.0))
    x = tensor([-1.0, 0.3, 4.0])
    found = expectand(sides, tensor(math.log(2)), x)
    expected = (-x + (x - 0.5) / 4).square()
    torch.testing.assert_close(found.log_scale.exp() * found.value, expected)
    torch.testing.assert_close(found.log_p, sides.p.log_prob(x) - math.log(2))


def test_a_formula_that_gives_nan_is_named():
    class Broken(kldiv.ScoreDivergence):
        def integrand(self, score_p, score_q):
            return (score_p / (score_q - score_q)).sum(-1)

    p = Normal(tensor(0.0), 1.0)
    with pytest.raises(kldiv.NotFinite, match="broken is NaN of finite scores"):
        kldiv.divergence(p, p, Broken)


def test_a_score_that_is_nan_at_a_plain_point_is_named():
    target = kldiv.Target(lambda x: -(x.square() + x.square().square()).sqrt())
    with pytest.raises(kldiv.NotFinite, match="write that log density so that torch can"):
        score_terms(problem(target, Normal(tensor(0.0), 1.0)), ZERO, tensor([-1.0, 0.0, 1.0]))


def test_q_is_seen_no_farther_than_p_reaches():
    p, q = as_target(Gamma(tensor(2.0), 1.0), "p"), as_target(Normal(tensor(0.0), 1.0), "q")
    seen = within(p, q)
    assert (seen.support, seen.given) == (p.support, q.given)
    assert q.support is not p.support


def test_a_density_that_is_beyond_all_numbers_where_p_has_vanished_is_not_missing():
    """A Gumbel density falls doubly exponentially, and yet has a score wherever p has mass."""
    numbers = torch.tensor([-0.23374, 1.3388, 0.14149, 1.3962], dtype=torch.float64)
    p, q = Normal(*numbers[:2]), Gumbel(*numbers[2:])
    found = kldiv.divergence(p, q, "fisher", estimator="quadrature")
    assert float(found) == pytest.approx(2.3424411490443874, rel=1e-9)
