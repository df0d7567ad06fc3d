"""Pairs of normal vectors in blocks have the values of the ordinary closed form."""

import math

from unittest import mock

import numpy as np
import pytest
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv.blocks import BLOCK, LARGE
from kldiv.builtin.closed_forms import gaussian
from kldiv.builtin.closed_forms.normal_vectors import kl_of_vectors

SIZES = (1, 2, 5, 12, 13)
GAPS = {"far": 1.0, "near": 1e-4, "nearest": 1e-9, "equal": 0.0}


def factors(count, size, dtype, spread=1.0):
    generator = torch.Generator().manual_seed(0)
    root = spread * torch.randn(count, size, size, generator=generator, dtype=torch.float64)
    diagonal = torch.diag_embed(root.diagonal(dim1=-2, dim2=-1).exp())
    mean = torch.randn(count, size, generator=generator, dtype=torch.float64)
    return mean.to(dtype), (root.tril(-1) + diagonal).to(dtype)


def pair(size, gap, dtype, *, spread=1.0, batch=None, count=None):
    count = count or LARGE // size**2 + 1000
    mean, root = factors(2 * count, size, dtype, spread)
    sides = zip(mean.chunk(2), root.chunk(2), strict=True)
    (mean, root), (other_mean, other_root) = sides
    moved = mean + gap * (other_mean - mean), root + gap * (other_root - root)
    shape = batch or (count,)
    return [
        MultivariateNormal(m.reshape(*shape, size), scale_tril=r.reshape(*shape, size, size))
        for m, r in ((mean, root), moved)
    ]


def ordinary(p, q):
    """The divergence as it is computed where gradients are asked for."""
    with mock.patch.object(gaussian, "kl_of_vectors", return_value=None):
        return kldiv.divergence(p, q)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("size", SIZES)
def test_value_and_error_are_those_of_the_ordinary_way(size, gap, dtype):
    count = BLOCK - 1 if size == 2 else None  # more in the plane have tests of their own
    p, q = pair(size, gap, dtype, spread=0.3, count=count)
    assert kl_of_vectors(p, q) is not None
    found, expected = kldiv.divergence(p, q), ordinary(p, q)
    assert found.value.dtype == found.error.dtype == dtype
    assert found.method == expected.method == "exact"
    apart = (found.value.double() - expected.value.double()).abs()
    assert (apart <= found.error.double() + expected.error.double()).all()
    assert (found.error <= 4 * expected.error).double().mean() > 0.9
    assert (found.value >= 0).all()
    assert gap or (found.value == 0).all()


@pytest.mark.parametrize("size", [2, 12, 20])
@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_the_error_covers_rounding_of_badly_conditioned_factors_too(size, spread):
    p, q = pair(size, 1.0, torch.float64, spread=spread)
    value, error = kl_of_vectors(p, q)
    truth = in_extended_precision(p, q)
    apart = np.abs(value.numpy() - truth)
    assert (apart <= error.numpy() + 1e-18 * truth).all()


@pytest.mark.parametrize("size", [2, 5, 12])
def test_pairs_of_which_few_are_badly_conditioned_have_errors_of_their_own(size):
    p, q = pair(size, 1.0, torch.float32, spread=0.3, count=1000)
    root = q.scale_tril.clone()
    root[::100] += 30 * torch.randn(10, size, size).tril(-1)
    q = MultivariateNormal(q.loc, scale_tril=root)
    value, error = kl_of_vectors(p, q)
    assert (np.abs(value.numpy() - in_extended_precision(p, q)) <= error.numpy()).all()
    usual = torch.ones(1000, dtype=torch.bool)
    usual[::100] = False
    assert (error[usual] <= 4e-7 * value[usual]).all()


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_error_covers_scales_some_percent_apart(size):
    generator = torch.Generator().manual_seed(0)
    scale, part = torch.rand(2, 20_000, size, generator=generator, dtype=torch.float64)
    scale += 0.5
    moved = scale * (1 + 0.05 * part)
    p, q = (
        MultivariateNormal(torch.zeros_like(scale), scale_tril=torch.diag_embed(each))
        for each in (moved, scale)
    )
    value, error = kl_of_vectors(p, q)
    own, other = (each.numpy().astype(np.longdouble) for each in (moved, scale))
    share = (own - other) / other
    truth = (share * share / 2 + share - np.log1p(share)).sum(-1)
    assert (np.abs(value.numpy() - truth) <= error.numpy() + 1e-19 * np.sqrt(truth)).all()


