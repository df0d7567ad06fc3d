"""One pass over millions of categories gives what the ordinary closed form gives."""

import math

from unittest import mock

import pytest
import torch

from torch.distributions import Categorical

import kldiv

from kldiv.blocks import LARGE
from kldiv.builtin.closed_forms import categories, large_pairs
from kldiv.builtin.closed_forms.large_categories import kl_of_large
from kldiv.builtin.closed_forms.large_side import large_sides, sides_of
from tests.many_categories import COUNT, by_the_book, in_small_blocks, pair

SHAPES = [(LARGE,), (3, LARGE // 2 + 77), (LARGE // 5, 6)]
GAPS = {"far": 1.0, "near": 1e-3, "equal": 0.0}


def ordinary(p, q):
    """The divergence as that of few categories is computed."""
    with mock.patch.object(large_pairs, "kl_of_large", return_value=None):
        return kldiv.divergence(p, q)


@pytest.mark.parametrize("kind", ["probs", "logits"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("shape", SHAPES)
def test_value_and_error_are_those_of_the_ordinary_way(shape, gap, dtype, kind):
    p, q = pair(shape, gap, dtype, kind)
    assert kl_of_large(*sides_of(p, q)) is not None
    found, expected = kldiv.divergence(p, q), ordinary(p, q)
    assert found.value.dtype == dtype
    assert found.method == expected.method == "exact"
    assert found.value.shape == expected.value.shape == shape[:-1]
    apart = (found.value.double() - expected.value.double()).abs()
    assert (apart <= found.error.double() + expected.error.double()).all()
    eps = torch.finfo(dtype).eps
    size = expected.value
    assert (found.error <= 500 * eps * (size + size.sqrt())).all()
    assert (found.value >= 0).all()
    assert gap or (found.value == 0).all()


class Crooked(kldiv.FDivergence):
    """The Kullback-Leibler divergence of a generator that is negative and slopes at 1."""

    at_zero = 0.0
    slope_at_infinity = math.inf

    def generator(self, log_u):
        return log_u.exp() * log_u


OTHERS = [
    "jeffreys",
    "jensen_shannon(weight=0.3)",
    "total_variation",
    "squared_hellinger",
    "chi2",
    "neyman_chi2",
    "alpha(alpha=1.7)",
    "hockey_stick(gamma=1.5)",
    "skew_kl(weight=0.3)",
    Crooked(),
]


@pytest.fixture
def small_blocks():
    with in_small_blocks():
        yield


@pytest.mark.parametrize("kind", ["probs", "logits"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("divergence", OTHERS, ids=str)
@pytest.mark.usefixtures("small_blocks")
def test_f_divergences_are_sums_of_their_generator(divergence, dtype, kind):
    for shape, gap in (((COUNT,), 1.0), ((2, COUNT // 2), 1e-3)):
        p, q = pair(shape, gap, dtype, kind)
        found, expected = kldiv.divergence(p, q, divergence), by_the_book(p, q, divergence)
        assert found.value.dtype == dtype
        assert found.method == "exact"
        apart = (found.value.double() - expected.value).abs()
        assert (apart <= found.error.double() + expected.error).all()
        eps = torch.finfo(dtype).eps
        assert (found.error.double() <= eps * expected.value + 1e-11).all()


@pytest.mark.parametrize("divergence", OTHERS, ids=str)
@pytest.mark.usefixtures("small_blocks")
def test_equal_sides_are_at_no_distance(divergence):
    p, _ = pair((COUNT,), 1.0, torch.float32, "logits")
    found = kldiv.divergence(p, p, divergence)
    assert float(found) == 0
    assert float(found.error) < 1e-11


@pytest.mark.parametrize("divergence", OTHERS, ids=str)
@pytest.mark.usefixtures("small_blocks")
def test_empty_categories_count_as_the_limits_of_the_generator(divergence):
    p, q = pair((COUNT,), 1.0, torch.float64, "probs")
    first, second = p.probs.clone(), q.probs.clone()
    first[::7], second[::5] = 0, 0
    p, some, others = Categorical(p.probs), Categorical(first), Categorical(second)
    for sides in ((some, p), (p, some), (some, others)):
        found, expected = kldiv.divergence(*sides, divergence), by_the_book(*sides, divergence)
        assert found.method == "exact"
        assert float(found) == pytest.approx(float(expected), rel=1e-11)
        if expected.value.isinf():
            assert found.reason == "one side has mass where the other has none"


@pytest.mark.usefixtures("small_blocks")
def test_one_side_may_be_given_by_probabilities_and_the_other_by_logits():
    p, q = pair((COUNT,), 1.0, torch.float32, "probs")
    found = kldiv.divergence(p, Categorical(logits=q.probs.double().log()), "chi2")
    assert float(found) == pytest.approx(float(kldiv.divergence(p, q, "chi2")), rel=1e-6)


@pytest.mark.usefixtures("small_blocks")
def test_where_a_gradient_is_asked_for_f_divergences_are_summed_by_autograd():
    p, q = pair((COUNT,), 1.0, torch.float64, "logits")
    theta = q.logits.clone().requires_grad_()
    found = kldiv.divergence(p, Categorical(logits=theta), "total_variation")
    assert found.method == "sum"
    assert found.value.requires_grad


@pytest.mark.parametrize("divergence", ["renyi(alpha=0.5)"])
def test_functions_of_integrals_add_up_blocks(divergence):
    p, q = pair((3, LARGE // 2), 0.3, torch.float64, "logits")
    found = kldiv.divergence(p, q, divergence)
    rows = [
        [Categorical(logits=side.logits[row, : LARGE // 2]) for side in (p, q)] for row in range(3)
    ]
    with mock.patch.object(categories, "LARGE", 10**9):
        expected = [kldiv.divergence(*row, divergence).value for row in rows]
    torch.testing.assert_close(found.value, torch.stack(expected), rtol=1e-11, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_categories_without_probability_are_counted_as_the_definition_says(dtype):
    p, q = pair((LARGE,), 1.0, dtype, "probs")
    some = p.probs.clone()
    some[::7] = 0
    some = Categorical(some)
    assert kl_of_large(*sides_of(some, q)) is not None
    found, expected = kldiv.divergence(some, q), ordinary(some, q)
    torch.testing.assert_close(found.value, expected.value, rtol=1e-6, atol=0)
    beyond = kldiv.divergence(p, some)
    assert float(beyond) == math.inf
    assert beyond.reason == "one side has mass where the other has none"


def test_two_that_are_close_and_share_an_empty_category_take_the_ordinary_way():
    p, q = pair((LARGE,), 1e-3, torch.float64, "probs")
    first, second = p.probs.clone(), q.probs.clone()
    first[0] = second[0] = 0
    first, second = Categorical(first), Categorical(second)
    assert kl_of_large(*sides_of(first, second)) is None
    assert float(kldiv.divergence(first, second)) == pytest.approx(
        float(kldiv.divergence(p, q)), rel=1e-3
    )


def test_logits_of_certainty_are_counted_as_well():
    logits = torch.zeros(LARGE).double()
    logits[LARGE // 2 :] = -math.inf
    half, whole = Categorical(logits=logits), Categorical(logits=torch.zeros(LARGE).double())
    assert float(kldiv.divergence(half, whole)) == pytest.approx(math.log(2), rel=1e-13)
    assert float(kldiv.divergence(whole, half)) == math.inf


def test_nan_among_many_logits_is_found():
    wrong = Categorical(logits=torch.zeros(LARGE), validate_args=False)
    wrong.logits[7] = math.nan
    right = Categorical(logits=torch.zeros(LARGE))
    with pytest.raises(kldiv.InvalidArgument, match="logits of Categorical must be finite"):
        kldiv.divergence(right, wrong)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nan_is_found_where_the_other_side_has_no_category(dtype, side):
    pair = [Categorical(logits=torch.zeros(LARGE, dtype=dtype)) for _ in range(2)]
    pair[side].logits[7], pair[1 - side].logits[7] = math.nan, -math.inf
    with pytest.raises(kldiv.InvalidArgument, match=f"^{'pq'[side]} = Categorical.*logits of"):
        kldiv.divergence(*pair)


@pytest.mark.parametrize("shift", [1e3, 1e6])
def test_a_constant_in_the_logits_costs_no_digits(shift):
    p, q = (torch.randn(2, LARGE, generator=torch.Generator().manual_seed(0)).double()).unbind()
    moved = q + shift
    found = kldiv.divergence(Categorical(logits=p), Categorical(logits=moved))
    expected = kldiv.divergence(Categorical(logits=p), Categorical(logits=moved - shift))
    assert float(found) == pytest.approx(float(expected), abs=float(found.error), rel=0)


@pytest.mark.parametrize("height", [0.7, 1.1, 2.3])
@pytest.mark.parametrize("count", [LARGE, 300_001, 1 << 20])
def test_rounding_that_is_alike_for_all_categories_is_within_the_error(count, height):
    steps = torch.zeros(count)
    steps[::2] = height
    p, q = Categorical(logits=torch.zeros(count)), Categorical(logits=steps)
    found = kldiv.divergence(p, q)
    wide = [Categorical(logits=side.logits.double()) for side in (p, q)]
    assert abs(float(found) - float(kldiv.divergence(*wide))) <= float(found.error)


@pytest.mark.parametrize("height", [0.7, 1.1, 2.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_categories_that_are_alike_count_as_one(dtype, height):
    steps = torch.tensor([height, 0.0], dtype=dtype)
    many = [
        Categorical(logits=side.repeat(LARGE // 2)) for side in (torch.zeros_like(steps), steps)
    ]
    few = [Categorical(logits=side.logits[:2].double()) for side in many]
    for name, found in kldiv.divergence(*many, OTHERS[:-1]).items():
        expected = kldiv.divergence(*few, name)
        apart = abs(float(found) - float(expected))
        assert apart <= float(found.error) + float(expected.error), name


def test_gradients_take_the_ordinary_way():
    p, q = pair((LARGE,), 1.0, torch.float32, "logits")
    theta = q.logits.clone().requires_grad_()
    kldiv.divergence(p, Categorical(logits=theta)).value.backward()
    torch.testing.assert_close(theta.grad, q.probs - p.probs, rtol=1e-4, atol=1e-9)


def test_what_is_given_in_two_ways_or_shapes_takes_the_ordinary_way():
    (p, q), (flat, _) = (
        pair((LARGE,), 1.0, torch.float64, "logits"),
        pair((2,), 1.0, torch.float64, "logits"),
    )
    assert kl_of_large(*sides_of(p, Categorical(q.probs))) is None
    assert large_sides(flat, flat) is None
    both = kldiv.divergence(p, Categorical(q.probs))
    assert float(both) == pytest.approx(float(kldiv.divergence(p, q)), rel=1e-12)
