"""Many pairs of normals in the plane: in float32 where that is precise enough, else not."""

from unittest import mock

import numpy as np
import pytest
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv.builtin.closed_forms import normal_vectors
from kldiv.builtin.closed_forms.normal_planes import write_in_single
from tests.plane_pairs import COUNT, KINDS, pairs, truth

LARGEST = float(np.finfo(np.float32).max)


def in_single(sides):
    value, error = np.empty((2, len(sides[0])), np.float32)
    with np.errstate(all="ignore"):
        stop, rest = write_in_single([each.numpy() for each in sides], value, error)
    taken = np.zeros(len(value), bool)
    taken[:stop] = True
    taken[rest] = False
    return value, error, taken


@pytest.mark.parametrize(("spread", "low", "gap", "unit", "wide"), KINDS)
def test_what_is_taken_of_float32_is_true_to_its_error(spread, low, gap, unit, wide):
    sides = pairs(spread, low, gap, unit, wide, count=2000)
    expected, slack = (each.numpy() for each in truth(sides))
    value, error, taken = in_single(sides)
    apart = np.abs(value - expected)
    assert (apart <= error + slack)[taken].all()
    assert (error <= 2e-5 * value)[taken].all()


@pytest.mark.parametrize(("spread", "low", "gap", "unit", "wide"), KINDS[::7])
def test_divergences_are_true_to_their_errors_and_none_is_negative(spread, low, gap, unit, wide):
    sides = pairs(spread, low, gap, unit, wide, count=COUNT + 1000)  # in two blocks
    expected, slack = truth(sides)
    mean, centre, own, other = sides
    p = MultivariateNormal(mean, scale_tril=own, validate_args=False)
    q = MultivariateNormal(centre, scale_tril=other, validate_args=False)
    found = normal_vectors.kl_of_vectors(p, q)
    if found is None:
        assert expected.max() > LARGEST
        return
    value, error = (each.double() for each in found)
    held = expected > 1e-37  # with all the digits of float32
    assert ((value - expected).abs() <= error + slack)[held].all()
    assert (value >= 0).all()
    assert (value[~held] < 1e-36).all()


def test_most_pairs_at_random_stay_in_float32_and_close_ones_do_not():
    assert in_single(pairs(0.0, 1.0, 1.0, 1.0, 1.0))[2].mean() > 0.999
    assert in_single(pairs(1.0, 1.0, 1.0, 1.0, 1.0))[2].mean() > 0.9
    assert not in_single(pairs(0.3, 0.3, 1e-4, 1.0, 1.0))[2].any()


@pytest.mark.parametrize("gap", [0.0, 1e-3])
def test_close_pairs_have_the_precision_that_they_have_alone(gap):
    mean, centre, own, other = pairs(0.3, 0.3, 1.0, 1.0, 1.0)
    mean[::50], own[::50] = centre[::50], other[::50] * (1 + gap)
    p, q = MultivariateNormal(mean, scale_tril=own), MultivariateNormal(centre, scale_tril=other)
    found = kldiv.divergence(p, q)
    alone = kldiv.divergence(
        MultivariateNormal(mean[::50], scale_tril=own[::50]),
        MultivariateNormal(centre[::50], scale_tril=other[::50]),
    )
    assert (found.value[::50] == alone.value).all()
    assert (found.error[::50] <= 1.01 * alone.error).all()
    assert gap or (found.value[::50] == 0).all()


@pytest.mark.parametrize("underflows", [False, True])
def test_a_few_pairs_that_overflow_or_are_ill_conditioned_are_had_in_float64(underflows):
    mean, centre, own, other = sides = pairs(0.3, 0.3, 1.0, 1.0, 1.0)
    mean[7, 0], other[7] = 2.4e18, 0.1 * torch.eye(2)  # whose square overflows
    other[9, 1, 0] = 1e6
    if underflows:  # which a block of its own is left for
        own[11] *= 1e-18
        other[11] *= 1e18
    *_, taken = in_single(sides)
    assert taken[[9, 11, 13]].tolist() == [False, not underflows, not underflows]
    p, q = MultivariateNormal(mean, scale_tril=own), MultivariateNormal(centre, scale_tril=other)
    found = kldiv.divergence(p, q)
    expected, slack = truth(sides)
    assert ((found.value.double() - expected).abs() <= found.error.double() + slack).all()
    assert (found.error <= 2e-5 * found.value).all()


def test_where_float32_helps_few_it_is_left_after_a_block():
    sides = [torch.cat([each] * 3) for each in pairs(0.3, 0.3, 1e-3, 1.0, 1.0)]
    with np.errstate(all="ignore"):
        numbers = [each.numpy() for each in sides]
        stop, rest = write_in_single(numbers, *np.empty((2, 3 * COUNT), np.float32))
    assert (stop, len(rest)) == (COUNT, COUNT)
    mean, centre, own, other = sides
    p, q = MultivariateNormal(mean, scale_tril=own), MultivariateNormal(centre, scale_tril=other)
    found, (expected, slack) = kldiv.divergence(p, q), truth(sides)
    assert ((found.value.double() - expected).abs() <= found.error.double() + slack).all()
    assert (found.error <= 4e-7 * found.value).all()


def test_few_pairs_and_others_are_had_in_float64():
    sides = pairs(0.3, 0.3, 1.0, 1.0, 1.0)
    for some in (sides, [each.double() for each in sides], [each[:-1] for each in sides]):
        mean, centre, own, other = some
        p = MultivariateNormal(mean, scale_tril=own)
        q = MultivariateNormal(centre, scale_tril=other)
        with mock.patch.object(normal_vectors, "write_in_single", wraps=write_in_single) as taken:
            kldiv.divergence(p, q)
        assert taken.called == (some is sides)


def test_gradients_are_those_of_float64():
    mean, centre, own, other = pairs(0.3, 0.3, 1.0, 1.0, 1.0)
    own.requires_grad_()
    p, q = MultivariateNormal(mean, scale_tril=own), MultivariateNormal(centre, scale_tril=other)
    (found,) = torch.autograd.grad(kldiv.divergence(p, q).value.sum(), own)
    exact = own.detach().double().requires_grad_()
    precise = MultivariateNormal(mean.double(), scale_tril=exact)
    others = MultivariateNormal(centre.double(), scale_tril=other.double())
    (expected,) = torch.autograd.grad(kldiv.divergence(precise, others).value.sum(), exact)
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
