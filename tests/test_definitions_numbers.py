"""Numbers come in tensors, arrays, lists and tables, and leave as one floating tensor."""

import warnings

import numpy as np
import pytest
import torch

import kldiv

from kldiv.definitions.numbers import as_numbers, broadcast


class Table:
    """As much of a data frame as is asked for."""

    def __init__(self, values):
        self.values = values

    def to_numpy(self):
        return self.values


def frozen(values):
    values.flags.writeable = False
    return values


KEPT = {
    "a list": [1, 2.5],
    "a tuple": (1, 2.5),
    "a tensor": torch.tensor([1.0, 2.5]),
    "integers": torch.tensor([1, 2]),
    "half precision": torch.tensor([1.0, 2.5], dtype=torch.float16),
    "truth values": np.array([True, False]),
    "an array": np.array([1.0, 2.5]),
    "single precision": np.array([1.0, 2.5], dtype=np.float32),
    "the other byte order": np.array([1.0, 2.5], dtype=">f8"),
    "an array backwards": np.array([2.5, 1.0])[::-1],
    "an array that must not be written": frozen(np.array([1.0, 2.5])),
    "objects": np.array([1, 2.5], dtype=object),
    "a table": Table(np.array([[1.0, 2.0], [3.0, 4.0]])),
    "a table of objects": Table(np.array([[1, 2.0], [True, 4.0]], dtype=object)),
}


@pytest.mark.parametrize("name", KEPT)
def test_numbers_keep_their_values(name):
    given = KEPT[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = as_numbers("p", given)
    plain = given.values if isinstance(given, Table) else given
    expected = np.asarray(plain).astype(np.float64)
    single = name in ("a tensor", "single precision", "half precision")
    assert found.dtype == (torch.float32 if single else torch.float64)
    assert found.double().tolist() == expected.tolist()


def test_what_is_given_is_not_changed():
    given = np.array([1.0, 2.0])
    as_numbers("p", frozen(given)).add_(1)
    assert given.tolist() == [1, 2]


def test_gradients_pass():
    given = torch.ones(2, requires_grad=True)
    as_numbers("p", given).sum().backward()
    assert given.grad.tolist() == [1, 1]


REFUSED = {
    "complex numbers": torch.zeros(2, dtype=torch.complex64),
    "complex arrays": np.zeros(2, dtype=complex),
    "words": ["1", "2"],
    "words in a table": Table(np.array([1.0, "2"], dtype=object)),
    "dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    "rows of unequal length": [[1.0], [1.0, 2.0]],
    "missing objects": np.array([object()], dtype=object),
    "a sparse tensor": torch.eye(2).to_sparse(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_number_is_refused_by_the_name_of_its_argument(name):
    with pytest.raises(kldiv.InvalidType, match=r"^weights must be (real numbers|a dense tensor)"):
        as_numbers("weights", REFUSED[name])


@pytest.mark.parametrize(
    ("given", "shapes"),
    [
        ([[1.0], [1.0, 2.0]], r"\(1,\) and \(2,\)"),
        ([np.ones(3), np.ones(2), np.zeros(3)], r"\(3,\) and \(2,\)"),
        ([torch.ones(3), torch.ones(2)], r"\(3,\) and \(2,\)"),
        ((np.ones((2, 2)), np.ones(2)), r"\(2, 2\) and \(2,\)"),
        ([[1.0, 2.0], 3.0], r"\(2,\) and \(\)"),
        ([[[1.0, 2.0], [3.0]], [[1.0, 2.0], [3.0, 4.0]]], r"\(2,\) and \(1,\)"),
    ],
)
def test_parts_of_unequal_shape_are_told(given, shapes):
    with pytest.raises(
        kldiv.InvalidType, match=f"^p must be real .* of shape {shapes}; give each"
    ):
        as_numbers("p", given)


@pytest.mark.parametrize(
    "shapes", [[], [()], [(3,), ()], [(2, 1, 3), (4, 1)], [(0, 1), (1, 5)], [(1,), (1, 1)]]
)
def test_shapes_broadcast_as_in_torch(shapes):
    assert broadcast(*shapes) == torch.broadcast_shapes(*shapes)


def test_shapes_that_do_not_match_have_no_common_one():
    with pytest.raises(RuntimeError, match=r"\(2,\), \(3,\) do not match"):
        broadcast((2,), (3,))


def test_masked_entries_are_refused_and_an_empty_mask_is_none():
    values = np.ma.masked_array([1.0, 2.0, 9.0], mask=[False, False, True])
    with pytest.raises(kldiv.InvalidType, match=r"has masked entries; give \.compressed\(\)"):
        as_numbers("samples", values)
    assert as_numbers("samples", values[:2]).tolist() == [1.0, 2.0]
