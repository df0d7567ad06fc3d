"""`check_target`: every built-in target obeys its laws; failures show point and numbers."""

import pytest
import torch

from torch.distributions import Gamma, Multinomial, Normal

import kldiv

from kldiv.diagnosis import examples_of
from kldiv.testing import check_target
from tests.wrong_targets import WRONG_TARGETS

OWN = [entry.name for entry in kldiv.targets.values() if entry.plugin == "kldiv"]


@pytest.mark.parametrize("name", OWN)
def test_a_built_in_target_obeys_the_laws(name):
    check_target(*examples_of(kldiv.targets[name])).raise_for_failures()


@pytest.mark.parametrize(
    "target",
    [
        Normal(torch.zeros(2, 3), torch.rand(2, 3) + 0.5),
        Gamma(torch.tensor([[0.6], [3.0]]), 1.0),
        Multinomial(3, torch.ones(3)),
        kldiv.Target(lambda x: -x.abs(), normalize=False),
        torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]),
    ],
    ids=["batch", "batch on a half-line", "counts", "function", "data"],
)
def test_a_distribution_a_function_and_data_are_taken(target):
    report = check_target(target)
    assert report.passed, report
    assert report.checks > 0


def test_a_law_that_does_not_apply_says_why():
    outcomes = {each.law: each.why_not for each in check_target("coin", laws=None).outcomes}
    assert outcomes["gradient"] == "integers"
    assert outcomes["data"] == "it is no data"
    (found,) = check_target("logistic_regression", laws=["sampler"]).outcomes
    assert found.why_not == "it has no sampler"
    report = check_target("eight_schools", laws=["mass"])
    assert report.outcomes[0].why_not == "there is nothing here that it says something about"
    assert not report.passed


def test_a_failure_shows_the_point_the_numbers_and_how_to_see_it_again():
    (target,) = WRONG_TARGETS["gradient"]
    (failure,) = check_target(target, laws=["gradient"], seed=3).failures
    assert float(failure.given["x"]) > 0
    assert failure.numbers["by torch"] == 0
    assert failure.numbers["by differences"] == pytest.approx(-float(failure.given["x"]))
    again = eval(failure.code, {"kldiv": kldiv, "target": target})
    assert [str(each) for each in again.failures] == [str(failure)]


def test_a_name_is_shown_as_it_was_given():
    report = check_target("student_t(df=4.0)", laws=["seed"])
    assert str(report).startswith("student_t(df=4.0) passes: 1 law, 2 checks")


def test_expected_failures_are_strict():
    (target,) = WRONG_TARGETS["mass"]
    assert check_target(target, expected_failures={"mass": "it is known"}).passed
    assert not check_target("normal", expected_failures={"mass": "so it seemed"}).passed
    with pytest.raises(kldiv.InvalidArgument, match="'mass' needs its reason"):
        check_target("normal", expected_failures={"mass": " "})
    with pytest.raises(kldiv.UnknownName, match="no law 'masses'; did you mean 'mass'"):
        check_target("normal", laws=["masses"])


def test_checking_leaves_randomness_as_it_was():
    state = torch.random.get_rng_state()
    check_target("bimodal")
    assert torch.equal(torch.random.get_rng_state(), state)
