"""`check_divergence`: what is selected, what is counted, what is expected to fail."""

import subprocess
import sys

import pytest
import torch

from torch.distributions import Exponential, Normal

import kldiv

from kldiv.definitions.divergence import Divergence
from kldiv.testing import Pair, Side, check_divergence
from tests.wrong_divergences import WRONG

QUICK = ["coins", "dice"]
LOPSIDED = WRONG["symmetry"]


def outcome(report, law):
    (found,) = [each for each in report.outcomes if each.law == law]
    return found


def test_all_laws_that_apply_are_checked_and_the_others_say_why_they_are_not():
    report = check_divergence("hellinger", pairs=QUICK)
    assert report.passed, report
    assert [each.law for each in report.outcomes] == list(kldiv.testing.laws())
    for each in report.outcomes:
        assert bool(each.checks) is not bool(each.why_not)
    assert outcome(report, "additivity").why_not == "additive is not claimed"
    assert outcome(report, "invariance").checks == 3
    assert report.checks == sum(each.checks for each in report.outcomes)


def test_a_name_a_class_and_an_object_are_taken():
    for divergence in ("total_variation", kldiv.divergences["total_variation"].load()):
        report = check_divergence(divergence, laws=["triangle"], pairs=["dice"])
        assert report.subject == "total_variation"
        assert outcome(report, "triangle").checks == 6


def test_pairs_of_ones_own_are_taken():
    pair = Pair(
        "waits", Side(Exponential, rate=[1.0, 2.0]), Side(Exponential, rate=[1.5, 0.3]), True
    )
    report = check_divergence("kl", laws=["identity", "gradient"], pairs=[pair])
    assert report.passed, report
    assert outcome(report, "gradient").checks == 2 * 2 * 2  # by two estimators


def test_the_same_seed_gives_the_same_numbers():
    first, second, third = (
        check_divergence(LOPSIDED, laws=["symmetry"], pairs=QUICK, seed=seed) for seed in (1, 1, 2)
    )
    assert str(first) == str(second)
    assert str(first) != str(third)
    assert "seed=2" in str(third)


@pytest.mark.parametrize(
    "selection", [{"laws": []}, {"pairs": []}, {"laws": ["symmetry"]}, {"laws": ["duality"]}]
)
def test_nothing_checked_is_a_failure(selection):
    class Unclaimed(Divergence):
        pass

    report = check_divergence(Unclaimed(), **selection)
    assert report.checks == 0
    assert not report.passed
    assert "nothing was checked" in str(report)
    with pytest.raises(kldiv.LawBroken, match="nothing was checked"):
        report.raise_for_failures()


def test_an_expected_failure_passes_with_its_reason():
    expected = {"symmetry": "it only looks symmetric"}
    report = check_divergence(LOPSIDED, pairs=QUICK, expected_failures=expected)
    assert report.passed
    assert not report.failures
    assert "fails as expected: it only looks symmetric" in str(report)
    report.raise_for_failures()


@pytest.mark.parametrize("law", ["identity", "additivity"])
def test_an_expected_failure_that_does_not_happen_is_a_failure(law):
    report = check_divergence(
        LOPSIDED, laws=["identity", law], pairs=QUICK, expected_failures={law: "so it seemed"}
    )
    assert not report.passed
    assert "was expected to fail and does not: so it seemed" in str(report)


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_an_expected_failure_needs_a_reason(reason):
    with pytest.raises(kldiv.InvalidArgument, match="'symmetry' needs its reason"):
        check_divergence("kl", expected_failures={"symmetry": reason})


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"laws": ["symetry"]}, "no law 'symetry'; did you mean 'symmetry'"),
        ({"pairs": ["coin"]}, "no pair 'coin'; did you mean 'coins'"),
        ({"expected_failures": {"nothing": "why"}}, "no law 'nothing'"),
    ],
)
def test_an_unknown_name_is_an_error_that_offers_the_known_ones(selection, message):
    with pytest.raises(kldiv.UnknownName, match=message):
        check_divergence("kl", **selection)


def test_an_error_that_a_divergence_raises_is_a_failure_that_names_it():
    class Broken(kldiv.IntegralDivergence):
        def integrands(self, log_p, log_q):
            raise RuntimeError("out of order")

    report = check_divergence(Broken(), laws=["non_negative"], pairs=["coins"])
    (failure,) = report.failures
    assert failure.numbers == {"RuntimeError": "out of order"}
    assert failure.broken == (3, 3)


def test_a_failure_names_everything_and_its_line_of_code_shows_it_again():
    report = check_divergence(LOPSIDED, laws=["symmetry"])
    failure = next(each for each in report.failures if each.ground == "normals")
    assert failure.given == {
        "p": "Normal(loc=0.4, scale=1.1)",
        "q": "Normal(loc=-0.7, scale=1.6)",
    }
    sides = Normal(0.4, 1.1), Normal(-0.7, 1.6)
    for name, p, q in (("D(p‖q)", *sides), ("D(q‖p)", *reversed(sides))):
        expected = float(kldiv.divergence(p, q, LOPSIDED))
        assert failure.numbers[name] == pytest.approx(expected, rel=1e-6)
    again = eval(failure.code, {"kldiv": kldiv, "Lopsided": type(LOPSIDED)})
    assert [str(each) for each in again.failures] == [str(failure)]


def test_a_pair_of_ones_own_is_spelled_out_in_the_line_of_code():
    pair = Pair("mine", Side(Normal, loc=[0.0], scale=[1.0]), Side(Normal, loc=[1.0], scale=[2.0]))
    (failure,) = check_divergence(LOPSIDED, laws=["symmetry"], pairs=[pair]).failures
    names = {"kldiv": kldiv, "Lopsided": type(LOPSIDED), "Normal": Normal} | vars(kldiv.testing)
    again = eval(failure.code, names)
    assert [str(each) for each in again.failures] == [str(failure)]


@pytest.mark.parametrize(("kind", "count"), [("divergence", 20), ("target", 7), ("family", 11)])
def test_the_laws_are_listed_with_their_mathematics(kind, count):
    texts = kldiv.testing.laws(kind)
    assert len(texts) == count
    for text in texts.values():
        assert "math:" in text


def test_an_unknown_kind_of_laws_is_an_error_that_offers_the_known_ones():
    with pytest.raises(kldiv.UnknownName, match="no kind of laws 'targets'; did you mean 'targ"):
        kldiv.testing.laws("targets")


def test_it_is_imported_with_its_first_use_and_needs_no_pytest():
    code = (
        "import sys, kldiv\n"
        "assert 'torch' not in sys.modules and 'kldiv.testing' not in sys.modules\n"
        "assert kldiv.testing.check_divergence('kl', laws=['bound']).checks == 0\n"
        "print(*({'pytest', 'hypothesis', '_pytest'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_checking_leaves_no_gradients_and_no_seed_behind():
    state = torch.random.get_rng_state()
    check_divergence("kl", pairs=["coins", "mixtures"])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.is_grad_enabled()
