r"""Divergences that are defined on two samples, without densities."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from kldiv.definitions.divergence import Divergence

__all__ = ["SampleDivergence"]


class SampleDivergence(Divergence, ABC):
    r"""A divergence of two weighted samples, such as a distance of their points.

    To write one, define :meth:`compare`. The value is that of the samples as they are; its error
    is that of the value for the distributions behind them, by leaving out a part of the points at
    a time. A distribution is compared by points drawn from it.

    References:
        The Jackknife and Bootstrap (Shao and Tu, 1995), section 2.3, on leaving out groups.
    """

    @abstractmethod
    def compare(
        self, points_p: Tensor, weights_p: Tensor, points_q: Tensor, weights_q: Tensor
    ) -> Tensor:
        r"""The divergence between two samples, a single number.

        Arguments:
            points_p: The points of p, in float64, with shape :math:`(N, E)`.
            weights_p: Their weights, which sum to 1, with shape :math:`(N)`.
            points_q: The points of q, with shape :math:`(M, E)`.
            weights_q: Their weights, likewise, with shape :math:`(M)`.
        """
