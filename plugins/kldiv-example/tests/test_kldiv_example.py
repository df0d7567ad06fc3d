"""The plugin is found, it obeys the laws, and what was written is what is meant."""

import runpy

import pytest
import torch

from torch.distributions import Bernoulli, Normal

import kldiv

from kldiv.registries import plugin_galleries
from kldiv.testing.pytest_cases import laws_of

test_it_obeys_the_laws = laws_of("kldiv-example")


@pytest.mark.parametrize("name", ["le_cam", "kldiv-example:le_cam"])
def test_it_is_listed_with_its_summary(name):
    entry = kldiv.divergences[name]
    assert entry.plugin == "kldiv-example"
    assert entry.summary.startswith("Le Cam's divergence")


def test_a_value_known_by_hand_is_found():
    p, q = (Bernoulli(torch.tensor(value, dtype=torch.float64)) for value in (0.5, 1.0))
    estimate = kldiv.divergence(p, q, "le_cam")
    assert abs(float(estimate) - 1 / 3) <= float(estimate.error)


def test_it_is_1_for_distributions_that_share_nothing():
    p, q = (Normal(torch.tensor(value, dtype=torch.float64), 0.1) for value in (-30.0, 30.0))
    estimate = kldiv.divergence(p, q, "le_cam")
    assert abs(float(estimate) - 1) <= float(estimate.error) + 1e-12


def test_a_normal_distribution_is_recovered_by_a_fit():
    fit = kldiv.fit("normal(loc=1.0, scale=2.0)", "normal", "le_cam")
    assert fit.converged
    assert abs(float(fit.parameters["loc"]) - 1) < 1e-3
    assert abs(float(fit.parameters["scale"]) - 2) < 1e-3


def test_the_page_of_the_gallery_runs(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    (gallery,) = [each for each in plugin_galleries() if each.plugin == "kldiv-example"]
    assert (gallery.folder / "GALLERY_HEADER.rst").is_file()
    runpy.run_path(str(gallery.folder / "plot_le_cam.py"))