def in_extended_precision(p, q):
    """By substitution with more digits."""
    first, second, own, other = (
        each.numpy().astype(np.longdouble) for each in (p.loc, q.loc, p.scale_tril, q.scale_tril)
    )
    found = np.concatenate([(first - second)[..., None], own], -1)
    for i in range(other.shape[-1]):
        for k in range(i):
            found[:, i] -= other[:, i, k, None] * found[:, k]
        found[:, i] /= other[:, i, i, None]
    diagonal = np.diagonal(found[:, :, 1:], axis1=1, axis2=2)
    logs = np.log(diagonal).sum(-1)
    return (np.square(found).sum((1, 2)) - other.shape[-1]) / 2 - logs


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("gap", [1e-2, 1e-6])
def test_close_pairs_keep_their_relative_precision(size, gap):
    p, q = pair(size, gap, torch.float64, spread=0.3, count=500)
    value, error = kl_of_vectors(p, q)
    expected = ordinary(p, q)
    torch.testing.assert_close(value, expected.value, rtol=1e-10, atol=0)
    assert (error <= 1e-10 * value).all()


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("shapes", [((), (3,)), ((3,), ()), ((2, 1), (1, 3))])
def test_sides_broadcast(shapes, count):
    (p, _), (_, q) = (
        pair(3, 1.0, torch.float64, batch=(count, *shape), count=count * math.prod(shape))
        for shape in shapes
    )
    p, q = p.expand((count, *shapes[0])), q.expand((count, *shapes[1]))
    if len(shapes[0]) != len(shapes[1]):
        p, q = (side if shape else one(side) for side, shape in zip((p, q), shapes, strict=True))
    assert kl_of_vectors(p, q) is not None
    found, expected = kldiv.divergence(p, q), ordinary(p, q)
    assert found.value.shape == found.error.shape == expected.value.shape
    torch.testing.assert_close(found.value, expected.value, rtol=1e-10, atol=0)


@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("spread", [0.3, 3.0])
@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_few_pairs_have_the_divergences_that_they_have_among_many(size, spread, gap):
    p, q = pair(size, gap, torch.float64, spread=spread, count=1000)
    value, error = kl_of_vectors(p, q)
    few = [MultivariateNormal(each.loc[:10], scale_tril=each.scale_tril[:10]) for each in (p, q)]
    found, bound = kl_of_vectors(*few)
    assert ((found - value[:10]).abs() <= bound + error[:10]).all()
    assert (bound <= 1.01 * error[:10] + 1e-13 * found).all()


def one(side):
    """The first of a batch."""
    return MultivariateNormal(side.loc[0], scale_tril=side.scale_tril[0])


def test_batches_of_several_dimensions_keep_their_shape():
    count = 2 * (LARGE // 8)
    p, q = pair(2, 1.0, torch.float64)
    whole = [
        MultivariateNormal(
            side.loc[:count].reshape(2, -1, 2),
            scale_tril=side.scale_tril[:count].reshape(2, -1, 2, 2),
        )
        for side in (p, q)
    ]
    found = kldiv.divergence(*whole)
    assert found.value.shape == found.error.shape == (2, count // 2)
    torch.testing.assert_close(found.value.flatten(), kldiv.divergence(p, q).value[:count])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("name", "size"),
    [("precision_matrix", 2), ("precision_matrix", 13), ("covariance_matrix", 13)],
)
def test_other_matrices_have_their_factoring_in_the_error(name, size, dtype):
    given = pair(size, 1.0, dtype, spread=0.3, count=40)
    p, q = (MultivariateNormal(side.loc, **{name: getattr(side, name)}) for side in given)
    with mock.patch.object(gaussian, "kl_of_vectors", wraps=kl_of_vectors) as taken:
        found = kldiv.divergence(p, q)
    assert taken.called
    expected = ordinary(p, q)
    assert found.value.dtype == found.error.dtype == dtype
    apart = (found.value.double() - expected.value.double()).abs()
    assert (apart <= found.error.double() + expected.error.double()).all()
    assert (found.error >= 0.2 * expected.error).all()
    assert (found.error <= 4 * expected.error).all()


def test_a_covariance_is_factored_anew_also_after_torch_was_asked_for_its_factor():
    p, q = pair(5, 1e-2, torch.float32, spread=0.3, count=20)
    given = MultivariateNormal(p.loc, p.covariance_matrix)
    expected = kldiv.divergence(given, q).value
    assert given.scale_tril is not None
    assert (kldiv.divergence(given, q).value == expected).all()


def test_gradients_take_the_ordinary_way():
    p, q = pair(2, 1.0, torch.float64)
    followed = MultivariateNormal(p.loc, scale_tril=p.scale_tril.clone().requires_grad_())
    assert kl_of_vectors(followed, q) is None


def test_scales_far_apart_keep_their_digits():
    p, q = pair(2, 1.0, torch.float64)
    tiny = MultivariateNormal(p.loc, scale_tril=1e-9 * p.scale_tril)
    torch.testing.assert_close(
        kldiv.divergence(tiny, q).value, ordinary(tiny, q).value, rtol=1e-12, atol=0
    )


def test_products_of_scales_that_would_underflow_have_their_logarithm():
    scale = torch.diag_embed(torch.full((2, 12), 1e-27, dtype=torch.float64))
    p = MultivariateNormal(torch.zeros(12).double(), scale_tril=scale)
    q = MultivariateNormal(torch.zeros(12).double(), scale_tril=torch.eye(12).double())
    value, error = kl_of_vectors(p, q)
    truth = torch.full((2,), 12 * (27 * math.log(10) - 0.5), dtype=torch.float64)
    assert ((value - truth).abs() <= error).all()


def test_a_parameter_that_is_not_finite_is_named():
    p, q = pair(2, 1.0, torch.float32)
    wrong = p.loc.clone()
    wrong[-1, 0] = math.inf
    with pytest.raises(kldiv.errors.InvalidArgument, match=r"p = .*loc of MultivariateNormal"):
        kldiv.divergence(MultivariateNormal(wrong, scale_tril=p.scale_tril), q)
