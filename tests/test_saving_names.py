"""Families and divergences are known by the name and the arguments that make them anew."""

import math

import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv.saving.names import is_plain, made_by_name, name_of
from kldiv.specs import parse


@pytest.mark.parametrize("name", [each for each in kldiv.divergences if ":" not in each])
def test_every_divergence_has_its_name(name):
    taken = kldiv.divergences[name].parameters
    given = {each: 0.3 for each, default in taken.items() if default in ("", "float")}
    made = kldiv.divergences.create(name, **given)
    qualified, arguments = name_of(kldiv.divergences, made)
    assert qualified == kldiv.divergences[name].qualified_name
    again = made_by_name(kldiv.divergences, qualified, arguments)
    assert type(again) is type(made)
    assert again.parameters == made.parameters


@pytest.mark.parametrize("name", [e.name for e in kldiv.families.values() if e.plugin == "kldiv"])
def test_every_family_has_its_name(name):
    needed = {"total_count": 4} if name == "binomial" else {}
    made = kldiv.families.create(name, **needed)
    qualified, arguments = name_of(kldiv.families, made)
    assert qualified == f"kldiv:{name}"
    again = made_by_name(kldiv.families, qualified, arguments)
    assert type(again) is type(made)
    assert repr(again) == repr(made)


@pytest.mark.parametrize(
    ("text", "argument", "value"),
    [
        ("normal_mixture(components=3)", "components", 3),
        ("low_rank_normal(rank=2, size=5)", "size", 5),
        ("binomial(total_count=7)", "total_count", 7),
        ("student_t(df=4)", "df", 4.0),
    ],
)
def test_the_arguments_of_a_family_are_kept(text, argument, value):
    _, arguments = name_of(kldiv.families, kldiv.families.create(text))
    assert arguments[argument] == value


def test_an_infinite_order_is_kept():
    name, arguments = name_of(kldiv.divergences, kldiv.divergences.create("renyi(alpha=inf)"))
    assert (name, arguments) == ("kldiv:renyi", {"alpha": math.inf})


class KL(kldiv.FDivergence):
    def generator(self, log_u):
        return log_u.exp() * log_u


class Secret(kldiv.FDivergence):
    """It does not keep what it was made with."""

    def __init__(self, weight):
        self._weight = weight

    def generator(self, log_u):
        return self._weight * log_u.exp() * log_u


def test_another_class_of_the_same_name_has_none():
    assert KL().name == "kl"
    assert name_of(kldiv.divergences, KL()) is None


def test_what_does_not_tell_its_arguments_has_no_name():
    with kldiv.divergences.temporary("secret", Secret):
        assert name_of(kldiv.divergences, Secret(2.0)) is None


def test_a_class_of_torch_is_not_the_family_of_its_name():
    assert name_of(kldiv.families, kldiv.Family.of(Normal)) is None


def test_a_name_of_the_moment_is_none():
    class Mine(KL):
        pass

    with kldiv.divergences.temporary("mine", Mine):
        assert name_of(kldiv.divergences, Mine()) is None


def test_a_name_that_nothing_bears_says_what_to_install():
    with pytest.raises(kldiv.UnknownName, match=r"'kldiv-x:y' is of kldiv-x.*install kldiv-x, if"):
        made_by_name(kldiv.families, "kldiv-x:y", {})


def test_a_name_has_no_arguments_in_it():
    with pytest.raises(kldiv.InvalidArgument, match="is not a name"):
        made_by_name(kldiv.divergences, "renyi(alpha=2)", {})


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("banana", True),
        ("banana(a=1, b=[0.5, (1, -2)], c=None, d=True)", True),
        ("samples(values='/etc/passwd')", False),
        ("samples(values=[['a']])", False),
    ],
)
def test_a_name_with_text_in_its_arguments_is_not_plain(text, plain):
    assert is_plain(parse(text)) is plain


def test_a_name_with_other_objects_in_its_arguments_is_not_plain():
    spec = parse("normal")
    assert not is_plain(type(spec)(None, "normal", {"loc": torch.zeros(1)}))
