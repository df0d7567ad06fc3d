"""Monte Carlo: unbiased values and gradients, honest standard errors, one seed one result."""

import math

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Dirichlet,
    Gamma,
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
from kldiv.estimators import Problem
from kldiv.resolving import as_divergence, as_target

F64 = torch.float64
P, Q = Normal(torch.tensor(0.0, dtype=F64), 1.0), Normal(torch.tensor(1.0, dtype=F64), 2.0)


def one(value):
    return torch.tensor(value, dtype=F64)


def copies(distribution, count):
    """The same distribution many times: each element of a batch has draws of its own."""
    return distribution.expand((count,))


def test_the_error_covers_the_truth_in_at_least_99_of_100_cases():
    truth, runs = float(kl_divergence(P, Q)), 1_000
    for samples in (200, 2_000):
        found = kldiv.divergence(copies(P, runs), Q, estimator=MonteCarlo(samples), seed=1)
        hits = int(((found.value - truth).abs() <= found.error).sum())
        # of 1000 cases with a probability of 1 %, more than 20 are missed in 0.2 of 100 runs
        assert hits >= runs - 20


def test_the_standard_error_is_that_of_repeated_runs():
    for divergence in ("renyi(alpha=0.5)", "kl"):
        found = kldiv.divergence(copies(P, 600), Q, divergence, estimator=MonteCarlo(400), seed=2)
        # a deviation of n = 600 values is known to 1 / √(2 n) = 3 %
        stated = float(found.stderr.square().mean().sqrt())
        assert stated == pytest.approx(float(found.value.std()), rel=5 * 0.03)


def test_the_value_is_unbiased():
    for samples in (16, 100):
        found = kldiv.divergence(copies(P, 2_000), Q, estimator=MonteCarlo(samples), seed=3).value
        gap = abs(float(found.mean()) - float(kl_divergence(P, Q)))
        assert gap <= 4 * float(found.std()) / 2_000**0.5


DRAWN = ("kl", "chi2", "squared_hellinger", "hellinger", "jensen_shannon", "squared_l2")


@pytest.mark.parametrize("divergence", [*DRAWN, "renyi(alpha=0.5)", "renyi(alpha=1.4)"])
def test_the_gradient_is_in_expectation_that_of_the_exact_value(divergence):
    values = (0.3, 1.2, -0.4, 1.8)
    parameters = [torch.full((300,), value, dtype=F64, requires_grad=True) for value in values]
    p, q = Normal(*parameters[:2]), Laplace(*parameters[2:])
    drawn = kldiv.divergence(p, q, divergence, estimator=MonteCarlo(1_000), seed=4).value
    slopes = torch.stack(torch.autograd.grad(drawn.sum(), parameters))
    exact = [one(value).requires_grad_() for value in values]
    value = kldiv.divergence(
        Normal(*exact[:2]), Laplace(*exact[2:]), divergence, estimator="quadrature"
    ).value
    truth = torch.stack(torch.autograd.grad(value, exact))
    # a function of averages, such as a logarithm, has a bias of the order of their variance
    allowed = 4.5 * slopes.std(1) / 300**0.5 + 2e-3 * truth.abs()
    assert ((slopes.mean(1) - truth).abs() <= allowed).all()


def test_discrete_distributions_have_unbiased_gradients_too():
    rate = torch.full((200,), 3.0, dtype=F64, requires_grad=True)
    value = kldiv.divergence(Poisson(rate), Poisson(one(4.0)), estimator=MonteCarlo(400), seed=5)
    (slopes,) = torch.autograd.grad(value.value.sum(), rate)
    assert abs(float(slopes.mean()) - math.log(3 / 4)) <= 4.5 * float(slopes.std()) / 200**0.5


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


def unnormalised(**options):
    """A standard normal law of three numbers, times 7."""
    return kldiv.Target(
        lambda x: math.log(7) - x.square().sum(-1) / 2, event_shape=(3,), **options
    )


NORMAL3 = Independent(Normal(torch.full((3,), 0.3, dtype=F64), 1.2), 1)
LOG_Z = math.log(7) + 1.5 * math.log(2 * math.pi)
TO_STANDARD = 3 * (0.5 * (1.2**2 + 0.3**2 - 1) - math.log(1.2))  # KL of NORMAL3 to N(0, 1)³
FROM_STANDARD = 3 * (0.5 * ((1 + 0.3**2) / 1.2**2 - 1) + math.log(1.2))


