"""Distances by kernels: known values, laws, gradients, errors and fits."""

import math

import numpy as np
import pytest
import scipy.spatial
import scipy.stats
import torch

from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Uniform,
)

import kldiv

from kldiv.registries import plugin_galleries, plugin_report

F64 = torch.float64
RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(500, 3)), RANDOM.normal(size=(420, 3)) + 0.5
V, W = RANDOM.random(500), RANDOM.random(420)
KERNELS = {
    "gaussian": lambda r: np.exp(-np.square(r) / 2),
    "laplace": lambda r: np.exp(-r),
    "inverse_multiquadric": lambda r: 1 / np.sqrt(1 + np.square(r)),
}


def number(value):
    return torch.tensor(value, dtype=F64)


def normal(loc, scale):
    return Normal(number(loc), number(scale))


P, Q = normal(0.4, 1.1), normal(-0.7, 1.6)
MIXTURE = MixtureSameFamily(Categorical(number([0.3, 0.7])), normal([-3.0, 3.0], [1.0, 0.5]))


def compared(name, *four):
    return float(kldiv.divergences.create(name).compare(*map(torch.from_numpy, four)))


def test_the_plugin_is_found_and_whole():
    (plugin,) = [each for each in plugin_report() if each.distribution == "kldiv-kernels"]
    assert plugin.state == "ok"
    assert set(plugin.components["divergences"]) == {"mmd", "energy_distance", "kernel_stein"}


@pytest.mark.parametrize("name", ["mmd", "energy_distance"])
def test_the_laws_hold(name):
    exact = ["normals", "mixtures"]
    kldiv.testing.check_divergence(name, pairs=exact).raise_for_failures()


def test_the_laws_hold_where_samples_are_drawn():
    drawn = ["coins", "dice", "dice with zeros", "counts", "heavy tails", "intervals"]
    kldiv.testing.check_divergence("energy_distance", pairs=drawn).raise_for_failures()


def test_the_laws_hold_of_the_stein_discrepancy():
    report = kldiv.testing.check_divergence("kernel_stein", pairs=["normals"], laws=["identity"])
    report.raise_for_failures()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("biased", [True, False])
def test_the_discrepancy_is_its_definition(kernel, biased):
    def mean(a, v, b, w, *, same):
        values = KERNELS[kernel](scipy.spatial.distance.cdist(a, b) / 1.7)
        if not same or biased:
            return v @ values @ w
        return (v @ values @ w - v @ v) / (1 - v @ v)

    v, w = V / V.sum(), W / W.sum()
    truth = mean(X, v, X, v, same=True) + mean(Y, w, Y, w, same=True)
    truth -= 2 * mean(X, v, Y, w, same=False)
    found = compared(f"mmd(kernel='{kernel}', bandwidth=1.7, biased={biased})", X, v, Y, w)
    assert found == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize("biased", [True, False])
def test_on_a_line_the_energy_distance_is_that_of_scipy(biased):
    x, y = X[:, :1], Y[:, :1]
    even = np.full(500, 1 / 500), np.full(420, 1 / 420)
    found = compared(f"energy_distance(biased={biased})", x, even[0], y, even[1])
    truth = scipy.stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    if not biased:
        truth -= scipy.spatial.distance.pdist(x).mean() / 500
        truth -= scipy.spatial.distance.pdist(y).mean() / 420
    assert found == pytest.approx(truth, rel=1e-9)


def test_beyond_the_line_it_is_its_definition():
    distance = scipy.spatial.distance.cdist
    v, w = V / V.sum(), W / W.sum()
    truth = 2 * v @ distance(X, Y) @ w - v @ distance(X, X) @ v - w @ distance(Y, Y) @ w
    assert compared("energy_distance", X, v, Y, w) == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "truth"), [("mmd(bandwidth=0.8)", 0.1264297), ("energy_distance", 0.5361424)]
)
def test_closed_forms_of_numbers_are_known(name, truth):
    assert float(kldiv.divergence(P, Q, name)) == pytest.approx(truth, abs=5e-8)
    mixtures = [
        MixtureSameFamily(Categorical(number([0.5, 0.5])), Normal(each.loc.expand(2), each.scale))
        for each in (P, Q)
    ]
    assert float(kldiv.divergence(*mixtures, name)) == pytest.approx(truth, abs=5e-8)


@pytest.mark.parametrize("name", ["mmd", "energy_distance"])
def test_samples_agree_with_closed_forms(name):
    exact, drawn = (
        kldiv.divergence(MIXTURE, P, name, estimator=each, seed=0) for each in ("auto", "samples")
    )
    assert exact.method == "exact"
    assert abs(float(exact) - float(drawn)) <= float(drawn.error) < 0.3


