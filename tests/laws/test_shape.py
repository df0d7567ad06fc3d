"""Both sides broadcast: each element of a batch is the divergence of that element."""

import pytest
import torch

from torch.distributions import Categorical, Independent, MultivariateNormal, Normal, Poisson

import kldiv

from tests.cases import DIVERGENCES, estimators_of

SIZES = (2, 1, 3)
SUPREMUM = "renyi(alpha=inf)"  # of which a sample shows no more than a lower bound


def numbers(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64) + 0.5


def normals():
    return Normal(numbers(*SIZES[:2], seed=0), numbers(*SIZES[:2], seed=1)), Normal(
        numbers(SIZES[2], seed=2), numbers(SIZES[2], seed=3)
    )


def poissons():
    return Poisson(numbers(*SIZES[:2], seed=0)), Poisson(numbers(SIZES[2], seed=1))


def dice():
    return Categorical(numbers(*SIZES[:2], 4, seed=0)), Categorical(numbers(SIZES[2], 4, seed=1))


def planes():
    matrix = torch.diag_embed(numbers(*SIZES[:2], 2, seed=0)) + 0.2
    first = MultivariateNormal(numbers(*SIZES[:2], 2, seed=1), matrix)
    return first, Independent(
        Normal(numbers(SIZES[2], 2, seed=2), numbers(SIZES[2], 2, seed=3)), 1
    )


def element(distribution, index):
    """One element of a batch as a distribution without a batch."""
    index = index[len(index) - len(distribution.batch_shape) :]
    index = tuple(
        0 if size == 1 else i for i, size in zip(index, distribution.batch_shape, strict=True)
    )
    if isinstance(distribution, Independent):
        base = distribution.base_dist
        return Independent(Normal(base.loc[index], base.scale[index]), 1)
    names = {Normal: "loc scale", Poisson: "rate", Categorical: "probs"}
    names |= {MultivariateNormal: "loc covariance_matrix"}
    kind = type(distribution)
    return kind(**{name: getattr(distribution, name)[index] for name in names[kind].split()})


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize("make", [normals, poissons, dice])
def test_each_element_of_a_batch_is_that_of_the_element(divergence, make):
    p, q = make()
    for estimator in estimators_of(p, q, divergence):
        if estimator == "monte_carlo":
            continue
        whole = kldiv.divergence(p, q, divergence, estimator=estimator)
        assert whole.value.shape == whole.error.shape == (2, 3)
        for index in ((0, 0), (1, 2)):
            one = kldiv.divergence(
                element(p, index), element(q, index), divergence, estimator=estimator
            )
            assert one.value.shape == ()
            if float(one) == float(whole.value[index]):  # both may be infinite
                continue
            gap = abs(float(one) - float(whole.value[index]))
            assert gap <= float(one.error + whole.error[index])
        assert (
            whole.value.isinf().any()
            or not torch.allclose(whole.value[0, 0], whole.value[1, 2])
            or whole.value[0, 0] == 0
        )


@pytest.mark.parametrize("divergence", ["kl", "renyi(alpha=1.4)", "squared_l2", "chi2"])
def test_each_element_of_a_batch_of_vectors_is_that_of_the_element(divergence):
    p, q = planes()
    whole = kldiv.divergence(p, q, divergence, estimator="exact")
    assert whole.value.shape == (2, 3)
    for index in ((0, 0), (0, 2), (1, 1)):
        one = kldiv.divergence(element(p, index), element(q, index), divergence)
        torch.testing.assert_close(one.value, whole.value[index])


@pytest.mark.parametrize("divergence", [name for name in DIVERGENCES if name != SUPREMUM])
def test_monte_carlo_broadcasts_too(divergence):
    p, q = normals()
    estimator = kldiv.MonteCarlo(samples=64)
    found = kldiv.divergence(p, q, divergence, estimator=estimator, seed=0)
    assert found.value.shape == found.stderr.shape == (2, 3)