def test_a_side_known_up_to_its_mass_is_enough_up_to_a_constant():
    found = kldiv.divergence(NORMAL3, unnormalised(), seed=0)
    assert (found.method, found.up_to_constant) == ("monte_carlo", True)
    assert abs(float(found) + LOG_Z - TO_STANDARD) <= float(found.error) < 0.01
    renyi = kldiv.divergence(NORMAL3, unnormalised(), "renyi(alpha=0.999999)", seed=0)
    assert abs(float(renyi) + LOG_Z - TO_STANDARD) <= float(renyi.error) + 1e-5
    drawn = kldiv.divergence(
        unnormalised(sample=lambda shape: torch.randn(*shape, 3)), NORMAL3, seed=0
    )
    assert drawn.up_to_constant
    assert abs(float(drawn) - LOG_Z - FROM_STANDARD) <= float(drawn.error) < 0.01


def test_the_constant_may_be_beyond_the_exponential():
    far = kldiv.Target(lambda x: 5e3 - x.square().sum(-1) / 2, event_shape=(3,))
    found = kldiv.divergence(NORMAL3, far, seed=0)
    truth = TO_STANDARD - 5e3 - 1.5 * math.log(2 * math.pi)
    assert abs(float(found) - truth) <= float(found.error) < 0.01


def test_what_is_blind_to_masses_has_no_constant():
    p, q = unnormalised(), NORMAL3
    found = kldiv.divergence(p, q, "cauchy_schwarz", seed=0)
    assert not found.up_to_constant
    # by ∫ N(a, A) N(b, B) = N(a - b; 0, A + B), coordinate by coordinate
    s = 1.2**2
    cross = math.exp(-(0.3**2) / (2 * (1 + s))) / math.sqrt(1 + s)
    truth = 3 * (0.5 * math.log(1 / math.sqrt(2) / math.sqrt(2 * s)) - math.log(cross))
    assert abs(float(found) - truth) <= float(found.error) < 0.01


def test_the_gradient_is_unbiased_where_a_mass_is_unknown():
    repeats = 200
    loc = torch.full((repeats, 3), 0.3, dtype=F64, requires_grad=True)
    q = Independent(Normal(loc, 1.2), 1)
    value = kldiv.divergence(q, unnormalised(), estimator=MonteCarlo(400), seed=0).value
    (slopes,) = torch.autograd.grad(value.sum(), loc)
    assert ((slopes.mean(0) - 0.3).abs() <= 4.5 * slopes.std(0) / repeats**0.5).all()
    assert float(slopes.std(0).max()) < 0.2


def test_what_needs_a_mass_that_is_unknown_says_which_and_what_does_not():
    with pytest.raises(kldiv.NotAvailable, match=r"neither p = .* nor q = .* has a sampler"):
        kldiv.divergence(unnormalised(), unnormalised(), estimator="monte_carlo")
    message = r"the mass of p = .* is not known .*kldiv\.divergence\(q, p, 'kl'\) needs it only"
    with pytest.raises(kldiv.NotAvailable, match=message):
        kldiv.divergence(unnormalised(), NORMAL3, "kl")
    message = r"the mass of q = .* is not known .*kldiv\.divergence\(p, q, 'kl'\) needs it only"
    with pytest.raises(kldiv.NotAvailable, match=message):
        kldiv.divergence(NORMAL3, unnormalised(), "jensen_shannon")


def test_a_measure_is_compared_as_it_stands():
    measure = unnormalised(normalize=False)
    found = kldiv.divergence(NORMAL3, measure, "squared_hellinger", seed=0)
    # ½ (1 + Z) - √Z A with the affinity A of two normal laws
    z, s = math.exp(LOG_Z), 1.2
    affinity = (math.sqrt(2 * s / (1 + s**2)) * math.exp(-(0.3**2) / (4 * (1 + s**2)))) ** 3
    truth = (1 + z) / 2 - math.sqrt(z) * affinity
    assert not found.up_to_constant
    assert abs(float(found) - truth) <= float(found.error) < 0.1 * truth


class NoSampler(Normal):
    """A normal law of which nobody says how to draw from it."""

    sample = torch.distributions.Distribution.sample
    rsample = torch.distributions.Distribution.rsample


def test_one_side_is_enough_to_draw_from():
    p = NoSampler(one(0.2), one(1.1))
    for first, second in ((p, Q), (Q, p)):
        found = kldiv.divergence(first, second, estimator=MonteCarlo(4_000), seed=0)
        truth = float(kldiv.divergence(first, second, estimator="quadrature"))
        assert abs(float(found) - truth) <= float(found.error) < 0.1 * truth
    box = Uniform(one(0.0), one(1.0))
    with pytest.raises(kldiv.NotAvailable, match="draws from p do not reach all of it"):
        kldiv.divergence(box, p, "total_variation", estimator="monte_carlo")


