"""Fits by kldiv: the whole call, and when its steps are there, scored as those of the peers."""

from __future__ import annotations

import statistics
import warnings

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

import kldiv

from benchmarks.arrivals import arrivals
from benchmarks.comparison import SHORT, Record, called
from benchmarks.problems.shared import Array, Problem

__all__ = ["Counted", "fitted", "member", "record_of"]

Excess = Callable[[Array, Array], float]
"""From a mean and a scale, or a root of the covariance, to the nats above the optimum."""

_FAMILIES = {False: "diagonal_normal", True: "full_normal"}
_LONGEST = 20.0  # seconds of all calls of a fit


class Counted:
    """The log density of a problem that counts the points it is evaluated at."""

    def __init__(self, problem: Problem) -> None:
        self.points = 0
        self.shape = () if problem.dimension == 1 else (problem.dimension,)
        self._density = problem.log_density(torch, "float64")

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The log density at points."""
        self.points += x.shape[: x.ndim - len(self.shape)].numel()
        values: torch.Tensor = self._density(x)
        return values


def fitted(
    problem: Problem,
    *,
    full: bool = False,
    calls: int = 3,
    tolerance: float = 1e-3,
    declared: kldiv.Target | None = None,
) -> Record:
    """The fit of a normal family from the start that the peers have, and what it takes.

    The target is a generic log density, whose evaluations in the whole call are counted, unless
    one is declared to have a structure; those of the steps are the history's.
    """
    density = Counted(problem)
    target = declared or kldiv.Target(density, event_shape=density.shape)
    family = "normal" if problem.dimension == 1 else _FAMILIES[full]
    location = torch.zeros(target.event_shape, dtype=torch.float64)
    scale = torch.full_like(location, problem.start)
    start = {"loc": location, "scale": scale}
    if full:
        start = {"loc": location, "covariance_matrix": torch.diag(scale.square())}
    excess = lambda mean, root: problem.excess(mean, root, full)
    found = record_of(target, family, excess, tolerance=tolerance, calls=calls, starts=start)
    counted = density.points // found.pop("calls")
    return found if declared else found | {"evaluations": counted}


def record_of(
    target: object,
    family: object,
    excess: Excess | None = None,
    *,
    tolerance: float = 1e-3,
    calls: int = 5,
    **options: Any,  # noqa: ANN401 (those of a fit)
) -> Record:
    """What one fit takes; its numbers, and the fit itself under ``fit``.

    Arguments:
        target: As for :func:`kldiv.fit`.
        family: As for :func:`kldiv.fit`.
        excess: Scores the answer, and each step from outside; the fit knows nothing of it.
        tolerance: How many nats above the optimum count as being there.
        calls: How many are timed, more if they are short, after one that warms up unless it
            takes so long that it is the only one; the medians are reported.
        options: Those of :func:`kldiv.fit`; fits are in reverse unless they say otherwise.
    """
    options = {"direction": "reverse"} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times: list[float] = []
        fits: list[Any] = []
        while (len(fits) <= calls or sum(times[1:]) < SHORT) and sum(times) < _LONGEST:
            seconds, fit = called(lambda: kldiv.fit(target, family, **options))
            times.append(seconds)
            fits.append(fit)
    warm = slice(min(1, len(fits) - 1), None)
    record: Record = {
        "seconds": statistics.median(times[warm]),
        "evaluations": fit.evaluations,
        "verdict": fit.verdict,
        "calls": len(fits),
        "fit": fit,
    }
    if excess is not None:
        record |= _arrivals(fits[warm], excess, tolerance)
        record["excess"] = excess(*member(fit.parameters))
    return record


def _arrivals(fits: list[Any], excess: Excess, tolerance: float) -> Record:
    """When the steps of a fit, which are the same in each call, are within a tolerance."""
    history = fits[-1].history
    with np.errstate(all="ignore"):
        scores = [
            excess(*member({name: values[step] for name, values in history.parameters.items()}))
            for step in range(len(history))
        ]
    seconds = np.median([each.history.seconds.numpy() for each in fits], axis=0)
    return arrivals(seconds.tolist(), scores, history.evaluations.tolist(), tolerance)


def member(parameters: Mapping[str, torch.Tensor]) -> tuple[Array, Array]:
    """Mean and scale, or root, of a normal."""
    mean = parameters["loc"].double().numpy()
    if "scale" in parameters:
        root = parameters["scale"].double().numpy()
    else:
        root = torch.linalg.cholesky(parameters["covariance_matrix"].double()).numpy()
    return np.atleast_1d(mean), np.atleast_1d(root)
