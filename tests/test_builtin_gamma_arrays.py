"""Many pairs of gamma, beta and Dirichlet laws in blocks, beside the truth in many digits."""

import math

from unittest import mock

import mpmath
import pytest
import torch

from torch.distributions import Beta, Dirichlet, Gamma, InverseGamma

import kldiv

from kldiv.builtin.closed_forms import scalar_arrays

KINDS = {
    "gamma": lambda a: Gamma(a[:, 0], a[:, 1]),
    "inverse_gamma": lambda a: InverseGamma(a[:, 0], a[:, 1]),
    "beta": lambda a: Beta(a[:, 0], a[:, 1]),
    "dirichlet": Dirichlet,
}
GAPS = {"far": None, "near": 1e-2, "nearer": 1e-5, "nearest": 1e-9, "equal": 0.0}


def of_gammas(p, q):
    (k, r), (m, s) = p, q
    shapes = (k - m) * mpmath.digamma(k) - mpmath.loggamma(k) + mpmath.loggamma(m)
    return shapes + m * mpmath.log(r / s) + k * (s / r - 1)


def of_parts(p, q):
    own, other = mpmath.fsum(p), mpmath.fsum(q)
    means = [mpmath.digamma(a) - mpmath.digamma(own) for a in p]
    parts = [mpmath.loggamma(b) - mpmath.loggamma(a) for a, b in zip(p, q, strict=True)]
    slopes = [(a - b) * mean for a, b, mean in zip(p, q, means, strict=True)]
    return mpmath.fsum([*parts, *slopes]) + mpmath.loggamma(own) - mpmath.loggamma(other)


def parameters(spread, gap, dtype, *, count=40, size=2):
    generator = torch.Generator().manual_seed(0)
    own, other, noise = torch.randn(3, count, size, generator=generator, dtype=torch.float64)
    first = (spread * own).exp().to(dtype)
    if gap is None:
        return first, (spread * other).exp().to(dtype)
    return first, (first.double() * (1 + gap * noise)).to(dtype)


def assert_covered(kind, first, second, most=None):
    found = kldiv.divergence(KINDS[kind](first), KINDS[kind](second))
    assert found.value.dtype == found.error.dtype == first.dtype
    truth = of_gammas if "gamma" in kind else of_parts
    values, errors = found.value.tolist(), found.error.tolist()
    for value, error, *pair in zip(values, errors, first, second, strict=True):
        with mpmath.workdps(200):
            p, q = ([mpmath.mpf(each) for each in side.tolist()] for side in pair)
            expected = truth(p, q)
            if math.isinf(value):
                assert expected > torch.finfo(first.dtype).max
                continue
            assert abs(value - expected) <= error
            assert most is None or error <= most * value + 1e-12 * most


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [0.5, 3.0])
@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_error_covers_what_the_value_is_off_the_truth(kind, gap, spread, dtype):
    first, second = parameters(spread, gap, dtype, size=4 if kind == "dirichlet" else 2)
    most = 1.3e-7 if dtype == torch.float32 else 3.1e-11
    assert_covered(kind, first, second, most if spread < 1 else None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_error_covers_the_rounding_of_tiny_and_of_huge_parameters(kind, gap, dtype):
    assert_covered(kind, *parameters(20.0, gap, dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1.0, 1e4, 1e9])
def test_gammas_of_one_mean_keep_their_digits(size, dtype):
    first, _ = parameters(0.5, None, dtype)
    factor = 1 + torch.logspace(-7, 0, len(first), dtype=torch.float64)
    first[:, 0] *= size
    second = (first.double() * factor[:, None]).to(dtype)
    assert_covered("gamma", first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1.0, 1e4, 1e9])
def test_dirichlet_laws_of_one_mean_keep_their_digits(size, dtype):
    first, _ = parameters(0.5, None, dtype, size=5)
    factor = 1 + torch.logspace(-7, 0, len(first), dtype=torch.float64)
    first *= size
    assert_covered("dirichlet", first, (first.double() * factor[:, None]).to(dtype))


def test_the_error_covers_what_cancels_where_one_part_is_all():
    first = torch.tensor([[1e-12, 1.0], [1.5e-18, 2745.0], [1e-25, 4e-9]])
    second = torch.tensor([[1e-12, 10.0], [1.1e-14, 7e24], [4e-19, 2e15]])
    assert_covered("beta", first, second)
    assert_covered("dirichlet", first.double(), second.double())


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_are_put_together(kind):
    size = 3 if kind == "dirichlet" else 2
    first, second = parameters(0.5, None, torch.float32, count=20_000, size=size)
    found = kldiv.divergence(KINDS[kind](first), KINDS[kind](second))
    pieces = [
        kldiv.divergence(KINDS[kind](a), KINDS[kind](b)).value
        for a, b in zip(first.split(4999), second.split(4999), strict=True)
    ]
    assert torch.equal(found.value, torch.cat(pieces))


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_without_gradients_take_this_way(kind):
    first, second = parameters(0.5, None, torch.float32)
    with mock.patch.object(scalar_arrays, "_holds", wraps=scalar_arrays._holds) as holds:
        kldiv.divergence(KINDS[kind](first), KINDS[kind](second))
    assert holds.called


def test_batches_of_dirichlet_laws_broadcast():
    first, second = parameters(0.5, None, torch.float64, count=3, size=4)
    found = kldiv.divergence(Dirichlet(first[:, None]), Dirichlet(second))
    assert found.value.shape == found.error.shape == (3, 3)
    pairs = [kldiv.divergence(Dirichlet(a), Dirichlet(b)).value for a in first for b in second]
    torch.testing.assert_close(found.value.flatten(), torch.stack(pairs), rtol=1e-12, atol=0)
