"""Where a function along lines crosses zero: integrands with kinks are cut there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from torch import Tensor

__all__ = ["crossings"]

Function = Callable[[Tensor, Tensor], Tensor]

_STEPS = 40
_CLOSE = 1e-9  # an integral over a cell feels the square of how far its cut is off a kink


def crossings(
    function: Function, w: Tensor, values: Tensor, levels: Iterable[float]
) -> tuple[Tensor, Tensor]:
    r"""Where a function takes one of some values between neighbouring nodes.

    The Illinois variant of regula falsi, which never leaves its bracket.

    Arguments:
        function: From coordinates and lines, both of shape :math:`(C)`, to values.
        w: Nodes, with shape :math:`(N, M)`.
        values: The values there.
        levels: The values that are looked for.

    Returns:
        The places, and their lines, with shape :math:`(C)`.

    References:
        A Modified Regula Falsi Method for Computing the Root of an Equation (Dowell and Jarratt,
        1971), doi:10.1007/BF01934364.
    """

    def above(level: float) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda u, line: function(u, line) - level

    found = [_zeros(above(level), w, values - level) for level in levels]
    return torch.cat([place for place, _ in found]), torch.cat([line for _, line in found])


def _zeros(function: Function, w: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    changes = (values[:-1].sign() * values[1:].sign() < 0) & values[:-1].isfinite()
    changes = changes & values[1:].isfinite()
    zero_row, zero_column = (values == 0).nonzero(as_tuple=True)
    row, column = changes.nonzero(as_tuple=True)
    low, high = w[row, column], w[row + 1, column]
    at_low, at_high = values[row, column], values[row + 1, column]
    for _ in range(_STEPS if len(row) else 0):
        trial = (low * at_high - high * at_low) / (at_high - at_low)
        trial = torch.where((trial - low) * (trial - high) < 0, trial, (low + high) / 2)
        found = function(trial, column)
        same = found.sign() == at_high.sign()
        low, at_low = torch.where(same, low, high), torch.where(same, at_low / 2, at_high)
        step = (trial - high).abs()
        high, at_high = trial, found
        if bool(((step < _CLOSE) | (found == 0)).all()):
            break
    return torch.cat([high, w[zero_row, zero_column]]), torch.cat([column, zero_column])
