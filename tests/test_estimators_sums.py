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


def test_large_rates_lose_no_digits():
    # torch's closed form is right to 10 digits here: 1e5 log(1 / 1.01) + 1000, by mpmath
    found = kldiv.divergence(Poisson(one(1e5)), Poisson(one(1.01e5)), estimator="sum")
    assert float(found) == pytest.approx(4.96691468319171517846, rel=1e-13)
    close = kldiv.divergence(Poisson(one(1e6)), Poisson(one(1e6 + 1)), estimator="sum")
    assert float(close) == pytest.approx(4.99999666666916666e-7, rel=1e-11)
    assert close.evaluations < 2_000


ZETA = {
    1.05: 20.58084430203698483,
    1.2: 5.5915824411777518836,
    1.5: 2.61237534868548834,
    3.0: 1.2020569031595942854,
}


def zeta(exponent):
    """Masses (k + 1)^-s, whose sum is the Riemann zeta function."""
    return kldiv.Target(
        lambda k: -exponent * (k + 1).log(), support=constraints.nonnegative_integer
    )


@pytest.mark.parametrize(("exponent", "truth"), ZETA.items())
def test_power_laws_are_summed_to_their_end(exponent, truth):
    mass, error = Sum().mass(zeta(exponent))
    assert abs(float(mass) - truth) <= float(error) <= 1e-9 * truth
    assert float(mass) == pytest.approx(truth, rel=1e-14)


def test_divergences_between_power_laws():
    # log ζ(b) / ζ(a) + (a - b) ζ'(a) / ζ(a), by mpmath
    assert float(kldiv.divergence(zeta(1.5), zeta(1.3))) == pytest.approx(
        0.107828311682731349, rel=1e-12
    )
    # ζ(2.1) ζ(1.9) / ζ(2)² - 1
    assert float(kldiv.divergence(zeta(2.0), zeta(1.9), "chi2")) == pytest.approx(
        0.008934570557059493, rel=1e-11
    )


FINITE = [
    (Geometric(one(0.3)), Poisson(one(3.0)), "kl"),  # E_p log k! is finite
    (Poisson(one(3.0)), Geometric(one(0.3)), "kl"),
    (Poisson(one(3.0)), Geometric(one(0.3)), "chi2"),
    (Geometric(one(0.3)), Poisson(one(3.0)), "neyman_chi2"),
    (Geometric(one(0.1)), Geometric(one(0.1899)), "chi2"),
    (Geometric(one(0.3)), Poisson(one(3.0)), "jeffreys"),
    (zeta(2.5), Geometric(one(0.5)), "kl"),
    (zeta(2.5), Poisson(one(3.0)), "kl"),
    (zeta(2.0), zeta(2.9), "chi2"),
    (Poisson(one(3.0)), zeta(2.0), "chi2"),
]
INFINITE = [
    (Geometric(one(0.3)), Poisson(one(3.0)), "chi2"),
    (Geometric(one(0.999)), Poisson(one(1e6)), "chi2"),  # the terms grow from k = 1e12 on
    (Geometric(one(0.999)), Poisson(one(1e6)), "alpha(alpha=1.1)"),  # and here from 1e39 on
    (Geometric(one(0.3)), Poisson(one(3.0)), "renyi(alpha=2)"),
    (Poisson(one(3.0)), Geometric(one(0.3)), "neyman_chi2"),
    (Geometric(one(0.5)), Geometric(one(0.75)), "chi2"),  # all terms are the same
    (Geometric(one(0.1)), Geometric(one(0.2)), "chi2"),
    (zeta(2.0), Geometric(one(0.5)), "kl"),  # like Σ 1 / k
    (zeta(2.0), Poisson(one(3.0)), "kl"),  # like Σ log k / k
    (zeta(2.0), zeta(3.0), "chi2"),  # like Σ 1 / k
    (zeta(2.0), zeta(3.5), "chi2"),
]


@pytest.mark.parametrize(("p", "q", "divergence"), FINITE)
def test_a_series_that_converges_has_a_number(p, q, divergence):
    found = kldiv.divergence(p, q, divergence, estimator="sum")
    assert math.isfinite(float(found))
    assert float(found.error) <= 1e-9 * float(found)


