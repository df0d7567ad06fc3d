r"""Densities whose logarithms are powers of the distance, beyond all floating-point numbers.

Let :math:`o` be the outward coordinate and :math:`\log p = -e^{a o + c}`, :math:`\log q =
-e^{b o + d}`, as of normal, gamma or Weibull densities. However little a and b differ, far out one
logarithm is as much larger than the other as may be. An integrand that grows then, as
:math:`p^2 / q` where :math:`b > a`, has an infinite integral, even where it begins to grow only
beyond all numbers.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.estimators.integrals.power_tails import Continuable

__all__ = ["outgrown"]

_STEADY = 0.3  # the most by which the difference of both powers may still change
_ROUNDING = 32 * torch.finfo(torch.float64).eps
_AFAR = 10.0, 13.0  # how far below 0 one logarithm is at two places, the other being its square


def outgrown(function: Continuable, logs: tuple[Tensor, ...], outward: Tensor) -> Tensor:
    r"""Which integrals of M lines are infinite in a tail for this reason, with shape (k, M).

    Arguments:
        function: The integrands.
        logs: Both log densities at three places of each line, the last one outermost, each with
            shape :math:`(3, M)`.
        outward: The coordinate o there, likewise.
    """
    (p, doubt_p), (q, doubt_q) = (_powers(log, outward) for log in logs)
    before, gap = q - p
    decided = (gap - before).abs() <= _STEADY * gap.abs()
    line = (decided & (gap.abs() > doubt_p + doubt_q)).nonzero().squeeze(-1)
    if not len(line):
        return torch.zeros_like(function.chart.lower, dtype=torch.bool)
    less = -torch.tensor(_AFAR, dtype=gap.dtype, device=gap.device).unsqueeze(-1)
    more = -less.square()
    first = gap[line] > 0
    afar = torch.where(first, less, more), torch.where(first, more, less)
    zero = torch.zeros_like(afar[0])
    values = function.densities(zero, afar, zero, line).abs()
    found = torch.zeros(len(values), len(gap), dtype=torch.bool, device=gap.device)
    found[:, line] = values[:, 1] > values[:, 0]
    return found


def _powers(log: Tensor, outward: Tensor) -> tuple[Tensor, Tensor]:
    """The powers of the distance that a logarithm is at first and at last, and their rounding."""
    known = (log.isfinite() & (log < -1)).all(0)
    size = torch.where(known, -log, 2.0).log()
    step = outward.diff(dim=0)
    powers = torch.where(known, size.diff(dim=0) / step, torch.nan)
    return powers, _ROUNDING * (1 + size[-1]) / step[-1]
