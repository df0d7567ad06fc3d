r"""What lies beyond the limits of the coordinates: nothing, a remainder, or infinity.

So far out an integrand is exponential in u, as a power of x is. From its values at two places
:math:`u_0` and :math:`u_1`, the limit, its rate is :math:`r = \log(g(u_0) / g(u_1)) / |u_1 - u_0|`
and what is beyond is :math:`g(u_1) / r`, or infinite where it does not fall.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.estimators.cubature import Integral, Integrand

__all__ = ["tails"]

_BEFORE = 0.8  # of the limit
_SLOWER = 2.0  # a remainder falls more slowly than its exponential by a logarithm
_NEGLIGIBLE = 1e-6
_FLAT = 1e-9  # a fall that is rounding


def tails(
    function: Integrand, integral: Integral, limits: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """Which integrals diverge in a tail, and a bound on what the others leave out beyond limits.

    Arguments:
        function: The integrands, of coordinates.
        integral: Their integrals.
        limits: Between which coordinates they were integrated.

    Returns:
        Both with the shape of the integrals; in two dimensions no tail is looked at.
    """
    rising = torch.zeros_like(integral.values, dtype=torch.bool)
    beyond = torch.zeros_like(integral.values)
    if integral.cells.dimensions != 1:
        return rising, beyond
    shape = integral.cells.lower.shape[1:]
    for end in limits:
        places = integral.cells.lower.new_tensor([_BEFORE * end, end])
        u = places.reshape(2, *(1,) * len(shape)).expand(2, *shape)
        with torch.no_grad():
            before, last = function(u)[0].abs().unbind(1)
        falls = (last > 0) & (last < before * (1 - _FLAT))
        counts = last * abs(end) > _NEGLIGIBLE * integral.values.abs()
        rising |= (last > 0) & ~falls & counts
        fall = torch.where(falls, before / torch.where(falls, last, 1.0), torch.e).log()
        rate = fall / ((1 - _BEFORE) * abs(end))
        beyond += torch.where(falls, _SLOWER * last / rate, 0.0)
    return rising, beyond
