"""What a compiler is given for normals in the plane is true to the errors that it states."""

import numpy as np
import pytest
import torch

from torch.distributions import MultivariateNormal

import kldiv

from kldiv.builtin.closed_forms.large_exponentials import remainder
from kldiv.builtin.closed_forms.normal_planes_compiled import kl_in_planes
from tests.plane_pairs import KINDS, pairs, truth
from tests.uncompiled import not_compiled

UNIT = torch.finfo(torch.float32).eps / 2


@pytest.mark.parametrize(("spread", "low", "gap", "unit", "wide"), KINDS)
def test_what_is_a_number_is_true_to_its_error(spread, low, gap, unit, wide):
    sides = pairs(spread, low, gap, unit, wide, count=2000)
    expected, slack = truth(sides)
    value, error = kl_in_planes(*sides)
    number = value.isfinite()
    held = number & (expected > 1e-37)  # with all the digits of float32
    assert ((value.double() - expected).abs() <= error.double() + slack)[held].all()
    assert (error <= 2.001e-5 * value)[number].all()
    assert (value[number] >= 0).all()
    assert (value[number & ~held] < 1e-36).all()


def test_pairs_at_random_are_numbers_however_close():
    for gap in (1.0, 1e-3, 1e-6, 0.0):
        assert kl_in_planes(*pairs(0.3, 0.3, gap, 1.0, 1.0))[0].isfinite().all()


@pytest.mark.parametrize("few", [1, 1200, 30_000])
def test_those_that_need_more_digits_are_had_in_float64(few):
    mean, centre, own, other = sides = pairs(0.3, 0.3, 1.0, 1.0, 1.0)
    other[:few, 1, 0] = 1e6
    own[5000] *= 1e-18
    other[5000] *= 1e18
    wrong = {*range(few), 5000}
    assert set(kl_in_planes(*sides)[0].isnan().nonzero().flatten().tolist()) == wrong
    p, q = MultivariateNormal(mean, scale_tril=own), MultivariateNormal(centre, scale_tril=other)
    with not_compiled():
        found = kldiv.divergence(p, q, estimator=kldiv.Exact(compiled=True))
    expected, slack = truth(sides)
    assert ((found.value.double() - expected).abs() <= found.error.double() + slack).all()
    assert (found.error <= 2e-5 * found.value).all()
    assert (found.error <= 2e-7 * found.value)[[*wrong]].all()


def test_the_remainder_of_a_logarithm_is_as_precise_as_it_says():
    far, near = np.logspace(-36, 36, 20_001), np.logspace(-5, -0.5, 20_001)
    excess = np.concatenate([near, -near, far - 1]).astype(np.float32)
    whole = np.concatenate([1 + near, 1 - near, far]).astype(np.float32)
    found, log, lost = (
        each.double().numpy() for each in remainder(*map(torch.from_numpy, (excess, whole)))
    )
    exact, ratio = excess.astype(np.longdouble), whole.astype(np.longdouble)
    logarithm = np.log(ratio)
    at_end = np.abs(np.abs(logarithm / np.log(2)) - 0.5) < 1e-6  # of what counts as near 0
    is_near = np.abs(logarithm) < np.log(2) / 2
    expected = ratio - 1 - logarithm
    expected[is_near] = exact[is_near] - np.log1p(exact[is_near])
    stated = UNIT * np.where(is_near, 7 * expected, expected + lost)
    assert (np.abs(found - expected) <= stated + 1e-19 * np.abs(exact))[~at_end].all()
    assert (np.abs(log - logarithm) < 0.004).all()
