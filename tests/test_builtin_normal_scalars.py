"""Pairs of normal scalars in blocks have the values of the ordinary closed form."""

import math

from unittest import mock

import numpy as np
import pytest
import torch

from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual
from torch.distributions import Independent, LogNormal, Normal

import kldiv

from kldiv.blocks import BLOCK
from kldiv.builtin.closed_forms import gaussian
from kldiv.builtin.closed_forms.normal_scalars import kl_of_scalars, remainder

GAPS = {"far": 1.0, "near": 1e-4, "nearer": 5e-6, "nearest": 1e-9, "equal": 0.0}
SHAPES = [(), (5,), (3, 4), (BLOCK + 7,)]


def pair(shape, gap=1.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(4, *shape, generator=generator, dtype=torch.float64)
    mean, log_scale, shift, log_ratio = numbers
    p = mean.to(dtype), log_scale.exp().to(dtype)
    q = (mean + gap * shift).to(dtype), (log_scale + gap * log_ratio).exp().to(dtype)
    return Normal(*p), Normal(*q)


def ordinary(p, q):
    """The divergence as it is computed where gradients are asked for."""
    with mock.patch.object(gaussian, "kl_of_scalars", return_value=None):
        return kldiv.divergence(p, q)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_error_are_those_of_the_ordinary_way(shape, gap, dtype):
    p, q = pair(shape, gap, dtype)
    assert kl_of_scalars(p, q) is not None
    found, expected = kldiv.divergence(p, q), ordinary(p, q)
    assert found.value.shape == found.error.shape == shape
    assert found.value.dtype == found.error.dtype == dtype
    apart = (found.value.double() - expected.value.double()).abs()
    assert (apart <= found.error.double() + expected.error.double()).all()
    assert (found.error <= 1.01 * expected.error).all()


@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
def test_the_error_covers_the_rounding(gap):
    p, q = pair((3000,), gap)
    value, error = kl_of_scalars(p, q)
    truth = in_extended_precision(p, q)
    assert (np.abs(value.numpy() - truth) <= error.numpy() + 1e-19 * np.sqrt(truth)).all()


def in_extended_precision(p, q):
    """By the same sum with more digits, the remainder by its series where it is small."""
    held = (p.loc, q.loc, p.scale, q.scale)
    mean, other_mean, scale, other_scale = (each.numpy().astype(np.longdouble) for each in held)
    share, shift = (scale - other_scale) / other_scale, (mean - other_mean) / other_scale
    series = sum((-share) ** k / k for k in range(2, 12))
    rest = np.where(np.abs(share) < 0.01, series, share - np.log1p(share))
    return (share**2 + shift**2) / 2 + rest


@pytest.mark.parametrize("shapes", [((), (4, 5)), ((4, 1), (5,)), ((BLOCK, 1), (3,))], ids=str)
def test_sides_broadcast(shapes):
    (p, _), (_, q) = map(pair, shapes)
    found, expected = kldiv.divergence(p, q), ordinary(p, q)
    assert found.value.shape == found.error.shape == expected.value.shape
    torch.testing.assert_close(found.value, expected.value, rtol=1e-12, atol=0)


@pytest.mark.parametrize("shape", [(2, 3), (BLOCK, 3), (2, BLOCK + 1), (2, 3, 2)], ids=str)
def test_independent_parts_are_added(shape):
    p, q = pair(shape)
    dimensions = len(shape) - 1
    found = kldiv.divergence(*(Independent(side, dimensions) for side in (p, q)))
    assert found.value.shape == found.error.shape == shape[:1]
    expected = ordinary(p, q).value.flatten(1).sum(-1)
    torch.testing.assert_close(found.value, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("ratio", [1e-3, 0.96, 1 - 1e-5, 1 - 4e-6, 1 + 1e-6, 1 + 6e-6, 1.01, 9.0])
def test_the_remainder_of_a_logarithm_has_the_digits_of_single_precision_where_these_suffice(
    ratio,
):
    own = np.array([ratio])
    found = remainder(own, np.ones(1), np.empty(1), single=True)
    np.testing.assert_allclose(found, remainder(own, np.ones(1), np.empty(1)), rtol=1e-9)


@pytest.mark.parametrize(
    "ratio", [1e-320, 1e-305, 1e-200, 1e-3, 0.1, 0.96, 0.98, 1.02, 1.04, 1e100]
)
def test_the_remainder_of_a_logarithm_has_all_its_digits(ratio):
    own, other = np.array([ratio]), np.array([1.0])
    with np.errstate(divide="ignore"):
        found = remainder(own, other, np.empty(1))
    share = np.longdouble(own - other)
    expected = share - (np.log1p(share) if share > -0.5 else np.log(np.longdouble(own)))
    np.testing.assert_allclose(found, expected.astype(float), rtol=1e-13)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself
def test_derivatives_take_the_ordinary_way():
    p, q = pair((3,))
    followed = Normal(p.loc.clone().requires_grad_(), p.scale)
    assert kl_of_scalars(followed, q) is None
    assert kl_of_scalars(LogNormal(p.loc, p.scale), q) is None
    with dual_level():
        dual = make_dual(p.loc, torch.ones(3).double())
        moved = unpack_dual(kldiv.divergence(Normal(dual, p.scale), q).value).tangent
    torch.testing.assert_close(moved, (p.loc - q.loc) / q.scale.square())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself
def test_derivatives_of_functions_take_the_ordinary_way():
    p, q = pair((3,))

    def value(loc):
        return kldiv.divergence(Normal(loc, p.scale), q).value.sum()

    expected = (p.loc - q.loc) / q.scale.square()
    for transform in (torch.func.grad, torch.func.jacfwd):
        torch.testing.assert_close(transform(value)(p.loc), expected)


def test_what_single_precision_cannot_hold_is_not_called_infinite():
    p, q = Normal(torch.tensor([1e30, 0.0]), 1.0), Normal(0.0, 1.0)
    found = kldiv.divergence(p, q)
    assert found.value.tolist() == [math.inf, 0.0]
    assert found.error[0] == math.inf
    assert not found.reason
