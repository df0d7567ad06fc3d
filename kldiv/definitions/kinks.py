r"""Where a convex generator has kinks that nobody declared.

At a kink the slope jumps: between two points around it, it changes by as much however near they
are. So steps over which the slope changes much more than over their neighbours are halved, each
time towards the half with the larger change, until they are as short as rounding allows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

__all__ = ["kinks_of"]

_REACH, _STEPS = 20.0, 801
_SUDDEN = 4.0  # times the changes over neighbouring steps
_HALVINGS = 40


def kinks_of(generator: Callable[[Tensor], Tensor]) -> tuple[float, ...]:
    r"""The values of :math:`\log u` between -20 and 20 at which a generator has a kink.

    Arguments:
        generator: The generator as a function of :math:`\log u`.
    """
    t = torch.linspace(-_REACH, _REACH, _STEPS, dtype=torch.float64)
    t = t + 1e-3 * torch.pi  # kinks are often at round numbers
    change = _slope(generator, t).diff().abs()
    around = torch.nn.functional.pad(change, (2, 2))
    before, after = (
        torch.maximum(around[:-4], around[1:-3]),
        torch.maximum(around[3:-1], around[4:]),
    )
    usual = torch.maximum(before, after)
    (found,) = (change > _SUDDEN * usual + 1e-9 * (1 + change)).nonzero(as_tuple=True)
    low, high = t[:-1][found], t[1:][found]
    if not len(found):
        return ()
    at_low, at_high = _slope(generator, low), _slope(generator, high)
    first = (at_high - at_low).abs()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        at_middle = _slope(generator, middle)
        left = (at_middle - at_low).abs() > (at_high - at_middle).abs()
        high, at_high = torch.where(left, middle, high), torch.where(left, at_middle, at_high)
        low, at_low = torch.where(left, low, middle), torch.where(left, at_low, at_middle)
    jumps = (at_high - at_low).abs() > first / 2
    return tuple(((low + high) / 2)[jumps].tolist())


def _slope(generator: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """The derivative in log u, 0 where there is none."""
    with torch.enable_grad():
        variable = t.detach().clone().requires_grad_()
        value = generator(variable)
        if not value.requires_grad:
            return torch.zeros_like(t)
        (slope,) = torch.autograd.grad(value.sum(), variable)
    return slope.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
