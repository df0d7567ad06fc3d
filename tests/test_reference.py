"""kldiv beside the truth of tests/reference: errors hold, digits are reached, infinity is said."""

import csv
import math

from functools import lru_cache

import pytest

from tests.reference.coverage import TABLE
from tests.reference.measured import RUNGS, batches, listed

REACHED = {"exact": 1e-10, "sum": 1e-9, "quadrature": 1e-9, "quadrature, 2D": 1e-7}
ENOUGH = 0.99


@lru_cache
def asked(estimator):
    """What an estimator says of all pairs, and what it raised instead."""
    found, raised = [], []
    for batch in batches():
        try:
            found += batch.measure(estimator) or []
        except Exception as error:
            raised.append(f"{batch}: {error!r}")
    return [case for case in found if estimator == "auto" or in_reach(case)], raised


def in_reach(case):
    """Whether an estimator that did not choose itself can know: no sample sees what diverges."""
    if case.rung != "monte_carlo":
        return True
    return case.finite and case.row["stratum"] in ("usual", "close")


@pytest.fixture
def automatic():
    return asked("auto")


@pytest.fixture(params=["auto", *(pytest.param(rung, marks=pytest.mark.slow) for rung in RUNGS)])
def answers(request):
    return asked(request.param)


def by_rung(cases):
    rungs = {case.rung for case in cases}
    return {rung: [case for case in cases if case.rung == rung] for rung in rungs}


def few(failed, cases):
    """Whether so few failed that 99 in 100 did not."""
    return len(failed) <= (1 - ENOUGH) * len(cases)


def test_every_pair_is_answered(automatic):
    found, raised = automatic
    assert not raised, "\n".join(raised)
    assert len(found) == sum(len(batch.rows) for batch in batches()) >= 1000


def test_an_estimator_that_applies_does_not_raise(answers):
    assert not answers[1], "\n".join(answers[1])


def test_the_truth_is_within_the_error_in_99_of_100(answers):
    found, _ = answers
    assert few([case for case in found if not case.holds], found)
    for cases in by_rung(found).values():
        failed = [case for case in cases if not case.holds]
        assert few(failed, cases), listed(failed)


def test_infinity_is_where_it_must_be_and_nowhere_else(answers):
    known = [case for case in answers[0] if math.isinf(case.value) or math.isfinite(case.error)]
    failed = [case for case in known if math.isinf(case.value) == case.finite]
    assert not failed, listed(failed)


def test_each_rung_reaches_its_digits_in_99_of_100_and_the_rest_is_within_the_error(
    answers, request
):
    if request.node.callspec.params["answers"] == "quadrature":
        missed = "asked by name, it misses 1061.0 by 4e-6 and 1065.0, of 1e180, in the plane"
        request.applymarker(pytest.mark.xfail(strict=True, reason=missed))
    for rung, cases in by_rung(answers[0]).items():
        if rung not in REACHED:
            continue
        double = [case for case in cases if case.finite and not case.float32]
        missed = [case for case in double if case.relative > REACHED[rung]]
        assert few(missed, double), listed(missed)
        assert all(case.holds for case in missed), listed(c for c in missed if not c.holds)


def test_single_precision_keeps_five_digits_or_says_so(answers):
    failed = [
        case
        for case in answers[0]
        if case.float32 and case.relative > 1e-5 and not case.holds and case.rung in REACHED
    ]
    assert not failed, listed(failed)


def test_no_divergence_is_negative(answers):
    failed = [case for case in answers[0] if not case.value >= 0]
    assert not failed, listed(failed)


def test_the_divergence_of_equals_is_zero(automatic):
    equal = [case for case in automatic[0] if case.row["params_p"] == case.row["params_q"]]
    failed = [case for case in equal if case.value != 0]
    assert equal
    assert not failed, listed(failed)


def test_the_table_of_the_documentation_is_of_all_pairs():
    with TABLE.open(encoding="utf-8", newline="") as file:
        pairs = {line["estimator"]: int(line["pairs"]) for line in csv.DictReader(file)}
    assert pairs["auto"] == sum(len(batch.rows) for batch in batches())
