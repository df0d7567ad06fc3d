"""Objectives as `kldiv.fit` makes them, for tests of what comes after."""

from kldiv.resolving import as_divergence, as_estimator, as_target, family_for
from kldiv.solvers.objective import Objective


def objective_of(
    target, family="normal", divergence="kl", *, forward=True, estimator="auto", seed=0
):
    found = as_target(target, "target")
    return Objective(
        found,
        family_for(family, found),
        as_divergence(divergence),
        forward=forward,
        estimator=as_estimator(estimator),
        seed=seed,
    )
