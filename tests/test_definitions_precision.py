"""Results are computed in float64 and handed back in the precision of the inputs."""

import pytest
import torch

from torch.distributions import (
    AffineTransform,
    Categorical,
    Distribution,
    ExpTransform,
    Gumbel,
    Independent,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    TransformedDistribution,
    Uniform,
    Weibull,
)

import kldiv

from kldiv.definitions.precision import as_double, as_dtype, place_of, twin_of

F32, F64 = torch.float32, torch.float64


def members(dtype):
    """One distribution of each build: plain, nested, transformed, with lazy parameters."""
    one = torch.ones((), dtype=dtype)
    loc = torch.tensor([-1.0, 0.3], dtype=dtype)
    parts = Normal(loc, torch.ones(2, dtype=dtype))
    return [
        Normal(one / 3, one),
        Uniform(one, 3 * one),
        Poisson(one / 3),
        Categorical(logits=loc),
        Independent(parts, 1),
        MultivariateNormal(loc, precision_matrix=torch.eye(2, dtype=dtype)),
        MixtureSameFamily(Categorical(probs=torch.softmax(loc, -1)), parts),
        LogNormal(one / 3, one),
        TransformedDistribution(Normal(loc, one), [AffineTransform(one, 2 * one), ExpTransform()]),
    ]


@pytest.mark.parametrize("index", range(len(members(F32))))
def test_a_promoted_distribution_is_in_float64_and_the_same(index):
    original = members(F32)[index]
    promoted = as_double(original)
    assert type(promoted) is type(original)
    assert (place_of(original)[0], place_of(promoted)[0]) == (F32, F64)
    x = original.sample(torch.Size([5]))
    found, expected = promoted.log_prob(x.double()), original.log_prob(x)
    assert found.dtype == F64
    assert torch.allclose(found, expected.double(), rtol=1e-4, atol=1e-5)
    assert torch.equal(original.log_prob(x), expected)


@pytest.mark.parametrize("index", range(len(members(F32))))
def test_the_way_back_is_the_way_there(index):
    """But for the last digit where probabilities were made to sum to 1 more closely."""
    original = members(F32)[index]
    back = as_dtype(as_double(original), F32)
    x = original.sample(torch.Size([3]))
    found, expected = back.log_prob(x), original.log_prob(x)
    if "Categorical" in repr(original):
        torch.testing.assert_close(found, expected, rtol=4 * torch.finfo(F32).eps, atol=0)
    else:
        assert torch.equal(found, expected)


@pytest.mark.parametrize("given", ["probs", "logits"])
def test_promoted_probabilities_sum_to_1_to_the_digits_of_their_new_type(given):
    numbers = torch.tensor([0.1, 0.7, 0.3, 0.9, 0.2], requires_grad=True)
    original = Categorical(**{given: numbers})
    promoted = as_double(original)
    assert abs(float(original.probs.detach().double().sum()) - 1) > 1e-9
    assert abs(float(promoted.probs.detach().sum()) - 1) < 1e-15
    (gradient,) = torch.autograd.grad(promoted.probs[0], numbers, retain_graph=True)
    (expected,) = torch.autograd.grad(original.probs[0], numbers)
    torch.testing.assert_close(gradient, expected)


def test_gradients_reach_the_original_parameters():
    loc = torch.tensor(0.5, requires_grad=True)
    (slope,) = torch.autograd.grad(
        as_double(Normal(loc, 1.0)).log_prob(torch.tensor(2.0, dtype=F64)), loc
    )
    assert slope.dtype == F32
    assert float(slope) == pytest.approx(1.5)


def test_integers_and_foreign_objects_stay_as_they_are():
    class Foreign(Distribution):
        """With a state of its own."""

    counts, foreign = torch.arange(3), Foreign(validate_args=False)
    assert as_double(counts) is counts
    assert as_double(foreign) is foreign
    assert as_dtype("text", F32) == "text"


def test_the_type_is_the_widest_of_the_parameters():
    mixed = MixtureSameFamily(
        Categorical(torch.ones(2, dtype=F64)), Normal(torch.zeros(2), torch.ones(2))
    )
    assert place_of(mixed)[0] == F64


def test_a_distribution_without_parameters_has_the_default_type_and_device():
    class Bare(Distribution):
        """Without a single tensor."""

    bare = Bare(validate_args=False)
    assert place_of(bare)[0] == torch.get_default_dtype()
    assert place_of(bare)[1] == torch.device("cpu")


@pytest.mark.parametrize("estimator", ["auto", "quadrature", "monte_carlo"])
def test_float32_in_is_float32_out_and_right_to_its_last_digit(estimator):
    p, q = Normal(torch.tensor(0.0), torch.tensor(1.0)), Normal(torch.tensor(1e-3), 1.0)
    found = kldiv.divergence(p, q, estimator=estimator, seed=0)
    assert {found.value.dtype, found.error.dtype} == {F32}
    truth = float(torch.tensor(1e-3).double()) ** 2 / 2
    assert abs(float(found) - truth) <= float(found.error)
    if estimator != "monte_carlo":
        assert float(found) == pytest.approx(truth, rel=2 * torch.finfo(F32).eps)


def test_one_float64_side_makes_a_float64_result():
    p, q = Normal(torch.tensor(0.0), 1.0), Normal(torch.tensor(1.0, dtype=F64), 1.0)
    assert kldiv.divergence(p, q).value.dtype == F64
    assert kldiv.divergence(q, p).value.dtype == F64


def test_float32_parameters_have_float32_gradients():
    loc = torch.tensor(0.25, requires_grad=True)
    value = kldiv.divergence(Normal(loc, 1.0), Normal(0.0, 1.0), "jensen_shannon").value
    (slope,) = torch.autograd.grad(value, loc)
    assert slope.dtype == F32
    assert slope.isfinite()


def test_the_error_of_float32_results_counts_their_rounding():
    p, q = Normal(torch.tensor(0.0), 1.0), Normal(torch.tensor(3.0), 1.0)
    found = kldiv.divergence(p, q)
    assert float(found.error) >= torch.finfo(F32).eps / 2 * float(found)


@pytest.mark.parametrize("distribution", [Gumbel, Weibull])
def test_inverse_transforms_are_promoted_without_end(distribution):
    original = distribution(torch.tensor(1.0), torch.tensor(2.0))
    promoted = as_double(original)
    x = original.sample(torch.Size([3]))
    assert place_of(promoted)[0] == F64
    assert torch.allclose(promoted.log_prob(x.double()), original.log_prob(x).double(), rtol=1e-4)


def test_a_twin_shares_the_tensors_and_nothing_else():
    loc = torch.zeros(3, dtype=torch.float64)
    first = torch.distributions.Normal(loc, 1.0)
    second = twin_of(first)
    assert type(second) is type(first)
    assert second.loc is first.loc
    second._validate_args = not first._validate_args
    assert second._validate_args != first._validate_args
