"""A divergence is written by its name and its parameters, else described."""

import math

import pytest

import kldiv

from kldiv.saving.divergences import given_divergence, read_divergence, write_divergence
from kldiv.saving.missing import MissingDivergence
from kldiv.saving.values import Reader, Writer


class Mine(kldiv.FDivergence):
    def generator(self, log_u):
        return log_u.exp() * log_u


def again(divergence):
    json = write_divergence(Writer(), divergence)
    return read_divergence(json, Reader({}, {}).read(json["made_of"]))


@pytest.mark.parametrize("text", ["kl", "alpha(alpha=0.1)", "gamma(gamma=2)", "renyi(alpha=inf)"])
def test_a_registered_divergence_comes_back(text):
    before = kldiv.divergences.create(text)
    after = again(before)
    assert type(after) is type(before)
    assert after.parameters == before.parameters


def test_a_parameter_comes_back_to_the_last_digit():
    before = kldiv.divergences.create("renyi", alpha=math.pi / 7)
    assert again(before).alpha == math.pi / 7


def test_one_of_the_users_is_described():
    made = again(Mine())
    assert isinstance(made, MissingDivergence)
    assert str(made) == "mine"


def test_what_is_given_must_be_called_the_same():
    assert isinstance(given_divergence(Mine, MissingDivergence("mine")), Mine)
    with pytest.raises(kldiv.InvalidArgument, match="divergence = kl is not the one .* mine"):  # noqa: RUF043
        given_divergence("kl", MissingDivergence("mine"))
