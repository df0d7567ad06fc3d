"""Trials: counts are sufficient, and nothing cancels."""

import math

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Independent,
    Multinomial,
    OneHotCategorical,
    kl_divergence,
)

import kldiv

FIRST, SECOND = torch.tensor([0.2, 0.3, 0.5]).double(), torch.tensor([0.4, 0.35, 0.25]).double()
PAIRS = {
    "coins": (Bernoulli(FIRST[0]), Bernoulli(SECOND[0])),
    "coins by logits": (Bernoulli(logits=FIRST[0]), Bernoulli(logits=SECOND[0])),
    "dice": (Categorical(FIRST), Categorical(SECOND)),
    "one-hot": (OneHotCategorical(FIRST), OneHotCategorical(SECOND)),
    "binomials": (Binomial(7, FIRST[0]), Binomial(7, SECOND[0])),
    "multinomials": (Multinomial(4, FIRST), Multinomial(4, SECOND)),
}


@pytest.mark.parametrize("divergence", ["kl", "chi2", "renyi(alpha=0.3)", "alpha(alpha=-1)"])
@pytest.mark.parametrize("name", PAIRS)
def test_the_rule_is_the_sum_over_all_outcomes(name, divergence):
    p, q = PAIRS[name]
    found = kldiv.divergence(p, q, divergence, estimator="exact")
    if name != "multinomials":
        by_sum = kldiv.divergence(p, q, divergence, estimator="sum")
        torch.testing.assert_close(found.value, by_sum.value, rtol=1e-12, atol=0)
        return
    outcomes = torch.tensor(
        [[i, j, 4 - i - j] for i in range(5) for j in range(5 - i)], dtype=torch.float64
    )
    table = [Categorical(logits=side.log_prob(outcomes)) for side in (p, q)]
    torch.testing.assert_close(found.value, kldiv.divergence(*table, divergence).value)


@pytest.mark.parametrize("name", ["coins", "dice", "binomials"])
def test_torch_agrees_where_it_has_a_formula(name):
    p, q = PAIRS[name]
    torch.testing.assert_close(kldiv.divergence(p, q).value, kl_divergence(p, q))


def test_probabilities_of_0_are_kept():
    p, q = Categorical(torch.tensor([0.5, 0.5, 0.0])), Categorical(torch.tensor([0.25, 0.5, 0.25]))
    assert float(kldiv.divergence(p, q)) == pytest.approx(math.log(2) / 2)
    assert float(kldiv.divergence(q, p)) == math.inf
    assert float(kldiv.divergence(p, q, "renyi(alpha=0)")) == pytest.approx(-math.log(0.75))


def test_float32_probabilities_are_divided_by_their_sum():
    logits = torch.randn(20, generator=torch.Generator().manual_seed(0))
    p, q = Categorical(logits=logits), Categorical(logits=logits * (1 + 1e-4))
    found = kldiv.divergence(p, q)
    first, second = (side.logits.double().log_softmax(-1) for side in (p, q))
    expected = (first.exp() * (first - second)).sum()
    assert found.value > 0
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_different_numbers_of_trials_are_left_to_the_sum():
    p, q = Binomial(3, FIRST[0]), Binomial(5, SECOND[0])
    assert kldiv.divergence(p, q).method == "sum"


def test_independent_coins_add_up():
    p, q = Bernoulli(FIRST), Bernoulli(SECOND)
    whole = kldiv.divergence(Independent(p, 1), Independent(q, 1), "renyi(alpha=0.5)")
    each = kldiv.divergence(p, q, "renyi(alpha=0.5)").value
    assert whole.method == "exact"
    torch.testing.assert_close(whole.value, each.sum())