@pytest.mark.parametrize(("p", "q", "divergence"), INFINITE)
def test_a_series_that_diverges_is_infinite_with_its_reason(p, q, divergence):
    found = kldiv.divergence(p, q, divergence, estimator="sum")
    assert float(found) == math.inf
    assert found.reason == "the sum diverges: its terms do not fall fast enough"


def test_what_is_finite_and_too_large_for_a_number_says_so():
    found = kldiv.divergence(Poisson(one(1e3)), Poisson(one(1.0)), "chi2", estimator="sum")
    assert float(found) == math.inf
    assert found.reason == "the sum is beyond the largest floating-point number"


def test_elements_of_a_batch_are_infinite_apart_and_gradients_are_numbers():
    rates = double(3.0, 3.0).requires_grad_()
    q = Geometric(double(0.3, 0.5))
    found = kldiv.divergence(q, Poisson(rates), "kl", estimator="sum")
    (slope,) = torch.autograd.grad(found.value.sum(), rates)
    # E_p k = (1 - a) / a; the slope in the rate is 1 - E k / rate
    assert torch.allclose(slope, 1 - double(7 / 3, 1.0) / 3, rtol=1e-12)
    weights = double(0.3, 0.5, 0.2, 0.0).requires_grad_()
    mixed = kldiv.divergence(
        Binomial(double(3.0, 2.0, 5.0, 3.0), weights), Binomial(3, one(0.4)), estimator="sum"
    )
    assert mixed.value.isinf().tolist() == [False, False, True, False]
    (slope,) = torch.autograd.grad(mixed.value[[0, 1, 3]].sum(), weights)
    assert slope.isfinite().all()


def test_a_sum_that_diverges_cannot_be_normalised():
    target = kldiv.Target(lambda k: 0 * k, support=constraints.nonnegative_integer)
    with pytest.raises(kldiv.NotFinite, match="cannot be normalised"):
        kldiv.divergence(target, Poisson(one(1.0)), estimator=Sum(max_terms=1_000))


@pytest.mark.parametrize("rate", [4.0, 1e6])
def test_an_unnormalised_target_on_integers_is_normalised(rate):
    target = kldiv.Target(
        lambda k: k * math.log(rate) - torch.lgamma(k + 1) + 7,
        support=constraints.nonnegative_integer,
    )
    found = kldiv.divergence(target, Poisson(one(rate)))
    assert abs(float(found)) <= float(found.error) + 1e-15
    assert float(found.error) < 1e-9


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
    with pytest.raises(kldiv.ToleranceNotMet, match="rtol=1e-12") as raised:
        kldiv.divergence(zeta(2.01), Geometric(one(0.5)), estimator=Sum(rtol=1e-12))
    assert raised.value.estimate.method == "sum"
    assert float(raised.value.estimate.error) > 1e-12 * float(raised.value.estimate)


@pytest.mark.parametrize("divergence", ["kl", "squared_hellinger", "total_variation"])
@pytest.mark.parametrize("most", [1, 300, 350, 2_000_000])
@pytest.mark.parametrize(
    ("p", "q"),
    [
        (Poisson(one(3e5)), Poisson(one(3.1e5))),
        (Geometric(one(0.001)), NegativeBinomial(one(3.5), one(0.999))),
    ],
    ids=["Poisson", "Geometric"],
)
def test_terms_that_were_not_paid_for_are_in_the_error(p, q, most, divergence):
    precise = kldiv.divergence(p, q, divergence, estimator="sum")
    found = kldiv.divergence(p, q, divergence, estimator=Sum(max_terms=most))
    assert abs(float(found) - float(precise)) <= float(found.error) + float(precise.error)
    if float(found.error) > 1e-8 * float(found):
        with pytest.raises(kldiv.ToleranceNotMet):
            kldiv.divergence(p, q, divergence, estimator=Sum(rtol=1e-8, max_terms=most))


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
    many = Multinomial(100, torch.ones(9))
    assert "has 3.52e+11 points" in why(many, many)
    coins = Independent(Bernoulli(torch.ones(2) / 2), 1)
    assert "p is only samples" in why(torch.zeros(4, 2), coins)
    pairs = kldiv.Target(lambda x: 0 * x.sum(-1), event_shape=(2,), support=constraints.one_hot)
    assert "cannot be listed" in why(pairs, OneHotCategorical(double(0.5, 0.5)))
