"""`kldiv-catalogue`: the table of what a registry holds."""

import pytest

import kldiv

from kldiv.sphinxext.catalogue import first_sentence


def test_the_catalogue_lists_what_the_registry_lists(build):
    html, warnings = build(".. kldiv-catalogue:: divergences")

    assert not warnings
    assert all(f">{name}" in html for name in kldiv.divergences)
    assert "renyi(alpha)" in html.replace('<span class="pre">', "").replace("</span>", "")


@pytest.mark.parametrize(
    ("unit", "said"),
    [("units of x", "counted in units of x."), ("", "are plain numbers."), ("nats", None)],
)
def test_a_row_names_the_unit_where_it_is_not_nats(build, unit, said):
    mine = type("Mine", (kldiv.Divergence,), {"__doc__": "Mine alone.", "unit": unit})
    with kldiv.divergences.temporary("mine", mine):
        html, _ = build(".. kldiv-catalogue:: divergences")

    row = html.split("Mine alone.")[1].split("</td>")[0]
    assert said in row if said else "Its values" not in row


def test_an_item_that_does_not_load_says_so_in_its_row(build):
    with kldiv.divergences.temporary("broken", "no_such_module:Broken"):
        html, warnings = build(".. kldiv-catalogue:: divergences")

    assert not warnings
    assert "does not load" in html


def test_a_kind_that_there_is_not_is_an_error_that_names_the_kinds(build):
    _, warnings = build(".. kldiv-catalogue:: estimators")

    assert "none of divergences, targets, families" in warnings


@pytest.mark.parametrize(
    ("docstring", "shown"),
    [
        ("At most 1.5 nats. More.", ["At most 1.5 nats."]),
        ("Of order :math:`a.`, see `x`.", ["Of order ", "a.", ", see ", "x", "."]),
        ("A :class:`~kldiv.Fit` ``p. q``\nand", ["A ", "kldiv.Fit", " ", "p. q", " and"]),
        ("", [""]),
    ],
)
def test_the_first_sentence_ends_at_its_full_stop(docstring, shown):
    assert [node.astext() for node in first_sentence(docstring)] == shown
