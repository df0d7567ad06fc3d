"""The laws of values and structure, on dice that Hypothesis draws: zeros and tiny chances."""

import pytest

from hypothesis import given

from kldiv.testing import check_divergence
from tests.cases import DIVERGENCES
from tests.strategies import drawn, of_dice, of_poissons

ON_DICE = (
    "non_negative",
    "identity",
    "symmetry",
    "bound",
    "triangle",
    "data_processing",
    "joint_convexity",
    "invariance",
    "additivity",
    "duality",
    "terms",
    "edges",
)
ONE_OF_EACH = {name.partition("(")[0]: name for name in DIVERGENCES if name != "fisher"}.values()
SEVERAL = ("total_variation", "squared_hellinger", "kl", "chi2", "triangular", "renyi(alpha=2)")


@pytest.mark.parametrize("divergence", ONE_OF_EACH)
def test_the_laws_hold_for_dice(divergence):
    @drawn(5)
    @given(of_dice())
    def holds(pair):
        check_divergence(divergence, laws=ON_DICE, pairs=[pair]).raise_for_failures()

    holds()


@pytest.mark.parametrize("divergence", SEVERAL)
def test_what_is_known_of_several_together_holds_for_dice(divergence):
    @drawn(10)
    @given(of_dice())
    def holds(pair):
        check_divergence(divergence, laws=["inequalities"], pairs=[pair]).raise_for_failures()

    holds()


@pytest.mark.parametrize("divergence", ["kl", "total_variation", "renyi(alpha=0.3)"])
def test_the_laws_hold_for_counts(divergence):
    @drawn(6)
    @given(of_poissons())
    def holds(pair):
        laws = ("non_negative", "identity", "symmetry", "bound", "triangle", "batch")
        check_divergence(divergence, laws=laws, pairs=[pair]).raise_for_failures()

    holds()


def test_the_dice_drawn_have_zeros_where_the_other_has_none_and_chances_of_every_size():
    seen = []

    @drawn(40)
    @given(of_dice())
    def look(pair):
        seen.append((pair.p.parameters["probs"], pair.q.parameters["probs"]))

    look()
    assert any(((p == 0) & (q > 0)).any() for p, q in seen)
    assert any(((p == 0) & (q == 0)).any() for p, q in seen)
    assert any(((p > 0) & (p < 1e-6)).any() for p, _ in seen)
    assert len({p.shape[-1] for p, _ in seen}) == 5
