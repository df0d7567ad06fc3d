"""What is compiled for many categories gives the numbers and errors of what is not."""

import pytest
import torch

from torch.distributions import Categorical

import kldiv

from kldiv.builtin.closed_forms import large_compiled
from kldiv.compiling import no_compiler
from kldiv.resolving import as_divergence
from tests.many_categories import MANY, by_the_book, pair
from tests.uncompiled import not_compiled

COMPILED = kldiv.Exact(compiled=True)


def alone(p, q, names):
    """The compiled function's own values and errors."""
    wanted = [as_divergence(each) for each in names]
    with not_compiled():
        found = large_compiled.compiled_divergences(wanted, p, q)()
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("kind", ["probs", "logits"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(40_011,), (2, 32_768), (5003,), (2, 3000), (3, 40)])
def test_each_of_many_is_what_it_is_by_the_book(shape, dtype, kind):
    p, q = pair(shape, 1.0, dtype, kind)
    for name, found in alone(p, q, MANY).items():
        expected = by_the_book(p, q, name)
        assert found is not None, name
        value, error = found
        assert value.shape == expected.value.shape
        assert ((value - expected.value).abs() <= error + expected.error).all(), name
        assert (error <= 400 * torch.finfo(dtype).eps * (1 + 4 * value) + 1e-11).all(), name


@pytest.mark.parametrize("names", [["kl"], MANY])
def test_it_is_had_by_the_front_door(names):
    p, q = pair((150_001,), 1.0, torch.float32)
    plain = kldiv.divergence(p, q, names)
    with not_compiled():
        found = kldiv.divergence(p, q, names, estimator=COMPILED)
    for name in names:
        assert found[name].method == "exact"
        assert found[name].value.dtype == torch.float32
        apart = (found[name].value - plain[name].value).abs()
        assert apart <= found[name].error + plain[name].error, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_mass_that_is_not_one_is_counted(dtype):
    """Logits of some millions are normalised by a logarithm that is rounded to their size."""
    p, q = pair((4000,), 1.0, dtype)
    p = Categorical(logits=p.logits + 2.0**20, validate_args=False)
    assert (p.logits.double().exp().sum() - 1).abs() > 100 * torch.finfo(dtype).eps
    for name, found in alone(p, q, ["kl", "chi2", "jeffreys", "total_variation"]).items():
        if found is not None:
            expected = by_the_book(p, q, name)
            assert (found[0] - expected.value).abs() <= found[1] + expected.error, name


@pytest.mark.parametrize(("gap", "empty"), [(0.0, False), (1e-3, False), (1.0, True)])
def test_the_close_and_the_infinite_are_computed_without_a_compiler(gap, empty):
    p, q = pair((150_000,), gap)
    if empty:
        logits = q.logits.clone()
        logits[70] = -torch.inf
        q = Categorical(logits=logits)
    assert alone(p, q, MANY)["kl"] is None
    plain = kldiv.divergence(p, q)
    with not_compiled():
        found = kldiv.divergence(p, q, estimator=COMPILED)
    assert float(found) == float(plain)
    assert found.error == plain.error
    assert found.value.isinf() == empty


def test_categories_that_only_one_side_lacks_are_not_lost_in_others():
    p = Categorical(logits=torch.tensor([0.0, 0.0, -torch.inf] * 1000))
    q = Categorical(logits=torch.zeros(3000))
    assert alone(p, q, ["kl"])["kl"] is None
    assert set(alone(p, q, MANY).values()) == {None}


@pytest.mark.slow
@pytest.mark.skipif(no_compiler() is not None, reason=str(no_compiler()))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_they_are_what_they_are_as_written(dtype):
    names = ["kl", "jensen_shannon", "squared_hellinger", "chi2", "total_variation"]
    for shape in ((150_000,), (131_073,), (2, 80_011)):
        p, q = pair(shape, 1.0, dtype)
        plain = kldiv.divergence(p, q, names)
        for some in (names, ["kl"]):
            for name, found in kldiv.divergence(p, q, some, estimator=COMPILED).items():
                apart = (found.value - plain[name].value).abs()
                assert (apart <= found.error + plain[name].error).all(), name


def test_sides_that_are_not_alike_are_left_to_other_ways():
    p, q = Categorical(logits=torch.zeros(3)), Categorical(probs=torch.ones(3))
    assert large_compiled.compiled_divergences([as_divergence("kl")], p, q) is None
