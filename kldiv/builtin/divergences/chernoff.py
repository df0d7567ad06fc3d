r"""Chernoff's divergence: the best exponent with which two hypotheses can be told apart.

It is the largest over :math:`\alpha` of :math:`-\log I_\alpha`,
:math:`I_\alpha = \int p^\alpha q^{1 - \alpha}\,dx`. Where p and q are close :math:`I_\alpha` is
so near 1 that its logarithm has no digits; then the non-negative integral

.. math:: 1 - I_\alpha = \int \bigl(\alpha p + (1 - \alpha) q - p^\alpha q^{1 - \alpha}\bigr)\,dx

is used; where they are far apart, :math:`I_\alpha` itself, over the largest value of its integrand
if it is no floating-point number.
"""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.builtin.forms import difference
from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.envelope_divergence import EnvelopeDivergence
from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.numerics import phi2

__all__ = ["Chernoff", "ChernoffOfOrder", "LargestPower"]

_LOWEST = -1e30  # a log density of which the square and a tiny share are numbers


class Chernoff(EnvelopeDivergence):
    r"""Chernoff's divergence: the best exponent of error in telling p from q by data, in nats.

    .. math:: \max_{0 \leq \alpha \leq 1} -\log \int p^\alpha q^{1 - \alpha} \,dx

    It is symmetric, between 0, at p = q only, and infinity, infinite only where p and q share no
    mass, at least the Bhattacharyya distance, which is its value at :math:`\alpha = \tfrac12`, and
    at most the smaller of the two Kullback-Leibler divergences. The probability of mistaking N
    draws from one for draws from the other falls as its exponential to the power of -N. It is not
    additive over parts that differ, for each has its own best order.

    References:
        A Measure of Asymptotic Efficiency for Tests of a Hypothesis Based on the Sum of
        Observations (Chernoff, 1952), doi:10.1214/aoms/1177729330.
        An Information-Geometric Characterization of Chernoff Information (Nielsen, 2013),
        doi:10.1109/LSP.2013.2243726.
    """

    symmetric = True
    invariant = True
    monotone = True
    jointly_convex = True

    def at(self, order: Tensor, log_scale: Tensor | float = 0.0) -> IntegralDivergence:
        r""":math:`-\log I_\alpha` at given orders."""
        return ChernoffOfOrder(order, log_scale)

    def log_scale_at(self, order: Tensor) -> SupremumDivergence:
        r"""The supremum of :math:`\alpha \log p + (1 - \alpha) \log q`."""
        return LargestPower(order)


@dataclass(frozen=True, eq=False)
class ChernoffOfOrder(IntegralDivergence):
    r"""Chernoff's coefficient :math:`-\log \int p^\alpha q^{1 - \alpha}\,dx` of one order.

    Arguments:
        order: The orders :math:`\alpha`, from 0 to 1, with the batch's shape :math:`(*)`.
        log_scale: The logarithm of what the integrand is divided by, likewise.
    """

    order: Tensor
    log_scale: Tensor | float = 0.0

    @property
    def parameters(self) -> dict[str, float]:
        """None that could be written down as numbers."""
        return {}

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r""":math:`\alpha p + (1 - \alpha) q - p^\alpha q^{1 - \alpha}`, and its last term."""
        log_p, log_q = torch.broadcast_tensors(log_p, log_q)
        no_p, no_q = log_p.isneginf(), log_q.isneginf()
        both = ~(no_p | no_q)
        safe_p, safe_q = (torch.where(both, log, 0.0).clamp_min(_LOWEST) for log in (log_p, log_q))
        gap = torch.where(both, self._gap(safe_p, safe_q), self._apart(log_p, log_q))
        exponent = safe_q + self.order * (safe_p - safe_q) - self.log_scale
        return gap, torch.where(both, torch.where(both, exponent, 0.0).exp(), 0.0)

    def combine(self, *integrals: Tensor) -> Tensor:
        """By the first integral where the two are close, by the second where they are not."""
        gap, power = integrals
        near, far = gap < 0.5, (gap >= 0.5) & (power > 0)
        close = -(-torch.where(near, gap, 0.0)).log1p()
        distant = -torch.where(far, power, 1.0).log() - self.log_scale
        return torch.where(near, close, torch.where(far, distant, torch.inf))

    def combine_measures(self, *integrals: Tensor, mass_p: Tensor, mass_q: Tensor) -> Tensor:
        r"""The same of measures of any mass: the first integral is from their mean mass."""
        gap, power = integrals
        return self.combine(1 - self.order * mass_p - (1 - self.order) * mass_q + gap, power)

    def _apart(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """What is left of the first integrand where p or q vanishes."""
        return self.order * log_p.exp() + (1 - self.order) * log_q.exp()

    def _gap(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r"""The first integrand, of which nothing cancels.

        With b the density of the greater weight, c the other one, a its weight and
        :math:`d = \log(c / b)` it is
        :math:`a (c - b) - (c^a b^{1 - a} - b) = b\,d^2\,a\,[\varphi_2(d) - a\,\varphi_2(a d)]`.
        """
        swapped = self.order > 0.5
        weight = torch.where(swapped, 1 - self.order, self.order)
        base, other = torch.where(swapped, log_p, log_q), torch.where(swapped, log_q, log_p)
        d = other - base
        near = d.abs() <= 1
        inner = torch.where(near, d, 0.0)
        close = base.exp() * inner.square() * weight
        close = close * (phi2(inner) - weight * phi2(weight * inner))
        mean = torch.where(near, base, base + weight * d)
        far = weight * difference(other, base) - difference(mean, base)
        return torch.where(near, close, far)


@dataclass(frozen=True, eq=False)
class LargestPower(SupremumDivergence):
    r"""The largest logarithm of :math:`p^\alpha q^{1 - \alpha}`.

    Arguments:
        order: The orders :math:`\alpha`, with the batch's shape :math:`(*)`.
    """

    order: Tensor

    without_q = -math.inf

    @property
    def parameters(self) -> dict[str, float]:
        """None that could be written down as numbers."""
        return {}

    def height(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`\alpha \log p + (1 - \alpha) \log q`."""
        return log_q + self.order * (log_p - log_q)