HEAVY = [
    (StudentT(one(1.0)), P, "kl"),  # Cauchy against normal: infinite
    (Normal(one(0.0), one(3.0)), P, "chi2"),  # infinite
    (Normal(one(0.0), one(1.4)), P, "chi2"),  # finite, of infinite variance
]


@pytest.mark.parametrize(("p", "q", "divergence"), HEAVY)
def test_no_finite_error_is_stated_where_no_average_can_be_trusted(p, q, divergence):
    found = kldiv.divergence(p, q, divergence, estimator=MonteCarlo(20_000), seed=0)
    assert float(found.pareto_k) > 0.7
    assert float(found.error) == math.inf
    assert "the tail of what is averaged has the shape" in found.reason


def test_bounded_ratios_are_trusted_whatever_their_tail():
    for divergence in (
        "jensen_shannon",
        "squared_hellinger",
        "renyi(alpha=0.5)",
        "alpha(alpha=0.3)",
    ):
        found = kldiv.divergence(
            StudentT(one(1.0)), P, divergence, estimator=MonteCarlo(20_000), seed=0
        )
        truth = float(kldiv.divergence(StudentT(one(1.0)), P, divergence))
        assert abs(float(found) - truth) <= float(found.error) < 0.05 * truth


@pytest.mark.parametrize("size", [1, 3, 10, 50])
@pytest.mark.parametrize("kind", [StudentT, Normal])
def test_the_error_covers_the_truth_in_any_number_of_dimensions(size, kind):
    """Of batches of products, whose parts are known by quadrature."""
    generator = torch.Generator().manual_seed(size)
    loc, scale = torch.linspace(-0.3, 0.3, 8, dtype=F64), torch.linspace(0.9, 1.2, 8, dtype=F64)
    freedom = (6.0,) if kind is StudentT else ()
    index = torch.randint(8, (60, size), generator=generator)
    p = Independent(kind(*freedom, loc[index], 1.0), 1)
    q = Independent(Laplace(0.0 * loc[index], scale[index]), 1)
    for divergence in ("kl", "squared_hellinger", "renyi(alpha=0.5)"):
        parts = kldiv.divergence(
            kind(*freedom, loc, 1.0), Laplace(0.0 * loc, scale), divergence, estimator="quadrature"
        ).value[index]
        truth = parts.sum(-1)
        if divergence == "squared_hellinger":
            truth = 1 - (1 - parts).prod(-1)
        found = kldiv.divergence(p, q, divergence, estimator=MonteCarlo(1_000), seed=0)
        missed = int(((found.value - truth).abs() > found.error).sum())
        # of 60 cases with a probability of 1 %, more than 4 are missed in 0.04 of 100 runs
        assert missed <= 4
        assert float((found.error / truth).median()) < 0.6


def test_close_pairs_are_at_a_positive_distance_told_well():
    shifts = torch.logspace(-6, -1, 6, dtype=F64)
    p = Independent(Normal(torch.zeros(6, 10, dtype=F64), 1.0), 1)
    q = Independent(Normal(shifts.unsqueeze(-1).expand(6, 10), 1.0), 1)
    for divergence, slope in (("kl", 5.0), ("squared_hellinger", 1.25), ("chi2", 10.0)):
        found = kldiv.divergence(p, q, divergence, estimator=MonteCarlo(2_000), seed=0)
        assert (found.value > 0).all()
        assert ((found.value / shifts.square() - slope).abs()[:4] < 0.1 * slope).all()


def test_evenly_spread_points_beat_independent_ones():
    def spread(p, q):
        return float(kldiv.divergence(p, q, estimator=MonteCarlo(10_000), seed=6).value.std())

    # independent draws from both sides without control variates have a standard deviation of
    # 5.2e-3 on the line and of 1.4e-2 in ten dimensions
    assert spread(copies(P, 20), Q) < 5e-4
    wide = Independent(Normal(torch.full((20, 10), 0.5, dtype=F64), 2.0**0.5), 1)
    assert spread(Independent(Normal(torch.zeros(10, dtype=F64), 1.0), 1), wide) < 8e-3


def test_many_dimensions_do_not_underflow():
    p = Independent(Normal(torch.zeros(900, dtype=F64), 1.0), 1)
    q = Independent(Normal(torch.full((900,), 0.03, dtype=F64), 1.0), 1)
    found = kldiv.divergence(p, q, estimator=MonteCarlo(4_000), seed=0)
    assert abs(float(found) - 450 * 0.03**2) <= float(found.error) < 0.1


