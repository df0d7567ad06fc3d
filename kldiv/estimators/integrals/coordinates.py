r"""Plain coordinates u of a domain, in which far places and those beside an end are near.

=========================  =====================================
the whole line             :math:`x = c + s \sinh u`
from an end :math:`a` on   :math:`x = a + s\, e^u`
up to an end :math:`b`     :math:`x = b - s\, e^{-u}`
between two ends           :math:`x = a + (b - a) / (1 + e^{-u})`
=========================  =====================================

They serve where something is looked for: a mode, or a supremum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from torch import Tensor

from kldiv.definitions.support import Interval

__all__ = ["Coordinates"]

_FAR = 230.0  # x reaches 1e100: squares are still finite
_NEAR = 640.0  # x - a reaches 1e-278
_FULL = 37.0  # 1 - x / b reaches the last bit


@dataclass(frozen=True)
class Coordinates:
    r"""The map between u and x.

    Arguments:
        ends: The domain's ends along each axis, with shape :math:`(*, d)`.
        centre: What u = 0 maps to on the whole line, with shape :math:`(*, d)`.
        scale: The scale s, with shape :math:`(*, d)`.
        factor: Where the domain is the whole plane, a factor L with
            :math:`x = c + L\, s \sinh u`.
    """

    ends: Interval
    centre: Tensor
    scale: Tensor
    factor: Tensor | None = None

    @cached_property
    def whole(self) -> bool:
        """Whether the domain has no ends at all."""
        return not bool(self.ends.lower.isfinite().any() | self.ends.upper.isfinite().any())

    @property
    def limits(self) -> tuple[Tensor, Tensor]:
        r"""How far u may go, each with shape :math:`(*, d)`."""
        low, high = self._finite
        lower = torch.where(low, -_NEAR, -_FAR)
        upper = torch.where(high, torch.where(low, _FULL, _NEAR), _FAR)
        return lower.to(self.centre), upper.to(self.centre)

    def to_x(self, u: Tensor) -> Tensor:
        r"""The points x of coordinates u, both with shape :math:`(N, *, d)`."""
        if self.whole:
            y = self.scale * u.sinh()
            if self.factor is not None:
                y = (self.factor @ y.unsqueeze(-1)).squeeze(-1)
            return self.centre + y
        (low, high), (a, b) = self._finite, (self.ends.lower, self.ends.upper)
        up, down = self.scale * u.exp(), self.scale * (-u).exp()
        x = torch.where(low, a + up, torch.where(high, b - down, self.centre + (up - down) / 2))
        return _inside(torch.where(low & high, a + self._width * u.sigmoid(), x), a, b)

    def slope(self, u: Tensor) -> Tensor:
        r"""How much of x there is to u, :math:`|dx/du|`, with shape :math:`(N, *)`."""
        if self.whole:
            slope = (self.scale * u.cosh()).prod(-1)
            if self.factor is None:
                return slope
            return slope * self.factor.diagonal(dim1=-2, dim2=-1).prod(-1).abs()
        low, high = self._finite
        up, down = self.scale * u.exp(), self.scale * (-u).exp()
        slope = torch.where(low, up, torch.where(high, down, (up + down) / 2))
        inner = self._width * u.sigmoid() * (-u).sigmoid()
        return torch.where(low & high, inner, slope).prod(-1)

    def to_u(self, x: Tensor) -> Tensor:
        r"""The coordinates of points, clipped to the limits, with shape :math:`(N, *, d)`."""
        y = x - self.centre
        if self.factor is not None:
            y = torch.linalg.solve_triangular(self.factor, y.unsqueeze(-1), upper=False)
            y = y.squeeze(-1)
        (low, high), (a, b) = self._finite, (self.ends.lower, self.ends.upper)
        from_low = (torch.where(low, x - a, 1.0).clamp_min(0) / self.scale).log()
        from_high = -(torch.where(high, b - x, 1.0).clamp_min(0) / self.scale).log()
        u = torch.where(low, from_low, torch.where(high, from_high, (y / self.scale).asinh()))
        return torch.where(low & high, from_low + from_high, u).clamp(*self.limits)

    @property
    def _width(self) -> Tensor:
        low, high = self._finite
        return torch.where(low & high, self.ends.upper - self.ends.lower, 1.0)

    @property
    def _finite(self) -> tuple[Tensor, Tensor]:
        return self.ends.lower.isfinite(), self.ends.upper.isfinite()


def _inside(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Points strictly between the ends: rounding puts none on an end, where p may be infinite."""
    return torch.minimum(torch.maximum(x, _next(a, torch.inf)), _next(b, -torch.inf))


def _next(end: Tensor, towards: float) -> Tensor:
    return torch.nextafter(end, torch.full_like(end, towards))
