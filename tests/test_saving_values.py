"""Values are JSON with tensors set apart, and come back as they were."""

import json
import math

from dataclasses import dataclass

import pytest
import torch

from torch.distributions import Independent, Normal

import kldiv

from kldiv.saving.values import Reader, Writer


@dataclass(frozen=True)
class Pair:
    first: object
    second: object = "none"


def again(value):
    writer = Writer()
    text = json.dumps(writer.write(value, "it"), allow_nan=False)
    return Reader(writer.tensors, {"Pair": Pair}).read(json.loads(text))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        2**80,
        0.1,
        5e-324,
        math.inf,
        -math.inf,
        "p‖q",
        [],
        [1, [2.5, "a"]],
        {},
        {"tensor": 1, "float": {"a": None}},
        Pair(1, Pair({"x": [math.inf]})),
    ],
)
def test_a_plain_value_comes_back(value):
    found = again(value)
    assert found == value
    assert type(found) is type(value)


def test_what_is_no_number_comes_back():
    assert math.isnan(again(math.nan))


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor(0.1, dtype=torch.float64),
        torch.tensor([True, False]),
        torch.arange(6).reshape(2, 3).T,
        torch.tensor([1.0]).expand(4),
        torch.zeros(0, 3),
        torch.tensor([math.nan, math.inf, -0.0]),
        torch.tensor([1.5], dtype=torch.bfloat16),
        torch.nn.Parameter(torch.tensor([2.0])),
    ],
)
def test_a_tensor_comes_back_to_the_last_bit(value):
    found = again(value)
    assert (found.shape, found.dtype) == (value.shape, value.dtype)
    assert torch.equal(found.nan_to_num(9), value.detach().nan_to_num(9))
    assert not found.requires_grad


def test_a_tensor_that_is_written_is_a_copy():
    writer, value = Writer(), torch.zeros(3)
    writer.write([value, value], "it")
    value += 1
    assert [each.tolist() for each in writer.tensors.values()] == [[0, 0, 0]] * 2


def test_tensors_are_called_by_their_place():
    writer = Writer()
    member = Independent(Normal(torch.zeros(2), 1.0), 1)
    writer.write({"a": [torch.zeros(1)], "b": Pair(member)}, "it")
    assert list(writer.tensors) == [
        "it.a.0",
        "it.b.first.base_distribution.loc",
        "it.b.first.base_distribution.scale",
    ]


@pytest.mark.parametrize("value", [print, object(), {1, 2}, 1j, Pair, b"bytes", [1, print]])
def test_anything_else_is_refused(value):
    with pytest.raises(kldiv.NotAvailable, match=r"it.*cannot be kept in a file"):
        Writer().write(value, "it")


def test_an_attempt_that_fails_leaves_no_tensors_behind():
    writer = Writer()
    assert writer.attempt([torch.zeros(1), print], "it") is None
    assert writer.tensors == {}
    assert writer.attempt([torch.zeros(1)], "it") == [{"tensor": "it.0"}]
    assert list(writer.tensors) == ["it.0"]


@pytest.mark.parametrize("json", [{"code": "1"}, {"lambda": []}])
def test_an_unknown_kind_is_refused(json):
    with pytest.raises(kldiv.InvalidArgument, match="no kind of value"):
        Reader({}, {}).read(json)


@pytest.mark.parametrize("json", [{}, {"float": "1", "tensor": "a"}, {"record": ["Pair", {}]}])
def test_what_is_not_written_like_this_is_an_error(json):
    with pytest.raises((ValueError, LookupError)):
        Reader({}, {}).read(json)
