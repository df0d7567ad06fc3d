"""Several divergences of many categories in one pass are what they are one by one."""

import math

from unittest import mock

import pytest
import torch

from torch.distributions import Categorical

import kldiv

from kldiv.builtin.closed_forms import large_pairs
from kldiv.builtin.closed_forms.large_side import LargeSide
from tests.many_categories import COUNT, MANY, by_the_book, in_small_blocks, pair

ALL = [
    *MANY,
    "jensen_shannon",
    "hellinger",
    "bhattacharyya",
    "renyi(alpha=1)",
    "tsallis(alpha=1.5)",
    "alpha(alpha=-0.7)",
    "alpha(alpha=1.01)",
    "chernoff",
]


@pytest.fixture(autouse=True)
def small_blocks():
    with in_small_blocks():
        yield


@pytest.mark.parametrize("kind", ["probs", "logits"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("shape", "gap"), [((COUNT,), 1.0), ((2, COUNT), 1.0), ((COUNT,), 1e-3)])
def test_each_of_many_is_what_it_is_by_the_book(shape, gap, dtype, kind):
    p, q = pair(shape, gap, dtype, kind)
    eps = torch.finfo(dtype).eps
    for name, found in kldiv.divergence(p, q, ALL).items():
        expected = by_the_book(p, q, name)
        assert found.value.dtype == dtype
        assert found.method == "exact"
        apart = (found.value.double() - expected.value).abs()
        assert (apart <= found.error.double() + expected.error).all(), name
        assert (found.error.double() <= eps * expected.value + 1e-11).all(), name


@pytest.mark.parametrize("gap", [1.0, 1e-3, 0.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_of_many_is_what_it_is_alone(dtype, gap):
    p, q = pair((COUNT,), gap, dtype)
    for name, found in kldiv.divergence(p, q, ALL).items():
        alone = kldiv.divergence(p, q, name)
        apart = abs(float(found) - float(alone))
        assert apart <= float(found.error) + float(alone.error), name
        assert found.method == alone.method
        assert found.unit == alone.unit


def test_all_of_many_that_are_not_small_read_every_category_once():
    p, q = pair((COUNT,), 1.0)
    with mock.patch.object(LargeSide, "read", autospec=True, side_effect=LargeSide.read) as read:
        kldiv.divergence(p, q, ["chi2"])
        once = read.call_count
        kldiv.divergence(p, q, [each for each in ALL if each != "chernoff"])
    assert read.call_count == 2 * once
    with mock.patch.object(large_pairs, "f_divergences_of_large") as by_generators:
        kldiv.divergence(p, q, ["kl", "chi2", "jensen_shannon", "total_variation"])
    assert not by_generators.called


def test_empty_categories_count_as_the_limits_of_the_generators():
    p, q = pair((COUNT,), 1.0, kind="probs")
    first, second = p.probs.clone(), q.probs.clone()
    first[::7], second[::5] = 0, 0
    p, some, others = Categorical(p.probs), Categorical(first), Categorical(second)
    for sides in ((some, p), (p, some), (some, others)):
        for name, found in kldiv.divergence(*sides, ALL).items():
            expected = by_the_book(*sides, name)
            assert float(found) == pytest.approx(float(expected), rel=1e-11), name
            assert found.reason == expected.reason


def test_categories_of_hardly_any_probability_are_counted_all_the_same():
    logits = torch.linspace(-800, 0, COUNT).double()
    p, q = Categorical(logits=logits), Categorical(logits=logits / 2)
    for name, found in kldiv.divergence(p, q, ALL).items():
        assert float(found) == pytest.approx(float(by_the_book(p, q, name)), rel=1e-9), name


def test_a_constant_in_the_logits_costs_no_digits():
    p, q = (side.logits for side in pair((COUNT,), 1.0))
    moved = q + 1e6
    found = kldiv.divergence(Categorical(logits=p), Categorical(logits=moved), ALL)
    expected = Categorical(logits=p), Categorical(logits=moved - 1e6)
    for name, estimate in found.items():
        apart = abs(float(estimate) - float(by_the_book(*expected, name)))
        assert apart <= float(estimate.error) + 1e-14, name
        assert float(estimate.error) <= 1e-11 * (1 + float(estimate)), name


def test_one_side_may_be_given_by_probabilities_and_the_other_by_logits():
    p, q = pair((COUNT,), 1.0, kind="probs")
    logits = Categorical(logits=q.probs.log())
    expected = kldiv.divergence(p, q, ALL)
    for name, found in kldiv.divergence(p, logits, ALL).items():
        assert float(found) == pytest.approx(float(expected[name]), rel=1e-11), name


def test_nan_among_the_numbers_is_found():
    p, q = pair((1 << 16,), 1.0)
    q.logits[7] = math.nan
    with pytest.raises(kldiv.InvalidArgument, match=r"^q = Categorical.* logits of Categorical"):
        kldiv.divergence(p, q, ["chi2", "kl"])


def test_gradients_pass_through_each_of_many():
    p, q = pair((COUNT,), 1.0)
    theta = q.logits.clone().requires_grad_()
    found = kldiv.divergence(p, Categorical(logits=theta), ["kl", "chi2"])
    (slope,) = torch.autograd.grad(found["kl"].value, theta)
    torch.testing.assert_close(slope, q.probs - p.probs)
    assert found["chi2"].value.requires_grad
