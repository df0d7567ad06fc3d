"""Steps are recorded, shown and listened to, and starts are found or given."""

import re
import time

import numpy as np
import pytest
import torch

from torch.distributions import Gamma, Normal

import kldiv

from kldiv.solvers import Descent, MomentMatching, Solver
from kldiv.solvers.quasi_newton import QuasiNewton
from kldiv.solvers.run import Recorder
from kldiv.solvers.starts import first_points
from tests.objectives import objective_of

F64 = torch.float64


def record(recorder, loss, value=0.0):
    recorder.record(
        torch.tensor(loss, dtype=F64),
        {"loc": torch.full((len(loss),), value, dtype=F64)},
        torch.ones(len(loss), 2, dtype=F64),
    )


@pytest.mark.parametrize("solver", [Descent(), MomentMatching(), QuasiNewton()])
def test_every_solver_is_one(solver):
    assert isinstance(solver, Solver)


def test_a_step_is_kept_as_it_was():
    recorder = Recorder()
    loss = torch.tensor([1.0], dtype=F64)
    recorder.record(loss, {"loc": loss}, torch.tensor([[3.0, 4.0]], dtype=F64))
    loss += 1
    (step,) = recorder.steps
    assert (step.index, step.loss.tolist(), step.gradient_norm.tolist()) == (0, [1], [5])
    assert step.parameters["loc"].tolist() == [1]
    assert step.seconds >= 0


def test_a_step_tells_the_time_since_the_fit_began_and_the_evaluations_so_far(monkeypatch):
    monkeypatch.setattr(time, "perf_counter", lambda: 12.5)
    paid = iter((30, 50))
    recorder = Recorder(count=lambda: next(paid), began=10.0)
    record(recorder, [1.0])
    record(recorder, [0.5])
    assert [step.seconds for step in recorder.steps] == [2.5, 2.5]
    assert [step.evaluations for step in recorder.steps] == [30, 50]


def test_the_best_is_that_of_each_row():
    recorder = Recorder()
    for value, loss in enumerate([[3.0, 1.0], [2.0, float("nan")], [float("inf"), 4.0]]):
        record(recorder, loss, float(value))
    assert recorder.best()["loc"].tolist() == [1, 0]


def test_a_callback_that_returns_true_stops_and_is_not_called_again():
    seen = []
    recorder = Recorder(lambda step: seen.append(step.index) or step.index == 1)
    for _ in range(4):
        record(recorder, [1.0])
    assert seen == [0, 1]
    assert recorder.stopped == "the callback stopped it at step 1"


@pytest.mark.parametrize("answer", [np.True_, torch.tensor(True), torch.tensor(2.0) > 1])
def test_true_may_be_that_of_an_array(answer):
    recorder = Recorder(lambda step: answer)
    record(recorder, [1.0])
    assert recorder.stopped == "the callback stopped it at step 0"


@pytest.mark.parametrize("answer", [None, False, 1, "yes", np.False_, torch.tensor(1.0)])
def test_any_other_answer_goes_on(answer):
    recorder = Recorder(lambda step: answer)
    record(recorder, [1.0])
    assert recorder.stopped == ""


def seen(states):
    """What states were that are losses themselves; it is asked for all at once."""
    seen.asked.append(len(states))
    return [
        (torch.tensor(each), {"loc": torch.tensor(each)}, torch.tensor([1.0])) for each in states
    ]


def noted(recorder, *losses, **options):
    seen.asked = []
    for loss in losses:
        recorder.note(np.array(loss), loss, seen, **options)
    return seen.asked


def test_steps_that_were_noted_are_worked_out_at_once_between_those_recorded(monkeypatch):
    ticks = iter(range(10, 20))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    recorder = Recorder(count=lambda: 7, began=10.0)
    record(recorder, [3.0])
    assert noted(recorder, [2.0], [1.0]) == []
    record(recorder, [0.5])
    assert seen.asked == [2]
    assert [step.index for step in recorder.steps] == [0, 1, 2, 3]
    assert [step.loss.tolist() for step in recorder.steps] == [[3], [2], [1], [0.5]]
    assert [step.seconds for step in recorder.steps] == [0, 1, 2, 3]
    assert recorder.best()["loc"].tolist() == [0]


def test_steps_that_were_noted_by_two_solvers_are_each_worked_out_by_its_own():
    def half(states):
        return [(loss / 2, parameters, norm) for loss, parameters, norm in seen(states)]

    recorder = Recorder()
    assert noted(recorder, [2.0], [1.0]) == []
    recorder.note(np.array([3.0]), [3.0], half)
    recorder.note(np.array([4.0]), [4.0], half)
    assert [step.loss.tolist() for step in recorder.steps] == [[2], [1], [1.5], [2]]
    assert [step.index for step in recorder.steps] == [0, 1, 2, 3]
    assert seen.asked == [2, 2]


