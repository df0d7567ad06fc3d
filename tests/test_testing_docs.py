"""What the page for authors shows of the laws is so."""

import re

from pathlib import Path

import pytest

import kldiv

from kldiv.plugins import KNOWN_DISTRIBUTIONS
from kldiv.testing import Outcome, Report
from kldiv.testing.items import Item
from tests import conformance

PAGE = Path(__file__).parent.parent / "docs" / "write-a-plugin.rst"


def blocks():
    found = re.findall(r"\.\. kldiv-run::\n\n((?:   .*\n|\n)+)", PAGE.read_text(encoding="utf-8"))
    return [re.sub(r"^   ", "", block, flags=re.M) for block in found]


def test_the_page_shows_a_report_that_passes_one_that_fails_and_all_laws():
    execute = pytest.importorskip("kldiv.sphinxext.run").execute
    names = {}
    outcomes = {block: execute(block, names) for block in blocks()}
    estimate, passes, fails, target, family = [value for _, value in outcomes.values()][:5]
    assert 0.2040542 < float(estimate) < 0.2040543
    assert passes.passed, passes
    assert [each.law for each in fails.outcomes if each.failures] == ["bound"]
    assert target.passed, target
    assert family.passed, family
    (listed,) = (text.splitlines() for block, (text, _) in outcomes.items() if "laws()" in block)
    assert [line.split()[0] for line in listed] == list(kldiv.testing.laws())


def test_the_plugin_of_the_page_holds_itself_to_the_laws():
    folder = PAGE.parent.parent / "plugins" / "kldiv-example" / "tests"
    for line in (
        "from kldiv.testing.pytest_cases import laws_of",
        'test_it_obeys_the_laws = laws_of("kldiv-example")',
    ):
        assert line in (folder / "test_kldiv_example.py").read_text(encoding="utf-8")
        assert line in PAGE.read_text(encoding="utf-8")


def test_the_table_of_conformance_names_exactly_what_the_plugins_offer():
    offered = {(plugin, name) for plugin, names in KNOWN_DISTRIBUTIONS.items() for name in names}
    items = [row for row in conformance.recorded() if row["kind"] != "closed forms"]
    assert {(row["plugin"], row["item"].partition("(")[0]) for row in items} == offered


def test_an_item_is_counted_by_laws_that_hold_fail_and_are_expected_to():
    outcomes = (
        Outcome("a", checks=2),
        Outcome("b", checks=3, failures=("wrong",), expected="known"),
        Outcome("c", checks=4, failures=("wrong",)),
        Outcome("d", why_not="does not apply"),
    )
    item = Item("target", "foo", "foo", lambda **_: Report("foo", outcomes))
    row = conformance.measured(item)
    del row["seconds"]
    assert list(row.values()) == ["3", "9", "1", "1 (c)", "b: known"]
