"""Divergences that are a supremum over x: the largest value of a function of two log densities."""

from __future__ import annotations

import math

from abc import ABC, abstractmethod

from torch import Tensor

from kldiv.definitions.divergence import Divergence

__all__ = ["SupremumDivergence"]


class SupremumDivergence(Divergence, ABC):
    r"""A divergence that is the essential supremum of a function of the two log densities.

    .. math:: D(p \parallel q) = \operatorname*{ess\,sup}_{x :\, p(x) > 0} h(\log p, \log q)

    To write one, define :meth:`height`. A sample bounds it from below only, so Monte Carlo does
    not apply.
    """

    without_q: float = math.inf
    """What the function is where q vanishes and p does not."""

    @abstractmethod
    def height(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r"""The function :math:`h`, with shape :math:`(*)`.

        Arguments:
            log_p: Finite log densities of p, with shape :math:`(*)`.
            log_q: Finite log densities of q, with shape :math:`(*)`.
        """
