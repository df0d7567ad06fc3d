r"""How good a fitted q is as a proposal for p: what its importance weights :math:`p / q` tell.

Draws of q weighted by :math:`w = p / q` stand for draws of p. They are worth
:math:`(\sum w)^2 / \sum w^2` draws of p, and where the tail of the weights has a shape
:math:`\hat k` above 0.7 no number of them is enough: q misses a part of p.

References:
    Yes, but Did It Work?: Evaluating Variational Inference (Yao, Vehtari, Simpson and Gelman,
    2018), section 3, arXiv:1802.02538.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.sampling.pareto import pareto_shape
from kldiv.solvers.objective import Objective

__all__ = ["DRAWS", "effective_size", "log_weights", "tail_shape"]

DRAWS = 2000
"""How many draws of q are weighted."""


@torch.no_grad()
def log_weights(objective: Objective, theta: Tensor) -> Tensor:
    r"""The logarithms of the weights, of which the largest is 0, with shape :math:`(N, *)`."""
    member = DistributionTarget(objective.family.at(theta))
    x = member.sample(torch.Size([DRAWS]), objective.seed)
    found = objective.target.log_prob(x) - member.log_prob(x)
    found = found.masked_fill(found.isnan(), -torch.inf)
    return found - found.amax(0)


def tail_shape(weights: Tensor) -> Tensor:
    r"""The shape :math:`\hat k` of their tail, with shape :math:`(*)`."""
    return pareto_shape(weights.exp())


def effective_size(weights: Tensor) -> Tensor:
    r"""How many draws of p they are worth, with shape :math:`(*)`."""
    log_size = 2 * weights.logsumexp(0) - (2 * weights).logsumexp(0)
    return log_size.exp()
