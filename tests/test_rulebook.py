"""Closed forms are imported when two distributions of their types are met, and none is missed."""

import sys

import pytest
import torch

from torch import distributions as td

import kldiv

from kldiv.registries import closed_forms
from kldiv.resolving import as_divergence
from kldiv.rulebook import Part, Rulebook

ONE, TWO, EYE = torch.tensor(0.5), torch.tensor([0.4, 0.6]), torch.eye(2)
ARGUMENTS = {
    "Bernoulli Categorical Dirichlet Geometric OneHotCategorical": (TWO,),
    "Chi2 ContinuousBernoulli Exponential HalfCauchy HalfNormal Poisson StudentT": (ONE,),
    "Beta Cauchy FisherSnedecor Gamma Gumbel InverseGamma Kumaraswamy Laplace": (ONE, ONE),
    "LogNormal Normal Pareto VonMises Weibull": (ONE, ONE),
    "Binomial Multinomial NegativeBinomial": (3, TWO),
    "Uniform": (-ONE, ONE),
    "LowRankMultivariateNormal": (TWO, EYE, TWO),
    "MultivariateNormal": (TWO, EYE),
    "Wishart": (torch.tensor(4.0), EYE),
}
MEMBERS = [
    getattr(td, name)(*given) for names, given in ARGUMENTS.items() for name in names.split()
]
GRID = torch.linspace(-8.0, 8.0, 401, dtype=torch.float64)


class Bell(td.Normal):
    """A subclass of a type that has closed forms."""


def independent(member):
    return td.Independent(member.expand((3,)), 1)


def every_member():
    """One distribution of each type, subclasses, parts, parts of parts and densities on grids."""
    parts = [independent(member) for member in MEMBERS if not member.batch_shape]
    nested = [independent(part) for part in parts[:3]]
    on_grid = kldiv.Target.on_grid(GRID, (-GRID.square() / 2).exp()).distribution
    return [*MEMBERS, Bell(0.0, 1.0), *parts, *nested, on_grid]


@pytest.fixture
def loaded():
    return []


@pytest.fixture
def book(loaded):
    """A book of three parts that notes which of them were imported."""

    def part(name, *types):
        return Part(lambda: loaded.append(name) or (name, name.upper()), types)

    return Rulebook([part("any"), part("normal", "Normal", "Laplace"), part("gamma", "Gamma")])


@pytest.mark.parametrize(
    ("p", "q", "found"),
    [
        (td.Normal(0, 1), td.Laplace(0, 1), ["any", "normal"]),
        (Bell(0, 1), td.Normal(0, 1), ["any", "normal"]),
        (td.Normal(0, 1), td.Gamma(1, 1), ["any"]),
        (td.Chi2(ONE), td.Gamma(1, 1), ["any", "gamma"]),
        (td.Cauchy(0, 1), td.Cauchy(0, 1), ["any"]),
    ],
)
def test_a_part_is_imported_where_both_are_of_its_types_or_kinds_of_them(
    book, loaded, p, q, found
):
    assert book.between(p, q) == tuple(rule for name in found for rule in (name, name.upper()))
    assert loaded == found
    book.between(p, q)
    assert loaded == found


def test_iterating_imports_all_in_their_order(book):
    assert list(book) == ["any", "ANY", "normal", "NORMAL", "gamma", "GAMMA"]


@pytest.mark.parametrize("name", ["kl", "renyi(alpha=0.5)", "fisher", "chernoff", "squared_l2"])
def test_the_built_in_parts_name_the_types_of_all_their_rules(name):
    divergence, book = as_divergence(name), closed_forms(name.partition("(")[0])
    rules, found = list(book), 0
    for p in every_member():
        for q in every_member():
            covering = [rule for rule in rules if rule.covers(divergence, p, q)]
            among = [rule for rule in book.between(p, q) if rule.covers(divergence, p, q)]
            assert among == covering, f"between {p} and {q}"
            found += len(covering)
    assert found >= len(MEMBERS) / 2


def test_a_plugin_names_the_types_of_its_closed_forms(install_fake):
    front = """
        import kldiv
        from kldiv import Lazy

        @kldiv.hookimpl
        def kldiv_closed_forms():
            return [Lazy("kldiv_foo_forms:FORMS", types=("Kumaraswamy",))]
    """
    forms = """
        from torch.distributions import Kumaraswamy
        from kldiv import ClosedForm
        from kldiv.builtin.divergences.kl import KL

        FORMS = [ClosedForm(KL, Kumaraswamy, Kumaraswamy, lambda p, q, _: p.concentration1 + 7)]
    """
    install_fake("kldiv-foo", {"kldiv_foo.py": front, "kldiv_foo_forms.py": forms})
    kldiv.divergence(td.Normal(0.0, 1.0), td.Laplace(0.0, 1.0))
    assert "kldiv_foo_forms" not in sys.modules
    wide = td.Kumaraswamy(ONE, ONE)
    assert float(kldiv.divergence(wide, wide)) == 7.5
