r"""Coordinates in which any domain is a line: every density becomes wide, every tail short.

Each axis of the domain is the image of :math:`u \in \mathbb R`, about a centre :math:`c` and a
scale :math:`s`:

=========================  =====================================
the whole line             :math:`x = c + s \sinh u`
from an end :math:`a` on   :math:`x = a + s\, e^u`
up to an end :math:`b`     :math:`x = b - s\, e^{-u}`
between two ends           :math:`x = a + (b - a) / (1 + e^{-u})`
=========================  =====================================

Power tails and power singularities at an end become exponentials in u, which a few growing cells
resolve.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.support import Interval

__all__ = ["Chart", "kind_of"]

_FAR = 230.0  # x reaches 1e100: squares are still finite
_NEAR = 640.0  # x - a reaches 1e-278
_FULL = 37.0  # 1 - x / b reaches the last bit


@dataclass(frozen=True)
class Chart:
    r"""The map from u to x and back, of which all ends are of one kind.

    Arguments:
        ends: The domain's ends along each axis, with shape :math:`(*, d)`.
        centre: What u = 0 maps to on the whole line, with shape :math:`(*, d)`.
        scale: The scale s, with shape :math:`(*, d)`.
        rotation: Where the domain is the whole space, a factor L with
            :math:`x = c + L\, s \sinh u`.
    """

    ends: Interval
    centre: Tensor
    scale: Tensor
    rotation: Tensor | None = None

    @property
    def kind(self) -> str:
        """``line``, ``above``, ``below`` or ``between``; ``mixed`` where the kinds differ."""
        return kind_of(self.ends)

    @property
    def limits(self) -> tuple[float, float]:
        """How far u may go."""
        return {
            "line": (-_FAR, _FAR),
            "above": (-_NEAR, _FAR),
            "below": (-_FAR, _NEAR),
            "between": (-_NEAR, _FULL),
        }[self.kind]

    def to_x(self, u: Tensor) -> tuple[Tensor, Tensor]:
        r"""The points x of shape :math:`(N, *, d)` and :math:`|dx/du|` of shape :math:`(N, *)`."""
        a, b, kind = self.ends.lower, self.ends.upper, self.kind
        if kind == "line":
            y, slope = self.scale * u.sinh(), self.scale * u.cosh()
            if self.rotation is None:
                return self.centre + y, slope.prod(-1)
            x = self.centre + (self.rotation @ y.unsqueeze(-1)).squeeze(-1)
            return x, slope.prod(-1) * self.rotation.diagonal(dim1=-2, dim2=-1).prod(-1).abs()
        if kind == "above":
            step = self.scale * u.exp()
            return _inside(a + step, a, b), step.prod(-1)
        if kind == "below":
            step = self.scale * (-u).exp()
            return _inside(b - step, a, b), step.prod(-1)
        share = u.sigmoid()
        return _inside(a + (b - a) * share, a, b), ((b - a) * share * (-u).sigmoid()).prod(-1)

    def to_u(self, x: Tensor) -> Tensor:
        r"""The coordinates of points, clipped to the limits, with shape :math:`(N, *, d)`."""
        a, b, kind = self.ends.lower, self.ends.upper, self.kind
        if kind == "line":
            y = x - self.centre
            if self.rotation is not None:
                y = torch.linalg.solve_triangular(
                    self.rotation, y.unsqueeze(-1), upper=False
                ).squeeze(-1)
            u = (y / self.scale).asinh()
        elif kind == "above":
            u = ((x - a).clamp_min(0) / self.scale).log()
        elif kind == "below":
            u = -((b - x).clamp_min(0) / self.scale).log()
        else:
            u = ((x - a) / (b - a)).clamp(0, 1).logit()
        return u.clamp(*self.limits)


def kind_of(ends: Interval) -> str:
    """Which ends are finite: ``line``, ``above``, ``below``, ``between``, or ``mixed``."""
    low, high = ends.lower.isfinite(), ends.upper.isfinite()
    if bool(low.any()) != bool(low.all()) or bool(high.any()) != bool(high.all()):
        return "mixed"
    kinds = {
        (True, True): "between",
        (True, False): "above",
        (False, True): "below",
        (False, False): "line",
    }
    return kinds[bool(low.all()), bool(high.all())]


def _inside(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Points strictly between the ends: rounding puts none on an end, where p may be infinite."""
    return torch.minimum(torch.maximum(x, _next(a, torch.inf)), _next(b, -torch.inf))


def _next(end: Tensor, towards: float) -> Tensor:
    return torch.nextafter(end, torch.full_like(end, towards))
