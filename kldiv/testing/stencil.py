r"""Derivatives by finite differences on five points, with what they may be off by.

With :math:`f_k = f(x + k h)` the derivative is

.. math:: f'(x) \approx \frac{f_{-2} - 8 f_{-1} + 8 f_1 - f_2}{12 h} .

It may be off by twice its gap to the formula of second order, :math:`(f_1 - f_{-1}) / 2 h`, and
by

.. math:: \frac{|f_{-2} - 4 f_{-1} + 6 f_0 - 4 f_1 + f_2|}{h},

which is of order :math:`h^3` where f is smooth. Where f has a kink within the stencil the two are
together at least what the formula is off by from the slope at the point.
"""

from __future__ import annotations

import torch

from torch import Tensor

__all__ = ["OFFSETS", "STEP", "derivative"]

OFFSETS = (-2, -1, 0, 1, 2)
"""Where a function is evaluated, in steps; the middle is the point itself."""

STEP = 1e-3
"""The step, in units of what is moved."""

_FOURTH = (1 / 12, -2 / 3, 0.0, 2 / 3, -1 / 12)
_SECOND = (0.0, -0.5, 0.0, 0.5, 0.0)
_BEND = (1.0, -4.0, 6.0, -4.0, 1.0)


def derivative(
    values: Tensor, step: Tensor | float, slack: Tensor | float
) -> tuple[Tensor, Tensor]:
    r"""The derivative by differences, and by how much it may be off.

    Arguments:
        values: The function at the offsets, with shape :math:`(5, \dots)`.
        step: The step.
        slack: By how much each value may be off.
    """
    fourth, second, bend = (
        torch.tensordot(torch.tensor(row, dtype=values.dtype), values, 1) / step
        for row in (_FOURTH, _SECOND, _BEND)
    )
    noise = sum(map(abs, _FOURTH)) * slack / step
    return fourth, 2 * (fourth - second).abs() + bend.abs() + noise