def test_steps_of_large_states_are_worked_out_one_by_one():
    recorder = Recorder()
    assert noted(recorder, [2.0], [1.0], at_once=True) == [1, 1]
    assert [step.loss.tolist() for step in recorder.steps] == [[2], [1]]


def test_who_looks_on_sees_each_noted_step_when_it_is_made():
    told = []
    recorder = Recorder(lambda step: told.append(float(step.loss)) or step.index == 1)
    assert noted(recorder, [2.0], [1.0]) == [1, 1]
    assert told == [2, 1]
    assert recorder.stopped == "the callback stopped it at step 1"


def test_the_first_noted_step_is_checked():
    checked = []
    recorder = Recorder(check=lambda loss: checked.append(loss.tolist()))
    noted(recorder, [2.0], [1.0])
    assert checked == [[2]]


def test_an_interrupt_is_an_early_end():
    recorder = Recorder()
    with recorder.watching():
        record(recorder, [1.0])
        raise KeyboardInterrupt
    assert recorder.stopped == "it was interrupted at step 0"


def test_an_interrupt_before_the_first_step_is_an_interrupt():
    with pytest.raises(KeyboardInterrupt), Recorder().watching():
        raise KeyboardInterrupt


def shown_after(capsys, *steps):
    """What the bar shows of losses and gradients when it is closed."""
    recorder = Recorder(progress=True, total=len(steps))
    with recorder.watching():
        for loss, gradient in steps:
            loss, gradient = (torch.tensor(each, dtype=F64) for each in (loss, gradient))
            recorder.record(loss, {"loc": loss}, gradient.unsqueeze(-1))
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err.rpartition("\r")[2]


def test_progress_shows_steps_time_objective_and_gradient_on_standard_error(capsys):
    shown = shown_after(capsys, ([1.25, 7.0], [3.0, 0.1]), ([0.5, 7.0], [0.25, 0.1]))
    assert re.search(r"2/2 \[\d\d:\d\d.*objective 0\.5, gradient 2\.5e-01", shown)


def test_progress_shows_of_a_batch_the_problem_that_is_worst_off(capsys):
    loss, gradient = [[0.0, 3.0, 5.0], [1.0, 2.0, 6.0]], [[0.1, 0.9, 0.2], [0.8, 0.3, 0.7]]
    assert "objective 5, gradient 3.0e-01" in shown_after(capsys, (loss, gradient))


def test_progress_shows_a_loss_that_is_no_number_as_infinite(capsys):
    shown = shown_after(capsys, ([float("nan")], [0.1]))
    assert "objective inf" in shown


def test_progress_of_a_fit_is_shown_to_its_end(capsys):
    kldiv.fit("bimodal", "normal", direction="reverse", progress=True)
    shown = capsys.readouterr().err
    assert "objective 0.693147, gradient" in shown.rpartition("\r")[2]
    assert shown.endswith("\n")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_bar_is_closed_whatever_happens(error, capsys):
    recorder = Recorder(progress=True)
    with pytest.raises(error), recorder.watching():
        raise error
    assert capsys.readouterr().err.endswith("\n")
    assert recorder._bar is None


def test_an_error_of_a_callback_is_the_users():
    def complain(step):
        raise RuntimeError("of mine")

    with pytest.raises(RuntimeError, match="of mine"):
        kldiv.fit("bimodal", "normal", callback=complain)


SOLVERS = {
    "moment_matching": {"solver": "moment_matching"},
    "quasi_newton": {"solver": "quasi_newton", "direction": "reverse"},
    "descent": {"solver": Descent(lr=0.1, steps=20)},
    "descent on real numbers": {"solver": Descent(lr=0.1, steps=20, unconstrained=True)},
    "descent by chance": {
        "solver": Descent(lr=0.1, steps=20),
        "estimator": kldiv.MonteCarlo(50),
    },
    "L-BFGS": {"solver": Descent(torch.optim.LBFGS, steps=3)},
}


def interrupting(at):
    def callback(step):
        if step.index == at:
            raise KeyboardInterrupt

    return callback


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("case", SOLVERS)
def test_an_interrupt_in_a_callback_keeps_the_best_and_says_so(case, at):
    with pytest.warns(kldiv.ConvergenceWarning, match="interrupted"):
        found = kldiv.fit("bimodal", "normal", callback=interrupting(at), **SOLVERS[case])
    assert found.verdict == (
        f"Not converged: it was interrupted at step {at}; this is the best so far."
    )
    assert not found.converged
    assert len(found.history) == at + 1
    assert all(value.isfinite().all() for value in found.parameters.values())
    if "chance" not in case:
        assert float(found.divergence) <= float(found.paths.loss.min()) + 1e-9


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("case", SOLVERS)
def test_a_callback_can_stop_every_solver_at_any_step(case, at):
    with pytest.warns(kldiv.ConvergenceWarning, match=f"the callback stopped it at step {at}"):
        found = kldiv.fit(
            "bimodal", "normal", callback=lambda step: step.index == at, **SOLVERS[case]
        )
    assert not found.converged
    assert all(value.isfinite().all() for value in found.parameters.values())


