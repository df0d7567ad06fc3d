"""A fit is told to have converged, or why it has not, in one sentence."""

from types import SimpleNamespace

import pytest
import torch

import kldiv

from kldiv.registries import families
from kldiv.solvers.endpoints import Endpoints
from kldiv.solvers.optima import Optimum
from kldiv.solvers.run import Run
from kldiv.verdicts import verdict_on

F64 = torch.float64
OPTIMUM = Optimum(0.5, {}, (1, 1), (0,))


def verdict(
    *,
    starts=2,
    optima=((OPTIMUM,),),
    converged=True,
    stochastic=False,
    family=None,
    forward=True,
    solver="quasi_newton",
    decrement=0.0,
    signs=(1, 1),
    loss=1.0,
    sampled=True,
    **run,
):
    theta = torch.zeros(starts, 2, dtype=F64)
    loss = torch.full((starts,), loss, dtype=F64)
    gradient = torch.tensor([[3.0, 4.0]], dtype=F64).expand(starts, 2)
    ends = Endpoints(
        theta,
        loss,
        torch.full_like(loss, decrement),
        torch.tensor([signs]).expand(starts, 2),
        5e-11,
    )
    return verdict_on(
        SimpleNamespace(
            stochastic=stochastic,
            sampled=sampled,
            family=family,
            forward=forward,
            divergence=kldiv.Divergence(),
        ),
        SimpleNamespace(name=solver),
        Run(theta, loss, gradient, [SimpleNamespace(index=k) for k in range(8)], **run),
        ends,
        optima,
        converged=converged,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "Converged: the only local minimum reached from 2 starts, in 7 steps."),
        ({"starts": 1}, "Converged: the only local minimum reached from 1 start, in 7 steps."),
        (
            {"because": "draws say so", "stochastic": True},
            "Converged: the only local minimum reached from 2 starts, in 7 steps; draws say so.",
        ),
        (
            {"optima": ((OPTIMUM,) * 3,)},
            "Converged: the best of 3 local minima reached from 2 starts, in 7 steps.",
        ),
        (
            {"optima": ((OPTIMUM,),) * 4},
            "Converged: all 4 fits of the batch reached a local minimum from 2 starts each.",
        ),
        (
            {"solver": "moment_matching", "family": families.create("normal")},
            "Converged in closed form: the moments of q are those of the target.",
        ),
        (
            {"solver": "moment_matching", "family": families.create("normal"), "forward": False},
            "Converged in closed form: no member is nearer.",
        ),
        (
            {"solver": "moment_matching", "family": families.create("laplace")},
            "Converged in closed form: no member is nearer.",
        ),
    ],
)
def test_a_fit_that_converged_says_how(given, expected):
    assert verdict(**given) == expected


def test_a_fit_that_was_stopped_says_by_what_even_if_it_had_converged():
    assert verdict(stopped="it was interrupted at step 3") == (
        "Not converged: it was interrupted at step 3; this is the best so far."
    )


def test_a_sampled_fit_is_not_certain_unless_theory_proves_it():
    assert verdict(stochastic=True).startswith(
        "Not certain: the objective is sampled, and after 7"
    )
    assert verdict(stochastic=True, proven=True).startswith("Converged")


def test_a_fit_on_a_slope_says_how_steep_it_is_and_what_is_left_to_gain():
    # the gain is decrement² / 2
    assert verdict(converged=False, decrement=0.2) == (
        "Not converged: after 7 steps it stands on a slope, with a gradient of norm 5 and "
        "about 0.02 nats still to be gained; give it more steps or another solver."
    )


def test_a_gain_larger_than_the_loss_itself_is_unknown():
    # the loss is 1, and what may be gained must be less than 1 more
    assert "an unknown amount still to be gained" in verdict(converged=False, decrement=3.0)


def test_a_divergence_that_other_draws_show_to_be_infinite_is_told():
    told = verdict(converged=False, loss=float("inf"))
    assert told.startswith("Not converged: after 7 steps other draws fall where the target is 0")
    told = verdict(converged=False, loss=float("inf"), sampled=False)
    assert told.startswith("Not converged: after 7 steps the divergence is infinite; try")


def test_a_saddle_is_told_from_a_slope():
    told = verdict(converged=False, decrement=0.2, signs=(-1, 1))
    assert "a place that is no minimum (the Hessian has negative eigenvalues)" in told


def test_parameters_that_go_on_for_ever_are_named():
    found = verdict(converged=False, endless=("df", "scale"))
    assert "along df and scale, however far" in found
    assert found.endswith("hold df and scale fixed or give other starts.")


def test_a_minimum_that_some_parameter_does_not_matter_for_says_so():
    found = verdict(endless=("df",), signs=(0, 1))
    assert found.endswith("in 7 steps; along df the objective is level there, however far.")


def test_an_end_that_is_lower_and_no_minimum_is_told():
    loss = torch.tensor([1.0, 0.9, 2.0], dtype=F64)
    signs = torch.tensor([[1, 1], [-1, 1], [1, 1]])
    ends = Endpoints(torch.zeros(3, 2, dtype=F64), loss, torch.zeros(3), signs, 5e-11)
    assert float(ends.gap) == pytest.approx(0.1)
    run = Run(ends.theta, loss, ends.theta, [SimpleNamespace(index=7)])
    sides = SimpleNamespace(stochastic=False, divergence=kldiv.Divergence())
    solver = SimpleNamespace(name="quasi_newton")
    found = verdict_on(sides, solver, run, ends, ((OPTIMUM,),), converged=True)
    assert "another start ended 0.1 nats lower, at a place that is no certified minimum" in found


def test_a_plateau_is_told_from_a_slope():
    found = verdict(converged=False, decrement=torch.inf, signs=(0, 0))
    assert found.startswith("Not converged: after 7 steps it stands on a plateau:")
