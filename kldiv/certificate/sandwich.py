r"""The covariance of parameters that were fitted to data, right also where the model is wrong.

The maximum-likelihood estimate from points :math:`x_i` with weights :math:`w_i` that sum to 1 has
in large samples the covariance

.. math:: A^{-1} B A^{-1}, \qquad A = -\sum_i w_i \nabla^2 \log q(x_i), \qquad
    B = \sum_i w_i^2\, \nabla \log q(x_i)\, \nabla \log q(x_i)^\top.

Parameters with a constraint are functions of the real ones, and their covariance follows by their
derivatives.

References:
    Maximum Likelihood Estimation of Misspecified Models (White, 1982), theorem 3.2,
    doi:10.2307/1912526.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.certificate.smooth import is_smooth
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget
from kldiv.errors import NotAvailable
from kldiv.solvers.curvature import hessian
from kldiv.solvers.objective import Objective

__all__ = ["sandwich"]

_AT_ONCE = 1 << 20  # real numbers in the parameters of so many members


def sandwich(objective: Objective, theta: Tensor) -> Tensor:
    """The covariance of the constrained free parameters, side by side in their order.

    Arguments:
        objective: The cross-entropy of data.
        theta: The real vector at the optimum, with shape :math:`(P)`.

    Returns:
        A matrix with as many rows as the parameters have numbers.

    Raises:
        NotAvailable: If the target is no sample, or the likelihood is not smooth.
    """
    if not isinstance(objective.target, SampleTarget):
        raise NotAvailable(f"{objective.target!r} is no sample")
    if not is_smooth(objective, theta):
        raise NotAvailable(f"the likelihood of {objective.family!r} has no derivatives")
    outer = hessian(objective, theta.unsqueeze(0)).squeeze(0)
    inner = torch.zeros_like(outer)
    for points, weights in objective.target.chunks():
        size = max(1, _AT_ONCE // theta.shape[-1])
        for lot, shares in zip(points.split(size), weights.split(size), strict=True):
            scores = shares.unsqueeze(-1) * _scores(objective, theta, lot.double())
            inner = inner + scores.T @ scores
    real = torch.linalg.pinv(outer, hermitian=True)
    slopes = _slopes(objective, theta)
    covariance: Tensor = slopes @ real @ inner @ real @ slopes.T
    return covariance


def _scores(objective: Objective, theta: Tensor, points: Tensor) -> Tensor:
    """The gradient of the log density at each point, with shape (N, P)."""
    with torch.enable_grad():
        copies = theta.detach().expand(len(points), -1).clone().requires_grad_()
        members = DistributionTarget(objective.family.at(copies))
        found: Tensor = torch.autograd.grad(members.log_prob(points).sum(), copies)[0]
    return found


def _slopes(objective: Objective, theta: Tensor) -> Tensor:
    """The derivatives of the constrained parameters, with a row for each of their numbers."""
    with torch.enable_grad():
        variable = theta.detach().clone().requires_grad_()
        values = objective.family.space.constrain(variable)
        flat = torch.cat([value.flatten() for value in values.values()])
        rows = [
            torch.autograd.grad(number, variable, retain_graph=True, materialize_grads=True)[0]
            for number in flat
        ]
    return torch.stack(rows)
