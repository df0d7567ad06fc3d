"""The laws of values, on continuous pairs that Hypothesis draws, far apart and close."""

import pytest

from hypothesis import given

from kldiv.testing import check_divergence
from tests.strategies import drawn, of_betas, of_gammas, of_normals

LAWS = ("non_negative", "identity", "symmetry", "bound", "triangle")
DIVERGENCES = ("kl", "jensen_shannon", "hellinger", "chi2", "renyi(alpha=0.3)", "squared_l2")
PAIRS = {"normals": of_normals(), "gammas": of_gammas(), "betas": of_betas()}


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_the_laws_of_values_hold(divergence, kind):
    @drawn(4)
    @given(PAIRS[kind])
    def holds(pair):
        check_divergence(divergence, laws=LAWS, pairs=[pair]).raise_for_failures()

    holds()


@pytest.mark.parametrize("kind", ["normals", "gammas"])
@pytest.mark.parametrize("divergence", ["kl", "renyi(alpha=0.3)"])
def test_rules_and_closed_forms_agree_with_quadrature(divergence, kind):
    @drawn(4)
    @given(PAIRS[kind])
    def holds(pair):
        check_divergence(divergence, laws=["agreement"], pairs=[pair]).raise_for_failures()

    holds()
