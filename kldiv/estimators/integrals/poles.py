r"""What the trapezium rule feels of poles beside the places where densities cross.

Integrands that hold mixtures, as that of Jensen and Shannon does, have poles where
:math:`\log p/q = \pm i\pi`. If neighbouring nodes differ by :math:`\Delta` in :math:`\log p/q`,
the rule is off by :math:`e^{-2\pi^2/\Delta}` of the integrand there. Where the crossing counts
little, the change from level to level does not tell of it.

References:
    The Exponentially Convergent Trapezoidal Rule (Trefethen and Weideman, 2014), theorem 5.1,
    doi:10.1137/130932132.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.estimators.integrals.lines import Sample

__all__ = ["beside_poles", "has_poles"]

_SPACING = 1.5
_FELT = 1e-10
_NEAR = 2.0  # as log ratios, from where on integrands do not feel the crossing
_SHARE = 10.0  # of the last change, at most, was that part of the error before: it oscillates


def has_poles(
    integrands: Callable[[Tensor, Tensor], Tensor],
    batch_shape: torch.Size,
    device: torch.device | None = None,
) -> bool:
    r"""Whether integrands have poles or kinks beside the real values of the log ratio t.

    The rule with the weight :math:`e^{-t^2/8}` and a spacing of 1.5 is off by :math:`10^{-15}` for
    sums of powers and of logarithms, and by :math:`10^{-6}` where there are poles at
    :math:`t = \pm i\pi`.

    Arguments:
        integrands: Both log densities, with shape :math:`(N, *)`, to values of shape
            :math:`(k, N, *)`.
        batch_shape: The shape :math:`(*)`.
        device: Where they compute.
    """
    with torch.no_grad():
        t = torch.arange(-120, 121, dtype=torch.float64, device=device) * (_SPACING / 2)
        t = t.reshape(-1, *(1 for _ in batch_shape)).expand(-1, *batch_shape)
        parts = integrands(t / 2, -t / 2) * (-t.square() / 8).exp()
    change = parts[:, ::2].sum(1) - parts[:, 1::2].sum(1)
    return bool((change.abs() > _FELT * parts.abs().sum(1)).any())


def beside_poles(sample: Sample, inside: Tensor, spacing: Tensor, change: Tensor) -> Tensor:
    r"""The errors by poles.

    At the level before, :math:`\Delta` was twice as large, and this part of the error no more than
    what has changed since.

    Arguments:
        sample: The integrands at every other node.
        inside: Which of these count, with shape :math:`(N, C)`.
        spacing: That of all nodes, with shape :math:`(C)`.
        change: What the last halving changed, with shape :math:`(k, C)`.

    Returns:
        Errors of shape :math:`(k, C)`.
    """
    if sample.log_ratio is None:
        return torch.zeros_like(change)
    ratio = torch.nan_to_num(sample.log_ratio, nan=torch.inf)
    steps = torch.nan_to_num(ratio.diff(dim=0).abs() / 2, nan=torch.inf)
    crossed = ratio[1:].sign() != ratio[:-1].sign()
    near = inside & ((ratio.abs() <= _NEAR) | _of_either(crossed, torch.logical_or))
    steps = _of_either(steps, torch.maximum)
    felt = torch.where(near, (-2 * torch.pi**2 / steps.clamp_min(1e-3)).exp(), 0.0)
    parts = torch.where(near, sample.values, 0.0).abs() * felt * spacing
    return torch.minimum(parts.sum(1), _SHARE * change.abs() * felt.amax(0).sqrt())


def _of_either(between: Tensor, join: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """What is known of the gaps, for the nodes on both sides of them."""
    return torch.cat([between[:1], join(between[1:], between[:-1]), between[-1:]])