class Interrupted(kldiv.FDivergence):
    """The Kullback-Leibler divergence, whose evaluation is interrupted once when it is armed."""

    armed = False

    def generator(self, log_u):
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt
        return log_u.exp() * log_u


@pytest.mark.parametrize("at", [0, 4])
@pytest.mark.parametrize("solver", [QuasiNewton(), Descent(lr=0.1, steps=20)])
def test_an_interrupt_in_the_middle_of_a_step_keeps_the_best(solver, at):
    divergence, reached = Interrupted(), []

    def callback(step):
        reached.append(float(step.loss.min()))
        divergence.armed = step.index == at

    with pytest.warns(kldiv.ConvergenceWarning, match=f"interrupted at step {at}"):
        found = kldiv.fit("bimodal", "laplace", divergence, solver=solver, callback=callback)
    assert len(found.history) <= at + 2  # where the last step led may be looked at
    assert float(found.divergence) <= min(reached) + 1e-9


@pytest.mark.parametrize("solver", [QuasiNewton(), Descent()])
def test_an_interrupt_before_the_first_step_of_a_fit_is_an_interrupt(solver):
    divergence = Interrupted()
    divergence.armed = True
    with pytest.raises(KeyboardInterrupt):
        kldiv.fit("bimodal", "laplace", divergence, solver=solver)


def test_starts_are_the_target_as_a_whole_its_modes_and_others_around():
    objective = objective_of("bimodal", "normal")
    points = objective.family.space.constrain(first_points(objective, None, single=False))
    assert points["loc"][:3].tolist() == pytest.approx([2.5, -5, 10])
    assert points["scale"][:3].tolist() == pytest.approx([57.25**0.5, 1, 1])
    assert len(points["loc"]) == 6


def test_one_start_is_enough_for_descent():
    objective = objective_of("bimodal", "normal")
    assert first_points(objective, None, single=True).shape == (1, 2)
    assert first_points(objective, 9, single=True).shape == (9, 2)


def test_starts_follow_the_seed():
    first, second = (
        first_points(objective_of("bimodal", "normal"), 8, single=False) for _ in range(2)
    )
    assert torch.equal(first, second)


def test_starts_given_by_name_are_taken_as_they_are():
    objective = objective_of("bimodal", "normal")
    found = first_points(
        objective, [{"loc": 1, "scale": 2.0}, {"scale": 1.0, "loc": -1.0}], single=False
    )
    values = objective.family.space.constrain(found)
    assert values["loc"].tolist() == [1, -1]
    assert values["scale"].tolist() == pytest.approx([2, 1])
    single = first_points(objective, {"loc": 1.0, "scale": 2.0}, single=False)
    assert single.shape == (1, 2)


def test_starts_of_a_batch_are_the_same_for_each_problem_or_its_own():
    objective = objective_of(Normal(torch.zeros(3, dtype=F64), 1.0), "normal")
    shared = first_points(objective, {"loc": 1.0, "scale": 2.0}, single=False)
    assert shared.shape == (1, 3, 2)
    own = first_points(objective, {"loc": torch.arange(3.0), "scale": 2.0}, single=False)
    assert own[0, :, 0].tolist() == [0, 1, 2]


def test_a_start_that_the_family_cannot_take_is_replaced():
    # of the two modes only the right one lies where a gamma distribution has mass
    objective = objective_of("bimodal", "gamma", forward=False)
    points = objective.family.space.constrain(first_points(objective, None, single=False))
    assert all((value > 0).all() and value.isfinite().all() for value in points.values())


@pytest.mark.parametrize(
    ("starts", "error", "message"),
    [
        (0, kldiv.InvalidArgument, "starts must be positive, got 0"),
        ([], kldiv.InvalidArgument, "starts must not be empty"),
        (2.5, kldiv.InvalidType, "starts must be a number, parameters by name or .* got 2.5"),
        ({"loc": 1.0}, kldiv.InvalidArgument, r"must be \['loc', 'scale'\], got \['loc'\]"),
        (
            {"loc": 1.0, "scale": -1.0},
            kldiv.InvalidArgument,
            "'scale' must satisfy GreaterThan.* got -1.0",
        ),
        ("best", kldiv.InvalidType, "starts must be .* got 'best'"),
        ([3], kldiv.InvalidType, r"starts must be .* got \[3\]"),
        (
            {"loc": "left", "scale": 1.0},
            kldiv.InvalidType,
            "start 'loc' must be a number or a tensor, got 'left'",
        ),
    ],
)
def test_wrong_starts_are_an_error_that_names_them(starts, error, message):
    with pytest.raises(error, match=message):
        kldiv.fit("bimodal", "normal", direction="reverse", starts=starts)


def test_starts_of_which_none_is_finite_are_refused():
    with pytest.raises(kldiv.NotFinite, match=r"not finite at any start \(inf\).*other direction"):
        kldiv.fit(Normal(torch.tensor(0.0, dtype=F64), 1.0), Gamma)
