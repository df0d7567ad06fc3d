"""Results are shown as text."""

import json
import math

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from kldiv.tables import (
    cell_text,
    html_table,
    json_text,
    numbers_text,
    record_table,
    text_table,
)


@dataclass(frozen=True)
class Point:
    """A record."""

    name: str
    value: float


def test_cells_are_shown_as_they_stand():
    lines = text_table(("version",), [("1.10",), ("2.0",)]).splitlines()
    assert [line.strip() for line in lines] == ["version", "-------", "1.10", "2.0"]


def test_a_table_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    rows = [("short", "word " * 40, "kldiv"), ("a_longer_name", "few words", "kldiv-foo")]
    lines = text_table(("name", "summary", "plugin"), rows, flexible=1).splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[2].split()[-2:] == ["…", "kldiv"]
    moved = text_table(("name", "summary", "plugin"), rows, flexible=1, indent=5).splitlines()
    assert max(map(len, moved)) <= 60
    assert all(line.startswith("     ") for line in moved)
    assert "few words" in lines[3]


def test_a_table_keeps_a_readable_column_in_the_narrowest_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "1")
    table = text_table(("name", "summary"), [("kl", "Kullback and Leibler's")], flexible=1)
    assert "Kullback and …" in table


def test_html_is_escaped():
    table = html_table(("name",), [("<b>p & q</b>",)])
    assert "&lt;b&gt;p &amp; q&lt;/b&gt;" in table
    assert table.startswith("<table>")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1 / 3, "0.333333"),
        (np.array([1.0, 2.5]), "[1, 2.5]"),
        (np.float64("inf"), "inf"),
        ({"loc": np.array(0.5)}, "loc=0.5"),
        (Point("kl", 0.25), "name=kl, value=0.25"),
        (True, "True"),
        (12345678, "12345678"),
        (None, ""),
    ],
)
def test_a_cell_holds_a_value_in_short(value, expected):
    assert cell_text(value) == expected


def test_a_cell_holds_as_many_digits_as_asked_for():
    assert cell_text({"error": [1.2345e-9, 0.5]}, digits=2) == "error=[1.2e-09, 0.5]"


def test_records_make_a_table_with_a_row_each():
    lines = record_table([Point("kl", 0.25), Point("chi2", 1.5)]).splitlines()
    assert [line.split() for line in lines if "-" not in line] == [
        ["name", "value"],
        ["kl", "0.25"],
        ["chi2", "1.5"],
    ]
    assert record_table([]) == ""


def test_json_stays_valid_where_numbers_are_not_finite():
    text = json_text(
        {"a": [float("inf"), -np.inf, np.array(np.nan)], "b": Point("π", 0.5), "c": 1 + 2j}
    )
    found = json.loads(text, parse_constant=pytest.fail)
    assert found == {"a": ["inf", "-inf", "nan"], "b": {"name": "π", "value": 0.5}, "c": "(1+2j)"}


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        (torch.tensor(1 / 3), "0.3333333"),
        (torch.tensor([0.1]), "0.1"),
        (torch.tensor([0.1, 1e-9, math.inf]), "[0.1, 1e-09, inf]"),
        (torch.tensor([[1, -2], [3, 4]]), "[[1, -2], [3, 4]]"),
        (torch.arange(10.0).reshape(2, 5), "(2, 5) values in [0, 9]"),
    ],
)
def test_numbers_are_shown_to_their_digits_or_by_their_range(numbers, text):
    assert numbers_text(numbers) == text
