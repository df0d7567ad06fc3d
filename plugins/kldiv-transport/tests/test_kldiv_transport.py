"""Distances of transport: known values, laws, gradients and fits."""

import math

import numpy as np
import ot
import pytest
import scipy.linalg
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
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Pareto,
    Poisson,
    Uniform,
)

import kldiv

from kldiv.registries import plugin_galleries, plugin_report

F64 = torch.float64


def number(value):
    return torch.tensor(value, dtype=F64)


RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=300), RANDOM.normal(size=200) + 1
V, W = RANDOM.random(300), RANDOM.random(200)
IN_THE_PLANE = (
    MultivariateNormal(
        torch.tensor([0.3, -0.2], dtype=F64),
        torch.tensor([[0.82, -0.38], [-0.38, 0.74]], dtype=F64),
    ),
    MultivariateNormal(torch.tensor([-0.1, 0.4], dtype=F64), 1.5 * torch.eye(2, dtype=F64)),
)


def normal(loc, scale):
    return Normal(number(loc), number(scale))


MIXTURE = MixtureSameFamily(Categorical(number([0.3, 0.7])), normal([-3.0, 3.0], [1.0, 0.5]))


def test_the_plugin_is_found_and_whole():
    (plugin,) = [each for each in plugin_report() if each.distribution == "kldiv-transport"]
    assert plugin.state == "ok"
    names = {"wasserstein", "bures", "sliced_wasserstein", "sinkhorn"}
    assert set(plugin.components["divergences"]) == names


def test_the_laws_hold_on_the_line():
    kldiv.testing.check_divergence("wasserstein").raise_for_failures()


@pytest.mark.slow
def test_the_laws_hold_of_order_2():
    kldiv.testing.check_divergence("wasserstein(order=2)").raise_for_failures()


def test_the_laws_hold_between_normals():
    kldiv.testing.check_divergence("bures").raise_for_failures()


@pytest.mark.parametrize(
    ("name", "pairs"),
    [("sliced_wasserstein(directions=8)", ["normals", "planes"]), ("sinkhorn", ["planes"])],
)
def test_the_laws_hold_where_samples_are_drawn(name, pairs):
    few = ["identity", "symmetry", "triangle", "gradient", "precision", "agreement"]
    report = kldiv.testing.check_divergence(name, laws=few, pairs=pairs)
    report.raise_for_failures()


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


def test_a_mixture_is_inverted():
    x = np.linspace(-40, 40, 400_001)
    above = 0.3 * scipy.stats.norm.cdf(x, -3, 1) + 0.7 * scipy.stats.norm.cdf(x, 3, 0.5)
    truth = np.trapezoid(np.abs(above - scipy.stats.norm.cdf(x, 0, 2)), x)
    found = kldiv.divergence(MIXTURE, normal(0.0, 2.0), "wasserstein")
    assert found.method == "quantiles"
    assert abs(float(found) - truth) <= float(found.error) + 1e-8
    assert float(found.error) < 1e-8


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


def test_bures_is_its_formula():
    p, q = IN_THE_PLANE
    first, second = (each.covariance_matrix.numpy() for each in (p, q))
    root = scipy.linalg.sqrtm(first)
    trace = np.trace(first + second - 2 * scipy.linalg.sqrtm(root @ second @ root).real)
    truth = float((p.loc - q.loc).square().sum()) + trace
    assert float(kldiv.divergence(p, q, "bures")) == pytest.approx(truth, rel=1e-12)
    distance = kldiv.divergence(p, q, "wasserstein(order=2)")
    assert float(distance) == pytest.approx(math.sqrt(truth), rel=1e-12)


