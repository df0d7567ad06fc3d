"""Each law catches what it is for: what is wrong in that, and no other law does."""

import pytest

import kldiv

from kldiv import resolving
from kldiv.testing import check_divergence, check_family, check_target
from tests.wrong_divergences import CLOSED_FORMS, WRONG
from tests.wrong_families import WRONG_FAMILIES
from tests.wrong_targets import WRONG_TARGETS

PAIRS = ("coins", "dice", "dice with zeros", "counts", "normals", "heavy tails", "intervals")
TARGETS = [(law, target) for law, targets in WRONG_TARGETS.items() for target in targets]
FRONT = """
    import kldiv

    @kldiv.hookimpl
    def kldiv_families():
        return {"drifting": "tests.wrong_families:Drifting"}
"""


def broken(report):
    return [each.law for each in report.outcomes if each.failures]


def test_every_law_has_something_that_breaks_it():
    for kind, wrong in (
        *(("divergence", WRONG), ("target", WRONG_TARGETS), ("family", WRONG_FAMILIES)),
    ):
        assert list(wrong) == list(kldiv.testing.laws(kind))


@pytest.mark.parametrize("law", WRONG)
def test_a_wrong_divergence_breaks_the_law_it_is_to_break_and_no_other(law, monkeypatch):
    monkeypatch.setattr(resolving, "closed_forms", lambda _: CLOSED_FORMS)
    report = check_divergence(WRONG[law], pairs=PAIRS)
    assert broken(report) == [law], str(report)
    assert not report.passed
    assert law in str(report)


@pytest.mark.parametrize(("law", "target"), TARGETS)
def test_a_wrong_target_breaks_the_law_it_is_to_break_and_no_other(law, target):
    report = check_target(target)
    assert broken(report) == [law], str(report)
    assert not report.passed


@pytest.mark.parametrize("law", WRONG_FAMILIES)
def test_a_wrong_family_breaks_the_law_it_is_to_break_and_no_other(law, install_fake):
    install_fake("kldiv-drifting", {"kldiv_drifting.py": FRONT})
    report = check_family(WRONG_FAMILIES[law])
    assert broken(report) == [law], str(report)
    assert not report.passed
