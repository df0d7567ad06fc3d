"""Many pairs with few categories in blocks have the values of the ordinary closed form."""

import math

from unittest import mock

import mpmath
import pytest
import torch

from torch.distributions import Categorical

import kldiv

from kldiv.builtin.closed_forms import categories
from kldiv.builtin.closed_forms.few_categories import _STEP, kl_of_few

GAPS = {"far": 4.0, "near": 1e-3, "nearest": 1e-9, "equal": 0.0}


def pair(count, size, gap, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, count, size, generator=generator, dtype=torch.float64)
    return [Categorical((2 * each).exp().to(dtype)) for each in (one, one + gap * other)]


def ordinary(p, q):
    """The divergence as it is computed where gradients are asked for."""
    with mock.patch.object(categories, "kl_of_few", return_value=None):
        return kldiv.divergence(p, q)


def in_many_digits(p, q):
    with mpmath.workdps(50):
        sides = [[mpmath.mpf(each) for each in side] for side in (p, q)]
        first, second = ([each / sum(side) for each in side] for side in sides)
        return sum(a * mpmath.log(a / b) for a, b in zip(first, second, strict=True) if a)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("size", [2, 5, 128])
def test_the_error_covers_what_the_value_is_off_the_truth(size, gap, dtype):
    p, q = pair(10, size, gap, dtype)
    assert kl_of_few(p, q) is not None
    found = kldiv.divergence(p, q)
    assert found.value.dtype == found.error.dtype == dtype
    rows = zip(found.value.tolist(), found.error.tolist(), p.probs, q.probs, strict=True)
    for value, error, first, second in rows:
        assert abs(value - in_many_digits(first.tolist(), second.tolist())) <= error + 1e-30


@pytest.mark.parametrize("size", [3, 7])
def test_blocks_are_put_together_and_as_in_the_ordinary_way(size):
    p, q = pair(2 * (_STEP // size) + 5, size, 1.0)
    found, expected = kldiv.divergence(p, q), ordinary(p, q)
    torch.testing.assert_close(found.value, expected.value, rtol=1e-10, atol=0)
    torch.testing.assert_close(found.error, expected.error, rtol=1e-9, atol=0)


def test_empty_categories_cost_nothing_in_p_and_everything_in_q():
    p = Categorical(torch.tensor([[0.0, 0.5, 0.5], [0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]))
    q = Categorical(torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5], [0.0, 0.5, 0.5]]))
    found = kldiv.divergence(p, q)
    expected = ordinary(p, q)
    assert found.value[1] == math.inf
    assert found.reason == expected.reason != ""
    torch.testing.assert_close(found.value, expected.value, rtol=1e-6, atol=0)


def test_an_unlikely_category_keeps_its_digits_beside_an_empty_one():
    p = Categorical(torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))
    q = Categorical(torch.tensor([1e-12, 0.0, 1.0], dtype=torch.float64))
    found = kldiv.divergence(p, q)
    truth = in_many_digits(p.probs.tolist(), q.probs.tolist())
    assert abs(float(found) - truth) <= float(found.error)


def test_logits_gradients_and_other_numbers_of_categories_take_the_ordinary_way():
    p, q = pair(3, 4, 1.0)
    r, _ = pair(3, 5, 1.0)
    assert kl_of_few(Categorical(logits=p.logits), q) is None
    assert kl_of_few(Categorical(p.probs.clone().requires_grad_()), q) is None
    assert kl_of_few(p, r) is None
    assert kl_of_few(*pair(3, 129, 1.0)) is None
