r"""Natural-gradient steps of normal vectors towards a log density: a start that is near.

For :math:`D(q \parallel p)` with :math:`q = N(\mu, \Sigma)` the natural gradient step is

.. math:: \Sigma^{-1} \leftarrow -E_q \nabla^2 \log p, \qquad
    \mu \leftarrow \mu - (E_q \nabla^2 \log p)^{-1} E_q \nabla \log p,

of which a diagonal :math:`\Sigma` takes the diagonal of the precision. By Stein's identity
:math:`E_q[\nabla \log p\; z^\top] = E_q[\nabla^2 \log p]\, L` with :math:`x = \mu + L z`, so that
gradients are enough. Both means are taken over sigma points, which have the first moments of a
normal vector: where p is normal itself, one step ends at the optimum. In few dimensions these are
the 2D points :math:`z = \pm \sqrt D\, e_i`, in many the D + 1 corners of a simplex; fewer
gradients do not determine a normal vector.

References:
    Fast and Simple Natural-Gradient Variational Inference with Mixture of Exponential-family
    Approximations (Lin, Khan and Schmidt, 2019), section 4, arXiv:1906.02914.
    A New Extension of the Kalman Filter to Nonlinear Systems (Julier and Uhlmann, 1997),
    doi:10.1117/12.280797.
    Reduced Sigma Point Filters for the Propagation of Means and Covariances Through Nonlinear
    Transformations (Julier and Uhlmann, 2002), doi:10.1109/ACC.2002.1023128.
"""

from __future__ import annotations

import math

import torch

from torch import Tensor

from kldiv.solvers.normal_charts import NormalChart, chart_of
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder

__all__ = ["nearer"]

_STEPS = 3
_FEW = 64  # dimensions, of which the points are in pairs
_LEAST = 1e-8  # of the largest curvature
_ENTROPY = (1 + math.log(2 * math.pi)) / 2


def nearer(objective: Objective, theta: Tensor, recorder: Recorder) -> Tensor:
    r"""Real vectors of shape :math:`(S, *, P)` that are nearer, or the same ones.

    Only fits of :math:`D(q \parallel p)` by ``kl`` whose members are normal vectors with a free
    mean and a free scale are moved.

    Arguments:
        objective: The objective.
        theta: The starts.
        recorder: Where each step is put down.
    """
    if objective.forward or objective.divergence.name != "kl":
        return theta
    chart = chart_of(objective.family)
    if chart is None or objective.family.fixed or not objective.target.event_shape:
        return theta
    return _moved(objective, chart, theta.detach(), recorder)


def _moved(objective: Objective, chart: NormalChart, theta: Tensor, recorder: Recorder) -> Tensor:
    """Where some steps lead, as long as each makes the divergence less at the sigma points."""
    space = objective.family.space
    z = _sigma_points(chart.size).to(theta)
    least, best = torch.full(theta.shape[:-1], torch.inf).to(theta), theta
    for _ in range(_STEPS):
        loc, root = chart.members(theta)
        log_p, slope = _slope(objective, loc + (z @ root.mT).movedim(-2, 0))
        scales = root.diagonal(dim1=-2, dim2=-1)
        loss = -log_p.mean(0) - scales.log().sum(-1) - chart.size * _ENTROPY
        pull = (slope.movedim(0, -1) @ z) / len(z)
        better = loss < least - 1e-9 * (1 + loss.abs())
        least = torch.where(better, loss, least)
        best = torch.where(better.unsqueeze(-1), theta, best)
        recorder.record(least, space.constrain(best), _gradient(chart, root, slope.mean(0), pull))
        if recorder.stopped or not bool(better.any()):
            break
        theta = _stepped(chart, loc, root, slope.mean(0), pull)
        theta = torch.where(theta.isfinite().all(-1, keepdim=True), theta, best)
    return best


def _gradient(chart: NormalChart, root: Tensor, slope: Tensor, pull: Tensor) -> Tensor:
    """The gradient in real vectors, from the mean slope and its product with the points."""
    shift = -(root.mT @ slope.unsqueeze(-1)).squeeze(-1)
    matrix = -(root.mT @ pull)
    diagonal = matrix.diagonal(dim1=-2, dim2=-1) - 1
    if chart.shape == "full":
        rows, columns = torch.tril_indices(chart.size, chart.size, device=root.device)
        entries = matrix[..., rows, columns]
        change = torch.where(rows == columns, entries - 1, entries)
    else:
        change = diagonal if chart.shape == "diagonal" else diagonal.sum(-1, keepdim=True)
    return chart.real_gradient(root, torch.cat([shift, change], -1))


def _stepped(chart: NormalChart, loc: Tensor, root: Tensor, slope: Tensor, pull: Tensor) -> Tensor:
    """The real vectors after one step."""
    bend = torch.linalg.solve_triangular(root.mT, pull.mT, upper=True).mT
    precision = -(bend + bend.mT) / 2
    covariance = _inverse(precision)
    loc = loc + (covariance @ slope.unsqueeze(-1)).squeeze(-1)
    return chart.real_vectors(loc, precision, covariance)


def _sigma_points(size: int) -> Tensor:
    """Points of mean 0 and covariance 1, with shape (K, D)."""
    if size <= _FEW:
        half = size**0.5 * torch.eye(size, dtype=torch.float64)
        return torch.cat([half, -half])
    steps = torch.arange(1, size + 1, dtype=torch.float64)
    corners = torch.ones(size + 1, size, dtype=torch.float64).triu()
    corners[steps.long(), steps.long() - 1] = -steps
    points: Tensor = (size + 1) ** 0.5 * corners / (steps * (steps + 1)).sqrt()
    return points


def _slope(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    """The target's log density and its gradient, 0 where there is none."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        log_density = objective.target.log_prob(x)
        finite = log_density.isfinite()
        (slope,) = torch.autograd.grad(torch.where(finite, log_density, 0.0).sum(), x)
    objective.evaluations += x.shape[:-1].numel()
    return log_density.detach(), slope.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


def _inverse(precision: Tensor) -> Tensor:
    """The inverse, all curvatures made positive and none of them tiny."""
    root, info = torch.linalg.cholesky_ex(precision)
    if not bool(info.any()):
        return torch.cholesky_inverse(root)
    values, vectors = torch.linalg.eigh(precision.nan_to_num())
    size = values.abs()
    least = (_LEAST * size.amax(-1, keepdim=True)).clamp_min(1e-100)
    matrix: Tensor = (vectors / torch.maximum(size, least).unsqueeze(-2)) @ vectors.mT
    return (matrix + matrix.mT) / 2
