"""The front door to fits: ``fit`` and ``explain_fit``."""

from __future__ import annotations

import time
import warnings

from collections.abc import Callable
from functools import partial

import torch

from torch import Generator

from kldiv.certificate import certify, with_level_ends
from kldiv.certificate.fresh_estimate import confirmed, fresh_estimate
from kldiv.definitions.chunked_target import ChunkedTarget
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.precision import as_dtype
from kldiv.definitions.randomness import as_seed
from kldiv.definitions.tally import tallied
from kldiv.definitions.units import measured, plain
from kldiv.errors import ConvergenceWarning, InvalidArgument, InvalidType, NotAvailable, NotFinite
from kldiv.estimators import Estimator, Explanation, Ladder
from kldiv.lazy import deferred
from kldiv.resolving import as_divergence, as_estimator, as_target, family_for
from kldiv.results import Fit, History
from kldiv.solvers import Descent, MomentMatching, MovingNodes, Objective, Run, Solver, Step
from kldiv.solvers.chunked_objective import ChunkedObjective
from kldiv.solvers.endpoints import Endpoints
from kldiv.solvers.narrow import is_too_narrow, why_none_is_nearest
from kldiv.solvers.optima import distinct
from kldiv.solvers.run import Recorder
from kldiv.solvers.starts import Starts, check_finite, first_place, first_points
from kldiv.solvers.threads import few_threads
from kldiv.solvers.unit import solved
from kldiv.verdicts import verdict_on

__all__ = ["Fit", "explain_fit", "fit"]

_SOLVERS: dict[str, Callable[[], Solver]] = {
    "moment_matching": MomentMatching,
    "on_projections": deferred("kldiv.solvers.on_projections:OnProjections"),
    "moving_nodes": MovingNodes,
    "quasi_newton": deferred("kldiv.solvers.quasi_newton:QuasiNewton"),
    "fixed_draws": deferred("kldiv.solvers.fixed_draws:FixedDraws"),
    "descent": partial(Descent, lr=0.01, unconstrained=True),
}
"""How each is made that can be asked for by name, imported when it may be needed."""


def fit(  # noqa: PLR0913 (the front door of all fits: eight are options)
    target: object,
    family: object,
    divergence: str | Divergence | type[Divergence] = "kl",
    *,
    direction: str = "forward",
    estimator: str | Estimator = "auto",
    solver: str | Solver | type[torch.optim.Optimizer] = "auto",
    starts: Starts = None,
    seed: int | Generator = 0,
    progress: bool = False,
    callback: Callable[[Step], object] | None = None,
) -> Fit:
    r"""The member q of a family nearest to a target p: :math:`D(p \parallel q)` is made small.

    Forward :math:`D(p \parallel q)` covers the mass of p, reverse :math:`D(q \parallel p)` seeks a
    mode. Several starts are moved at once, and every distinct local optimum that they reach is
    reported.

    Arguments:
        target: Whatever p may be in :func:`kldiv.divergence`. A batched target is fitted all at
            once. Data larger than memory are an iterable of arrays, each read when it is needed.
        family: A name with arguments (those given are held fixed), a ``torch.distributions``
            class, a :class:`kldiv.Family`, or any torch module whose ``forward()`` returns a
            distribution.
        divergence: A name, a name with arguments, a class or an object.
        direction: ``"forward"`` for :math:`D(p \parallel q)`, ``"reverse"`` for
            :math:`D(q \parallel p)`.
        estimator: As for :func:`kldiv.divergence`.
        solver: ``"auto"``, ``"moment_matching"``, ``"on_projections"``,
            ``"moving_nodes"``, ``"quasi_newton"``, ``"fixed_draws"``, ``"descent"``, a solver
            object, or a class of ``torch.optim``.
        starts: How many starts, or the starts themselves: parameters by name, or a sequence of
            these.
        seed: What all randomness follows; the same seed gives the same result.
        progress: Whether to show a progress bar.
        callback: Called with each :class:`kldiv.solvers.Step`; the fit ends when it returns
            ``True``.

    Returns:
        The fit.

    Raises:
        InvalidArgument: If the arguments do not fit together.
        UnknownName: If a name is not registered; close matches are named.
        NotAvailable: If no estimator or solver applies, or no member is nearest to data: all
            points are equal, say.
        NotFinite: If the divergence is infinite at every start.

    Example:
        >>> import kldiv
        >>> found = kldiv.fit("bimodal", "normal")
        >>> {name: round(float(value), 4) for name, value in found.parameters.items()}
        {'loc': 2.5, 'scale': 7.5664}
    """
    if callback is not None and not callable(callback):
        raise InvalidType(f"callback must be a function of a step, got {callback!r}")
    recorder = Recorder(callback, progress, began=time.perf_counter())
    with few_threads(target):
        found = as_target(target, "target")
    with few_threads(found):
        objective = _objective(found, family, divergence, direction, estimator, seed)
        recorder.check, recorder.count = partial(check_finite, objective), objective.paid
        chosen = _solver(solver, objective)
        with tallied(objective.tally):
            single = isinstance(chosen, Descent | MomentMatching)
            if not isinstance(chosen, MomentMatching):
                _measure(objective, chosen, starts)
            first = first_points(objective, starts, single=single)
            run, ends = solved(objective, chosen, first, recorder, found=starts is None)
            how = as_estimator(estimator, objective.divergence)
            fitted = _result(objective, chosen, run, with_level_ends(objective, ends), how)
    if not fitted.converged:
        warnings.warn(fitted.verdict, ConvergenceWarning, stacklevel=2)
    return fitted


