"""The plugin as a whole, and what holds of several of its distances."""

import numpy as np
import pytest
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv.registries import plugin_galleries, plugin_report

F64 = torch.float64


def number(value):
    return torch.tensor(value, dtype=F64)


RANDOM = np.random.default_rng(0)
IN_THE_PLANE = (
    MultivariateNormal(number([0.3, -0.2]), number([[0.82, -0.38], [-0.38, 0.74]])),
    MultivariateNormal(number([-0.1, 0.4]), 1.5 * torch.eye(2, dtype=F64)),
)


def test_the_plugin_is_found_and_whole():
    (plugin,) = [each for each in plugin_report() if each.distribution == "kldiv-transport"]
    assert plugin.state == "ok"
    names = {"wasserstein", "bures", "sliced_wasserstein", "sinkhorn"}
    assert set(plugin.components["divergences"]) == names


@pytest.mark.parametrize(
    ("name", "pairs"),
    [("sliced_wasserstein(directions=8)", ["normals", "planes"]), ("sinkhorn", ["planes"])],
)
def test_the_laws_hold_where_samples_are_drawn(name, pairs):
    few = ["identity", "symmetry", "triangle", "gradient", "precision", "agreement"]
    report = kldiv.testing.check_divergence(name, laws=few, pairs=pairs)
    report.raise_for_failures()


@pytest.mark.parametrize("name", ["sliced_wasserstein", "sinkhorn(epsilon=2.0)"])
def test_samples_agree_with_closed_forms(name):
    exact = kldiv.divergence(*IN_THE_PLANE, name)
    few = kldiv.Samples(points=300)
    drawn = kldiv.divergence(*IN_THE_PLANE, name, estimator=few, seed=2)
    assert exact.method == "exact"
    assert abs(float(exact) - float(drawn)) <= float(drawn.error) < 1


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
