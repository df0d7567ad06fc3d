"""A class of distributions says which parameters are free, and how many dimensions it has."""

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Binomial,
    Dirichlet,
    Distribution,
    Gamma,
    Independent,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    constraints,
)

from kldiv.definitions.signatures import constraints_of, event_dims_of
from kldiv.errors import InvalidArgument, InvalidType


def test_every_parameter_comes_with_its_constraint():
    assert constraints_of(Gamma, {}) == {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }


def test_of_parameters_that_mean_the_same_one_is_free():
    assert set(constraints_of(Bernoulli, {})) == {"probs"}
    assert set(constraints_of(MultivariateNormal, {})) == {"loc", "covariance_matrix"}


def test_the_one_that_is_given_is_preferred():
    assert set(constraints_of(Bernoulli, {"logits": 0.0})) == {"logits"}
    fixed = {"scale_tril": torch.eye(2, dtype=torch.float64)}
    assert set(constraints_of(MultivariateNormal, fixed)) == {"loc", "scale_tril"}


def test_a_number_of_trials_must_be_given():
    with pytest.raises(InvalidArgument, match="Binomial must be given total_count="):
        constraints_of(Binomial, {})
    assert set(constraints_of(Binomial, {"total_count": 3})) == {"total_count", "probs"}


def test_a_class_without_constraints_is_refused_with_the_remedy():
    class Silent(Distribution):
        """States nothing of its parameters."""

    with pytest.raises(InvalidType, match=r"Silent does not state .*kldiv\.Family"):
        constraints_of(Silent, {})


@pytest.mark.parametrize(
    ("kind", "dimensions"),
    [
        (Normal, 0),
        (Gamma, 0),
        (Independent, 0),
        (Dirichlet, 1),
        (OneHotCategorical, 1),
        (MultivariateNormal, 1),
    ],
)
def test_the_dimensions_of_an_event_are_read_off_the_class(kind, dimensions):
    assert event_dims_of(kind) == dimensions
