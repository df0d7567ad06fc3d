r"""The forward Kullback-Leibler divergence on nodes that serve for all integrals under the target.

With the mass :math:`M = \int p` of a target that is to be normalised

.. math:: D(p / M \parallel q) = \frac 1M \int p \log \frac pq - \log M,

and of a measure it is the integral itself. The nodes that the moments of p were had from know p
already, and a member of an exponential family is smooth where p is.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.definitions.target import DistributionTarget
from kldiv.estimate import Estimate
from kldiv.numerics import product
from kldiv.solvers.objective import Objective

__all__ = ["kl_on_nodes"]

_GOOD = {1: 1e-10, 2: 1e-8}  # of 1 + |value|: errors that are no reason for other nodes


def kl_on_nodes(objective: Objective, theta: Tensor) -> tuple[Estimate, Tensor] | None:
    """The divergence at real vectors of shape (S, P), with its gradient.

    ``None`` where there are no such nodes, or they are too few for it.
    """
    nodes = objective.under.nodes if objective.free and objective.by_quadrature else None
    if nodes is None:
        return None
    with torch.enable_grad():
        variable = theta.detach().requires_grad_()
        member = DistributionTarget(objective.family.at(variable))
        log_q = member.log_prob(nodes.points.unsqueeze(1))
        logs = nodes.logs.unsqueeze(-1)
        rows = torch.cat([logs.exp(), product(logs.exp(), logs - log_q)], -1)
        found, _ = nodes.integrals(rows.T)
        mass, value, errors = found.values[0], found.values[1:], found.errors[1:]
        if objective.target.normalize:
            value = value / mass - mass.log()
            errors = (errors + found.errors[0] * (1 + value.detach().abs())) / mass.detach()
        good = errors <= _GOOD[len(nodes.sides)] * (1 + value.abs())
        if not bool((good & errors.isfinite()).all()):
            return None
        (gradient,) = torch.autograd.grad(value.sum(), variable)
    value = value.detach().clamp_min(0.0) if objective.target.normalize else value.detach()
    estimate = Estimate(value, errors, "quadrature", evaluations=len(nodes.logs))
    return estimate, gradient
