"""The ends: limits of parameters, supports that do not overlap, ratios beyond floating point."""

import math

import pytest
import torch

from torch.distributions import Bernoulli, Normal, Uniform

import kldiv

from kldiv.definitions.divergence import FDivergence, IntegralDivergence
from kldiv.resolving import as_divergence
from tests.cases import DIVERGENCES, PAIR, estimators_of

STEP = 1e-7
SEAMS = [
    ("renyi", "alpha", 0.5),
    ("renyi", "alpha", 1.0),
    ("tsallis", "alpha", 1.0),
    ("alpha", "alpha", 0.0),
    ("alpha", "alpha", 0.5),
    ("alpha", "alpha", 1.0),
]
EDGES = [("density_power", "beta", 0.0), ("gamma", "gamma", 0.0), ("renyi", "alpha", 0.0)]
ENDS = ["apart", "q-inside-p", "p-inside-q"]
INTEGRALS = [name for name in DIVERGENCES if isinstance(as_divergence(name), IntegralDivergence)]
F_DIVERGENCES = [name for name in DIVERGENCES if isinstance(as_divergence(name), FDivergence)]


def value_and_gradient(divergence, name, estimator):
    leaves = PAIR[name].leaves()
    value = kldiv.divergence(*PAIR[name].members(*leaves), divergence, estimator=estimator).value
    if not value.requires_grad:
        return torch.stack([value, *(0 * leaf for leaf in leaves)]).detach()
    return torch.stack([value.detach(), *torch.autograd.grad(value, leaves)])


@pytest.mark.parametrize("name", ["coins", "poissons", "normals"])
@pytest.mark.parametrize(
    ("divergence", "parameter", "seam", "side"),
    [(*row, side) for row in SEAMS for side in (-1, 1)] + [(*row, 1) for row in EDGES],
)
def test_a_family_is_continuous_in_its_parameter(divergence, parameter, seam, side, name):
    """Value and gradient move as little as the parameter does."""
    spec = f"{divergence}({parameter}={{}})"
    sides = PAIR[name].members()
    at_seam, beside = (
        set(estimators_of(*sides, spec.format(repr(value))))
        for value in (seam, seam + side * STEP)
    )
    for estimator in sorted((at_seam & beside) - {"monte_carlo"}):
        there = value_and_gradient(spec.format(repr(seam)), name, estimator)
        near = value_and_gradient(spec.format(repr(seam + side * STEP)), name, estimator)
        far = value_and_gradient(spec.format(repr(seam + side * 1e-3)), name, estimator)
        torch.testing.assert_close(near, there, rtol=0, atol=30 * STEP)
        assert not torch.allclose(far, there, rtol=0, atol=30 * STEP)


@pytest.mark.parametrize("name", ["coins", "poissons"])
def test_the_normalised_jensen_shannon_tends_to_both_kullback_leiblers(name):
    p, q = PAIR[name].members()
    for weight, limit in ((STEP, (q, p)), (1 - STEP, (p, q))):
        found = kldiv.divergence(p, q, f"jensen_shannon(weight={weight!r})")
        expected = float(kldiv.divergence(*limit))
        assert float(found) / (weight * (1 - weight)) == pytest.approx(expected, rel=1e-5)
    for weight in (0, 1):
        assert float(kldiv.divergence(p, q, f"jensen_shannon(weight={weight})")) == 0


@pytest.mark.parametrize(
    ("divergence", "other", "factor"),
    [
        ("renyi(alpha=1)", "kl", 1),
        ("renyi(alpha=0.5)", "bhattacharyya", 2),
        ("tsallis(alpha=1)", "kl", 1),
        ("tsallis(alpha=2)", "chi2", 1),
        ("tsallis(alpha=0.5)", "squared_hellinger", 2),
        ("alpha(alpha=1)", "kl", 1),
        ("alpha(alpha=0.5)", "squared_hellinger", 4),
        ("alpha(alpha=2)", "chi2", 0.5),
        ("alpha(alpha=-1)", "neyman_chi2", 0.5),
        ("hockey_stick(gamma=1)", "total_variation", 1),
        ("skew_kl(weight=1)", "kl", 1),
        ("density_power(beta=0)", "kl", 1),
        ("density_power(beta=1)", "squared_l2", 1),
        ("gamma(gamma=0)", "kl", 1),
        ("gamma(gamma=1)", "cauchy_schwarz", 1),
    ],
)
def test_a_member_of_a_family_is_the_divergence_that_bears_its_name(divergence, other, factor):
    for name in ("coins", "poissons", "betas"):
        p, q = PAIR[name].members()
        found, expected = (kldiv.divergence(p, q, each) for each in (divergence, other))
        gap = abs(float(found) - factor * float(expected))
        assert gap <= float(found.error) + factor * float(expected.error)


@pytest.mark.parametrize("alpha", [-0.7, 0.0, 0.2, 0.5, 1.0])
def test_exchanging_the_sides_of_an_alpha_divergence_exchanges_alpha_and_its_complement(alpha):
    p, q = PAIR["coins"].members()
    there = kldiv.divergence(p, q, f"alpha(alpha={alpha})")
    back = kldiv.divergence(q, p, f"alpha(alpha={1 - alpha})")
    torch.testing.assert_close(there.value, back.value, rtol=1e-14, atol=0)


