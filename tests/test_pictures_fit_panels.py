"""Each panel of a fit says what it shows, and shows what the fit holds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from matplotlib.figure import Figure

import kldiv

from kldiv.pictures import fit_panels
from kldiv.pictures.scenes import scene_of

START = {"loc": 1.5, "scale": 2.0}


@pytest.fixture
def axes():
    return Figure().subplots()


@pytest.fixture(scope="module")
def reverse():
    return kldiv.fit("bimodal", "normal", direction="reverse", starts=START)


@pytest.fixture(scope="module")
def unsettled():
    descent = kldiv.Descent(torch.optim.SGD, lr=1e-3, steps=5)
    with pytest.warns(kldiv.ConvergenceWarning):
        return kldiv.fit("bimodal", "normal", solver=descent, starts=START)


def test_the_headline_names_the_direction_and_what_is_unsettled(reverse, unsettled):
    assert fit_panels.headline(reverse) == f"D(q‖p) = {float(reverse.divergence):.6g} nats"
    assert fit_panels.headline(unsettled).startswith("D(p‖q) = ")
    assert fit_panels.headline(unsettled).endswith("nats, not converged")


def test_pictures_are_in_the_unit_of_the_divergence(reverse):
    distance = replace(reverse, divergence=replace(reverse.divergence, unit="units of x"))
    assert fit_panels.headline(distance).endswith(" units of x")
    assert fit_panels.loss_title(distance, above=True) == "loss above the optimum (units of x)"
    number = replace(reverse, divergence=replace(reverse.divergence, unit=""))
    assert fit_panels.loss_title(number, above=False) == "loss"


def test_the_integrand_is_drawn_in_nats_under_its_formula(axes, reverse):
    scene = scene_of(reverse)
    fit_panels.draw_integrand(axes, scene)

    assert axes.get_title() == "q log(q/p)"
    assert axes.get_ylabel() == "nats per unit of x"
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), scene.integrand(reverse.q))


def test_the_legend_begins_with_p(axes):
    for label in ("q", "other optima", "p, samples"):
        axes.plot([0, 1], [0, 1], label=label)
    fit_panels.draw_legend(axes)

    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    assert shown == ["p, samples", "q", "other optima"]


def test_the_histories_are_those_of_the_fit(reverse):
    gradient, parameters = Figure().subplots(2)
    fit_panels.draw_gradient(gradient, reverse)
    fit_panels.draw_parameters(parameters, reverse)

    norms = reverse.history.gradient_norm.numpy()
    drawn = gradient.lines[-1].get_ydata()
    np.testing.assert_array_equal(drawn[norms > 0], norms[norms > 0])
    assert np.isnan(drawn[norms == 0]).all()
    lines = {line.get_label(): line.get_ydata() for line in parameters.lines}
    for name, values in reverse.history.parameters.items():
        np.testing.assert_array_equal(lines[name], values.flatten().numpy())


def test_a_logarithmic_scale_has_at_least_two_powers_of_ten(axes):
    axes.plot([0, 1], [3.0, 4.0])
    fit_panels.set_log(axes)
    low, high = np.log10(axes.get_ylim())

    assert axes.get_yscale() == "log"
    assert np.floor(high) - np.ceil(low) >= 1
