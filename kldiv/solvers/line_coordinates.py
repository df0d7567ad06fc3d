"""Coordinates of a line with ends or none, in which powers of a distance are exponentials."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Line"]


@dataclass(frozen=True)
class Line:
    r"""Coordinates y of points x, in which powers of the distance from an end are exponentials.

    They are :math:`x = m + s \sinh y` on the whole line, :math:`x = a + s\,e^y` and
    :math:`x = b - s\,e^{-y}` on half of it, and :math:`x = a + (b - a) / (1 + e^{-y})` between
    two ends.

    Arguments:
        ends: Both ends :math:`a, b`, each with shape :math:`(*)`, infinite where there is none.
        within: The first and the last point that are needed, likewise.
        centre: The point :math:`m`, likewise.
        scale: The number :math:`s`, likewise.
    """

    ends: tuple[Tensor, Tensor]
    within: tuple[Tensor, Tensor]
    centre: Tensor
    scale: Tensor

    def x(self, y: Tensor) -> Tensor:
        """The points at coordinates."""
        lower, upper = self.ends
        ways = {
            (False, False): lambda: self.centre + self.scale * y.sinh(),
            (True, False): lambda: lower + self.scale * y.exp(),
            (False, True): lambda: upper - self.scale * (-y).exp(),
            (True, True): lambda: lower + (upper - lower) * y.sigmoid(),
        }
        return ways[self._finite]().clamp(*self.within)

    def y(self, x: Tensor) -> Tensor:
        """The coordinates of points, infinite beyond the ends."""
        lower, upper = self.ends
        below, above = (x - lower).clamp_min(0.0), (upper - x).clamp_min(0.0)
        ways = {
            (False, False): lambda: ((x - self.centre) / self.scale).asinh(),
            (True, False): lambda: (below / self.scale).log(),
            (False, True): lambda: -(above / self.scale).log(),
            (True, True): lambda: below.log() - above.log(),
        }
        return ways[self._finite]()

    def slope(self, y: Tensor) -> Tensor:
        """How fast points move with their coordinates."""
        lower, upper = self.ends
        ways = {
            (False, False): lambda: self.scale * y.cosh(),
            (True, False): lambda: self.scale * y.exp(),
            (False, True): lambda: self.scale * (-y).exp(),
            (True, True): lambda: (upper - lower) * y.sigmoid() * (-y).sigmoid(),
        }
        return ways[self._finite]()

    @property
    def _finite(self) -> tuple[bool, bool]:
        lower, upper = (bool(each.isfinite().all()) for each in self.ends)
        return lower, upper
