"""What is compiled for pairs of normals gives the numbers and errors of what is not."""

import numpy as np
import pytest
import torch

from torch.distributions import MultivariateNormal, Normal

import kldiv

from kldiv.builtin.closed_forms import normal_compiled
from kldiv.builtin.closed_forms.gaussian import kl_gaussian_gaussian
from kldiv.builtin.closed_forms.whitening import as_gaussian
from kldiv.compiling import no_compiler
from tests.uncompiled import not_compiled

COMPILED = kldiv.Exact(compiled=True)


def vectors(size, gap, dtype, count=200):
    """Pairs so far apart, and their divergences in float64."""
    generator = torch.Generator().manual_seed(size)
    root = torch.randn(2, count, size, size, generator=generator, dtype=torch.float64)
    root = root.tril(-1) / size + torch.diag_embed(0.5 + root.diagonal(dim1=-2, dim2=-1).abs())
    mean = torch.randn(2, count, size, generator=generator, dtype=torch.float64)
    root[1], mean[1] = root[0] + gap * (root[1] - root[0]), mean[0] + gap * mean[1]
    return [
        MultivariateNormal(each.to(dtype), scale_tril=factor.to(dtype))
        for each, factor in zip(mean, root, strict=True)
    ]


def truth(p, q):
    """By the formula of the catalogue."""
    sides = [
        MultivariateNormal(each.loc.double(), scale_tril=each.scale_tril.double())
        for each in (p, q)
    ]
    return kl_gaussian_gaussian(*map(as_gaussian, sides))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", [1.0, 1e-2, 1e-6, 0.0])
@pytest.mark.parametrize("size", [1, 2, 6])
def test_the_divergences_of_vectors_are_true_to_their_errors(size, gap, dtype):
    p, q = vectors(size, gap, dtype)
    with not_compiled():
        found = kldiv.divergence(p, q, estimator=COMPILED)
    plain = kldiv.divergence(p, q)
    expected = truth(p, q)
    assert found.value.dtype == dtype
    slack = plain.error.double() + 1e-13 * expected
    assert ((found.value.double() - expected).abs() <= found.error.double() + slack).all()
    in_single = 2e-5 * found.value if size == 2 and dtype == torch.float32 else 0.0
    assert (found.error <= 4 * plain.error + in_single + 1e-300).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_divergences_of_scalars_are_true_to_their_errors(dtype):
    scales = torch.tensor([1e-12, 1e-3, 0.49, 0.51, 0.96, 0.999, 1.0, 1 + 1e-6, 1.04, 2.0, 1e9])
    p = Normal(torch.zeros(len(scales), dtype=dtype), scales.to(dtype))
    q = Normal(torch.tensor([[0.0], [1e-4], [3.0]], dtype=dtype), torch.ones((), dtype=dtype))
    with not_compiled():
        found = kldiv.divergence(p, q, estimator=COMPILED)
    ratio = p.scale.double()
    exact = (
        as_gaussian(Normal(p.loc.double(), ratio)),
        as_gaussian(Normal(q.loc.double(), torch.ones((), dtype=torch.float64))),
    )
    expected = kl_gaussian_gaussian(*exact)
    assert found.value.shape == (3, len(scales))
    assert ((found.value.double() - expected).abs() <= found.error + 1e-13 * expected).all()


@pytest.mark.parametrize("gap", [0.02, 0.05, 0.08, 0.12])
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_scales_near_the_end_of_the_series_are_true_to_their_errors(size, gap):
    generator = torch.Generator().manual_seed(0)
    scale = torch.rand(20_000, size, generator=generator, dtype=torch.float64) + 0.5
    moved = scale * (1 + gap * (1 + 0.3 * torch.rand(20_000, size, generator=generator).double()))
    mean = torch.zeros_like(scale)
    value, error = normal_compiled.kl_by_entries(
        mean, mean, *map(torch.diag_embed, (moved, scale))
    )
    own, other = (each.numpy().astype(np.longdouble) for each in (moved, scale))
    share = (own - other) / other
    expected = (share * share / 2 + share - np.log1p(share)).sum(-1)
    assert (np.abs(value.numpy() - expected) <= error.numpy() / 2).all()


def test_a_product_of_scales_that_underflows_is_computed_without_a_compiler():
    p, q = (
        MultivariateNormal(torch.zeros(3, 6), scale_tril=scale * torch.eye(6).expand(3, 6, 6))
        for scale in (1e-35, 1e20)
    )
    with not_compiled():
        assert normal_compiled.compiled_kl(p, q)() is None
        found = kldiv.divergence(p, q, estimator=COMPILED)
    expected = 6 * (55 * np.log(10) - 0.5)
    np.testing.assert_allclose(found.value, np.full(3, expected), rtol=2e-7)


def test_what_is_not_finite_is_computed_without_a_compiler():
    p = Normal(torch.zeros(3), torch.tensor([1.0, 1e30, 1.0]), validate_args=False)
    q = Normal(torch.zeros(3), torch.tensor([1.0, 1e-30, 1.0]), validate_args=False)
    plain = kldiv.divergence(p, q)
    with not_compiled():
        assert normal_compiled.compiled_kl(p, q)() is None
        found = kldiv.divergence(p, q, estimator=COMPILED)
    assert (found.value == plain.value).all()


def test_bad_parameters_are_refused_as_ever():
    p = Normal(torch.zeros(3), torch.tensor([1.0, -1.0, 1.0]), validate_args=False)
    with not_compiled(), pytest.raises(ValueError, match="scale of Normal must be finite"):
        kldiv.divergence(p, Normal(0.0, 1.0), estimator=COMPILED)


@pytest.mark.slow
@pytest.mark.skipif(no_compiler() is not None, reason=str(no_compiler()))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1, 2])
def test_compiled_they_are_what_they_are_as_written(size, dtype):
    for count in (1000, 77):
        p, q = vectors(size, 1.0, dtype, count)
        found = kldiv.divergence(p, q, estimator=COMPILED)
        plain = kldiv.divergence(p, q)
        assert ((found.value - plain.value).abs() <= found.error + plain.error).all()


def test_others_are_left_to_other_ways():
    assert (
        normal_compiled.compiled_kl(Normal(0.0, 1.0), torch.distributions.Laplace(0.0, 1.0))
        is None
    )
