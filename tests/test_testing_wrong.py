"""Each law catches what it is for: a divergence that is wrong in that, and no other law does."""

import pytest

import kldiv

from kldiv import resolving
from tests.wrong_divergences import CLOSED_FORMS, WRONG

PAIRS = ("coins", "dice", "dice with zeros", "counts", "normals", "heavy tails", "intervals")


@pytest.fixture(autouse=True)
def closed_forms(monkeypatch):
    monkeypatch.setattr(resolving, "closed_forms", lambda: CLOSED_FORMS)


def test_every_law_has_a_divergence_that_breaks_it():
    assert list(WRONG) == list(kldiv.testing.laws())


@pytest.mark.parametrize("law", WRONG)
def test_a_wrong_divergence_breaks_the_law_it_is_to_break_and_no_other(law):
    report = kldiv.testing.check_divergence(WRONG[law], pairs=PAIRS)
    assert [each.law for each in report.outcomes if each.failures] == [law], str(report)
    assert not report.passed
    assert law in str(report)
