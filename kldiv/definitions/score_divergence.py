r"""Divergences of scores, the gradients of log densities in x.

A score does not depend on the mass of its density. So q may be known up to a constant only; p is
normalised for the expectation alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from kldiv.definitions.divergence import Divergence

__all__ = ["ScoreDivergence"]


class ScoreDivergence(Divergence, ABC):
    r"""A divergence that is the mean under p of a function of the two scores.

    .. math:: D(p \parallel q) = \Phi\bigl(
        \mathbb E_p\, g(\nabla_x \log p, \nabla_x \log q)\bigr)

    To write one, define :meth:`integrand` and, where :math:`\Phi` is not the identity,
    :meth:`combine`. The scores are had by differentiating the log densities, so these must be
    written in torch. Where q vanishes and p does not, q has no score and the mean is infinite.
    """

    degree: float | None = None
    r"""The degree :math:`k` if :math:`g(c\,s, c\,t) = c^k g(s, t)`: then no score is too large."""

    def degree_in_x(self, size: int) -> float:
        """Scores fall as x grows; with a ``combine`` of its own it is 0 unless it says more."""
        of_mean = type(self).combine is ScoreDivergence.combine
        return -self.degree if of_mean and self.degree is not None else 0.0

    @abstractmethod
    def integrand(self, score_p: Tensor, score_q: Tensor) -> Tensor:
        r"""The function :math:`g`, not negative, with shape :math:`(*)`.

        Arguments:
            score_p: The score of p, finite, with shape :math:`(*, D)`; a scalar is a vector of
                length 1.
            score_q: The score of q, likewise.
        """

    def combine(self, *integrals: Tensor) -> Tensor:
        r"""The divergence from the mean, with shape :math:`(*)`; by default the mean itself."""
        return integrals[0]
