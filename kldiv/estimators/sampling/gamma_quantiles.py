r"""Quantiles of gamma variables, smooth in their concentration.

A quantile z at u has :math:`F_a(z) = u` for every concentration a, so that

.. math:: \frac{\partial z}{\partial a} = -\frac{\partial F_a(z) / \partial a}{f_a(z)},

with f the density. The numerator is a central difference of scipy's distribution functions, of the
lower or of the upper tail, whichever is smaller.

References:
    Implicit Reparameterization Gradients (Figurnov, Mohamed and Mnih, 2018), equation 5,
    arXiv:1805.08498.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from torch import Tensor

if TYPE_CHECKING:
    import numpy as np

__all__ = ["gamma_log_quantile"]

_STEP = 1e-5  # relative: the best for central differences of numbers exact to rounding
_TINY = 1e-290  # below, the distribution function is a power as far as numbers go


def gamma_log_quantile(concentration: Tensor, u: Tensor) -> Tensor:
    r"""Logarithms of quantiles of standard gamma variables, smooth in the concentration.

    The logarithm is finite where the quantile itself is no floating-point number: there
    :math:`F_a(z) = z^a / \Gamma(a + 1)`.

    Arguments:
        concentration: Positive numbers, with shape :math:`(*)`.
        u: Numbers between 0 and 1, with a shape that broadcasts with it.
    """
    a, u = torch.broadcast_tensors(concentration, u)
    z: Tensor = _Quantile.apply(a, u)  # type: ignore[no-untyped-call]
    tiny = z < _TINY
    return torch.where(tiny, (u.log() + torch.lgamma(a + 1)) / a, torch.where(tiny, 1.0, z).log())


class _Quantile(torch.autograd.Function):
    """The quantile, with its implicit derivative."""

    @staticmethod
    def forward(ctx, concentration: Tensor, u: Tensor) -> Tensor:  # type: ignore[no-untyped-def]  # noqa: ANN001 (torch's)
        from scipy.special import gammaincinv

        z = _by_scipy(gammaincinv, concentration, u)
        ctx.save_for_backward(concentration, z)
        return z

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]  # noqa: ANN001 (torch's)
        a, z = ctx.saved_tensors
        tiny = z < _TINY
        return torch.where(tiny, 0.0, grad * _slope(a, torch.where(tiny, 1.0, z))), None


def _slope(a: Tensor, z: Tensor) -> Tensor:
    """The derivative of the quantile in the concentration."""
    from scipy.special import gammainc, gammaincc

    step = _STEP * a
    lower, upper = (
        (_by_scipy(tail, a + step, z) - _by_scipy(tail, a - step, z)) / (2 * step)
        for tail in (gammainc, gammaincc)
    )
    change = torch.where(z < a, lower, -upper)
    log_density = torch.xlogy(a - 1, z) - z - torch.lgamma(a)
    return -change * (-log_density).exp()


def _by_scipy(function: np.ufunc, first: Tensor, second: Tensor) -> Tensor:
    numbers = function(*(each.detach().cpu().double().numpy() for each in (first, second)))
    return torch.as_tensor(numbers, device=first.device)
