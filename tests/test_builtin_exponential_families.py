"""The log-normaliser rule: every divergence it gives, against sums and quadrature."""

import pytest
import torch

from torch.distributions import (
    Beta,
    Chi2,
    Dirichlet,
    Exponential,
    Gamma,
    Geometric,
    Gumbel,
    HalfNormal,
    Independent,
    InverseGamma,
    Laplace,
    NegativeBinomial,
    Poisson,
    VonMises,
    Weibull,
    Wishart,
    kl_divergence,
)

import kldiv

from kldiv.builtin.closed_forms.exponential_families import CLOSED_FORMS, FAMILIES
from kldiv.resolving import as_divergence
from tests.cases import DIVERGENCES


def double(*values):
    return tuple(torch.tensor(value).double() for value in values)


PAIRS = {
    "gammas": (Gamma(*double(2.0, 1.0)), Gamma(*double(3.0, 2.0))),
    "exponential-gamma": (Exponential(*double(2.0)), Gamma(*double(1.2, 1.7))),
    "chi2-gamma": (Chi2(*double(5.0)), Gamma(*double(3.0, 0.7))),
    "inverse-gammas": (InverseGamma(*double(5.0, 2.0)), InverseGamma(*double(6.0, 2.2))),
    "betas": (Beta(*double(2.0, 1.5)), Beta(*double(3.0, 2.0))),
    "laplaces": (Laplace(*double(0.5, 1.0)), Laplace(*double(0.5, 1.5))),
    "half-normals": (HalfNormal(*double(1.0)), HalfNormal(*double(1.3))),
    "weibulls": (Weibull(*double(1.0, 1.5)), Weibull(*double(1.3, 1.5))),
    "gumbels": (Gumbel(*double(0.0, 1.5)), Gumbel(*double(0.8, 1.5))),
    "von-mises": (VonMises(*double(0.0, 1.7)), VonMises(*double(0.9, 0.6))),
    "poissons": (Poisson(*double(2.3)), Poisson(*double(3.1))),
    "geometrics": (Geometric(*double(0.4)), Geometric(*double(0.5))),
    "negative-binomials": (
        NegativeBinomial(*double(4.0, 0.3)),
        NegativeBinomial(*double(4.0, 0.4)),
    ),
}


def is_exact(pair, divergence):
    return any(rule.covers(as_divergence(divergence), *pair) for rule in CLOSED_FORMS)


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize("name", PAIRS)
def test_every_divergence_of_the_rule_is_the_integral(name, divergence):
    pair = PAIRS[name]
    if not is_exact(pair, divergence):
        assert kldiv.explain(*pair, divergence).method != "exact"
        return
    found = kldiv.divergence(*pair, divergence, estimator="exact")
    other = "sum" if pair[0].support.is_discrete else "quadrature"
    reference = kldiv.divergence(*pair, divergence, estimator=other)
    if reference.value.isinf():
        assert found.value.isinf()
        return
    torch.testing.assert_close(found.value, reference.value, rtol=1e-8, atol=1e-15)
    assert found.error <= 1e-9 * found.value.abs() + 1e-14


def test_all_families_have_a_pair_or_a_test_of_their_own():
    covered = {
        name for name, form in FAMILIES.items() for pair in PAIRS.values() if form.has_both(*pair)
    }
    assert set(FAMILIES) - covered == {"dirichlet", "wishart"}


def test_dirichlets_of_two_entries_are_betas():
    p, q = (Dirichlet(torch.tensor(a).double()) for a in ([1.5, 2.0], [2.0, 3.0]))
    ends = (Beta(*p.concentration), Beta(*q.concentration))
    for divergence in ("kl", "chi2", "squared_hellinger", "renyi(alpha=0.3)"):
        found = kldiv.divergence(p, q, divergence)
        torch.testing.assert_close(found.value, kldiv.divergence(*ends, divergence).value)


def test_wisharts_of_one_dimension_are_gammas():
    p, q = (
        Wishart(df, torch.full((1, 1), scale).double())
        for df, scale in zip(double(5.0, 6.0), (1.0, 0.7), strict=True)
    )
    ends = [Gamma(side.df / 2, 0.5 / side.covariance_matrix[0, 0]) for side in (p, q)]
    for divergence in ("kl", "chi2", "squared_hellinger"):
        found = kldiv.divergence(p, q, divergence)
        assert found.method == "exact"
        torch.testing.assert_close(found.value, kldiv.divergence(*ends, divergence).value)


