r"""Log densities of mixtures of normal scalars, with their slopes, written out.

.. math:: \log p(x) = \log \sum_k w_k N(x; m_k, s_k^2), \qquad
    \frac{\mathrm d}{\mathrm d x} \log p(x) = -\sum_k r_k(x) \frac{x - m_k}{s_k^2}

with the shares :math:`r_k` of the components. Many small fits spend their time here.
"""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import MixtureSameFamily, Normal

from kldiv.definitions.target import Target

__all__ = ["MixtureSlopes", "mixture_slopes"]

_MOST = 16  # components
_HALF_LOG_TWO_PI = math.log(2 * math.pi) / 2


@dataclass(frozen=True)
class MixtureSlopes:
    r"""The components of B mixtures.

    Arguments:
        logs: The logarithms of the components' heights, with shape :math:`(m, B)`.
        loc: Their means, with shape :math:`(m, B)`.
        inverse: The inverses of their scales, with shape :math:`(m, B)`.
    """

    logs: Tensor
    loc: Tensor
    inverse: Tensor

    def pick(self, index: Tensor) -> MixtureSlopes:
        """Some of the mixtures."""
        return MixtureSlopes(*(each[:, index] for each in (self.logs, self.loc, self.inverse)))

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The log density and its slope, at points of shape (K, B)."""
        heights, pulls = [], []
        for log, loc, inverse in zip(self.logs, self.loc, self.inverse, strict=True):
            pull = (x - loc).mul_(inverse)
            heights.append((pull * pull).mul_(-0.5).add_(log))
            pulls.append(pull.mul_(inverse))
        if len(heights) == 1:
            return heights[0], pulls[0].neg_()
        highest = heights[0]
        for height in heights[1:]:
            highest = torch.maximum(highest, height)
        total, slope = torch.zeros_like(x), torch.zeros_like(x)
        for height, pull in zip(heights, pulls, strict=True):
            share = height.sub_(highest).exp_()
            total.add_(share)
            slope.sub_(pull.mul_(share))
        return highest.add_(total.log()), slope.div_(total)


def mixture_slopes(target: Target) -> MixtureSlopes | None:
    """The components of a batch of targets; ``None`` where they are no such mixtures."""
    found = target.distribution
    if type(found) is Normal:
        logs, parts = torch.zeros_like(found.loc).unsqueeze(-1), found
        loc, scale = found.loc.unsqueeze(-1), found.scale.unsqueeze(-1)
    elif type(found) is MixtureSameFamily and type(found.component_distribution) is Normal:
        parts = found.component_distribution
        logs, loc, scale = found.mixture_distribution.logits, parts.loc, parts.scale
    else:
        return None
    if loc.shape[-1] > _MOST or bool(logs.isneginf().any()):
        return None
    logs = logs - scale.log() - _HALF_LOG_TWO_PI
    rows = (each.reshape(-1, loc.shape[-1]).T for each in (logs, loc, scale.reciprocal()))
    return MixtureSlopes(*rows)
