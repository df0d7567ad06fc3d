"""All of a fit is in its file, also what later versions add to it."""

import json

import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv.saving.files import read_file
from kldiv.saving.fits import FORMAT, read_optima
from kldiv.saving.tables import columns_of
from kldiv.solvers.optima import Optimum

F64 = torch.float64


def optimum(value):
    return Optimum(value, {"loc": torch.tensor(value, dtype=F64)}, (1,), (0, 2))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("fits") / "fit"
    kldiv.fit(Normal(torch.arange(50, dtype=F64), 1.0), "laplace", starts=1).save(path)
    return read_file(path)


def test_the_versions_are_told(written):
    document, _ = written
    assert document["format"] == FORMAT == 1
    assert document["kldiv"] == kldiv.__version__
    assert document["torch"] == torch.__version__


def test_every_field_is_there(written):
    document, _ = written
    assert document["fit"].keys() == kldiv.Fit.__dataclass_fields__.keys()


def test_numbers_are_tensors_and_the_text_is_short(written):
    document, tensors = written
    assert tensors["parameters.loc"].tolist() == pytest.approx(range(50), abs=1e-6)
    assert tensors["paths.loss"].shape[1:] == (1, 50)
    assert len(json.dumps(document)) < 5000


def test_optima_of_one_problem_are_a_tuple_and_of_many_tuples_of_them():
    found = [optimum(value) for value in (1.0, 2.0, 3.0)]
    columns = columns_of(found)
    assert [each.value for each in read_optima(columns, None)] == [1, 2, 3]
    first, none, last = read_optima(columns, [1, 0, 2])
    assert ([each.value for each in first], none) == ([1], ())
    assert [each.parameters["loc"].item() for each in last] == [2, 3]
    assert last[0].starts == (0, 2)


def test_no_optima_are_none():
    assert read_optima({}, None) == ()
    assert read_optima({}, [0, 0]) == ((), ())
