"""Objectives as `kldiv.fit` makes them, for tests of what comes after."""

import math

import torch

from kldiv.resolving import as_divergence, as_estimator, as_target, family_for
from kldiv.solvers import Run
from kldiv.solvers.endpoints import endpoints
from kldiv.solvers.objective import Objective

F64 = torch.float64


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


def ended_at(objective, theta, **more):
    loss, gradient = objective.value_and_gradient(theta)
    return endpoints(objective, Run(theta, loss, gradient, [], **more))


def logs(*pairs):
    return torch.tensor([[loc, math.log(scale)] for loc, scale in pairs], dtype=F64)