def test_bures_knows_all_normal_vectors():
    diagonal = Independent(normal([0.0, 1.0], [1.0, 2.0]), 1)
    low = LowRankMultivariateNormal(
        number([0.0, 1.0]), number([[0.0], [1.5]]), number([1.0, 1.75])
    )
    assert float(kldiv.divergence(diagonal, low, "bures")) == pytest.approx(0, abs=1e-14)
    with pytest.raises(kldiv.NotAvailable):
        kldiv.divergence(Laplace(0.0, 1.0), Laplace(1.0, 1.0), "bures")


@pytest.mark.parametrize("least", [1.0, 1e-4], ids=["equal", "nearly singular"])
def test_bures_is_smooth_where_both_sides_are_equal(least):
    root = torch.diag(number([1.0, least])).requires_grad_()
    loc = torch.zeros(2, dtype=F64)

    def value(root):
        q = MultivariateNormal(loc, scale_tril=torch.diag(number([1.0, least])))
        return kldiv.divergence(MultivariateNormal(loc, scale_tril=root), q, "bures").value

    (slope,) = torch.autograd.grad(value(root), root)
    torch.testing.assert_close(slope, torch.zeros(2, 2, dtype=F64))


def test_bures_has_the_gradient_of_its_value():
    p, _ = IN_THE_PLANE
    root = number([[1.2, 0.0], [0.3, 0.5]]).requires_grad_()

    def value(root):
        q = MultivariateNormal(torch.zeros(2, dtype=F64), root @ root.mT)
        return kldiv.divergence(p, q, "bures").value

    assert torch.autograd.gradcheck(value, root)


@pytest.mark.parametrize("name", ["sliced_wasserstein", "sinkhorn(epsilon=2.0)"])
def test_samples_agree_with_closed_forms(name):
    exact = kldiv.divergence(*IN_THE_PLANE, name)
    few = kldiv.Samples(points=300)
    drawn = kldiv.divergence(*IN_THE_PLANE, name, estimator=few, seed=2)
    assert exact.method == "exact"
    assert abs(float(exact) - float(drawn)) <= float(drawn.error) < 1


def test_a_shift_is_what_the_sliced_distance_says():
    p = Independent(Normal(torch.zeros(3, dtype=F64), 1.0), 1)
    q = Independent(Normal(number([2.0, 0.0, 0.0]), 1.0), 1)
    found = kldiv.divergence(p, q, "sliced_wasserstein(directions=20000)")
    assert float(found) == pytest.approx(2 / math.sqrt(3), rel=1e-2)


def test_sinkhorn_lies_between_its_limits():
    p, q = IN_THE_PLANE
    means = float((p.loc - q.loc).square().sum())
    small, large = (
        float(kldiv.divergence(p, q, f"sinkhorn(epsilon={each})")) for each in (1e-4, 1e4)
    )
    assert small == pytest.approx(float(kldiv.divergence(p, q, "bures")), rel=1e-3)
    assert large == pytest.approx(means, rel=1e-3)


def test_sinkhorn_between_samples_is_not_negative_and_zero_for_equal_ones():
    x = torch.from_numpy(RANDOM.normal(size=(60, 2)))
    compare = kldiv.divergences.create("sinkhorn").compare
    even = torch.full((60,), 1 / 60, dtype=F64)
    assert float(compare(x, even, x, even)) == pytest.approx(0, abs=1e-8)
    assert float(compare(x, even, x + 1e-2, even)) == pytest.approx(2e-4, rel=1e-3)


