"""Fits on one sample of each distribution say what they would gain on others."""

import pytest
import torch

from torch.distributions import StudentT

import kldiv

F64 = torch.float64
TARGET = StudentT(torch.tensor(5.0, dtype=F64))  # drawn, as its quantiles are not known


class Means(kldiv.SampleDivergence):
    """The square of the distance of two means, least where they are equal."""

    def compare(self, points_p, weights_p, points_q, weights_q):
        return (weights_p @ points_p - weights_q @ points_q).square().sum()


class FewMeans(Means):
    draws = 200


@pytest.mark.parametrize("seed", range(5))
def test_the_excess_is_about_how_far_the_end_is_above_the_minimum(seed):
    fit = kldiv.fit(TARGET, "normal(scale=1)", Means(), seed=seed)
    truth = float(fit.parameters["loc"]) ** 2
    found = float(fit.diagnostics["excess"])
    variance = 5 / 3 / Means.draws
    assert abs(found**0.5 - truth**0.5) <= 3 * (variance / 4) ** 0.5  # of four samples' mean
    assert "more draws would gain no more than about" in fit.verdict


def test_where_few_draws_leave_much_to_be_gained_there_are_more():
    few, many = (
        kldiv.fit(TARGET, "normal(scale=1)", divergence, seed=3)
        for divergence in (FewMeans(), Means())
    )
    assert few.converged
    assert float(few.diagnostics["excess"]) <= 1e-3
    assert len(few.history.step) > len(many.history.step)


def test_no_more_are_drawn_than_were_asked_for():
    with pytest.warns(kldiv.ConvergenceWarning, match=r"kldiv\.Samples\(points=\.\.\.\) more"):
        fit = kldiv.fit(
            TARGET, "normal(scale=1)", Means(), estimator=kldiv.Samples(points=30), seed=3
        )
    assert not fit.converged
    assert float(fit.diagnostics["excess"]) > 1e-3


def test_data_and_even_points_of_a_normal_leave_nothing():
    """The points of the member are as even whatever the seed."""
    fit = kldiv.fit(torch.linspace(-2, 3, 101, dtype=F64), "normal(scale=1)", Means())
    assert fit.converged
    assert "excess" not in fit.diagnostics
    assert float(fit.parameters["loc"]) == pytest.approx(0.5, abs=1e-3)


def test_gradients_on_other_draws_are_counted():
    steps = []
    fit = kldiv.fit(TARGET, "normal(scale=1)", Means(), callback=steps.append)
    assert float(fit.diagnostics["excess"]) > 0
    assert fit.evaluations >= steps[-1].evaluations + 2 * 4  # values and gradients
