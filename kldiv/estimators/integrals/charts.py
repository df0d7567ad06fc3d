r"""Coordinates in which a line of any kind is short and every density on it is wide.

A *line* is an interval of the real axis. Its points x come from y, and y from w:

=====================  ============================  ==================
ends                   x                             y from
=====================  ============================  ==================
none                   :math:`y`                     the place itself
a lower end a          :math:`a + e^y`               the distance from a
an upper end b         :math:`b - e^{-y}`            the distance from b
both                   :math:`a + (b - a) / (1 + e^{-y})`  the odds
=====================  ============================  ==================

.. math:: w = \sum_k \varphi\Bigl(\frac{y - c_k}{s_k}\Bigr), \qquad
    \varphi(z) = S \operatorname{arsinh}\frac{\operatorname{arsinh} z}{S},

where mass is about the centres :math:`c_k`, on the scales :math:`s_k`. About each of them w is
linear on that scale, further out logarithmic, and the farthest tail is a few steps away. Where
scales do not matter there is one term and y is had in closed form; the map of many is inverted by
Newton's method.

References:
    The Double-Exponential Transformation in Numerical Analysis (Mori and Sugihara, 2001),
    doi:10.1016/S0377-0427(00)00501-X.
"""

from __future__ import annotations

import math

from dataclasses import dataclass
from functools import cached_property

import torch

from torch import Tensor

from kldiv.estimators.integrals.ends import depth, inside, within
from kldiv.estimators.integrals.lines import Places

__all__ = ["Chart", "chart_of"]

_STRETCH = 1.5  # S: beyond e^S scales w grows like the logarithm of a logarithm
_REACH = 322.0  # ln of the farthest distance in scales, 1e140, whose square is a float64
_WIDE = 6.0  # a coordinate made for a scale resolves one that is this much smaller
_NEWTON = 30
_NEARLY = 1e-9  # another step squares what is missing


