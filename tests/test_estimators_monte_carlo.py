"""Monte Carlo: unbiased values and gradients, honest standard errors, one seed one result."""

import math

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    Laplace,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    Uniform,
    kl_divergence,
)

import kldiv

from kldiv import MonteCarlo

F64 = torch.float64
P, Q = Normal(torch.tensor(0.0, dtype=F64), 1.0), Normal(torch.tensor(1.0, dtype=F64), 2.0)


def one(value):
    return torch.tensor(value, dtype=F64)


def test_the_error_covers_the_truth_in_at_least_99_of_100_cases():
    truth, hits, runs = float(kl_divergence(P, Q)), 0, 400
    for seed in range(runs):
        found = kldiv.divergence(P, Q, estimator=MonteCarlo(samples=500), seed=seed)
        hits += abs(float(found) - truth) <= float(found.error)
    # three standard errors miss 0.27 %: 400 runs miss 6 times or less in 99.9 of 100 cases
    assert hits >= runs - 6


def test_the_standard_error_is_that_of_repeated_runs():
    runs = [
        kldiv.divergence(P, Q, "renyi(alpha=0.5)", estimator=MonteCarlo(400), seed=seed)
        for seed in range(300)
    ]
    spread = float(torch.stack([run.value for run in runs]).std())
    stated = float(torch.stack([run.stderr for run in runs]).mean())
    # a deviation of n = 300 values is known to 1 / √(2 n) = 4 %
    assert stated == pytest.approx(spread, rel=5 * 0.041)


def test_the_value_is_unbiased():
    runs = torch.stack(
        [kldiv.divergence(P, Q, estimator=MonteCarlo(100), seed=seed).value for seed in range(600)]
    )
    assert abs(float(runs.mean()) - float(kl_divergence(P, Q))) <= 4 * float(runs.std()) / 600**0.5


@pytest.mark.parametrize("divergence", ["kl", "squared_hellinger", "jensen_shannon", "squared_l2"])
def test_the_gradient_is_in_expectation_that_of_the_exact_value(divergence):
    parameters = [one(value).requires_grad_() for value in (0.3, 1.2, -0.4, 0.8)]
    p = Normal(*parameters[:2])
    q = Laplace(*parameters[2:])

    def slopes(estimator, seed=0):
        value = kldiv.divergence(p, q, divergence, estimator=estimator, seed=seed).value
        return torch.stack(torch.autograd.grad(value, parameters))

    exact = slopes("quadrature")
    drawn = torch.stack([slopes(MonteCarlo(400), seed) for seed in range(200)])
    assert ((drawn.mean(0) - exact).abs() <= 4.5 * drawn.std(0) / 200**0.5).all()


def test_discrete_distributions_have_unbiased_gradients_too():
    rate = one(3.0).requires_grad_()
    p, q = Poisson(rate), Poisson(one(4.0))
    drawn = torch.stack(
        [
            torch.autograd.grad(
                kldiv.divergence(p, q, estimator=MonteCarlo(400), seed=seed).value, rate
            )[0]
            for seed in range(200)
        ]
    )
    assert abs(float(drawn.mean()) - math.log(3 / 4)) <= 4.5 * float(drawn.std()) / 200**0.5


def test_the_same_seed_gives_the_same_result_and_another_seed_another():
    def at(seed):
        return float(kldiv.divergence(P, Q, estimator=MonteCarlo(100), seed=seed))

    assert at(3) == at(3)
    assert at(3) != at(4)
    assert at(None) != at(None)
    generator = torch.Generator().manual_seed(9)
    assert at(generator) == at(torch.Generator().manual_seed(9))
    assert at(generator) != at(torch.Generator().manual_seed(9))


def test_the_global_generator_of_torch_is_left_as_it_was():
    before = torch.get_rng_state()
    kldiv.divergence(P, Q, estimator=MonteCarlo(100), seed=3)
    kldiv.divergence(P, Q, estimator=MonteCarlo(100))
    assert torch.equal(torch.get_rng_state(), before)


def test_equal_distributions_are_at_distance_zero_without_any_noise():
    for divergence in ("kl", "chi2", "jensen_shannon", "renyi(alpha=0.5)"):
        found = kldiv.divergence(Q, Normal(Q.loc, Q.scale), divergence, estimator="monte_carlo")
        assert abs(float(found)) < 1e-15