def test_the_gradient_of_wisharts_is_right_on_both_sides():
    def value(df, root, other_df, other_root):
        p = Wishart(df, root @ root.mT + torch.eye(2).double())
        q = Wishart(other_df, other_root @ other_root.mT + torch.eye(2).double())
        return kldiv.divergence(p, q).value

    df, other_df = double(4.0, 5.0)
    root = torch.tensor([[1.0, 0.2], [0.3, 0.7]]).double()
    leaves = [each.clone().requires_grad_() for each in (df, root, other_df, root.mT + 0.1)]
    assert torch.autograd.gradcheck(value, leaves, atol=1e-6)
    sides = [Wishart(d, torch.eye(2).double() * s) for d, s in ((df, 1.0), (other_df, 2.0))]
    torch.testing.assert_close(kldiv.divergence(*sides).value, kl_divergence(*sides))


def test_independent_parts_add_up():
    p, q = (Gamma(torch.tensor(k).double(), 1.0) for k in ([2.0, 3.0], [2.5, 2.0]))
    whole = [Independent(side, 1) for side in (p, q)]
    each = kldiv.divergence(p, q, "renyi(alpha=0.5)").value
    torch.testing.assert_close(kldiv.divergence(*whole, "renyi(alpha=0.5)").value, each.sum())
    for divergence in ("chi2", "squared_l2", "density_power(beta=0.5)", "cosine"):
        plane = kldiv.divergence(*whole, divergence, estimator="quadrature")
        found = kldiv.divergence(*whole, divergence)
        assert found.method == "exact"
        torch.testing.assert_close(found.value, plane.value, rtol=1e-6, atol=0)


def test_what_must_be_shared_is():
    p, q = Laplace(*double(0.0, 1.0)), Laplace(*double(0.1, 2.0))
    assert not is_exact((p, q), "renyi(alpha=0.5)")
    assert kldiv.divergence(p, q, "renyi(alpha=0.5)").method == "quadrature"


@pytest.mark.parametrize(
    ("p", "q", "divergence"),
    [
        (Gamma(*double(1.0, 1.0)), Gamma(*double(3.0, 1.0)), "chi2"),
        (Gamma(*double(1.0, 1.0)), Gamma(*double(1.0, 2.0)), "renyi(alpha=2)"),
        (Beta(*double(0.5, 0.5)), Beta(*double(3.0, 3.0)), "chi2"),
        (Exponential(*double(1.0)), Exponential(*double(3.0)), "alpha(alpha=2)"),
    ],
)
def test_orders_beyond_the_domain_are_infinite_without_nan(p, q, divergence):
    p.expand(())
    found = kldiv.divergence(p, q, divergence)
    assert float(found) == torch.inf
    assert found.method == "exact"


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_equal_members_are_0_apart(name):
    p, _ = PAIRS[name]
    for divergence in ("kl", "renyi(alpha=0.5)", "renyi(alpha=2)", "squared_hellinger"):
        found = kldiv.divergence(p, p, divergence)
        assert float(found) == 0


@pytest.mark.parametrize("kind", [Gamma, Beta, Dirichlet])
def test_close_and_distant_members_of_a_batch_are_as_those_alone(kind):
    first = torch.tensor([[0.7, 1.3], [2.0, 0.9], [1.1, 3.0]]).double().requires_grad_()
    second = first.detach() * (1 + torch.tensor([1e-6, 0.5, 0.0]).double().unsqueeze(-1))

    def divergence(rows):
        sides = (each[rows] for each in (first, second))
        p, q = (kind(each) if kind is Dirichlet else kind(*each.unbind(-1)) for each in sides)
        return kldiv.divergence(p, q).value

    whole = divergence(slice(None))
    alone = torch.stack([divergence(row) for row in range(3)])
    torch.testing.assert_close(whole, alone, rtol=1e-12, atol=0)
    slopes = [torch.autograd.grad(each.sum(), first)[0] for each in (whole, alone)]
    torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-20)
