"""A family is written by its class of torch or by its name, else described; so is its member."""

import pytest
import torch

from torch import distributions as td

import kldiv

from kldiv.definitions.family import TorchFamily
from kldiv.definitions.module_family import ModuleFamily
from kldiv.resolving import as_target
from kldiv.saving.families import (
    given_family,
    member_of,
    read_family,
    read_member,
    write_family,
    write_member,
)
from kldiv.saving.missing import MissingDistribution, MissingFamily
from kldiv.saving.values import Reader, Writer

F64 = torch.float64
LINE = as_target("bimodal", "target")


class Own(td.Normal):
    """No class of torch."""


class Place(torch.nn.Module):
    def __init__(self, start=0.5):
        super().__init__()
        self.loc = torch.nn.Parameter(torch.tensor(start, dtype=F64))

    def forward(self):
        return td.Normal(self.loc, 1.0)


def again(family):
    writer = Writer()
    json = write_family(writer, family)
    reader = Reader(writer.tensors, {})
    made = read_family(json, reader.read(json["made_of"]))
    made.load(reader.read(json["theta"]))
    return made


@pytest.mark.parametrize(
    "family",
    [
        kldiv.Family.of(td.Gamma),
        kldiv.Family.of(td.StudentT, df=torch.tensor([3.0, 4.0])),
        kldiv.Family.of(td.Dirichlet).fitted_to(torch.Size([3])),
        kldiv.families.create("full_normal", size=3),
        kldiv.families.create("normal_mixture(components=3, size=2)"),
        kldiv.families.create("uniform(low=-1)"),
    ],
    ids=repr,
)
def test_a_family_comes_back_with_its_place(family):
    family.load(torch.linspace(-0.5, 0.5, family.space.size, dtype=F64))
    made = again(family)
    assert type(made) is type(family)
    assert repr(made) == repr(family)
    assert torch.equal(made.present(), family.present())
    before, after = family.values(), made.values()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize(
    "family",
    [TorchFamily(Own), ModuleFamily(Place())],
    ids=repr,
)
def test_a_family_of_the_users_is_described(family):
    theta = torch.linspace(-0.5, 0.5, family.space.size, dtype=F64)
    family.load(theta)
    made = again(family)
    assert isinstance(made, MissingFamily)
    assert repr(made) == repr(family)
    assert torch.equal(made.present(), theta)


def test_where_a_module_was_moved_is_kept_and_not_where_it_began():
    family = ModuleFamily(Place(0.5))
    family.load(torch.tensor([7.0], dtype=F64))
    assert again(family).present().tolist() == [7]


@pytest.mark.parametrize("name", ["os.system", "ExpTransform", "Family", "Own", ""])
def test_no_other_class_makes_a_family(name):
    with pytest.raises(kldiv.InvalidArgument, match="no class of torch"):
        read_family({}, {"class": name, "arguments": {}})


def test_what_is_given_must_have_the_fitted_parameters():
    described = MissingFamily("mine")
    described.load(torch.tensor([0.5, 0.0], dtype=F64))
    values = {"loc": torch.tensor(0.5), "scale": torch.tensor(1.0)}
    found = given_family("normal", LINE, described, values)
    assert torch.equal(found.present(), described.present())
    for wrong in ("gamma", "student_t", "normal(scale=1)"):
        with pytest.raises(kldiv.InvalidArgument, match="not the one that was fitted, mine with"):
            given_family(wrong, LINE, described, values)
    moved = values | {"scale": torch.tensor(1.1)}
    with pytest.raises(kldiv.InvalidArgument, match="not the one that was fitted"):
        given_family("normal", LINE, described, moved)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_a_member_comes_back_in_its_type(dtype):
    member = td.Laplace(torch.tensor([0.1, 0.2], dtype=dtype), 1.0)
    writer = Writer()
    json = write_member(writer, member)
    made = read_member(json, Reader(writer.tensors, {}).read(json["made_of"]))
    assert type(made) is td.Laplace
    assert torch.equal(made.loc, member.loc)
    assert made.loc.dtype == dtype


def test_a_member_of_no_class_of_torch_is_that_of_the_family():
    json = write_member(Writer(), Own(torch.zeros(3, dtype=F64), 1.0))
    lacking = read_member(json, None)
    assert isinstance(lacking, MissingDistribution)
    assert lacking.batch_shape == (3,)
    theta = torch.zeros(3, 2, dtype=F64)
    made = member_of(lacking, TorchFamily(Own), theta, F64)
    assert type(made) is Own
    assert made.batch_shape == (3,)
    assert member_of(lacking, MissingFamily("mine"), theta, F64) is lacking


def test_a_member_of_torch_that_was_not_written_takes_the_type_of_the_fit():
    theta = torch.zeros(2, dtype=F64)
    made = member_of(MissingDistribution((), ()), kldiv.Family.of(td.Normal), theta, torch.float32)
    assert made.loc.dtype == torch.float32