def test_it_is_the_rung_for_many_dimensions():
    eye = torch.eye(6, dtype=F64)
    p = MultivariateNormal(torch.zeros(6, dtype=F64), eye)
    q = MultivariateNormal(torch.ones(6, dtype=F64) / 2, 2 * eye)
    found = kldiv.divergence(p, q, "jensen_shannon", seed=0)
    assert found.method == "monte_carlo"
    assert float(found.stderr) < 0.01 * float(found)
    by_torch = kldiv.divergence(p, q, estimator="monte_carlo", seed=0)
    assert abs(float(by_torch) - float(kl_divergence(p, q))) <= float(by_torch.error)


def test_both_sides_broadcast_and_each_element_has_its_own_draws():
    p = Normal(torch.zeros(3, dtype=F64), 1.0)
    q = Normal(torch.ones(2, 1, dtype=F64), 1.0)
    found = kldiv.divergence(p, q, estimator=MonteCarlo(1_000), seed=0)
    assert found.value.shape == found.stderr.shape == (2, 3)
    assert len(set(found.value.flatten().tolist())) == 6
    assert ((found.value - 0.5).abs() <= found.error).all()
    vectors = Independent(Normal(torch.zeros(4, 1, 3, dtype=F64), 1.0), 1)
    wide = kldiv.divergence(
        vectors, Independent(Normal(torch.ones(2, 3), 1.0), 1), estimator=MonteCarlo(500), seed=0
    )
    assert wide.value.shape == (4, 2)
    assert ((wide.value - 1.5).abs() <= 2 * wide.error).all()


def test_supports_that_differ_give_infinity_or_the_bound_and_no_nan():
    box, normal = Uniform(one(-1.0), one(1.0)), P
    infinite = kldiv.divergence(normal, box, estimator="monte_carlo", seed=0)
    assert float(infinite) == math.inf
    assert infinite.reason == "one side has mass where the other has none"
    assert float(infinite.error) == 0
    apart = kldiv.divergence(
        box, Uniform(one(5.0), one(6.0)), "total_variation", estimator="monte_carlo", seed=0
    )
    assert float(apart) == pytest.approx(1, abs=1e-12)


def test_a_target_with_a_sampler_and_a_known_mass_is_needed():
    target = kldiv.Target(lambda x: -x.square() / 2)
    with pytest.raises(kldiv.NotAvailable, match="has no sampler"):
        kldiv.divergence(target, P, estimator="monte_carlo")
    drawn = kldiv.Target(lambda x: -x.square() / 2, sample=torch.randn)
    with pytest.raises(kldiv.NotAvailable, match=r"the mass of p = .* is not known"):
        kldiv.divergence(drawn, P, estimator="monte_carlo")
    with pytest.raises(kldiv.NotAvailable, match=r"the mass of q = .* is not known"):
        kldiv.divergence(P, drawn, estimator="monte_carlo")


def test_a_tolerance_that_is_not_reached_is_an_error_with_the_best_estimate():
    with pytest.raises(kldiv.ToleranceNotMet, match=r"reached .* rtol=1e-06") as raised:
        kldiv.divergence(P, Q, estimator=MonteCarlo(1_000, rtol=1e-6), seed=0)
    assert abs(float(raised.value.estimate) - float(kl_divergence(P, Q))) < 0.1
    kept = kldiv.divergence(P, Q, estimator=MonteCarlo(10_000, rtol=0.2), seed=0)
    assert float(kept.error) <= 0.2 * float(kept)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 15}, "samples must be at least 16, got 15"),
        ({"rtol": 0.0}, "rtol must be between 0 and 1, got 0.0"),
    ],
)
def test_wrong_options_are_an_error_that_names_them(options, message):
    with pytest.raises(kldiv.InvalidArgument, match=message):
        MonteCarlo(**options)


def test_the_kinds_of_results_are_told_apart():
    found = kldiv.divergence(P, Q, estimator=MonteCarlo(64), seed=0)
    assert (found.method, found.evaluations) == ("monte_carlo", 64)
    assert kldiv.divergence(P, Q).stderr is None
    coins = kldiv.divergence(
        Bernoulli(one(0.5)), Bernoulli(one(0.7)), estimator=MonteCarlo(4_000), seed=0
    )
    assert abs(float(coins) - 0.0871767) <= float(coins.error)
    heavy = kldiv.divergence(StudentT(one(3.0)), P, "hellinger", estimator="monte_carlo", seed=0)
    assert 0 < float(heavy) < 1
    labels = Categorical(torch.ones(3))
    assert float(kldiv.divergence(labels, labels, estimator="monte_carlo", seed=0)) == 0
