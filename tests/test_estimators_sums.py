"""Sums over integers reach as far as there is mass, and bound what they leave out."""

import math

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Geometric,
    Independent,
    Multinomial,
    NegativeBinomial,
    Normal,
    OneHotCategorical,
    Poisson,
    constraints,
    kl_divergence,
)

import kldiv

from kldiv import Sum

F64 = torch.float64


def double(*values):
    return torch.tensor(values, dtype=F64)


def one(value):
    return torch.tensor(value, dtype=F64)


def test_the_coin_is_the_sum_by_hand():
    found = kldiv.divergence(Bernoulli(one(0.5)), Bernoulli(one(0.7)), estimator="sum")
    by_hand = 0.5 * math.log(0.5 / 0.7) + 0.5 * math.log(0.5 / 0.3)
    assert float(found) == pytest.approx(by_hand, rel=1e-15)
    assert found.evaluations == 2


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (Poisson(one(3.0)), Poisson(one(5.0))),
        (Poisson(one(1e-6)), Poisson(one(2.0))),
        (Poisson(one(1e5)), Poisson(one(1.01e5))),
        (Geometric(one(0.5)), Geometric(one(0.01))),
        (Geometric(one(1e-4)), Geometric(one(0.2))),
        (Binomial(20, one(0.3)), Binomial(20, one(0.6))),
        (Categorical(double(0.2, 0.3, 0.5)), Categorical(double(0.6, 0.3, 0.1))),
        (OneHotCategorical(double(0.2, 0.8)), OneHotCategorical(double(0.6, 0.4))),
    ],
)
def test_the_error_covers_the_distance_to_the_closed_form(p, q):
    truth = float(kl_divergence(p, q))
    found = kldiv.divergence(p, q, estimator="sum")
    assert abs(float(found) - truth) <= float(found.error) + 1e-12 * truth
    assert float(found.error) <= 1e-9 * truth + 1e-12


def test_a_heavy_tail_is_part_of_the_error():
    # p(k) ∝ 1 / (k + 1)³ has mass ζ(3)
    target = kldiv.Target(lambda k: -3 * (k + 1).log(), support=constraints.nonnegative_integer)
    mass, error = Sum(max_terms=10_000).mass(target)
    zeta = 1.2020569031595942
    assert abs(float(mass) - zeta) <= float(error)
    assert float(error) < 1e-3


def test_a_sum_that_diverges_cannot_be_normalised():
    target = kldiv.Target(lambda k: 0 * k, support=constraints.nonnegative_integer)
    with pytest.raises(kldiv.NotFinite, match="cannot be normalised"):
        kldiv.divergence(target, Poisson(one(1.0)), estimator=Sum(max_terms=1_000))


def test_an_unnormalised_target_on_integers_is_normalised():
    target = kldiv.Target(
        lambda k: k * math.log(4) - torch.lgamma(k + 1) + 7,
        support=constraints.nonnegative_integer,
    )
    found = kldiv.divergence(target, Poisson(one(4.0)))
    assert abs(float(found)) <= float(found.error) + 1e-15


def test_integers_below_zero_count_too():
    def log_prob(k):
        return -k.abs() * math.log(2)

    both = kldiv.Target(log_prob, support=constraints.integer_interval(-1000, 1000))
    mass, error = Sum().mass(both)
    assert abs(float(mass) - 3) <= float(error) + 1e-14


def test_mass_where_the_other_has_none_is_infinite_with_its_reason():
    found = kldiv.divergence(Poisson(one(3.0)), Bernoulli(one(0.5)), estimator="sum")
    assert float(found) == math.inf
    assert found.reason == "one side has mass where the other has none"
    back = kldiv.divergence(Bernoulli(one(0.5)), Poisson(one(3.0)), estimator="sum")
    assert math.isfinite(float(back))


def test_a_divergent_sum_is_infinite():
    # Σ p² / q grows like (0.81 / 0.8)^k
    found = kldiv.divergence(Geometric(one(0.1)), Geometric(one(0.2)), "chi2", estimator="sum")
    assert float(found) == math.inf


def test_elements_of_a_batch_have_their_own_windows():
    rates = double(1e-2, 3.0, 1e3, 1e5)
    found = kldiv.divergence(Poisson(rates), Poisson(1.1 * rates), estimator="sum")
    truth = rates * (0.1 - math.log(1.1))
    assert torch.allclose(found.value, truth, rtol=1e-9)
    assert ((found.value - truth).abs() <= found.error + 1e-12 * truth).all()


def test_gradients_are_those_of_the_closed_form():
    first, second = one(3.0).requires_grad_(), one(5.0).requires_grad_()
    value = kldiv.divergence(Poisson(first), Poisson(second), estimator="sum").value
    slopes = torch.autograd.grad(value, (first, second))
    assert [float(slope) for slope in slopes] == pytest.approx(
        [math.log(3 / 5), 1 - 3 / 5], rel=1e-12
    )


def test_negative_binomials_without_a_closed_form_are_summed():
    p, q = NegativeBinomial(one(5.0), one(0.3)), Poisson(one(3.0))
    found = kldiv.divergence(p, q)
    assert found.method == "sum"
    k = torch.arange(400, dtype=F64)
    truth = float((p.log_prob(k).exp() * (p.log_prob(k) - q.log_prob(k))).sum())
    assert float(found) == pytest.approx(truth, rel=1e-10)


def test_a_tolerance_that_is_not_reached_is_an_error_with_the_best_estimate():
    target = kldiv.Target(
        lambda k: -3 * (k + 1).log() - math.log(1.2020569031595942),
        support=constraints.nonnegative_integer,
        normalize=False,
    )
    with pytest.raises(kldiv.ToleranceNotMet, match="rtol=1e-12") as raised:
        kldiv.divergence(
            target,
            Geometric(one(0.5)),
            "total_variation",
            estimator=Sum(rtol=1e-12, max_terms=500),
        )
    assert raised.value.estimate.method == "sum"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rtol": 2.0}, "rtol must be between 0 and 1, got 2.0"),
        ({"max_terms": 0}, "max_terms must be positive, got 0"),
    ],
)
def test_wrong_options_are_an_error_that_names_them(options, message):
    with pytest.raises(kldiv.InvalidArgument, match=message):
        Sum(**options)


def test_it_says_why_it_does_not_apply():
    def why(p, q):
        with pytest.raises(kldiv.NotAvailable) as raised:
            kldiv.divergence(p, q, estimator="sum")
        return str(raised.value)

    assert "the support is continuous" in why(Normal(0.0, 1.0), Normal(0.0, 1.0))
    many = Multinomial(3, torch.ones(2))
    assert "cannot be enumerated" in why(many, many)
    coins = Independent(Bernoulli(torch.ones(2) / 2), 1)
    assert "p is only samples" in why(torch.zeros(4, 2), coins)


def test_what_is_no_torch_distribution_cannot_be_enumerated():
    pairs = kldiv.Target(lambda x: 0 * x.sum(-1), event_shape=(2,), support=constraints.one_hot)
    with pytest.raises(kldiv.NotAvailable, match="cannot be enumerated"):
        kldiv.divergence(pairs, OneHotCategorical(double(0.5, 0.5)), estimator="sum")