def intervals(low_p, high_p, low_q, high_q):
    ends = [
        torch.tensor(end, dtype=torch.float64, requires_grad=True)
        for end in (low_p, high_p, low_q, high_q)
    ]
    return Uniform(*ends[:2]), Uniform(*ends[2:]), ends


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize(
    "ends", [(0.0, 1.0, 2.0, 3.0), (0.0, 2.0, 0.5, 1.0), (0.5, 1.0, 0.0, 2.0)], ids=ENDS
)
def test_supports_that_differ_leave_no_nan_in_value_or_gradient(divergence, ends):
    p, q, leaves = intervals(*ends)
    value = kldiv.divergence(p, q, divergence, estimator="quadrature").value
    assert not value.isnan()
    if value.requires_grad:
        for gradient in torch.autograd.grad(value, leaves, allow_unused=True):
            assert gradient is None or not gradient.isnan().any()


@pytest.mark.parametrize(
    ("divergence", "infinite"),
    [
        ("kl", True),
        ("renyi(alpha=1)", True),
        ("renyi(alpha=1.5)", True),
        ("renyi(alpha=0.9)", False),
        ("renyi(alpha=0)", False),
        ("alpha(alpha=1.5)", True),
        ("alpha(alpha=0.5)", False),
        ("alpha(alpha=0)", False),
        ("chi2", True),
        ("neyman_chi2", False),
        ("jeffreys", True),
        ("density_power(beta=0)", True),
        ("density_power(beta=0.1)", False),
        ("skew_kl(weight=1)", True),
        ("skew_kl(weight=0.9)", False),
        ("squared_l2", False),
    ],
)
@pytest.mark.parametrize("discrete", [False, True], ids=["intervals", "coins"])
def test_mass_of_p_where_q_has_none_is_infinite_where_the_definition_says_so(
    divergence, infinite, discrete
):
    if discrete:
        p, q = (Bernoulli(torch.tensor(probs).double()) for probs in (0.3, 0.0))
    else:
        p, q, _ = intervals(0.0, 2.0, 0.5, 1.0)
    found = kldiv.divergence(p, q, divergence)
    assert math.isinf(float(found.detach())) is infinite
    assert bool(found.reason) is infinite


def test_renyi_of_order_0_is_the_mass_of_q_where_p_has_some():
    p, q, _ = intervals(0.5, 1.0, 0.0, 2.0)
    found = kldiv.divergence(p, q, "renyi(alpha=0)").detach()
    assert float(found) == pytest.approx(math.log(4), abs=float(found.error))


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_single_precision_inputs_keep_their_digits_where_p_and_q_are_close(divergence):
    p, q = (Normal(torch.tensor(loc), torch.tensor(1.0)) for loc in (0.0, 1e-4))
    exact = [Normal(each.loc.double(), each.scale.double()) for each in (p, q)]
    found, truth = (kldiv.divergence(*each, divergence) for each in ((p, q), exact))
    assert found.value.dtype == torch.float32
    assert float(found) == pytest.approx(float(truth), rel=1e-6)
    assert float(found) > 0 or divergence in ("renyi(alpha=0)", "hockey_stick(gamma=1.7)")


@pytest.mark.parametrize("divergence", INTEGRALS)
def test_integrands_are_finite_where_they_are_and_never_nan(divergence):
    """Log densities down to -10 000, and both of each size."""
    levels = torch.tensor([0.0, -1.0, -30.0, -700.0, -800.0, -1e4, -math.inf]).double()
    grid = torch.cartesian_prod(levels, levels)
    log_p, log_q = grid[:-1].T.clone().requires_grad_()
    for integrand in as_divergence(divergence).integrands(log_p, log_q):
        assert not integrand.isnan().any()
        if not integrand.requires_grad:
            continue
        finite = integrand[integrand.isfinite()].sum()
        for gradient in torch.autograd.grad(
            finite, (log_p, log_q), retain_graph=True, allow_unused=True
        ):
            assert gradient is None or not gradient.isnan().any()


@pytest.mark.parametrize("divergence", F_DIVERGENCES)
def test_the_integrand_is_the_canonical_form_of_the_generator(divergence):
    item = as_divergence(divergence)
    log_u = torch.linspace(-6, 6, 241, dtype=torch.float64)
    log_q = torch.full_like(log_u, -0.7)
    slope = torch.autograd.functional.jvp(
        item.generator, torch.zeros(1).double(), torch.ones(1).double()
    )[1]
    canonical = log_q.exp() * (item.generator(log_u) - slope * log_u.expm1())
    found = item.integrand(log_q + log_u, log_q)
    torch.testing.assert_close(found, canonical, rtol=1e-11, atol=1e-13)
    assert (found >= 0).all()


@pytest.mark.parametrize("divergence", F_DIVERGENCES)
def test_the_declared_limits_are_those_of_the_generator(divergence):
    item = as_divergence(divergence)
    ends = torch.tensor([-300.0, 300.0], dtype=torch.float64)
    low, high = item.generator(ends).tolist()
    for declared, found in ((item.at_zero, low), (item.slope_at_infinity, high / math.exp(300))):
        if math.isinf(declared):
            assert found > 100
        else:
            assert found == pytest.approx(declared, rel=1e-12, abs=1e-12)
