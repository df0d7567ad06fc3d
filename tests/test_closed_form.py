"""A closed form is taken for its own divergence and for subclasses of its types."""

import dataclasses

import pytest
import torch

from torch.distributions import Cauchy, Laplace, Normal

from kldiv import ClosedForm
from kldiv.builtin.divergences.kl import KL
from kldiv.builtin.divergences.total_variation import TotalVariation
from kldiv.closed_form import ArrayRule
from kldiv.errors import InvalidType

ZERO, ONE = torch.tensor([0.0, 1.0], dtype=torch.float64)


class Gauss(Normal):
    """A subclass of one of torch's distributions."""


class Surprise(KL):
    """A subclass of a divergence, which may have another value."""


def gap(p, q, divergence):
    return (p.loc - q.loc).abs()


FORM = ClosedForm(KL, Normal, Laplace, gap)


def test_it_covers_its_own_types_and_their_subclasses():
    assert FORM.covers(KL(), Normal(ZERO, ONE), Laplace(ZERO, ONE))
    assert FORM.covers(KL(), Gauss(ZERO, ONE), Laplace(ZERO, ONE))


def test_it_does_not_cover_the_sides_exchanged_or_another_type():
    assert not FORM.covers(KL(), Laplace(ZERO, ONE), Normal(ZERO, ONE))
    assert not FORM.covers(KL(), Cauchy(ZERO, ONE), Laplace(ZERO, ONE))
    assert not FORM.covers(KL(), Normal(ZERO, ONE), Cauchy(ZERO, ONE))


@pytest.mark.parametrize("divergence", [TotalVariation(), Surprise()])
def test_it_does_not_cover_another_divergence_not_even_a_subclass(divergence):
    assert not FORM.covers(divergence, Normal(ZERO, ONE), Laplace(ZERO, ONE))


def test_it_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FORM.type_q = Normal


def test_a_rule_for_arrays_compiles_nothing_unless_it_says_so():
    class Seven(ArrayRule):
        def of_arrays(self, p, q, divergence):
            return torch.tensor(7.0), torch.tensor(0.0)

    p, rule = Normal(0.0, 1.0), Seven()
    assert rule.compiled(p, p, [KL()]) is None
    assert rule.together(p, p, [KL(), KL()]) == [rule.of_arrays(p, p, KL())] * 2


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("divergence", "kl"), ("divergence", KL()), ("type_p", Normal(0.0, 1.0)), ("type_q", int)],
)
def test_its_types_are_classes(name, wrong):
    with pytest.raises(InvalidType, match=f"{name} must be a class of"):
        dataclasses.replace(FORM, **{name: wrong})


def test_its_function_can_be_called():
    with pytest.raises(InvalidType, match="function must be one of p, q and divergence"):
        ClosedForm(KL, Normal, Laplace, 3)
