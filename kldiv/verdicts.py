"""What to make of a fit, in one plain sentence."""

from __future__ import annotations

from collections.abc import Sequence

from kldiv.definitions.family import Family
from kldiv.solvers.endpoints import EXCESS, Endpoints
from kldiv.solvers.objective import Objective
from kldiv.solvers.optima import Optimum
from kldiv.solvers.other_draws import sample_of
from kldiv.solvers.run import Run, Solver
from kldiv.tables import with_unit

__all__ = ["verdict_on"]

_LOWER = 1e-6  # relative to 1 + the divergence: by what another end is lower


def verdict_on(
    objective: Objective,
    solver: Solver,
    run: Run,
    ends: Endpoints,
    optima: Sequence[tuple[Optimum, ...]],
    *,
    converged: bool,
) -> str:
    """Whether a fit converged and how, or why not and what may help.

    Arguments:
        objective: What was made small.
        solver: How.
        run: Where each start ended, and the way it took.
        ends: What the Hessian says of the ends.
        optima: The distinct minima of each problem of the batch.
        converged: Whether the best ends are minima.
    """
    steps = run.steps[-1].index
    if run.stopped:
        return f"Not converged: {run.stopped}; this is the best so far."
    if run.settled and not ends.settled.all():
        return (
            f"Settled: after {steps} steps {run.settled} fell no more, however short the steps; "
            "that no other member is nearer is not certified."
        )
    if objective.stochastic and not run.proven and not run.because:
        return (
            f"Not certain: the objective is sampled, and after {steps} steps its last value may "
            "still be moving."
        )
    if not converged:
        return _why_not_converged(objective, run, ends, steps)
    return _how_converged(objective, solver, run, ends, optima)


def _how_converged(
    objective: Objective,
    solver: Solver,
    run: Run,
    ends: Endpoints,
    optima: Sequence[tuple[Optimum, ...]],
) -> str:
    if solver.name == "moment_matching":
        by_moments = objective.forward and type(objective.family).optimum is Family.optimum
        why = "the moments of q are those of the target" if by_moments else "no member is nearer"
        return f"Converged in closed form: {why}."
    starts = run.theta.shape[0]
    count = f"{starts} start{'s' * (starts != 1)}"
    if len(optima) > 1:
        return (
            f"Converged: all {len(optima)} fits of the batch reached a local minimum "
            f"from {count} each."
        )
    steps = run.steps[-1].index
    found = f"{_which(len(optima[0]))} reached from {count}, in {steps} step{'s' * (steps != 1)}"
    return f"Converged: {found}{_besides(objective, run, ends)}."


def _which(number: int) -> str:
    return "the only local minimum" if number == 1 else f"the best of {number} local minima"


def _besides(objective: Objective, run: Run, ends: Endpoints) -> str:
    """What else is known of an end that is a minimum."""
    unit = objective.divergence.unit
    if run.because:
        return f"; {run.because}"
    gap, least = float(ends.gap.max()), float(ends.loss.abs().min())
    told = ends.excess is None or objective.on_nodes
    if told and gap > _LOWER * (ends.unit + least) + _unseen(ends):
        lower = with_unit(f"{gap:.2g}", unit)
        return f"; another start ended {lower} lower, at a place that is no certified minimum"
    if run.endless:
        return f"; along {' and '.join(run.endless)} the objective is level there, however far"
    if bool(ends.pick(ends.at_zero).all()) and bool((ends.pick(ends.signature) <= 0).any()):
        return "; the divergence is 0, as far as can be told, and never less"
    if ends.kink is not None and bool(ends.pick(ends.kink).isfinite().all()):
        left = with_unit(f"{float(ends.pick(ends.kink).max()):.1g}", unit)
        return (
            "; as at a kink, no gradient vanishes: the objective rises in all directions tried, "
            f"and the planes that touch it leave at most about {left} to be gained"
        )
    if ends.excess is None:
        return ""
    left = with_unit(f"{_unseen(ends):.1g}", unit)
    if objective.on_nodes:
        return f"; on finer nodes no more than about {left} would be gained"
    return f"; more draws would gain no more than about {left}"


def _more(objective: Objective) -> str:
    """What has more draws."""
    if sample_of(objective) is not None:
        return "estimator=kldiv.Samples(points=...)"
    return "solver=kldiv.FixedDraws(most=...)"


def _unseen(ends: Endpoints) -> float:
    """How much the best may be above the optimum because draws are few, or nodes."""
    return 0.0 if ends.excess is None else float(ends.pick(ends.excess).max())


def _infinite(objective: Objective, steps: int) -> str:
    why = "other draws fall where the target is 0, so that " if objective.sampled else ""
    return (
        f"Not converged: after {steps} steps {why}the divergence is infinite; try the other "
        "direction or another family."
    )


def _why_not_converged(objective: Objective, run: Run, ends: Endpoints, steps: int) -> str:
    unit = objective.divergence.unit
    if bool(ends.pick(ends.loss).isposinf().any()):
        return _infinite(objective, steps)
    unseen = _unseen(ends)
    if unseen > EXCESS * ends.unit and objective.on_nodes:
        return (
            "Not converged: the most nodes that are allowed leave about "
            f"{with_unit(f'{unseen:.2g}', unit)} still to be gained."
        )
    if unseen > EXCESS * ends.unit:
        return (
            "Not converged: with the most that are allowed, other draws or nodes would gain about "
            f"{with_unit(f'{unseen:.2g}', unit)}; give {_more(objective)} more."
        )
    if run.endless:
        names = " and ".join(run.endless)
        return (
            f"Not converged: after {steps} steps the objective neither rises nor falls by much "
            f"along {names}, however far: a minimum is approached at infinity only, or lies "
            f"elsewhere; hold {names} fixed or give other starts."
        )
    if bool(ends.pick(ends.flat).any()):
        return (
            f"Not converged: after {steps} steps it stands on a plateau{_below(ends, unit)}: the "
            "objective does not rise nearby in all directions; give other starts or families."
        )
    left = ends.pick(ends.decrement).square().max() / 2
    norm = ends.pick(run.gradient).norm(dim=-1).max()
    saddle = (ends.pick(ends.signature) < 0).any()
    most = ends.unit + float(run.loss.abs().min())
    gain = f"about {with_unit(f'{float(left):.2g}', unit)}" if left < most else "an unknown amount"
    where = (
        "a place that is no minimum (the Hessian has negative eigenvalues)"
        if saddle
        else "a slope"
    )
    return (
        f"Not converged: after {steps} steps it stands on {where}, with a gradient of norm "
        f"{float(norm):.2g} and {gain} still to be gained; "
        "give it more steps or another solver."
    )


def _below(ends: Endpoints, unit: str) -> str:
    """By how much an end that is no minimum is below the best one that is."""
    higher = float(ends.below.max())
    return f", {with_unit(f'{higher:.2g}', unit)} below the best minimum" if higher else ""
