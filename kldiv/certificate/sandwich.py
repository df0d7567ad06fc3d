r"""The covariance of parameters that were fitted to data, right also where the model is wrong.

An estimate from points :math:`x_i` with weights :math:`w_i` that sum to 1, which makes
:math:`L = \Phi(\sum_i w_i g(x_i)) + \dots` small, has in large samples the covariance

.. math:: A^{-1} B A^{-1}, \qquad A = \nabla^2 L, \qquad
    B = \Phi'^2 \sum_i w_i^2\, (\nabla g(x_i) - m) (\nabla g(x_i) - m)^\top, \qquad
    m = \sum_i w_i \nabla g(x_i).

For maximum likelihood :math:`g = -\log q`, :math:`\Phi' = 1` and, at the optimum, :math:`m = 0`.

Parameters with a constraint are functions of the real ones, and their covariance follows by their
derivatives.

References:
    Maximum Likelihood Estimation of Misspecified Models (White, 1982), theorem 3.2,
    doi:10.2307/1912526.

    Robust Statistics (Huber and Ronchetti, 2009), corollary 6.7, doi:10.1002/9780470434697.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.certificate.smooth import is_smooth
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget
from kldiv.errors import NotAvailable
from kldiv.estimators.crossing import Crossing, crossing_of
from kldiv.solvers.curvature import hessian
from kldiv.solvers.objective import Objective

__all__ = ["sandwich"]

_AT_ONCE = 1 << 20  # real numbers in the parameters of so many members


def sandwich(objective: Objective, theta: Tensor) -> Tensor:
    """The covariance of the constrained free parameters, side by side in their order.

    Arguments:
        objective: A divergence of data.
        theta: The real vector at the optimum, with shape :math:`(P)`.

    Returns:
        A matrix with as many rows as the parameters have numbers.

    Raises:
        NotAvailable: If the target is no sample, or the objective is not smooth.
    """
    crossing = crossing_of(objective.divergence)
    if not isinstance(objective.target, SampleTarget) or crossing is None:
        raise NotAvailable(f"{objective.target!r} is no sample whose points are averaged over")
    if not is_smooth(objective, theta):
        raise NotAvailable(f"the objective of {objective.family!r} has no derivatives")
    crossing = crossing.in_units_of(objective.target)
    outer = hessian(objective, theta.unsqueeze(0)).squeeze(0)
    inner = _variance(objective, crossing, theta)
    real = torch.linalg.pinv(outer, hermitian=True)
    slopes = _slopes(objective, theta)
    covariance: Tensor = slopes @ real @ inner @ real @ slopes.T
    return covariance


def _variance(objective: Objective, crossing: Crossing, theta: Tensor) -> Tensor:
    """The covariance of the gradient of the objective, with shape (P, P)."""
    squares, lone, shares = 0.0, torch.zeros_like(theta), 0.0
    mean, slope = torch.zeros((), dtype=theta.dtype, device=theta.device), torch.zeros_like(theta)
    for points, weights in objective.target.chunks():  # type: ignore[attr-defined]
        size = max(1, _AT_ONCE // theta.shape[-1])
        for lot, share in zip(points.split(size), weights.split(size), strict=True):
            values, slopes = _statistics(objective, crossing, theta, lot.double())
            mean, slope = mean + share @ values, slope + share @ slopes
            scaled = share.unsqueeze(-1) * slopes
            squares, shares = squares + scaled.T @ scaled, shares + share.square().sum()
            lone = lone + share @ scaled
    crossed = torch.outer(lone, slope)
    centred = squares - crossed - crossed.T + shares * torch.outer(slope, slope)
    covariance: Tensor = crossing.of_mean(mean)[1].square() * centred
    return covariance


def _statistics(
    objective: Objective, crossing: Crossing, theta: Tensor, points: Tensor
) -> tuple[Tensor, Tensor]:
    """What is averaged over the points, with shape (N), and its gradient, with shape (N, P)."""
    with torch.enable_grad():
        copies = theta.detach().expand(len(points), -1).clone().requires_grad_()
        members = DistributionTarget(objective.family.at(copies))
        values = crossing.statistic(members.log_prob(points))
        slopes = torch.autograd.grad(values.sum(), copies)[0]
    return values.detach(), slopes


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