def test_the_value_alone_has_the_same_expectation():
    problem = Problem(as_divergence("kl"), as_target(P, "p"), as_target(Q, "q"), 5)
    value = MonteCarlo(20_000).value(problem)
    assert abs(float(value) - float(kl_divergence(P, Q))) < 1e-3


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
    assert abs(float(coins) - 0.08717669357238883) <= float(coins.error)
    heavy = kldiv.divergence(StudentT(one(3.0)), P, "hellinger", estimator="monte_carlo", seed=0)
    assert 0 < float(heavy) < 1
    labels = Categorical(torch.ones(3))
    assert float(kldiv.divergence(labels, labels, estimator="monte_carlo", seed=0)) == 0


def missed(p, q, divergence, samples, *, runs=200):
    """How many of 100 runs have the truth outside their error."""
    truth = kldiv.divergence(p, q, divergence)
    found = kldiv.divergence(
        copies(p, runs), copies(q, runs), divergence, estimator=MonteCarlo(samples), seed=1
    )
    outside = (found.value - truth.value).abs() > found.error + truth.error
    return 100 * float(outside.double().mean())


BOX, PEAK = Uniform(one(-1.0), one(1.0)), Laplace(one(0.0), one(1.0))
RARE = [
    (BOX, PEAK, "kl"),  # jumps between two points of a net, met by some replicates or none
    (BOX, PEAK, "squared_hellinger"),
    (PEAK, Uniform(one(-0.7), one(1.1)), "total_variation"),
    (Uniform(one(0.0), one(1e-4)), P, "chi2"),  # q has hardly a point where p is
    (Bernoulli(one(2e-3)), Bernoulli(one(1e-4)), "kl"),  # an outcome that is hardly ever drawn
    (Bernoulli(one(2e-3)), Bernoulli(one(1e-4)), "squared_hellinger"),
    (Normal(one(0.0), one(512.0)), P, "total_variation"),
    (P, Normal(one(0.0), one(512.0)), "kl"),
    (Gamma(one(2.0), one(1.0)), Gamma(one(16.0), one(1.0)), "jensen_shannon"),
    (P, Laplace(one(15.0), one(1.0)), "renyi(alpha=0.5)"),  # a logarithm of what is rare
]


@pytest.mark.parametrize(("p", "q", "divergence"), RARE)
def test_the_error_covers_what_is_met_rarely(p, q, divergence):
    for samples in (1_000, 4_000):
        # of 200 cases with a probability of 1 %, more than 7 are missed in 0.1 of 100 runs
        assert missed(p, q, divergence, samples) <= 3.5


def twice(concentration):
    """Pairs of distributions with draws that lie below all floating-point numbers."""
    a, several = one(concentration), concentration * torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    return [
        (Gamma(a, one(1.0)), Gamma(2 * a, one(2.0))),
        (Gamma(one(1.0), one(1.0)), Gamma(a, one(2.0))),
        (Beta(a, 2 * a), Beta(2 * a, a)),
        (Beta(one(2.0), a), Beta(one(2.0), one(1.0))),
        (Dirichlet(several), Dirichlet(several.flip(0))),
        (Dirichlet(several), Dirichlet(torch.ones(3, dtype=F64))),
    ]


@pytest.mark.parametrize(
    "concentration",
    [1e-6, 1e-2, *(pytest.param(each, marks=pytest.mark.slow) for each in (1e-4, 1e-3, 0.1))],
)
def test_draws_that_numbers_cannot_hold_are_no_silent_error(concentration):
    for p, q in twice(concentration):
        for divergence in ("kl", "squared_hellinger", "renyi(alpha=0.5)"):
            assert missed(p, q, divergence, 2_000, runs=50) <= 2
    gone = kldiv.divergence(*twice(1e-6)[0], estimator=MonteCarlo(1_000), seed=0)
    assert float(gone.error) == math.inf
    assert "of the draws lie on an end of the support" in gone.reason


def test_an_error_of_a_smooth_problem_stays_small_beside_that_of_independent_points():
    found = kldiv.divergence(copies(P, 20), Q, estimator=MonteCarlo(10_000), seed=6)
    spread = float(found.value.std())
    assert float(found.error.median()) < 7 * spread
    assert float(found.error.median()) < 5e-3  # of independent ones a single standard deviation


@pytest.mark.parametrize(("samples", "known"), [(16, False), (33, False), (64, True)])
def test_so_few_points_that_they_show_no_tail_have_no_error(samples, known):
    p, q = Normal(one(0.0), one(1.0)), Normal(one(0.3), one(1.0))
    found = kldiv.divergence(p, q, "total_variation", estimator=MonteCarlo(samples), seed=0)
    assert math.isfinite(float(found.error)) == known
    assert ("draw 50 at least" in found.reason) != known