def test_independent_parts_multiply_in_the_kernel():
    p, q = (Independent(Normal(number([loc, 0.0]), number([1.0, 2.0])), 1) for loc in (0.0, 1.5))
    other = MultivariateNormal(number([1.5, 0.0]), torch.diag(number([1.0, 4.0])))
    found = kldiv.divergence(p, q, "mmd(bandwidth=2.0)")
    alone = kldiv.divergence(normal(0.0, 1.0), normal(1.5, 1.0), "mmd(bandwidth=2.0)")
    shared = 2 / math.sqrt(4 + 2 * 4)  # E k of the second coordinate
    assert float(found) == pytest.approx(shared * float(alone), rel=1e-12)
    assert float(kldiv.divergence(p, other, "mmd(bandwidth=2.0)")) == pytest.approx(float(found))


def test_the_stein_discrepancy_is_its_definition():
    x, y = torch.from_numpy(X[:2]).requires_grad_()
    score = lambda each: -(each - 0.3) / 4
    kernel = lambda a, b: (1 + (a - b).square().sum() / 2.25).rsqrt()
    value = kernel(x, y)
    (of_x,) = torch.autograd.grad(value, x, create_graph=True)
    (of_y,) = torch.autograd.grad(value, y, retain_graph=True)
    mixed = sum(torch.autograd.grad(of_x[i], y, retain_graph=True)[0][i] for i in range(3))
    truth = value * score(x) @ score(y) + score(x) @ of_y + score(y) @ of_x + mixed
    q = MultivariateNormal(torch.full((3,), 0.3, dtype=F64), 4 * torch.eye(3, dtype=F64))
    name = "kernel_stein(bandwidth=1.5, biased=False)"
    found = kldiv.divergence(X[:2], q, name)  # of two points one pair
    assert float(found) == pytest.approx(float(truth.detach()), rel=1e-9)


def test_a_density_need_not_be_normalised_and_sees_a_wrong_sample():
    target = kldiv.Target(lambda x: -x.square().sum(-1) / 2 + 5, event_shape=(3,))
    right, wrong = (kldiv.divergence(each, target, "kernel_stein", seed=0) for each in (X, Y))
    assert float(right) <= float(right.error)
    assert float(wrong) > float(wrong.error)


def test_an_edge_is_refused():
    with pytest.raises(kldiv.NotAvailable, match="edge"):
        kldiv.divergence(X[:, 0], Uniform(-9.0, 9.0), "kernel_stein")


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(
    "name", [*(f"mmd(kernel='{each}'" for each in KERNELS), "energy_distance("]
)
def test_values_are_differentiable_in_points_and_weights(name, biased, columns):
    x, y = (torch.from_numpy(each[:8, :columns].copy()) for each in (X, Y))
    v, w = torch.from_numpy(V[:8].copy()), torch.full((8,), 1 / 8, dtype=F64)
    comma = ", " if "kernel" in name else ""
    compare = kldiv.divergences.create(f"{name}{comma}biased={biased})").compare
    value = lambda x, v: compare(x, v / v.sum(), y, w)
    assert torch.autograd.gradcheck(value, (x.requires_grad_(), v.requires_grad_()))


def test_the_error_holds_for_samples_of_close_distributions():
    p, q = normal(0.0, 1.0), normal(0.2, 1.0)
    for name in ("mmd(bandwidth=4.0)", "mmd(bandwidth=4.0, biased=False)", "energy_distance"):
        truth, misses = float(kldiv.divergence(p, q, name)), 0
        for seed in range(30):
            x, y = torch.randn(2, 60, generator=torch.Generator().manual_seed(seed), dtype=F64)
            found = kldiv.divergence(x, y + 0.2, name, seed=seed)
            misses += abs(float(found) - truth) > float(found.error)
        assert misses <= 2  # of 30, where 1 in 100 is promised


@pytest.mark.parametrize("name", ["mmd(bandwidth=3.0)", "energy_distance"])
def test_a_normal_is_fitted_in_closed_form(name):
    fit = kldiv.fit(normal(1.0, 2.0), "normal", name)
    assert fit.converged
    assert float(fit.parameters["loc"]) == pytest.approx(1, abs=1e-3)
    assert float(fit.parameters["scale"]) == pytest.approx(2, abs=1e-3)


def test_a_normal_is_fitted_to_samples_by_its_score():
    points = 2 * X[:, 0] + 1
    fit = kldiv.fit(points, "normal", "kernel_stein(bandwidth=2.0)")
    assert fit.converged
    assert float(fit.parameters["loc"]) == pytest.approx(points.mean(), abs=0.1)
    assert float(fit.parameters["scale"]) == pytest.approx(points.std(), abs=0.1)


@pytest.mark.parametrize(
    "name", ["mmd(kernel='cubic')", "mmd(bandwidth=0)", "kernel_stein(kernel='laplace')"]
)
def test_arguments_out_of_range_are_refused(name):
    with pytest.raises(kldiv.InvalidArgument, match="must be"):
        kldiv.divergences.create(name)


def test_the_gallery_is_part_of_the_package():
    (gallery,) = [each for each in plugin_galleries() if each.plugin == "kldiv-kernels"]
    assert (gallery.folder / "GALLERY_HEADER.rst").is_file()
    assert len(list(gallery.folder.glob("plot_*.py"))) == 2
