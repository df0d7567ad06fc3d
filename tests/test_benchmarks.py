"""What the comparisons are made of: scores that are exact, arrivals, claims."""

import csv
import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from benchmarks import table
from benchmarks.arrivals import arrivals
from benchmarks.comparison import Claim, Round, no_more, ratio, until
from benchmarks.own import fitted
from benchmarks.posteriors import optimum
from benchmarks.problems.brute_force import Optimum
from benchmarks.problems.declarations import DECLARED
from benchmarks.problems.lines import LINES
from benchmarks.problems.many import descended, mixtures, objective
from benchmarks.problems.normal_vectors import moments, normal_vector
from benchmarks.problems.posteriors import POSTERIORS, STRUCTURED
from benchmarks.unseen import Judgement, cases, judged, summary
from benchmarks.worker import goal_named, names


def test_a_noisy_method_arrives_before_it_stays():
    found = arrivals([1, 2, 3, 4], [1.0, 1e-4, 1.0, 1e-5], [10, 20, 30, 40])
    assert (found["first"], found["first_evaluations"]) == (2.0, 20)
    assert (found["stay"], found["stay_evaluations"]) == (4.0, 40)
    never = arrivals([1, 2], [math.nan, 0.1], [1, 2])
    assert never["first"] is None
    assert never["stay"] is None
    assert (never["stopped"], never["stopped_evaluations"]) == (2.0, 2)


def rounds():
    peers = [{"case": "a", "method": f"peer, {k}", "seconds": k, "evaluations": 5} for k in (4, 6)]
    stuck = [
        {"case": "b", "method": method} | arrivals([3.0, 9.0], [1.0, 0.1], [10, count])
        for method, count in (("peer", 80), ("other", 70), ("third", 5))
    ]
    own = [{"case": case, "method": "kldiv", "seconds": 2.0} for case in ("a", "b")]
    own[1] |= {"stay": 1.0, "stay_evaluations": 7}
    return [Round([*peers, *stuck, *own])]


def test_the_best_setting_of_a_peer_counts():
    found = ratio("a", "peer", 1.5).summary(rounds())
    assert (found["median"], found["reached"]) == (2.0, True)
    assert (found["kldiv"], found["peer"]) == ("2 s", "4 s, 5 ev.")


def test_who_never_arrives_has_arrived_when_stopped():
    found = ratio("b", "peer", 5, key="stay").summary(rounds())
    assert (found["median"], found["reached"]) == (4.5, False)
    assert found["peer"] == "9 s, 80 ev., not there"


@pytest.mark.parametrize(("peers", "bound"), [("peer", 80), (("peer", "other"), 70)])
def test_the_evaluations_of_who_never_arrives_are_those_when_stopped(peers, bound):
    key = "stay_evaluations"
    found = ratio("b", peers, 10, key=key, own=key).summary(rounds())
    assert (found["median"], found["reached"]) == (bound / 7, True)
    assert found["peer"] == f"9 s, {bound} ev., not there"


def test_who_arrives_counts_before_who_was_stopped():
    records = [
        {"case": "a", "method": "peer"} | arrivals([1, 2], [1.0, last], [10, count])
        for last, count in ((0.1, 20), (0.0, 60))
    ]
    records.append({"case": "a", "method": "kldiv", "stay_evaluations": 6})
    key = "stay_evaluations"
    found = ratio("a", "peer", 10, key=key, own=key).summary([Round(records)])
    assert found["median"] == 10
    assert found["peer"] == "2 s, 60 ev."


def arrived(stay, seconds=2.0):
    own = {"case": "a", "method": "kldiv", "seconds": seconds, "stay": stay}
    own["stay_evaluations"] = None if stay is None else 30
    return Round([{"case": "a", "method": "peer", "stay": 3.0}, own])