@dataclass(frozen=True)
class Chart:
    r"""The coordinate w of each of M lines.

    Arguments:
        lower: The lower ends, with shape :math:`(M)`.
        upper: The upper ends, with shape :math:`(M)`.
        centre: The centres in y, with shape :math:`(M, K)`.
        scale: The scales in y, with shape :math:`(M, K)`.
        active: Which of the K terms count, with shape :math:`(M, K)`.
        marks: All places with mass, in y: a density may have a kink there, with shape (M, L).
        reach: The logarithm of the farthest distance, in scales.
        source: What the lines were picked from, with what is known of it.
        row: Which of its lines they are, with shape :math:`(M)`.
    """

    lower: Tensor
    upper: Tensor
    centre: Tensor
    scale: Tensor
    active: Tensor
    marks: Tensor
    reach: float = _REACH
    source: Chart | None = None
    row: Tensor | None = None

    def pick(self, line: Tensor) -> Chart:
        """The lines of an index, which may hold a line many times."""
        return Chart(
            self.lower[line],
            self.upper[line],
            self.centre[line],
            self.scale[line],
            self.active[line],
            self.marks[line],
            self.reach,
            self.source or self,
            line if self.row is None else self.row[line],
        )

    @cached_property
    def single(self) -> Tensor:
        """Which lines have one term only, with shape (M)."""
        return self.active.sum(-1) == 1

    @property
    def rounds(self) -> bool:
        """Whether a line has an end beside which points lose digits."""
        low = self.lower.isfinite() & (self.lower != 0)
        return bool((low | (self.upper.isfinite() & (self.upper != 0))).any())

    def nearer_lower(self, x: Tensor) -> Tensor:
        """Whether points of shape (N, M) are nearer to the lower end."""
        return x - self.lower < self.upper - x

    @property
    def limits(self) -> tuple[Tensor, Tensor]:
        """Between which w the points are floating-point numbers, each with shape (M)."""
        no_low, no_high = self.lower.isinf(), self.upper.isinf()
        whole = no_low & no_high
        width = torch.where(no_low | no_high, 1.0, self.upper - self.lower).log()
        far = torch.where(whole, (self.reach + self.scale.amin(-1).log()).exp(), self.reach)
        low = torch.where(no_low, -far, depth(self.lower) - width)
        high = torch.where(no_high, far, width - depth(self.upper))
        low, high = (self.to_w(each.unsqueeze(0)).squeeze(0) for each in (low, high))
        plain = whole & self.single
        end = float(_phi(torch.tensor(math.exp(self.reach), dtype=torch.float64)))
        return torch.where(plain, -end, low), torch.where(plain, end, high)

    def to_w(self, y: Tensor) -> Tensor:
        """The coordinate of places y, with shape (N, M)."""
        if self.centre.shape[-1] == 1:
            return _phi((y - self.centre[:, 0]) / self.scale[:, 0])
        return self._terms(self._offsets(y))[0].sum(-1)

    def of_points(self, x: Tensor) -> Tensor:
        """The coordinates of points x of shape (N, M); infinite at and beyond the ends."""
        no_low, no_high = self.lower.isinf(), self.upper.isinf()
        from_low = torch.where(no_low, 1.0, (x - self.lower).clamp_min(0)).log()
        from_high = torch.where(no_high, 1.0, (self.upper - x).clamp_min(0)).log()
        return self.to_w(torch.where(no_low & no_high, x, from_low - from_high))

    def places(self, w: Tensor) -> Places:
        """The points at coordinates of shape (N, M), or (N, 1) where they are common to all."""
        y, log_slope = self._single(w)
        if self.centre.shape[-1] > 1 and not bool(self.single.all()):
            many = (~self.single).nonzero().squeeze(-1)
            w = w.expand_as(y)[:, many]
            y[:, many], log_slope[:, many] = self.pick(many)._many(w)
        return self._of_y(y, log_slope)

    def _single(self, w: Tensor) -> tuple[Tensor, Tensor]:
        z, log_slope = _phi_inverse(w)
        centre, scale = self.centre[:, 0], self.scale[:, 0]
        return centre + scale * z, log_slope + scale.log()

    def _many(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Newton's method within a bracket, in the coordinate of the place that matters most.

        Steps t are taken from that place's centre, so that its scale is resolved however far out
        it is.
        """
        low, high, share = self._bracket(w)
        nearest = self._terms(self._offsets((low + high) / 2))[1].argmax(-1, keepdim=True)
        centre, scale = (
            torch.take_along_dim(each.unsqueeze(0), nearest, -1).squeeze(-1)
            for each in (self.centre, self.scale)
        )
        apart = centre.unsqueeze(-1) - self.centre
        low, high = (((end - centre) / scale).asinh() for end in (low, high))
        eta = low + (high - low) * share
        for _ in range(_NEWTON):
            z = ((scale * eta.sinh()).unsqueeze(-1) + apart) / self.scale
            terms, slopes = self._terms(z)
            excess = terms.sum(-1) - w
            low, high = torch.where(excess < 0, eta, low), torch.where(excess < 0, high, eta)
            trial = eta - excess / (slopes.sum(-1) * scale * eta.cosh())
            inside = (trial >= low) & (trial <= high)
            eta = torch.where(inside, trial, (low + high) / 2)
            if bool((excess.abs() <= _NEARLY * (1 + w.abs())).all()):
                break
        y = scale * eta.sinh()
        z = (y.unsqueeze(-1) + apart) / self.scale
        return centre + y, -self._terms(z)[1].sum(-1).log()

    def _offsets(self, y: Tensor) -> Tensor:
        return (y.unsqueeze(-1) - self.centre) / self.scale

    def _bracket(self, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Two places around w, of a table of places about every centre, and how far between."""
        table, at = (self.source or self)._table
        if self.row is not None:
            table, at = table[self.row], at[self.row]
        index = torch.searchsorted(at, w.expand(w.shape[0], at.shape[0]).T.contiguous())
        index = index.clamp(1, at.shape[1] - 1)
        (low, high), (begin, end) = (
            [torch.gather(each, 1, index + step).T for step in (-1, 0)] for each in (table, at)
        )
        share = (w - begin) / (end - begin)
        return low, high, torch.where(share.isfinite(), share, 0.5).clamp(0, 1)

    @cached_property
    def _table(self) -> tuple[Tensor, Tensor]:
        """Places y about every centre, in ascending order, and their w, with shape (M, T)."""
        line = torch.linspace(-1, 1, 49, dtype=self.centre.dtype, device=self.centre.device)
        z, _ = _phi_inverse(line * _phi(line.new_tensor(1e150)))
        table = (self.centre + self.scale * z.reshape(-1, 1, 1)).movedim(-1, 1).flatten(0, 1)
        table = table.sort(dim=0).values
        return table.T.contiguous(), self.to_w(table).T.contiguous()

    def _terms(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """What each place adds to w and to dw/dy at offsets in scales, with shape (N, M, K)."""
        v = z.asinh()
        u = v / _STRETCH
        root = (1 + u.square()).sqrt() * torch.hypot(z, torch.ones_like(z))
        slope = (root * self.scale).reciprocal()
        return torch.where(self.active, _STRETCH * u.asinh(), 0.0), torch.where(
            self.active, slope, 0.0
        )

    def _of_y(self, y: Tensor, log_slope: Tensor) -> Places:
        low, high = self.lower.isfinite(), self.upper.isfinite()
        if not (low.any() or high.any()):
            distance = (y - self.centre[:, 0]).abs().clamp_min(1e-300).log()
            return Places(y, log_slope, distance, torch.zeros_like(y))
        both, whole = low & high, ~(low | high)
        unit = torch.where(both, self.upper - self.lower, 1.0).log()
        share = torch.where(both, torch.nn.functional.softplus(-y.abs()), 0.0)
        near_low = torch.where(both, y < 0, low)
        wanted = unit + torch.where(near_low, y, -y).minimum(
            torch.where(both, -y.abs(), torch.inf)
        )
        wanted = torch.where(whole, 0.0, wanted - share)
        step = wanted.exp()
        x = torch.where(near_low, self.lower + step, self.upper - step)
        x = torch.where(whole, y, inside(x, self.lower, self.upper))
        actual = torch.where(near_low, x - self.lower, self.upper - x).log()
        distance = torch.where(
            whole, (y - self.centre[:, 0]).abs().clamp_min(1e-300).log(), actual
        )
        slope = log_slope + torch.where(whole, 0.0, wanted - share)
        return Places(x, slope, distance, torch.where(whole, 0.0, actual - wanted))


def chart_of(
    lower: Tensor, upper: Tensor, centre: Tensor, scale: Tensor, reach: float = _REACH
) -> Chart:
    r"""The coordinates of lines with mass at some places.

    Arguments:
        lower: The lower ends, with shape :math:`(M)`.
        upper: The upper ends, with shape :math:`(M)`.
        centre: Places, some perhaps beyond an end, with shape :math:`(M, K)`.
        scale: Their scales, with shape :math:`(M, K)`.
        reach: The logarithm of the farthest distance, in scales.
    """
    y, unit = within(lower.unsqueeze(-1), upper.unsqueeze(-1), centre, scale)
    mean, middle = y.mean(-1, keepdim=True), unit.log().mean(-1, keepdim=True).exp()
    one = (torch.hypot(middle, y - mean) <= _WIDE * unit).all(-1)
    if bool(one.all()):
        return Chart(lower, upper, mean, middle, torch.ones_like(mean, dtype=torch.bool), y, reach)
    active = torch.stack(_distinct(y, unit), -1)
    first = torch.arange(y.shape[-1], device=y.device) == 0
    single = one.unsqueeze(-1)
    return Chart(
        lower,
        upper,
        torch.where(single, mean, y),
        torch.where(single, middle, unit),
        torch.where(single, first, active),
        y,
        reach,
    )


def _distinct(y: Tensor, unit: Tensor) -> list[Tensor]:
    """Which places are not like an earlier one."""
    kept: list[Tensor] = []
    for k in range(y.shape[-1]):
        new = torch.ones_like(y[:, 0], dtype=torch.bool)
        for j, earlier in enumerate(kept):
            near = (y[:, k] - y[:, j]).abs() <= torch.minimum(unit[:, k], unit[:, j])
            alike = (unit[:, k] / unit[:, j]).log().abs() <= 1
            new = new & ~(earlier & near & alike)
        kept.append(new)
    return kept


def _phi(z: Tensor) -> Tensor:
    return _STRETCH * (z.asinh() / _STRETCH).asinh()


def _phi_inverse(w: Tensor) -> tuple[Tensor, Tensor]:
    """Z and the logarithm of dz/dw."""
    inner = w / _STRETCH
    v = _STRETCH * inner.sinh()
    return v.sinh(), v.cosh().log() + inner.cosh().log()
