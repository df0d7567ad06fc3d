r"""The Kullback-Leibler divergence of pairs of normals in the plane in float32, for a compiler.

In the notation of `kldiv.builtin.closed_forms.normal_planes` and with :math:`C = A - I`, of which
s, g and r are the entries, it is

.. math:: V = \frac12 \bigl(z_1^2 + z_2^2 + g^2 + (s - r)^2\bigr) + e - \log(1 + e), \qquad
    e = s + r + s r, \qquad [z, C] = L_q^{-1} [\mu_p - \mu_q, L_p - L_q],

of which close pairs have as many digits as others. In units u of rounding, z is wrong by at most
:math:`(3 |z_1|,\ 4 |z_2| + 9 |t z_1|)`, g by :math:`4 |g| + 9 |t s|`, s and r by three of
themselves, which moves the squares by :math:`(21 + 9 |t|)\,V`, as V is at least half of the sum
of the squares of z and C. With :math:`1 + e` between :math:`\sqrt{1/2}` and :math:`\sqrt 2` the
rest is wrong by :math:`47 V`, beyond by what `remainder` states, and the sums add :math:`7 V`.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.builtin.closed_forms.large_exponentials import remainder
from kldiv.builtin.closed_forms.normal_planes import RELATIVE, UNIT

__all__ = ["kl_in_planes"]

_LEAST = 1e-30  # below it squares may have underflowed
_FAR = 83.0  # the logarithm of a product that may have


def kl_in_planes(
    mean: Tensor, centre: Tensor, own: Tensor, other: Tensor
) -> tuple[Tensor, Tensor]:
    """The divergences of pairs and their errors, by elementwise steps only.

    Arguments:
        mean: The means of p with shape :math:`(N, 2)`, in float32.
        centre: Those of q.
        own: The factors of p with shape :math:`(N, 2, 2)`.
        other: Those of q.

    Returns:
        Both with shape :math:`(N)`; a value is NaN where it needs more digits.
    """
    centre, own, other = (  # which tells a compiler that the numbers of pairs are the same
        centre.view(mean.shape),
        own.view(*mean.shape, 2),
        other.view(*mean.shape, 2),
    )
    unit, low, last = other[:, 0, 0], other[:, 1, 0], other[:, 1, 1]
    upper, lower = 1 / unit, 1 / last
    tilt = low * lower
    shift = (mean[:, 0] - centre[:, 0]) * upper
    first = (own[:, 0, 0] - unit) * upper
    second = (own[:, 1, 1] - last) * lower
    shift_below = (mean[:, 1] - centre[:, 1]) * lower - tilt * shift
    below = (own[:, 1, 0] - low) * lower - tilt * first
    gap = first - second
    squares = shift * shift + shift_below * shift_below + below * below + gap * gap
    product = (own[:, 0, 0] * upper) * (own[:, 1, 1] * lower)
    rest, log, lost = remainder(first + second + first * second, product)
    value = squares * 0.5 + rest
    error = (value * (75 + 9 * tilt.abs()) + lost) * UNIT
    taken = (error <= RELATIVE * value) & (log.abs() < _FAR) & ((value > _LEAST) | (value == 0))
    return torch.where(taken, value, torch.nan), error
