r"""Natural-gradient steps of normal vectors towards a log density: a start that is near.

For :math:`D(q \parallel p)` with :math:`q = N(\mu, \Sigma)` the natural gradient step is

.. math:: \Sigma^{-1} \leftarrow -E_q \nabla^2 \log p, \qquad
    \mu \leftarrow \mu - (E_q \nabla^2 \log p)^{-1} E_q \nabla \log p,

of which a diagonal :math:`\Sigma` takes the diagonal of the precision. By Stein's identity
:math:`E_q[\nabla \log p\; z^\top] = E_q[\nabla^2 \log p]\, L` with :math:`x = \mu + L z`, so that
gradients are enough. Both means are taken over sigma points: where p is normal itself, one step
ends at the optimum; in many dimensions fewer points may tell that already.

References:
    Fast and Simple Natural-Gradient Variational Inference with Mixture of Exponential-family
    Approximations (Lin, Khan and Schmidt, 2019), section 4, arXiv:1906.02914.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from torch import Tensor

from kldiv.numerics import NORMAL_ENTROPY
from kldiv.solvers.banded_ends import banded_end
from kldiv.solvers.conditional_ends import conditional_end
from kldiv.solvers.conditional_normals import candidates
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_ends import log_volume, normal_end, told
from kldiv.solvers.objective import Objective
from kldiv.solvers.quadratic import Quadratic
from kldiv.solvers.run import Recorder, Run
from kldiv.solvers.sigma_points import may_be_linear, means_of, points_around
from kldiv.solvers.slopes import log_density_and_slope

__all__ = ["nearer"]

_STEPS = 3
_FAR = 100.0  # nats for a standard deviation: from there Newton's method takes many steps


def nearer(objective: Objective, theta: Tensor, recorder: Recorder) -> tuple[Tensor, Run | None]:
    r"""Real vectors of shape :math:`(S, *, P)` that are nearer, or the same ones.

    Only fits of :math:`D(q \parallel p)` by ``kl`` whose members are normal vectors with a free
    mean and a free scale are moved.

    Arguments:
        objective: The objective.
        theta: The starts.
        recorder: Where each step is put down.

    Returns:
        The real vectors; and the end of the fit, where the target turned out to be normal, or
        normal given one of its coordinates.
    """
    if objective.forward or objective.divergence.name != "kl":
        return theta, None
    chart = objective.chart
    if chart is None or objective.family.fixed or not objective.target.event_shape:
        return theta, None
    with torch.no_grad():
        theta = theta.detach()
        end = banded_end(objective, chart, theta, recorder) if _is_whole(objective) else None
        if end is not None or recorder.stopped:
            return theta if end is None else end.theta, end
        here = _Here.at(objective, chart, theta)
        coordinates = candidates(here.root, here.slopes)
        if not coordinates or float((here.slopes.unsqueeze(-2) @ here.root).abs().max()) > _FAR:
            theta, end = _moved(objective, chart, theta, here, recorder)
            if not coordinates or end is not None:
                return theta, end
        end = conditional_end(objective, chart, theta, coordinates, recorder)
        return theta if end is None else end.theta, end


class _Here(NamedTuple):
    """Members, and the log density and its gradients at sigma points of theirs."""

    loc: Tensor
    root: Tensor
    log_p: Tensor
    slopes: Tensor

    @classmethod
    def at(cls, objective: Objective, chart: NormalChart, theta: Tensor) -> _Here:
        """The members at real vectors."""
        loc, root = chart.members(theta)
        return cls(loc, root, *log_density_and_slope(objective, points_around(loc, root)))


def _moved(
    objective: Objective, chart: NormalChart, theta: Tensor, here: _Here, recorder: Recorder
) -> tuple[Tensor, Run | None]:
    """Where some steps lead, as long as each makes the divergence less at the sigma points."""
    least, best = torch.full(theta.shape[:-1], torch.inf).to(theta), theta
    whole = _is_whole(objective)
    for step in range(_STEPS):
        loc, root, log_p, slopes = _Here.at(objective, chart, theta) if step else here
        loss = -log_p.mean(0) - log_volume(root) - chart.size * NORMAL_ENTROPY
        better = loss < least - 1e-9 * (1 + loss.abs())
        least = torch.where(better, loss, least)
        best = torch.where(better.unsqueeze(-1), theta, best)
        slope, pull = means_of(slopes)
        bends = pull if chart.shape == "full" else pull.diagonal(dim1=-2, dim2=-1)
        if step or not recorder.begun:
            recorder.note(least, (chart, best, least, root, slope, bends), told)
        if recorder.stopped or not bool(better.any()):
            break
        quadratic = Quadratic.of(loc, slope, _bend(chart, root, pull))
        root = quadratic.root(chart)
        if whole and may_be_linear(slopes):
            end = normal_end(objective, chart, quadratic, root, recorder)
            if end is not None:
                return end.theta, end
        theta = chart.real_vectors(quadratic.loc, root)
        theta = torch.where(theta.isfinite().all(-1, keepdim=True), theta, best)
    return best, None


def _is_whole(objective: Objective) -> bool:
    """Whether the target is a density, or one up to a factor."""
    return objective.target.normalized or objective.target.normalize


def _bend(chart: NormalChart, root: Tensor, pull: Tensor) -> Tensor:
    r"""The mean Hessian, from that of :math:`g z^\top`."""
    if chart.shape != "full":
        return pull / root.diagonal(dim1=-2, dim2=-1).unsqueeze(-2)
    found: Tensor = torch.linalg.solve_triangular(root, pull, upper=False, left=False)
    return found
