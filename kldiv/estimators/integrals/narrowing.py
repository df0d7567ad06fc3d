r"""Scales of places about which a density is far narrower than it was said to be.

Across a plane, the scale of a place is that of the whole density, while a line across may meet a
neck of it: a funnel's width falls as :math:`e^{x_1 / 2}`. About a peak at c a log density falls by

.. math:: \ell(c) - \max\{\ell(c - h), \ell(c + h)\}

within a width h, by :math:`h^2 / 2\sigma^2` for a normal, whatever its height. On the flank of a
ridge that lies elsewhere it rises to one side, and the scale stays.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

__all__ = ["narrowed"]

_PART = 0.125  # of a scale: coordinates made for it resolve what is not narrower than that
_FALL = 0.5  # of a log density within its own width
_HALVINGS = 60


def narrowed(
    logs: Callable[[Tensor, Tensor], tuple[Tensor, ...]], centre: Tensor, scale: Tensor
) -> Tensor:
    r"""Scales of C lines, those made smaller beside which a density falls sooner.

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
            line = line[_falls(logs, centre[line, k], width[line], line)]
            if not len(line):
                break
            scale[line, k] = width[line]
            width[line] = width[line] / 2
    return scale


def _falls(
    logs: Callable[[Tensor, Tensor], tuple[Tensor, ...]],
    centre: Tensor,
    width: Tensor,
    line: Tensor,
) -> Tensor:
    """Where a density falls on both sides within a width of a centre."""
    falls = torch.zeros_like(line, dtype=torch.bool)
    for log in logs(torch.stack([centre - width, centre, centre + width]), line):
        lower = log[1] - torch.maximum(log[0], log[2])
        falls = falls | (log.isfinite().all(0) & (lower > _FALL))
    return falls
