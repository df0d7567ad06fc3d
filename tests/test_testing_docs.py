"""What the page for authors shows of the laws is so."""

import re

from pathlib import Path

import pytest

import kldiv

PAGE = Path(__file__).parent.parent / "docs" / "write-a-plugin.rst"


def blocks():
    found = re.findall(r"\.\. kldiv-run::\n\n((?:   .*\n|\n)+)", PAGE.read_text(encoding="utf-8"))
    return [re.sub(r"^   ", "", block, flags=re.M) for block in found]


def test_the_page_shows_a_report_that_passes_one_that_fails_and_all_laws():
    execute = pytest.importorskip("kldiv.sphinxext.run").execute
    names = {}
    outcomes = [execute(block, names) for block in blocks()]
    estimate, passes, fails = (value for _, value in outcomes[:3])
    assert 0.2040542 < float(estimate) < 0.2040543
    assert passes.passed, passes
    assert [each.law for each in fails.outcomes if each.failures] == ["bound"]
    listed = outcomes[3][0].splitlines()
    assert [line.split()[0] for line in listed] == list(kldiv.testing.laws())


def test_the_plugin_of_the_page_holds_itself_to_the_laws():
    folder = PAGE.parent.parent / "plugins" / "kldiv-example" / "tests"
    for line in (
        "from kldiv.testing.pytest_cases import laws_of",
        'test_it_obeys_the_laws = laws_of("kldiv-example")',
    ):
        assert line in (folder / "test_kldiv_example.py").read_text(encoding="utf-8")
        assert line in PAGE.read_text(encoding="utf-8")