def explain_fit(
    target: object,
    family: object,
    divergence: str | Divergence | type[Divergence] = "kl",
    *,
    direction: str = "forward",
    estimator: str | Estimator = "auto",
) -> Explanation:
    """Which solver :func:`kldiv.fit` would take, and why not the earlier ones; fits nothing.

    Arguments:
        target: As for :func:`kldiv.fit`.
        family: As for :func:`kldiv.fit`.
        divergence: As for :func:`kldiv.fit`.
        direction: As for :func:`kldiv.fit`.
        estimator: As for :func:`kldiv.fit`.

    Returns:
        The explanation, a sentence for each solver.

    Example:
        >>> import kldiv
        >>> kldiv.explain_fit("bimodal", "normal", direction="reverse").method
        'moving_nodes'
        >>> kldiv.explain_fit("logistic_regression", "full_normal", direction="reverse")
        moment_matching: no, kl in this direction has no closed-form optimum
        on_projections: yes
    """
    return _explain(_objective(target, family, divergence, direction, estimator, seed=0))


def _objective(
    target: object,
    family: object,
    divergence: str | Divergence | type[Divergence],
    direction: str,
    estimator: str | Estimator,
    seed: int | Generator,
) -> Objective:
    if direction not in ("forward", "reverse"):
        raise InvalidArgument(f"direction must be 'forward' or 'reverse', got {direction!r}")
    found, small = as_target(target, "target"), as_divergence(divergence)
    if 0 in found.batch_shape:
        raise InvalidArgument(f"target is empty, of batch shape {tuple(found.batch_shape)}")
    kind = ChunkedObjective if isinstance(found, ChunkedTarget) else Objective
    objective = kind(
        found,
        family_for(family, found),
        small,
        forward=direction == "forward",
        estimator=as_estimator(estimator, small),
        seed=as_seed(seed),
    )
    if objective.family.space.size == 0:
        raise InvalidArgument(f"{objective.family!r} has no free parameter to fit")
    chosen = objective.estimator()
    reason = None if objective.free else chosen.why_not(objective.problem())
    if reason is not None:
        raise NotAvailable(f"estimator {chosen.name!r} does not apply: {reason}")
    return objective