@pytest.mark.parametrize("epsilon", [1.0, 3.0])
def test_sinkhorn_between_samples_is_that_of_pots_plans(epsilon):
    x, y = RANDOM.normal(size=(40, 2)), 1.4 * RANDOM.normal(size=(30, 2)) + 1

    def cost(x, y):
        v, w = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
        squares = np.square(x[:, None] - y).sum(-1)
        plan = ot.sinkhorn(v, w, squares, epsilon, method="sinkhorn_log", numItermax=20_000)
        return (plan * squares).sum() + epsilon * scipy.special.rel_entr(
            plan, np.outer(v, w)
        ).sum()

    found = kldiv.divergence(x, y, f"sinkhorn(epsilon={epsilon})")
    assert float(found) == pytest.approx(cost(x, y) - (cost(x, x) + cost(y, y)) / 2, rel=1e-5)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_sinkhorn_settles_whatever_the_costs(scale):
    x, y = (scale * torch.from_numpy(RANDOM.standard_cauchy(size=(80, 1))) for _ in range(2))
    even = torch.full((80,), 1 / 80, dtype=F64)
    found = kldiv.divergences.create("sinkhorn").compare(x, even, y, even)
    squares = (x.sort(0)[0] - y.sort(0)[0]).square().mean()
    assert float(found) == pytest.approx(float(squares), abs=5)  # epsilon times a logarithm


def test_sinkhorn_settles_where_points_far_apart_hardly_interact():
    x = torch.from_numpy(np.tan(np.pi * (np.linspace(0, 1, 202)[1:-1] - 0.5))[:, None])
    even = torch.full((200,), 1 / 200, dtype=F64)
    found = kldiv.divergences.create("sinkhorn(epsilon=0.05)").compare(x, even, x + 3, even)
    assert float(found) == pytest.approx(9, abs=1e-4)  # a shift is told from the rest exactly


@pytest.mark.parametrize(
    "name", ["wasserstein(order=2)", "sliced_wasserstein", "sinkhorn(epsilon=2.0)"]
)
def test_values_of_samples_are_differentiable_in_points_and_weights(name):
    x = torch.from_numpy(RANDOM.normal(size=(9, 2))).requires_grad_()
    y = torch.from_numpy(RANDOM.normal(size=(7, 2))) + 1
    v = torch.from_numpy(RANDOM.random(9)).requires_grad_()
    w = torch.full((7,), 1 / 7, dtype=F64)
    compare = kldiv.divergences.create(name).compare
    assert torch.autograd.gradcheck(lambda x, v: compare(x, v / v.sum(), y, w), (x, v), atol=1e-4)


def test_a_normal_is_fitted_to_samples():
    fit = kldiv.fit(2 * X + 1, "normal", "wasserstein(order=2)")
    assert fit.converged
    assert float(fit.parameters["loc"]) == pytest.approx(float((2 * X + 1).mean()), abs=1e-2)
    assert float(fit.parameters["scale"]) == pytest.approx(float(2 * X.std()), rel=2e-2)


def test_a_vector_is_fitted_by_bures():
    fit = kldiv.fit(IN_THE_PLANE[0], "diagonal_normal", "bures")
    assert fit.converged
    torch.testing.assert_close(fit.parameters["loc"], IN_THE_PLANE[0].loc)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::kldiv.ConvergenceWarning")  # sorted samples have kinks
def test_a_mixture_in_the_plane_is_fitted_by_the_sliced_distance():
    points = torch.randn(400, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    points[:200, 0] += 6
    few = kldiv.Samples(points=200)
    divergence = kldiv.divergences.create("sliced_wasserstein(directions=8)")
    fit = kldiv.fit(points, "normal_mixture(components=2)", divergence, estimator=few, starts=1)
    means = fit.q.component_distribution.mean[:, 0].sort()[0]
    torch.testing.assert_close(means, number([0.0, 6.0]), atol=0.4, rtol=0)


@pytest.mark.parametrize(
    "name",
    ["wasserstein(order=0.5)", "sliced_wasserstein(directions=0)", "sinkhorn(epsilon=0)"],
)
def test_arguments_out_of_range_are_refused(name):
    with pytest.raises(kldiv.InvalidArgument, match="must be"):
        kldiv.divergences.create(name)


def test_the_gallery_is_part_of_the_package():
    (gallery,) = [each for each in plugin_galleries() if each.plugin == "kldiv-transport"]
    assert (gallery.folder / "GALLERY_HEADER.rst").is_file()
    assert len(list(gallery.folder.glob("plot_*.py"))) == 2


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
