"""A target is written as data where it can be, by name where it has one, else described."""

import pytest
import torch

from scipy import stats
from torch.distributions import Normal

import kldiv

from kldiv.definitions.sample_target import SampleTarget
from kldiv.resolving import as_target
from kldiv.saving.missing import MissingTarget
from kldiv.saving.targets import given_target, read_target, write_target
from kldiv.saving.values import Reader, Writer

F64 = torch.float64


class Own(Normal):
    """No class of torch."""


def written(target):
    writer = Writer()
    return write_target(writer, as_target(target, "target")), writer.tensors


def again(target):
    json, tensors = written(target)
    return read_target(json, Reader(tensors, {}).read(json["made_of"]))


@pytest.mark.parametrize("name", list(kldiv.targets))
def test_every_registered_target_comes_back(name):
    text = "samples(values=[0.5, 1.5])" if name == "samples" else name
    before, after = as_target(text, "target"), again(text)
    assert type(after) is type(before)
    assert repr(after) == repr(before)
    assert (after.event_shape, after.batch_shape) == (before.event_shape, before.batch_shape)
    if name == "samples":
        assert torch.equal(after.points, before.points)
    else:
        x = torch.full((5, *before.event_shape), 0.3, dtype=F64)
        x = x.round() if before.support.is_discrete else x
        assert torch.equal(after.log_prob(x), before.log_prob(x))


def test_a_name_is_kept_with_its_plugin_and_its_arguments():
    json, _ = written("Normal-Sum(loc=[-2, 3.5])")
    (parts,) = json["made_of"].values()
    assert parts["name"] == "kldiv:normal_sum"
    assert Reader({}, {}).read(parts["arguments"]) == {"loc": [-2, 3.5]}


def test_what_can_be_data_is_data_whatever_its_name(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text("1.0\n2.0\n")
    json, tensors = written(f"samples(values={str(file)!r})")
    file.unlink()
    assert "data.csv" not in str(json)
    assert tensors["target.points"].tolist() == [1, 2]


def test_weights_come_back_to_the_last_digit():
    weights = torch.rand(1000, dtype=F64, generator=torch.Generator().manual_seed(0))
    before = SampleTarget(torch.arange(1000.0), weights)
    after = again(before)
    assert torch.equal(after.weights, before.weights)
    assert after.dtype == torch.float32


@pytest.mark.parametrize(
    "target",
    [
        kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(2,)),
        Own(torch.zeros(3, dtype=F64), 1.0),
        stats.skewnorm(2.0),
        kldiv.Target.on_grid([0.0, 1.0, 2.0], [1.0, 2.0, 1.0], normalize=False),
    ],
    ids=["a function", "a class", "scipy", "a measure on a grid"],
)
def test_anything_else_is_described(target):
    before, after = as_target(target, "target"), again(target)
    assert isinstance(after, MissingTarget)
    assert repr(after) == repr(before)
    assert (after.event_shape, after.batch_shape) == (before.event_shape, before.batch_shape)
    assert after.dtype == before.dtype
    assert after.device == torch.device("cpu")


def test_a_target_of_a_plugin_of_the_moment_is_described():
    def mine():
        return kldiv.Target(lambda x: -x.square())

    with kldiv.targets.temporary("mine", mine):
        assert isinstance(again("mine"), MissingTarget)


@pytest.mark.parametrize("parts", [{}, {"code": "1"}, {"points": torch.zeros(1)}])
def test_parts_that_make_no_target_are_refused(parts):
    json, _ = written("bimodal")
    with pytest.raises(kldiv.InvalidArgument, match="make no target"):
        read_target(json, parts)


def test_what_is_given_must_have_the_shapes_of_what_was_there():
    described = MissingTarget("mine", (), (2,), F64)
    assert given_target("banana", described).event_shape == (2,)
    with pytest.raises(kldiv.ShapeMismatch, match=r"fitted to, mine, had \(\(2,\), \(\)\)"):
        given_target("bimodal", described)
