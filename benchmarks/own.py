"""Fits by kldiv, timed whole: from the call to the certified answer."""

from __future__ import annotations

import statistics
import warnings

from typing import Any

import numpy as np
import torch

import kldiv

from benchmarks.comparison import Record, called
from benchmarks.problems.shared import Problem

__all__ = ["fitted", "record_of", "target_of"]

_FAMILIES = {False: "diagonal_normal", True: "full_normal"}


def target_of(problem: Problem) -> Any:  # noqa: ANN401 (a target)
    """The log density of a problem as a target of kldiv: a generic function, nothing declared."""
    shape = () if problem.dimension == 1 else (problem.dimension,)
    return kldiv.Target(problem.log_density(torch, "float64"), event_shape=shape)


def fitted(problem: Problem, *, full: bool = False, calls: int = 3) -> Record:
    """The fit of a normal family from the start that the peers have, and what it takes."""
    target = target_of(problem)
    family = "normal" if problem.dimension == 1 else _FAMILIES[full]
    location = torch.zeros(target.event_shape, dtype=torch.float64)
    scale = torch.full_like(location, problem.start)
    start = {"loc": location, "scale": scale}
    if full:
        start = {"loc": location, "covariance_matrix": torch.diag(scale.square())}
    found = _timed(target, family, calls, starts=start)
    fit = found["fit"]
    mean, root = (np.atleast_1d(each) for each in _parameters(fit))
    return found | {"excess": problem.excess(mean, root, full)}


def record_of(target: object, family: object, calls: int = 5, **options: Any) -> Record:  # noqa: ANN401
    """What one fit takes; its numbers, and the fit itself under ``fit``."""
    return _timed(target, family, calls, **options)


def _timed(target: object, family: object, calls: int, **options: Any) -> Record:  # noqa: ANN401
    options = {"direction": "reverse"} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kldiv.fit(target, family, **options)  # type: ignore[arg-type]
        times = []
        for _ in range(calls):
            seconds, fit = called(lambda: kldiv.fit(target, family, **options))  # type: ignore[arg-type]
            times.append(seconds)
            if sum(times) > 20:
                break
    return {
        "seconds": statistics.median(times),
        "evaluations": fit.evaluations,  # type: ignore[attr-defined]
        "verdict": fit.verdict,  # type: ignore[attr-defined]
        "fit": fit,
    }


def _parameters(fit: Any) -> tuple[Any, Any]:  # noqa: ANN401
    mean = fit.parameters["loc"].double().numpy()
    if "scale" in fit.parameters:
        return mean, fit.parameters["scale"].double().numpy()
    return mean, torch.linalg.cholesky(fit.parameters["covariance_matrix"].double()).numpy()
