"""Wasserstein's distance: samples, integrals of quantiles, gradients and fits."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats
import torch

from torch.distributions import (
    Bernoulli,
    Categorical,
    Cauchy,
    Exponential,
    Gumbel,
    Laplace,
    MixtureSameFamily,
    Normal,
    Pareto,
    Poisson,
    Uniform,
)

import kldiv

F64 = torch.float64


def number(value):
    return torch.tensor(value, dtype=F64)


def normal(loc, scale):
    return Normal(number(loc), number(scale))


RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=300), RANDOM.normal(size=200) + 1
V, W = RANDOM.random(300), RANDOM.random(200)
MIXTURE = MixtureSameFamily(Categorical(number([0.3, 0.7])), normal([-3.0, 3.0], [1.0, 0.5]))


def test_the_laws_hold_on_the_line():
    kldiv.testing.check_divergence("wasserstein").raise_for_failures()


@pytest.mark.slow
def test_the_laws_hold_of_order_2():
    kldiv.testing.check_divergence("wasserstein(order=2)").raise_for_failures()


def test_between_samples_it_is_that_of_scipy():
    found = kldiv.divergence(X, Y, "wasserstein")
    assert float(found) == pytest.approx(scipy.stats.wasserstein_distance(X, Y), rel=1e-12)


def test_weights_count():
    compare = kldiv.divergences.create("wasserstein").compare
    found = compare(*(torch.from_numpy(each) for each in (X, V / V.sum(), Y, W / W.sum())))
    assert float(found) == pytest.approx(scipy.stats.wasserstein_distance(X, Y, V, W), rel=1e-12)


def test_two_samples_in_the_plane_are_assigned():
    x, y = RANDOM.normal(size=(40, 2)), RANDOM.normal(size=(40, 2)) + 1
    cost = np.square(x[:, None] - y).sum(-1)
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    found = kldiv.divergence(x, y, "wasserstein(order=2)")
    assert float(found) == pytest.approx(math.sqrt(cost[rows, columns].mean()), rel=1e-10)


def test_more_dimensions_are_refused_with_a_remedy():
    with pytest.raises(kldiv.InvalidArgument, match="sliced_wasserstein"):
        kldiv.divergence(torch.zeros(30, 3), torch.ones(30, 3), "wasserstein")


@pytest.mark.parametrize("order", [1.0, 1.5, 2.0])
@pytest.mark.parametrize(
    "pair",
    [
        (normal(0.4, 1.1), normal(-0.7, 1.6)),
        (Laplace(number(0.0), number(1.0)), Laplace(number(1.0), number(3.0))),
        (Uniform(number(0.0), number(1.0)), Uniform(number(0.5), number(2.0))),
        (Exponential(number(1.0)), Exponential(number(2.5))),
    ],
    ids=lambda pair: type(pair[0]).__name__,
)
def test_closed_forms_are_the_integrals(pair, order):
    name = f"wasserstein(order={order})"
    whole, integral = (
        kldiv.divergence(*pair, name, estimator=each) for each in ("auto", "quantiles")
    )
    gap = abs(float(whole) - float(integral))
    assert gap <= float(whole.error) + float(integral.error)
    assert float(integral.error) < 1e-6


def between_distribution_functions(weights, loc, scale, mean, spread):
    """The integral of |F - G| of a mixture of normals and a normal, cut where F = G."""
    weights, loc, scale = (
        np.append(*each) for each in ((weights, -1), (loc, mean), (scale, spread))
    )

    def z(x):
        return (x - loc) / scale

    def gap(x):
        return weights @ scipy.special.ndtr(z(x))

    def integral(x):
        parts = (x - loc) * scipy.special.ndtr(z(x)) + scale * scipy.stats.norm.pdf(z(x))
        return weights @ parts

    grid = np.linspace((loc - 12 * scale).min(), (loc + 12 * scale).max(), 20_001)
    signs = np.array([gap(x) for x in grid])
    grid, signs = grid[signs != 0], signs[signs != 0]
    changes = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    roots = [scipy.optimize.brentq(gap, grid[k], grid[k + 1], xtol=1e-14) for k in changes]
    return np.abs(np.diff([integral(x) for x in (grid[0], *roots, grid[-1])])).sum()


def mixture(weights, loc, scale):
    return MixtureSameFamily(Categorical(number(weights)), normal(list(loc), list(scale)))


BIMODAL = [0.5, 0.5], [-5.0, 10.0], [1.0, 1.0]


@pytest.mark.parametrize("seed", range(12))
def test_a_mixture_is_inverted(seed):
    random = np.random.default_rng(seed)
    count = random.integers(2, 4)
    parts = (
        random.dirichlet(np.ones(count)),
        random.normal(0, random.choice([1, 5, 15]), count),
        np.exp(random.normal(0, 0.7, count)),
    )
    mean, spread = random.normal(0, 5), np.exp(random.normal())
    found = kldiv.divergence(mixture(*parts), normal(mean, spread), "wasserstein")
    assert found.method == "quantiles"
    assert abs(float(found) - between_distribution_functions(*parts, mean, spread)) <= found.error
    assert float(found.error) < 1e-8 * max(1.0, float(found))


@pytest.mark.parametrize("member", [(2.497733, 6.986449), (2.5, 6.97245)])
def test_a_change_of_sign_beyond_the_points_of_a_panel_is_seen(member):
    found = kldiv.divergence(mixture(*BIMODAL), normal(*member), "wasserstein")
    assert abs(float(found) - between_distribution_functions(*BIMODAL, *member)) <= found.error


@pytest.mark.slow
def test_the_nearest_normal_of_two_modes_lies_between_them():
    fit = kldiv.fit(mixture(*BIMODAL), "normal", "wasserstein")
    best = scipy.optimize.minimize_scalar(
        lambda spread: between_distribution_functions(*BIMODAL, 2.5, spread), (5.0, 7.0)
    )
    assert fit.converged
    assert len(fit.optima) == 1
    assert float(fit.parameters["loc"]) == pytest.approx(2.5, abs=1e-4)
    assert float(fit.divergence) == pytest.approx(best.fun, abs=1e-8)


@pytest.mark.parametrize("order", [1.0, 2.0])
@pytest.mark.parametrize("scale", [1.0, 1.2, 2.17])
def test_between_equal_sides_rounding_is_no_heavy_tail(scale, order):
    """Quantiles that are searched for are rounded, most so next to the ends."""
    one = mixture([1.0], [2.43], [scale])
    found = kldiv.divergence(one, normal(2.43, scale), f"wasserstein(order={order})")
    assert float(found) <= float(found.error) < 1e-7


def test_tails_that_are_too_heavy_make_it_infinite():
    found = kldiv.divergence(Cauchy(number(0.0), number(1.0)), normal(0.0, 1.0), "wasserstein")
    assert math.isinf(float(found))
    assert "moment" in found.reason
    tail = kldiv.divergence(
        Pareto(number(1.0), number(2.5)), Pareto(number(1.5), number(2.5)), "wasserstein(order=2)"
    )
    assert abs(float(tail) - 0.5 * math.sqrt(5)) <= float(tail.error)  # E x² is 5


def test_a_shift_moves_heavy_tails_by_no_more():
    p, q = Cauchy(number(0.0), number(1.0)), Cauchy(number(1.0), number(1.0))
    assert float(kldiv.divergence(p, q, "wasserstein(order=2)")) == pytest.approx(1, abs=1e-9)


def test_counts_are_listed():
    found = kldiv.divergence(Poisson(number([2.3, 90.0])), Poisson(number(3.1)), "wasserstein")
    torch.testing.assert_close(found.value, number([0.8, 86.9]))  # one is above the other
    coin = kldiv.divergence(Bernoulli(number(0.5)), Bernoulli(number(0.7)), "wasserstein(order=2)")
    assert float(coin) == pytest.approx(math.sqrt(0.2))


@pytest.mark.parametrize(
    "other", [Gumbel(number(0.5), number(1.2)), MIXTURE], ids=["gumbel", "mix"]
)
@pytest.mark.parametrize("order", [1, 2])
def test_gradients_of_integrals_are_theirs(other, order):
    parameters = [number(0.1).requires_grad_(), number(1.3).requires_grad_()]

    def value(loc, scale):
        return kldiv.divergence(other, Normal(loc, scale), f"wasserstein(order={order})").value

    assert torch.autograd.gradcheck(value, parameters, eps=1e-4, atol=1e-4)


def test_a_normal_is_fitted_to_samples():
    fit = kldiv.fit(2 * X + 1, "normal", "wasserstein(order=2)")
    assert fit.converged
    assert float(fit.parameters["loc"]) == pytest.approx(float((2 * X + 1).mean()), abs=1e-2)
    assert float(fit.parameters["scale"]) == pytest.approx(float(2 * X.std()), rel=2e-2)


def test_quantiles_that_were_found_before_do_not_mislead():
    loc = number([0.0, 100.0])
    mixture = MixtureSameFamily(Categorical(number([0.5, 0.5])), Normal(loc, number(1.0)))
    other = Normal(number(0.0), number(1.0))
    first = kldiv.divergence(mixture, other, "wasserstein").value
    again = kldiv.divergence(mixture, other, "wasserstein").value
    assert float(again) == pytest.approx(float(first), rel=1e-12)
    loc[1] = -1e6  # what was found is now far from every quantile
    moved = MixtureSameFamily(Categorical(number([0.5, 0.5])), Normal(loc.clone(), number(1.0)))
    of_old, of_new = (kldiv.divergence(p, other, "wasserstein").value for p in (mixture, moved))
    assert float(of_old) == pytest.approx(float(of_new), rel=1e-10)
