r"""Scales of places about which a density is far narrower than it was said to be.

Across a plane, the scale of a place is that of the whole density, while a line across may meet a
neck of it: a funnel's width falls as :math:`e^{x_1 / 2}`. With log density :math:`\ell` the bend

.. math:: b(h) = \ell(c + h) + \ell(c - h) - 2\,\ell(c)

about a centre c is :math:`-h^2/\sigma^2` for a normal, whatever its height, and tells its width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

__all__ = ["narrowed"]

_PART = 0.125  # of a scale: coordinates made for it resolve what is not narrower than that
_SHARP = -1.0  # a bend that is not yet seen at a width
_HALVINGS = 60


def narrowed(
    logs: Callable[[Tensor, Tensor], tuple[Tensor, ...]], centre: Tensor, scale: Tensor
) -> Tensor:
    r"""Scales of C lines, those made smaller beside which a density bends sooner.

    Arguments:
        logs: Log densities at points of some lines, with shape :math:`(3, c)`, given these lines.
        centre: The centres of places, with shape :math:`(C, K)`.
        scale: Their scales, likewise.

    Returns:
        Scales with shape :math:`(C, K)`.
    """
    scale = scale.clone()
    for k in range(centre.shape[1]):
        line = torch.arange(len(centre), device=centre.device)
        width = _PART * scale[:, k]
        for _ in range(_HALVINGS):
            line = line[_bends(logs, centre[line, k], width[line], line)]
            if not len(line):
                break
            scale[line, k] = width[line]
            width[line] = width[line] / 2
    return scale


def _bends(
    logs: Callable[[Tensor, Tensor], tuple[Tensor, ...]],
    centre: Tensor,
    width: Tensor,
    line: Tensor,
) -> Tensor:
    """Where a density bends sharply within a width of a centre."""
    sharp = torch.zeros_like(line, dtype=torch.bool)
    for log in logs(torch.stack([centre - width, centre, centre + width]), line):
        bend = (log[0] - log[1]) + (log[2] - log[1])
        sharp = sharp | (log.isfinite().all(0) & (bend < _SHARP))
    return sharp
