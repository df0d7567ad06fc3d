"""A fit is a few lines in a terminal and small tables in a notebook, whatever its size."""

from dataclasses import replace

import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv.solvers.optima import Optimum
from kldiv.summaries import html_summary, text_summary

F64 = torch.float64


def one(value):
    return torch.tensor(value, dtype=F64)


@pytest.fixture(scope="module")
def found():
    return kldiv.fit(Normal(one(1.0), one(2.0)), "normal", starts=1)


@pytest.fixture(scope="module")
def many():
    loc = torch.linspace(-1, 1, 200, dtype=F64)
    return kldiv.fit(Normal(loc, loc.exp()), "laplace", starts=2)


def with_optima(fit, *signatures):
    optima = tuple(
        Optimum(index / 2, {"loc": one(float(index))}, signs, tuple(range(index + 1)))
        for index, signs in enumerate(signatures)
    )
    return replace(fit, optima=optima)


def test_one_fit_shows_verdict_divergence_parameters_optimum_and_effort(found):
    parameters = {"loc": one(1.0), "scale": one([2.0, 0.5])}
    estimate = kldiv.Estimate(one(0.25), one(1e-9), "quadrature", evaluations=63)
    paths = replace(found.history, loss=torch.zeros(3, 6), seconds=one([0.0, 0.25]))
    shown = replace(
        with_optima(found, (1, 1)),
        verdict="Good.",
        parameters=parameters,
        divergence=estimate,
        paths=paths,
        history=replace(paths, step=torch.arange(3)),
        evaluations=1,
        solver="quasi_newton",
    )
    assert text_summary(shown).splitlines() == [
        "Fit of normal by kl(p‖q): Good.",
        "  divergence  0.25 nats ± 1.0e-09, quadrature, 63 evaluations",
        "  loc         1",
        "  scale       [2, 0.5]",
        "  optimum     minimum, from 1 start",
        "  solver      quasi_newton: 2 steps from 6 starts, 1 evaluation, 0.25 s",
    ]


def test_the_unit_is_that_of_the_divergence(found, many):
    distance = kldiv.Estimate(one(0.25), one(0.0), "exact", unit="units of x")
    text = text_summary(replace(with_optima(found, (1, 1), (1, 1)), divergence=distance))
    assert "optimum (units of x)" in text
    assert "nats" not in text
    numbers = replace(many.divergence, unit="")
    assert "nats" not in text_summary(replace(many, divergence=numbers))


def test_the_direction_is_shown(found):
    assert "by kl(q‖p): " in text_summary(replace(found, direction="reverse"))


def test_a_constant_that_is_missing_is_shown(found):
    estimate = kldiv.Estimate(one(0.25), one(0.0), "samples", up_to_constant=True)
    assert "0.25 + constant nats, samples" in text_summary(replace(found, divergence=estimate))


def test_parameters_too_large_to_read_are_shown_by_shape_and_range(found):
    shown = replace(found, parameters={"loc": torch.arange(10, dtype=F64).reshape(2, 5)})
    assert "  loc         (2, 5) values in [0, 9]" in text_summary(shown).splitlines()


def test_very_many_parameters_are_cut(found):
    shown = replace(found, parameters={f"weight{index}": one(0.5) for index in range(40)})
    lines = text_summary(shown).splitlines()
    assert len(lines) == 2 + 10 + 1 + 2
    assert lines[12] == "  …           and 30 parameters more"


@pytest.mark.parametrize(
    ("signature", "word"),
    [
        ((1, 1), "minimum"),
        ((0, 1), "minimum, flat in 1 direction"),
        ((0, 0), "minimum, flat in 2 directions"),
        ((-1, 1), "saddle"),
        ((-1, 0), "saddle"),
    ],
)
def test_the_hessian_is_told_in_words(signature, word, found):
    assert f"  optimum     {word}, from 1 start" in text_summary(with_optima(found, signature))


def test_a_hessian_that_was_not_computed_is_no_flat_one(found):
    unknown = {**found.diagnostics, "newton_decrement": one(float("inf"))}
    shown = replace(with_optima(found, (0, 0)), diagnostics=unknown)
    assert "  optimum     not computed, from 1 start" in text_summary(shown)


def test_several_optima_are_a_table(found):
    lines = text_summary(with_optima(found, (1, 1), (-1, 1))).splitlines()
    assert lines[-4].split() == ["optimum", "(nats)", "parameters", "Hessian", "starts"]
    assert [line.split() for line in lines[-2:]] == [
        ["0", "loc=0", "minimum", "1"],
        ["0.5", "loc=1", "saddle", "2"],
    ]


def test_very_many_optima_are_cut(found):
    lines = text_summary(with_optima(found, *[(1, 1)] * 57)).splitlines()
    assert lines[-1] == "  and 47 more"
    assert len(lines) == 5 + 2 + 10 + 1


def test_many_fits_show_how_many_converged_and_the_worst_and_no_wall_of_numbers(many):
    value = many.divergence.value.clone()
    value[17] = 3.5
    optima = [*many.optima]
    optima[17], optima[3] = (), (replace(optima[3][0], signature=(-1, 1)),)
    shown = replace(many, optima=tuple(optima), divergence=replace(many.divergence, value=value))
    lines = text_summary(shown).splitlines()
    assert lines[1] == "  fits        200, of batch shape (200,): 198 converged"
    assert lines[3] == "  worst       3.5 nats, of fit [17]"
    assert lines[4] == "  loc         (200,) values in [-1, 1]"
    assert len(lines) == 7
    assert max(map(len, lines[1:])) < 99


def test_of_many_fits_one_that_is_no_number_is_the_worst(many):
    value = many.divergence.value.clone().reshape(20, 10)
    value[3, 4] = torch.nan
    shown = replace(many, divergence=replace(many.divergence, value=value))
    assert "  worst       nan nats, of fit [3, 4]" in text_summary(shown)


def test_a_notebook_shows_the_same_with_every_cell_escaped(found):
    shown = replace(with_optima(found, (1, 1), (-1, 1)), verdict="<script>1 & 2</script>")
    html = html_summary(shown)
    assert html.count("<table>") == 2
    assert "<script>" not in html
    assert "&lt;script&gt;1 &amp; 2&lt;/script&gt;" in html
    for word in ("Fit of normal", "kl(p‖q)", "divergence", "saddle", "moment_matching"):
        assert word in html


def test_a_notebook_shows_many_fits_in_one_small_table(many):
    html = html_summary(many)
    assert html.count("<table>") == 1
    assert html.count("<tr>") == 8
