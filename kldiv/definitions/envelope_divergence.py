r"""Divergences that are the largest of a family of divergences, one for each order.

:math:`D(p \parallel q) = \sup_{\alpha \in (0, 1)} D_\alpha(p \parallel q)`, where :math:`D_\alpha`
is concave in :math:`\alpha`. By the envelope theorem the gradient of the largest value is that of
:math:`D_\alpha` at the order where it is taken, held fixed.

References:
    Envelope Theorems for Arbitrary Choice Sets (Milgrom and Segal, 2002), theorem 1,
    doi:10.1111/1468-0262.00296.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.divergence import Divergence, IntegralDivergence
from kldiv.definitions.supremum_divergence import SupremumDivergence

__all__ = ["EnvelopeDivergence", "Peak", "peak_of"]

_STEPS = 60
_PRECISION = 1e-14  # of the value, relative
_FAR = 30.0  # a logit beyond which an order is 0 or 1
_STRIDE = 3.0  # in logits, the shortest step towards the middle of a bracket


class EnvelopeDivergence(Divergence, ABC):
    """A divergence that is the upper envelope of integral divergences over their order."""

    @abstractmethod
    def at(self, order: Tensor, log_scale: Tensor | float = 0.0) -> IntegralDivergence:
        r"""The member of the family at orders from 0 to 1, concave in the order.

        Arguments:
            order: The orders, with the batch's shape :math:`(*)`; values must be twice
                differentiable in them.
            log_scale: The logarithm of what an integrand is divided by, lest it underflow, with
                shape :math:`(*)`.
        """

    @abstractmethod
    def log_scale_at(self, order: Tensor) -> SupremumDivergence:
        """The largest logarithm of that integrand, as a divergence."""


@dataclass(frozen=True)
class Peak:
    r"""Where a concave function of orders is largest.

    Arguments:
        order: The order, with shape :math:`(*)`.
        missing: How much larger the function may be elsewhere, with shape :math:`(*)`.
    """

    order: Tensor
    missing: Tensor


def peak_of(function: Callable[[Tensor], Tensor], batch: torch.Size, device: torch.device) -> Peak:
    r"""The order in :math:`[0, 1]` at which a concave function is largest, by Newton's method.

    A step that leaves the bracket known so far is replaced by one towards the middle of its
    logits, ever longer, so that an end is reached in a few steps.

    Arguments:
        function: Orders of shape :math:`(*)` to values of that shape, twice differentiable.
        batch: The shape :math:`(*)`.
        device: Where the orders live.

    Returns:
        The order; one half where the function is infinite there.
    """
    order = torch.full(batch, 0.5, dtype=torch.float64, device=device)
    low, high = torch.full_like(order, -_FAR), torch.full_like(order, _FAR)
    for _ in range(_STEPS):
        value, slope, curvature = _derivatives(function, order)
        here = order.logit()
        low, high = torch.where(slope > 0, here, low), torch.where(slope < 0, here, high)
        newton = (order - slope / curvature).logit()
        middle = ((low + high) / 2).clamp(here - _STRIDE - here.abs(), here + _STRIDE + here.abs())
        step = torch.where((newton > low) & (newton < high), newton, middle)
        following = torch.where(step.abs() > 0.9 * _FAR, (step > 0).double(), step.sigmoid())
        at_end = (order == 0) | (order == 1) | ~value.isfinite()
        gain = torch.where(at_end, 0.0, slope * (following - order)).abs()
        settled = at_end | (gain <= _PRECISION * value.abs())
        if settled.all():
            break
        order = torch.where(settled, order, following)
    return Peak(order, gain)


def _derivatives(
    function: Callable[[Tensor], Tensor], order: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The value and the first two derivatives, which are 0 where the value is infinite."""
    with torch.enable_grad():
        place = order.detach().requires_grad_()
        value = function(place)
        finite = torch.where(value.isfinite(), value, 0.0)
        (slope,) = torch.autograd.grad(
            finite.sum(), place, create_graph=True, materialize_grads=True
        )
        curvature = torch.zeros_like(place)
        if slope.requires_grad:  # the function is not linear
            (curvature,) = torch.autograd.grad(slope.sum(), place, materialize_grads=True)
    return value.detach(), slope.detach(), curvature.detach()
