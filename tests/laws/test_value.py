"""Every estimator gives the value of the textbook formula, within the error that it states."""

import math

import pytest

import kldiv

from tests.cases import DIVERGENCES, KINKED, PAIR, PAIRS, estimators_of, rows, textbook

# ∫ |f| of a kink, on a grid of step h: h² / 12 times a jump of slope of order 1
# of a jump in the integrand itself: h times the jump
GRID = {"smooth": 1e-10, "kinked": 1e-6, "plane": 1e-4, "jumping": 1e-3}
DRAWN = ("coins", "poissons", "t-normal", "mixture-normal")
SMOOTH = [pair for pair in PAIRS if pair.grid != "jumps"]


def allowed(divergence, pair):
    if divergence == "fisher" and pair.id == "laplace-normal":
        return GRID["jumping"]
    kinked = divergence.startswith(KINKED) or pair.id == "laplace-normal"
    if kinked and not pair.discrete:
        return GRID["plane" if pair.grid == "plane" else "kinked"]
    return GRID["smooth"]


@pytest.mark.parametrize(("divergence", "pair"), rows(pairs=SMOOTH))
def test_the_value_is_that_of_the_textbook(divergence, pair):
    p, q = pair.members()
    truth = textbook(divergence, pair) if pair.is_finite(divergence) else math.inf
    for estimator in estimators_of(p, q, divergence):
        if estimator == "monte_carlo":
            continue
        found = kldiv.divergence(p, q, divergence, estimator=estimator)
        assert found.method == estimator
        if math.isinf(truth):
            assert float(found) == math.inf
            continue
        slack = allowed(divergence, pair) * max(1, abs(truth))
        assert abs(float(found) - truth) <= float(found.error) + slack


@pytest.mark.parametrize(
    ("divergence", "pair"),
    [
        row
        for row in rows(pairs=[PAIR[name] for name in DRAWN])
        if row.values[1].has_variance(row.values[0])
    ],
)
def test_monte_carlo_is_within_five_standard_errors_of_the_textbook(divergence, pair):
    estimator = kldiv.MonteCarlo(samples=20_000)
    found = kldiv.divergence(*pair.members(), divergence, estimator=estimator, seed=1)
    truth = textbook(divergence, pair)
    slack = allowed(divergence, pair) + 1e-12
    assert abs(float(found) - truth) <= 5 * float(found.stderr) + slack


def test_the_table_has_every_built_in_divergence():
    named = {kldiv.divergences[name.partition("(")[0]].name for name in DIVERGENCES}
    assert named == {entry.name for entry in kldiv.divergences.values() if entry.plugin == "kldiv"}
