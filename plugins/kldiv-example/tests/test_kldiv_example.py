"""The plugin is found by its entry point, and its formula is all that was written."""

import math
import runpy

import pytest
import torch

from torch.distributions import Bernoulli, Normal

import kldiv

from kldiv.registries import plugin_galleries, plugin_report


def test_the_plugin_is_found_and_whole():
    (plugin,) = [each for each in plugin_report() if each.distribution == "kldiv-example"]
    assert plugin.state == "ok"
    assert plugin.components["divergences"] == ("le_cam",)


@pytest.mark.parametrize("name", ["le_cam", "Le-Cam", "kldiv-example:le_cam"])
def test_the_divergence_is_listed_with_its_summary(name):
    entry = kldiv.divergences[name]
    assert entry.plugin == "kldiv-example"
    assert entry.summary.startswith("Le Cam's divergence")


def test_it_obeys_the_laws():
    kldiv.testing.check_divergence("le_cam").raise_for_failures()


def test_a_value_known_in_closed_form_is_exact():
    estimate = kldiv.divergence(
        Bernoulli(torch.tensor(0.5)), Bernoulli(torch.tensor(1.0)), "le_cam"
    )
    expected = ((0.5 - 1.0) ** 2 / 1.5 + 0.5**2 / 0.5) / 2
    assert abs(float(estimate) - expected) <= float(estimate.error) + 2e-7
    assert math.isclose(expected, 1 / 3)


def test_it_is_1_for_distributions_that_share_nothing():
    estimate = kldiv.divergence(Normal(-30.0, 0.1), Normal(30.0, 0.1), "le_cam")
    assert abs(float(estimate) - 1) <= float(estimate.error) + 1e-6


def test_a_normal_distribution_is_recovered_by_a_fit():
    fit = kldiv.fit("normal(loc=1.0, scale=2.0)", "normal", "le_cam")
    assert fit.converged
    assert abs(float(fit.parameters["loc"]) - 1) < 1e-3
    assert abs(float(fit.parameters["scale"]) - 2) < 1e-3


def test_the_gallery_is_part_of_the_package_and_its_page_runs():
    import matplotlib as mpl

    mpl.use("agg")
    (gallery,) = [each for each in plugin_galleries() if each.plugin == "kldiv-example"]
    assert (gallery.folder / "GALLERY_HEADER.rst").is_file()
    runpy.run_path(str(gallery.folder / "plot_le_cam.py"))
