"""Many records are a few columns, and come back one by one."""

from dataclasses import dataclass

import pytest
import torch

import kldiv

from kldiv.saving.tables import columns_of, records_of


@dataclass(frozen=True)
class Record:
    number: float
    count: int
    good: bool
    word: str
    path: tuple
    values: dict
    tensor: torch.Tensor
    perhaps: float | None = None


def record(index, perhaps=None):
    return Record(
        index / 3,
        index,
        index % 2 == 0,
        f"word {index}",
        tuple(range(index)),
        {"loc": torch.full((), index / 7), "scale": torch.ones(2, 2) * index},
        torch.arange(3) * index,
        perhaps,
    )


def test_records_come_back_with_their_types():
    records = [record(index) for index in range(4)]
    found = records_of(Record, columns_of(records))
    assert len(found) == 4
    for before, after in zip(records, found, strict=True):
        for name in ("number", "count", "good", "word", "path", "perhaps"):
            assert getattr(after, name) == getattr(before, name)
            assert type(getattr(after, name)) is type(getattr(before, name))
        assert all(torch.equal(after.values[key], before.values[key]) for key in before.values)
        assert torch.equal(after.tensor, before.tensor)


def test_a_field_that_some_records_lack_comes_back():
    found = records_of(Record, columns_of([record(1, 0.5), record(2), record(3, 0.25)]))
    assert [each.perhaps for each in found] == [0.5, None, 0.25]


def test_there_are_as_many_columns_for_many_records():
    few, many = columns_of([record(1)]), columns_of([record(i) for i in range(100)])
    assert few.keys() == many.keys()
    assert many["number"]["number"].shape == (100,)
    assert many["values"]["mapping"]["scale"]["tensor"].shape == (100, 2, 2)


def test_no_records_are_no_columns():
    assert columns_of([]) == {}
    assert records_of(Record, {}) == []


def test_tensors_of_records_share_no_memory():
    first, second = records_of(Record, columns_of([record(1), record(2)]))
    first.tensor.zero_()
    assert second.tensor.any()


def test_a_field_that_no_column_can_hold_is_refused():
    @dataclass
    class Odd:
        value: object

    with pytest.raises(kldiv.NotAvailable, match="value = .* cannot be kept"):  # noqa: RUF043
        columns_of([Odd({1, 2})])
