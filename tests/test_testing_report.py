"""What a report says, and when it is a failure."""

import pytest

from kldiv.errors import LawBroken
from kldiv.testing import Failure, Outcome, Report

FAILURE = Failure(
    "symmetry", "le_cam", "coins", {"p": "Bernoulli(probs=0.5)", "q": "Bernoulli(probs=0.7)"},
    {"D(p‖q)": 0.25, "D(q‖p)": 0.125}, "auto", (2, 3), "kldiv.testing.check_divergence(LeCam())",
)  # fmt: skip
HOLDS = Outcome("identity", 7)
FAILS = Outcome("symmetry", 3, (FAILURE, FAILURE))
SKIPPED = Outcome("triangle", why_not="metric is not claimed")


def test_a_failure_reads_as_a_sentence_with_its_numbers():
    assert str(FAILURE).splitlines() == [
        "symmetry does not hold for le_cam on 'coins' (auto; 2 of 3), such as",
        "  p = Bernoulli(probs=0.5)",
        "  q = Bernoulli(probs=0.7)",
        "  D(p‖q) = 0.25, D(q‖p) = 0.125",
        "  again: kldiv.testing.check_divergence(LeCam())",
    ]


def test_a_report_that_passes_says_how_much_was_checked():
    report = Report("le_cam", (HOLDS, SKIPPED))
    assert report.passed
    assert report.checks == 7
    assert str(report).splitlines() == [
        "le_cam passes: 1 law, 7 checks",
        "",
        "law       checks  outcome",
        "--------  ------  ----------------------------------",
        "identity  7       holds",
        "triangle          not checked: metric is not claimed",
    ]
    report.raise_for_failures()


def test_a_report_that_fails_shows_the_first_failure_of_each_law():
    report = Report("le_cam", (HOLDS, FAILS))
    assert not report.passed
    assert report.failures == (FAILURE, FAILURE)
    text = str(report)
    assert text.startswith("le_cam FAILS 1 of 2 laws, 10 checks")
    assert text.count("such as") == 1
    assert "1 more in report.failures" in text
    with pytest.raises(LawBroken, match="symmetry does not hold for le_cam") as caught:
        report.raise_for_failures()
    assert isinstance(caught.value, AssertionError)


def test_a_failure_that_was_expected_is_none():
    outcome = Outcome("symmetry", 3, (FAILURE,), expected="it is known")
    report = Report("le_cam", (HOLDS, outcome))
    assert report.passed
    assert report.failures == ()
    assert outcome.verdict == "fails as expected: it is known"
    assert "such as" not in str(report)


def test_a_report_of_nothing_fails():
    for outcomes in ((), (SKIPPED,)):
        report = Report("le_cam", outcomes)
        assert not report.passed
        assert str(report).startswith("le_cam FAILS: nothing was checked")