def test_steps_are_held_against_steps_and_the_whole_call_stands_beside():
    found = until("a", "peer", 2).summary([arrived(0.5), arrived(1.0), arrived(1.5)])
    assert (found["min"], found["median"], found["max"]) == (2.0, 3.0, 6.0)
    assert found["kldiv"] == "1 s, 30 ev.; whole call 2 s"
    assert ratio("a", "peer", 1, key="stay").summary([arrived(1.0)])["median"] == 1.5


def test_where_kldiv_never_arrives_a_claim_is_missed():
    never = [arrived(None), arrived(None), arrived(1.0)]
    found = until("a", "peer", 2).summary(never)
    assert (found["median"], found["max"], found["reached"]) == (0.0, 3.0, False)
    assert found["kldiv"] == "never there; whole call 2 s"
    found = no_more("a", "stay", 9).summary(never)
    assert (found["min"], found["median"], found["reached"]) == (1.0, None, False)
    json.dumps(found, allow_nan=False)


def test_a_fit_is_scored_from_outside_and_its_target_counted():
    problem = normal_vector(4)
    record = fitted(problem, full=True, calls=2, tolerance=1e-6)
    assert record["excess"] == pytest.approx(0, abs=1e-9)
    history = record["fit"].history
    assert 0 < record["stay"] <= record["seconds"]
    assert record["stay_evaluations"] in history.evaluations.tolist()
    assert record["evaluations"] >= record["stay_evaluations"]
    at = history.evaluations.tolist().index(record["stay_evaluations"])
    scale = torch.linalg.cholesky(history.parameters["covariance_matrix"])
    scores = [
        problem.excess(mean.numpy(), root.numpy(), True)
        for mean, root in zip(history.parameters["loc"], scale, strict=True)
    ]
    assert max(scores[at:]) <= 1e-6 < scores[at - 1]


def test_a_claim_without_numbers_is_neither_reached_nor_missed():
    assert no_more("absent", "seconds", 1).summary(rounds())["reached"] is None
    assert Claim("c", 1, lambda _: None).summary(rounds())["median"] is None


def test_every_goal_has_claims_and_the_side_of_kldiv():
    assert list(names()) == [f"G{number}" for number in range(1, 19)]
    for name in names():
        goal = goal_named(name)
        assert goal.name == name
        assert goal.claims
        assert "kldiv" in goal.sides


