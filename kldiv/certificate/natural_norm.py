r"""The norm of a gradient in natural units, which do not depend on the parametrisation.

With the Fisher information :math:`F = E_q[\nabla \log q\, \nabla \log q^\top]` of the family,
which is the Hessian of :math:`\theta' \mapsto D(q_\theta \parallel q_{\theta'})` at
:math:`\theta`, the norm is :math:`\sqrt{g^\top F^{-1} g}`: how many nats the objective falls for
each unit of length :math:`\sqrt{2\,D(q \parallel q')}` that the member moves.

References:
    Natural Gradient Works Efficiently in Learning (Amari, 1998), theorem 1,
    doi:10.1162/089976698300017746.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.certificate.smooth import is_smooth
from kldiv.definitions.target import DistributionTarget
from kldiv.resolving import as_divergence, ladder
from kldiv.solvers.curvature import decrement, hessian
from kldiv.solvers.lanczos import decrement_of_many
from kldiv.solvers.objective import Objective

__all__ = ["natural_norm"]

_DRAWS = 4096  # of the member, where its information is no integral that can be had
_MANY = 64  # parameters: beyond, a few products with the information must do


def natural_norm(objective: Objective, theta: Tensor, gradient: Tensor) -> Tensor:
    r"""The norm at real vectors of shape :math:`(*, P)`, with shape :math:`(*)`.

    It is NaN where the family has no information, as where supports move with parameters.
    """
    family, chart = objective.family, objective.chart
    if chart is not None:
        return chart.natural_norm(chart.members(theta)[1], gradient)
    member = DistributionTarget(family.at(theta))
    kl = as_divergence("kl")
    own = Objective(
        member,
        family,
        kl,
        forward=True,
        estimator=ladder(kl),
        seed=objective.seed,
    )
    own.estimator(theta)
    if own.sampled:
        own.hold(_DRAWS, objective.seed)
    smooth = is_smooth(own, theta)
    if theta.shape[-1] > _MANY:
        found = decrement_of_many(own, theta.unsqueeze(0), gradient.unsqueeze(0))
    else:
        found = decrement(hessian(own, theta.unsqueeze(0)), gradient.unsqueeze(0))
    return torch.where(smooth, found.squeeze(0), torch.nan)
