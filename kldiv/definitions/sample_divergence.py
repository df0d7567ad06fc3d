r"""Divergences that are defined on samples: of both sides, or of one and the other's score.

The value is that of the samples as they are; its error is that of the value for the distributions
behind them, by taking halves of the points. A distribution is compared by points drawn from it,
which move with its parameters where it is a smooth map of uniform numbers: then the value is
differentiable in these, and a fit holds the draws fixed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from kldiv.definitions.divergence import Divergence

__all__ = ["DrawnDivergence", "SampleDivergence", "SampleScoreDivergence"]


class DrawnDivergence(Divergence, ABC):
    """A divergence that is defined on samples."""

    draws: ClassVar[int] = 2000
    """How many points are drawn of a distribution unless the estimator says otherwise."""
    weightings: ClassVar[bool] = False
    """Whether ``compare`` takes many weightings of the points at once, with shape :math:`(*, N)`,
    and returns as many values, with shape :math:`(*)`. The error is had of many weightings, so it
    saves what does not depend on them, such as distances."""

    halved: ClassVar[tuple[int, int]] = (2000, 500)
    """The error is had of 64 halves: of how many points, at most, these are halves of all; and of
    how many, at random, where there are more. Where a value is dear, fewer points have an error
    in less time, which is wider where the bias of so few is."""

    def combine(self, value: Tensor) -> Tensor:
        """The divergence from what was compared, increasing, such as a root; by default that."""
        return value


class SampleDivergence(DrawnDivergence, ABC):
    r"""A divergence of two weighted samples, such as a distance of their points.

    To write one, define :meth:`compare` in operations of torch that have gradients. The value is
    that of the samples as they are; its error is that of the value for the distributions behind
    them. A distribution is compared by points drawn from it.

    References:
        Pseudo-Replication: Half Samples (McCarthy, 1969), section 4, doi:10.2307/1402116.
    """

    @abstractmethod
    def compare(
        self, points_p: Tensor, weights_p: Tensor, points_q: Tensor, weights_q: Tensor
    ) -> Tensor:
        r"""The divergence between two samples, a single number, or what `combine` takes.

        Arguments:
            points_p: The points of p, in float64, with shape :math:`(N, E)`.
            weights_p: Their weights, which sum to 1, with shape :math:`(N)`.
            points_q: The points of q, with shape :math:`(M, E)`.
            weights_q: Their weights, likewise, with shape :math:`(M)`.
        """


class SampleScoreDivergence(DrawnDivergence, ABC):
    r"""A divergence of a weighted sample of p and the score of q, such as a Stein discrepancy.

    The score :math:`\nabla \log q` does not depend on the mass of q, which may be unnormalised.
    To write one, define :meth:`compare`.
    """

    @abstractmethod
    def compare(self, points: Tensor, weights: Tensor, scores: Tensor) -> Tensor:
        r"""The divergence, a single number, or what `combine` takes.

        Arguments:
            points: The points of p, in float64, with shape :math:`(N, E)`.
            weights: Their weights, which sum to 1, with shape :math:`(N)`.
            scores: The scores of q at the points, with shape :math:`(N, D)`; a scalar is a vector
                of length 1.
        """