def test_the_table_of_the_manual_is_that_of_the_results(tmp_path, monkeypatch):
    written = table.TABLE.read_text(encoding="utf-8")
    monkeypatch.setattr(table, "TABLE", tmp_path / "table.csv")
    results = json.loads((table.ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    table.write_table(results)
    assert table.TABLE.read_text(encoding="utf-8") == written
    assert {len(row) for row in csv.reader(written.splitlines())} == {len(table.HEAD)}


def test_a_score_is_the_divergence_above_that_of_the_optimum():
    mean, covariance, precision = moments(10)
    problem = normal_vector(10)
    assert problem.excess(mean, np.linalg.cholesky(covariance), True) == pytest.approx(
        0, abs=1e-12
    )
    best = 1 / np.sqrt(np.diag(precision))
    assert problem.excess(mean, best, False) == pytest.approx(0, abs=1e-12)
    assert problem.excess(mean + 0.01, best, False) > 1e-5


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", POSTERIORS)
def test_the_bound_of_a_posterior_is_the_mean_of_its_log_density(name, full):
    problem, size = POSTERIORS[name], POSTERIORS[name].dimension
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(4_000, size, generator=generator, dtype=torch.float64)
    scale = torch.linspace(0.1, 0.3, size, dtype=torch.float64)
    root = torch.diag(scale) + 0.5 / size * torch.ones(size, size).double().tril(-1)
    root = root if full else torch.diag(scale)
    mean = torch.linspace(-0.2, 0.4, size, dtype=torch.float64)
    values = problem.log_density(torch, "float64")(mean + noise @ root.T)
    shifted = mean + 0.1
    other = problem.log_density(torch, "float64")(shifted + noise @ root.T)
    expected = float((values - other).mean())
    found = problem.excess(shifted.numpy(), root.numpy(), full)
    found -= problem.excess(mean.numpy(), root.numpy(), full)
    spread = float((values - other).std()) / 4_000**0.5
    assert found == pytest.approx(expected, abs=5 * spread)


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_posterior_is_the_same_in_every_library(name):
    problem = POSTERIORS[name]
    points = 0.5 * np.random.default_rng(2).standard_normal((3, 5, problem.dimension))
    expected = problem.log_density(np, "float64")(points)
    assert expected.shape == (3, 5)
    found = problem.log_density(torch, "float64")(torch.from_numpy(points))
    assert found.numpy() == pytest.approx(expected, rel=1e-12)
    single = problem.log_density(torch, "float32")(torch.from_numpy(points).float())
    assert single.numpy() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", STRUCTURED)
def test_a_declared_posterior_is_the_same_up_to_a_constant(name):
    problem = POSTERIORS[name]
    points = 0.5 * np.random.default_rng(3).standard_normal((20, problem.dimension))
    found = DECLARED[name]().log_prob(torch.from_numpy(points)).numpy()
    apart = found - problem.log_density(np, "float64")(points)
    assert apart == pytest.approx(np.full(20, apart[0]), abs=1e-9)


@pytest.mark.parametrize("name", STRUCTURED)
@pytest.mark.parametrize("full", [False, True])
def test_no_normal_is_above_the_best_bound_of_a_posterior(name, full):
    problem = POSTERIORS[name]
    start = np.zeros(problem.dimension), np.full(problem.dimension, 0.3)
    mean, root = optimum(problem, *start, full=full, draws=1 << 10)
    assert -1e-9 < problem.excess(mean, root, full) < 0.5


def fit_in(name, *, right=True, local=False, converged=True, missed=()):
    return Judgement(right, local, converged, list(missed), name)


def test_the_unseen_fits_are_counted_by_what_they_are():
    other = Optimum(1.0, {"loc": np.zeros(())}, 0.2)
    found = [
        fit_in("right"),
        fit_in("doubted", converged=False),
        fit_in("alone", missed=[other]),
        fit_in("trapped", right=False, local=True),
        fit_in("on a slope", right=False),
    ]
    assert [each.words for each in found[1:]] == [
        "right, not converged",
        "right, converged, an optimum missed",
        "another optimum, converged",
        "no optimum, converged",
    ]
    assert [each.false for each in found] == [False, False, False, False, True]
    assert summary(found) == (
        "5 fits: right 3 (60.0%), of these not converged 1; missed an optimum 1; "
        "falsely converged 1"
    )


def test_an_unseen_fit_is_judged_by_brute_force():
    case = next(each for each in cases() if each.name == "poisson to Poisson, 0")
    found = judged(case)
    assert (found.right, found.converged, found.missed) == (True, True, [])
    lower = dataclasses.replace(case, truth=lambda: [Optimum(-1.0, {"rate": np.array(9.0)})])
    assert judged(lower).false


def test_the_lines_score_their_modes():
    assert LINES["A1"].excess(np.array([-5.0]), np.array([1.0]), False) == pytest.approx(
        0, abs=1e-9
    )
    scale = np.array([math.sqrt(2 / np.trace(np.linalg.inv([[0.9, -0.7], [-0.7, 0.9]])))])
    assert LINES["B"].excess(np.zeros(2), scale, False) == pytest.approx(0, abs=1e-12)


def test_a_descent_of_one_of_many_ends_where_neighbours_are_higher():
    parts = tuple(each[:3] for each in mixtures(3))
    ends = np.array([descended(index, parts, 128) for index in range(3)])
    least = objective(ends[:, 0], ends[:, 1], parts)
    for shift in (0.01, -0.01):
        assert (objective(ends[:, 0] + shift, ends[:, 1], parts) >= least - 1e-6).all()
