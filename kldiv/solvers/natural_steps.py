r"""Natural-gradient steps of normal vectors towards a log density: a start that is near.

For :math:`D(q \parallel p)` with :math:`q = N(\mu, \Sigma)` the natural gradient step is

.. math:: \Sigma^{-1} \leftarrow -E_q \nabla^2 \log p, \qquad
    \mu \leftarrow \mu + \Sigma\, E_q \nabla \log p.

By Stein's identity :math:`E_q[\nabla \log p\; z^\top] = E_q[\nabla^2 \log p]\, L` with
:math:`x = \mu + L z`, so that gradients are enough. Both means are taken over the 2D points
:math:`z = \pm \sqrt D\, e_i`, which have the moments of a normal vector up to the third: where p
is normal itself, one step ends at p.

References:
    Fast and Simple Natural-Gradient Variational Inference with Mixture of Exponential-family
    Approximations (Lin, Khan and Schmidt, 2019), section 4, arXiv:1906.02914.
    A New Extension of the Kalman Filter to Nonlinear Systems (Julier and Uhlmann, 1997),
    doi:10.1117/12.280797.
"""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import MultivariateNormal

from kldiv.definitions.place import Place
from kldiv.solvers.objective import Objective

__all__ = ["nearer"]

_STEPS = 3
_LEAST = 1e-8  # of the largest curvature


def nearer(objective: Objective, theta: Tensor) -> Tensor:
    r"""Real vectors of shape :math:`(S, *, P)` where the objective is lower, or the same ones.

    Only fits of :math:`D(q \parallel p)` by ``kl`` whose members are normal vectors with a free
    covariance are moved.

    Arguments:
        objective: The objective, its draws held.
        theta: The starts.
    """
    loss = objective(theta).detach()
    for _ in range(_STEPS):
        moved = _moved(objective, theta)
        if moved is None:
            return theta
        after = objective(moved).detach()
        better = after < loss
        gain = torch.where(better, loss - after, 0.0).max()
        theta = torch.where(better.unsqueeze(-1), moved, theta)
        loss = torch.where(better, after, loss)
        if not bool(gain > 1e-9 * (1 + loss.abs()).max()):
            break
    return theta


def _moved(objective: Objective, theta: Tensor) -> Tensor | None:
    """One step; ``None`` where the objective or the family is another."""
    member = objective.family.at(theta.detach())
    free = objective.family.space.parameters.keys()
    if objective.forward or objective.divergence.name != "kl":
        return None
    if not isinstance(member, MultivariateNormal) or free != {"loc", "covariance_matrix"}:
        return None
    size = member.event_shape[0]
    half = size**0.5 * torch.eye(size, dtype=theta.dtype, device=theta.device)
    z = torch.cat([half, -half])
    z = z.reshape(2 * size, *(1,) * (theta.ndim - 1), size)
    x = member.loc + (member.scale_tril @ z.unsqueeze(-1)).squeeze(-1)
    slope = _slope(objective, x)
    curvature = (slope.unsqueeze(-1) * z.unsqueeze(-2)).mean(0)
    root = member.scale_tril.mT
    curvature = torch.linalg.solve_triangular(root, curvature.mT, upper=True).mT
    covariance = _inverse(-(curvature + curvature.mT) / 2)
    loc = member.loc + (covariance @ slope.mean(0).unsqueeze(-1)).squeeze(-1)
    place = Place(loc, covariance.diagonal(dim1=-2, dim2=-1), covariance)
    found = objective.family.space.unconstrain(objective.family.from_place(place), check=False)
    return torch.where(found.isfinite().all(-1, keepdim=True), found, theta)


def _slope(objective: Objective, x: Tensor) -> Tensor:
    """The gradient of the target's log density, 0 where there is none."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        log_density = objective.target.log_prob(x)
        finite = log_density.isfinite()
        (slope,) = torch.autograd.grad(torch.where(finite, log_density, 0.0).sum(), x)
    objective.evaluations += x.shape[:-1].numel()
    return slope.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


def _inverse(precision: Tensor) -> Tensor:
    """The inverse, all curvatures made positive and none of them tiny."""
    values, vectors = torch.linalg.eigh(precision.nan_to_num())
    size = values.abs()
    least = (_LEAST * size.amax(-1, keepdim=True)).clamp_min(1e-100)
    matrix: Tensor = (vectors / torch.maximum(size, least).unsqueeze(-2)) @ vectors.mT
    return (matrix + matrix.mT) / 2
