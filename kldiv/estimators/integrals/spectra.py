r"""How many digits of the trapezium rule are right, told by the spectrum of an integrand.

With the spacing h the rule is off by the Fourier transform :math:`\hat g(2\pi / h)`. Nodes show
:math:`\hat g` up to half of that frequency. Let :math:`a, b, c` be its digits at
:math:`\pi / 2h`, :math:`3\pi / 4h` and :math:`\pi / h`, each the fewest of a few frequencies
there, for parts of an integrand that lie apart cancel now and then. The digits grow by
:math:`b - a`, then by :math:`c - b`, and on the rest of the way, were they to slow down as before,
by

.. math:: (c - b)\,(r + r^2 + r^3 + r^4), \qquad r = \min\Bigl(1, \frac{c - b}{b - a}\Bigr),

of which two fifths are counted, less one digit: what is narrow and of little weight comes to light
only where the rest has died away.

References:
    The Exponentially Convergent Trapezoidal Rule (Trefethen and Weideman, 2014), section 5,
    doi:10.1137/130932132.
"""

from __future__ import annotations

import math

from functools import lru_cache

import torch

from torch import Tensor

__all__ = ["digits_of", "promised_digits"]

_BANDS = ((48, 50, 52), (72, 75, 78), (94, 97, 100))  # in hundredths of pi / h
_COUNTED = 0.4
_MOST = 1.7  # times the digits that were seen
_MARGIN = 1.0  # digits,
_EVEN = math.log10(2)  # but the spectrum does not rise any more
_LEAST = 1e-3  # digits, a growth to divide by
_ANGLES = (math.pi / 100) * torch.arange(200, dtype=torch.float64)


def digits_of(part: Tensor, size: Tensor) -> Tensor:
    """The logarithm of a part relative to the whole."""
    return (part.abs() / size).clamp(1e-18, 1.0).log10()


def promised_digits(values: Tensor, size: Tensor) -> Tensor:
    r"""The logarithm of the relative error of the rule, with shape :math:`(k, C)`.

    Arguments:
        values: The integrands at all nodes, with shape :math:`(k, n, C)`.
        size: The sums of their absolute values, with shape :math:`(k, C)`.
    """
    real, imaginary = (wave.to(values) @ values for wave in _waves(values.shape[1]))
    heights = torch.hypot(real, imaginary).unflatten(1, (len(_BANDS), -1)).amax(2)
    first, middle, last = digits_of(heights, size.unsqueeze(1)).unbind(1)
    growth = (middle - last).clamp_min(0)
    ratio = (growth / (first - middle).clamp_min(_LEAST)).clamp_max(1)
    further = growth * ratio * (1 + ratio) * (1 + ratio.square())
    promised = torch.maximum(last - _COUNTED * further, _MOST * last) + _MARGIN
    return torch.minimum(promised, last + _EVEN)


@lru_cache(maxsize=16)
def _waves(count: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the bands at so many nodes."""
    steps = torch.arange(count) * torch.tensor(_BANDS).reshape(-1, 1)
    phase = _ANGLES[steps % len(_ANGLES)]  # as exact for many steps as for few
    return phase.cos(), phase.sin()
