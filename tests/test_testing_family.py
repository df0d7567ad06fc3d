"""`check_family`: every built-in family obeys its laws; failures show the member."""

from typing import ClassVar

import pytest
import torch

from torch import nn
from torch.distributions import Cauchy, HalfNormal, Independent, Normal

import kldiv

from kldiv.diagnosis import examples_of
from kldiv.testing import check_family
from tests.wrong_families import WRONG_FAMILIES

OWN = [entry.name for entry in kldiv.families.values() if entry.plugin == "kldiv"]
LONG = ("low_rank_normal", "student_t", "normal_mixture", "weibull")
VECTORS = {"isotropic_normal", "diagonal_normal", "full_normal", "low_rank_normal", "dirichlet"}


@pytest.mark.parametrize("name", [name for name in OWN if name not in LONG])
def test_a_built_in_family_obeys_the_laws(name):
    check_family(*examples_of(kldiv.families[name]), sizes=[3]).raise_for_failures()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted({*LONG, *VECTORS, "categorical", "normal_mixture(size=2)"})
)
def test_so_do_those_that_take_longer_and_other_sizes(name):
    check_family(name, sizes=[2, 4]).raise_for_failures()


class Affine(nn.Module):
    """A module whose parameters are a matrix and a vector, in single precision."""

    def __init__(self):
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(3))
        self.root = nn.Parameter(torch.eye(3))

    def forward(self):
        return torch.distributions.MultivariateNormal(self.loc, scale_tril=self.root.tril())


class Layered(nn.Module):
    """A module of many parameters, scalars as events."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(20, 2)
        self.register_buffer("input", torch.linspace(-1, 1, 20))

    def forward(self):
        loc, scale = self.layer(self.input)
        return Normal(loc, scale.exp())


@pytest.mark.parametrize("module", [Affine, Layered])
def test_a_module_that_returns_a_distribution_is_taken_and_left_as_it_was(module):
    made = module()
    before = [value.clone() for value in made.parameters()]
    report = check_family(made)
    assert report.passed, report
    outcomes = {each.law: each for each in report.outcomes}
    assert outcomes["gradient"].checks > 0
    assert outcomes["batch"].why_not == "it takes one member at a time"
    for value, old in zip(made.parameters(), before, strict=True):
        assert value.dtype is torch.float32
        assert torch.equal(value, old)


class Number(nn.Module):
    """A module that returns no distribution."""

    def forward(self):
        return 3


def layered():
    """A function that makes a module."""
    return Layered()


@pytest.mark.parametrize(
    ("family", "name"),
    [
        (Affine, "Affine"),
        (layered, "layered"),
        (lambda: Cauchy, "<lambda>"),
        (lambda: kldiv.Family.of(Normal, loc=1.0), "<lambda>"),
    ],
    ids=["class", "function", "of a class", "of a family"],
)
def test_what_makes_a_family_is_taken_as_one(family, name):
    report = check_family(family, laws=["round_trip", "gradient", "starts"])
    assert report.passed, report
    assert report.subject == name
    assert {each.law for each in report.outcomes if each.checks} == {
        "round_trip",
        "gradient",
        "starts",
    }


@pytest.mark.parametrize(
    ("family", "error", "message"),
    [
        (nn.Linear, kldiv.InvalidArgument, "cannot be made without arguments"),
        (lambda: 3, kldiv.InvalidType, "a family must be"),
        (3, kldiv.InvalidType, "a family must be"),
        (Number, kldiv.InvalidType, "must return a torch distribution"),
    ],
    ids=["needs arguments", "makes none", "is none", "returns none"],
)
def test_what_is_no_family_is_refused(family, error, message):
    with pytest.raises(error, match=message):
        check_family(family)


@pytest.mark.parametrize("family", [Cauchy, HalfNormal, kldiv.Family.of(Normal, loc=1.0)])
def test_classes_of_torch_and_families_with_something_fixed_are_taken(family):
    report = check_family(family)
    assert report.passed, report


def test_one_that_can_have_any_size_is_tried_on_those_given():
    report = check_family("diagonal_normal", laws=["round_trip"], sizes=[1, 2, 5])
    assert report.checks == 3 * (2 + 4 + 10)
    with pytest.raises(kldiv.InvalidArgument, match="sizes must name at least one"):
        check_family("diagonal_normal", sizes=[])


def test_a_failure_shows_the_parameters_and_how_to_see_it_again():
    family = WRONG_FAMILIES["gradient"]
    (failure,) = check_family(family, laws=["gradient"]).failures
    assert set(failure.given) == {"loc", "scale", "x"}
    assert failure.numbers["by torch"] == 0
    again = eval(failure.code, {"kldiv": kldiv, "Detached": family})
    assert [str(each) for each in again.failures] == [str(failure)]


def test_the_size_is_part_of_how_to_see_it_again():
    class Shifted(kldiv.Family):
        event_dims, sized, name = 1, True, "shifted"

        def declare(self, size):
            return kldiv.families.create("diagonal_normal").declare(size)

        def distribution(self, loc, scale):
            return Independent(Normal(loc, scale.detach()), 1)

    failures = check_family(Shifted, laws=["gradient"], sizes=[2]).failures
    assert "sizes=[2]" in failures[0].code
    assert failures[0].ground == "size 2"


def test_expected_failures_are_strict():
    family = WRONG_FAMILIES["influence"]
    assert check_family(family, expected_failures={"influence": "it is known"}).passed
    assert not check_family("normal", expected_failures={"influence": "so it seemed"}).passed


def test_a_family_may_declare_its_failures_itself():
    class Idle(WRONG_FAMILIES["influence"]):
        expected_failures: ClassVar = {"influence": "it is known"}

    class Busy(Idle):
        expected_failures: ClassVar = {"round_trip": "so it seemed"}

    assert check_family(Idle).passed
    assert not check_family(Busy).passed