def _explain(objective: Objective) -> Explanation:
    rejected: dict[str, str] = {}
    for name, make in _SOLVERS.items():
        reason = make().why_not(objective)
        if reason is None:
            return Explanation(name, rejected)
        rejected[name] = reason
    return Explanation(None, rejected)


def _measure(objective: Objective, solver: Solver, starts: Starts) -> None:
    """Measures members from where a fit begins; some solvers have units for normal ones."""
    own = objective.chart is not None and solver.name != "quasi_newton"
    if own or not objective.family.batched:
        return
    place = first_place(objective, starts)
    if place is not None:
        objective.move(measured(objective.family, place))


def _first_that_applies(objective: Objective) -> Solver:
    for make in _SOLVERS.values():
        solver = make()
        if solver.why_not(objective) is None:
            return solver
    raise NotAvailable(f"no solver applies:\n{_explain(objective)}")


def _solver(solver: object, objective: Objective) -> Solver:
    if isinstance(solver, str) and solver == "auto":
        return _first_that_applies(objective)
    if isinstance(solver, type) and issubclass(solver, torch.optim.Optimizer):
        solver = Descent(solver)
    if isinstance(solver, str):
        if solver not in _SOLVERS:
            raise InvalidArgument(
                f"solver must be 'auto', {', '.join(map(repr, _SOLVERS))}, an object "
                f"or a torch.optim class, got {solver!r}"
            )
        solver = _SOLVERS[solver]()
    if isinstance(solver, type) or not isinstance(solver, Solver):
        raise InvalidType(
            f"solver must be a name, a solver object or a class of torch.optim, got {solver!r}"
        )
    reason = solver.why_not(objective)
    if reason is not None:
        raise NotAvailable(
            f"solver {solver.name!r} does not apply: {reason}; solver='auto' finds one that does"
        )
    return solver


def _result(
    objective: Objective, solver: Solver, run: Run, ends: Endpoints, estimator: Estimator | Ladder
) -> Fit:
    best, theta = ends.best, ends.pick(run.theta)
    if not theta.isfinite().all():
        raise NotFinite(
            f"the fit of {objective.family!r} ran away: its parameters are {theta.tolist()}"
        )
    objective.family.load(theta)
    target = objective.target
    with torch.no_grad():
        member = objective.family.at(theta)
        if is_too_narrow(member, target):
            raise NotAvailable(why_none_is_nearest(objective.family, target))
        estimate = fresh_estimate(objective, estimator, run, ends)
        ends = confirmed(objective, ends, estimate)
        found = distinct(objective, ends)
    settled = bool(run.settled) or bool(ends.pick(ends.settled).all())
    converged = settled and not run.stopped
    single = target.batch_shape == ()
    optima = (found[0],) if single else found
    paths = _history(objective, run.steps)
    return Fit(
        q=as_dtype(member, target.dtype),
        family=plain(objective.family),
        parameters={
            name: as_dtype(each, target.dtype) for name, each in found.parameters_of(best).items()
        },
        divergence=estimate,
        converged=converged,
        verdict=verdict_on(objective, solver, run, ends, optima, converged=converged),
        optima=optima[0] if single else found,
        history=paths.of_start(best),
        paths=paths,
        diagnostics=certify(objective, run, ends),
        evaluations=objective.paid(),
        target=target,
        direction="forward" if objective.forward else "reverse",
        objective=objective.divergence,
        solver=solver.name,
    )


def _history(objective: Objective, steps: list[Step]) -> History:
    names = objective.family.space.parameters
    return History(
        step=torch.tensor([step.index for step in steps]),
        loss=torch.stack([step.loss for step in steps]),
        parameters={
            name: torch.stack([step.parameters[name] for step in steps]) for name in names
        },
        gradient_norm=torch.stack([step.gradient_norm for step in steps]),
        seconds=torch.tensor([step.seconds for step in steps], dtype=torch.float64),
        evaluations=torch.tensor([step.evaluations for step in steps]),
    )
