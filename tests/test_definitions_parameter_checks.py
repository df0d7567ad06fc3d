"""Parameters that make no distribution are refused, whether torch was to check them or not."""

import math

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Gamma,
    Independent,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    TransformedDistribution,
    Uniform,
    constraints,
)

import kldiv

from kldiv.definitions.parameter_checks import check_parameters
from kldiv.resolving import as_target


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def unchecked(kind, *args, **kwargs):
    return kind(*args, validate_args=False, **kwargs)


WRONG = {
    "NaN": (unchecked(Normal, tensor(0.0, math.nan), 1.0), "loc of Normal .* got \\[0.0, nan\\]"),
    "infinite": (Normal(tensor(math.inf), 1.0), "loc of Normal must be finite .* got \\[inf\\]"),
    "negative": (unchecked(Normal, 0.0, tensor(-1.0)), "scale of Normal .*GreaterThan.* got"),
    "zero": (unchecked(Gamma, tensor(0.0), 1.0), "concentration of Gamma .* got"),
    "infinite rate": (Poisson(tensor(math.inf)), "rate of Poisson must be finite"),
    "infinite freedom": (StudentT(tensor(math.inf)), "df of StudentT must be finite"),
    "an endless interval": (unchecked(Uniform, tensor(-math.inf), 1.0), "low of Uniform"),
    "in a vector": (
        Independent(unchecked(Normal, tensor(0.0, 0.0), tensor(1.0, -1.0)), 1),
        "p = Independent.*scale of Normal",
    ),
    "in a mixture": (
        MixtureSameFamily(
            Categorical(tensor(0.5, 0.5)), unchecked(Normal, tensor(0.0, math.nan), 1.0)
        ),
        "p = MixtureSameFamily.*loc of Normal",
    ),
    "under a transform": (unchecked(LogNormal, tensor(0.0), -1.0), "scale of Normal"),
    "chances below 0": (
        unchecked(Categorical, tensor(-0.3, 1.3)),
        "probs of Cat.*Simplex",
    ),
    "a matrix that is no covariance": (
        unchecked(MultivariateNormal, tensor(0.0, 0.0), scale_tril=-torch.eye(2).double()),
        "scale_tril of MultivariateNormal",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_parameter_is_one_error_that_names_it(case):
    distribution, message = WRONG[case]
    with pytest.raises(kldiv.InvalidArgument, match=message) as caught:
        kldiv.divergence(distribution, Normal(0.0, 1.0))
    assert str(caught.value).startswith("p = ")


def test_a_long_parameter_is_cut_short():
    with pytest.raises(kldiv.InvalidArgument) as caught:
        check_parameters(unchecked(Normal, torch.zeros(1000), -1.0), "q")
    assert len(str(caught.value)) < 300


class Plain(Distribution):
    """States nothing about its parameters."""

    support = constraints.real


RIGHT = {
    "certainty": Bernoulli(logits=tensor(math.inf, -math.inf)),
    "impossible categories": Categorical(logits=tensor(0.0, -math.inf)),
    "chances that torch makes sum to 1": Categorical(probs=tensor(0.3, 0.3)),
    "one without stated parameters": Plain(validate_args=False),
    "an interval whose ends depend on one another": unchecked(Uniform, tensor(0.0), 1.0),
    "one under transforms": TransformedDistribution(Normal(tensor(0.0), 1.0), []),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_parameters_pass(case):
    check_parameters(RIGHT[case], "p")


@pytest.mark.parametrize("value", [1e308, -1e308])
def test_numbers_whose_sum_overflows_are_finite_all_the_same(value):
    check_parameters(unchecked(Normal, tensor(value, value, value), 1.0), "p")


def test_infinities_that_cancel_are_seen():
    with pytest.raises(kldiv.InvalidArgument, match="loc of Normal"):
        check_parameters(unchecked(Normal, tensor(math.inf, -math.inf), 1.0), "p")


def test_infinity_in_a_large_normal_is_found_by_whatever_uses_it():
    loc = torch.zeros(1 << 17)
    loc[7] = math.inf
    for p, q in ((Normal(loc, 1.0), Normal(0.0, 1.0)), (Normal(0.0, 1.0), Normal(loc, 1.0))):
        with pytest.raises(kldiv.InvalidArgument, match="loc of Normal must be finite"):
            kldiv.divergence(p, q)
    with pytest.raises(kldiv.InvalidArgument, match=r"p = Normal.* loc of Normal"):
        _ = as_target(Normal(loc, 1.0), "p").distribution
