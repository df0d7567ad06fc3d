"""The Fisher divergence: how far apart the scores of two densities are."""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.definitions.score_divergence import ScoreDivergence

__all__ = ["Fisher"]

_ROUNDING = 4 * torch.finfo(torch.float64).eps


class Fisher(ScoreDivergence):
    r"""Fisher divergence: the mean squared distance between scores, per squared unit of x.

    .. math:: \mathbb E_p \bigl\| \nabla_x \log p(x) - \nabla_x \log q(x) \bigr\|^2

    It is between 0 and infinity, not symmetric, and additive over independent parts. It needs
    neither the mass of q nor, but for the expectation, that of p. It is infinite where p has mass
    and q none. Densities whose logarithms differ by a constant on each part of a divided support
    are at no distance: it is blind to the weights of modes far apart. Integers have no scores.

    Making it small is score matching.

    References:
        Estimation of Non-Normalized Statistical Models by Score Matching (Hyvärinen, 2005),
        equation 2 without its factor of one half.
        Information Theory and the Central Limit Theorem (Johnson, 2004), definition 1.13.
    """

    unit = "inverse squared units of x"
    additive = True
    degree = 2.0

    def integrand(self, score_p: Tensor, score_q: Tensor) -> Tensor:
        """The squared length of the difference, without what is only rounding of large scores."""
        gap = score_p - score_q
        rounding = gap.abs() <= _ROUNDING * (score_p.abs() + score_q.abs())
        return torch.where(rounding, 0.0, gap).square().sum(-1)
