r"""Adaptive Gauss-Kronrod quadrature on many lines at once, each with cells of its own.

The integral over a cell is the 15-point Kronrod rule :math:`K`, its error that of the embedded
7-point Gauss rule :math:`G`, scaled as in QUADPACK:

.. math:: \varepsilon = A \min\Bigl(1, \bigl(200\, |K - G| / A\bigr)^{3/2}\Bigr), \qquad
    A = K\bigl[\,|g - \bar g|\,\bigr],

and at least :math:`|K - G| / 2` where halving the cell made that little smaller, as at a kink.
Where no more cells may be halved it is ten times the sum of all :math:`|K - G|`.

The cells of all lines are evaluated in one call, and only those are halved whose error counts.

References:
    QUADPACK: a subroutine package for automatic integration (Piessens, de Doncker-Kapenga,
    Überhuber and Kahaner, 1983), section 3.4.1, doi:10.1007/978-3-642-61786-7.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.estimators.integrals.lines import Integrals, LineIntegrand, Nodes, rounding_of_places

__all__ = ["CELL", "Cells", "kronrod", "nodes_of"]

_NODES = (
    0.991455371120812639206854697526329,
    0.949107912342758524526189684047851,
    0.864864423359769072789712788640926,
    0.741531185599394439863864773280788,
    0.586087235467691130294144691693013,
    0.405845151377397166906606412076961,
    0.207784955007898467600689403773245,
)
_KRONROD = (
    0.022935322010529224963732008058970,
    0.063092092629978553290700663189204,
    0.104790010322250183839876322541518,
    0.140653259715525918745189590510238,
    0.169004726639267902826583426598550,
    0.190350578064785409913256402421014,
    0.204432940075298892414161999234649,
)
_KRONROD_MIDDLE = 0.209482141084727828012999174891714
_GAUSS = (
    0.129484966168869693270611432679082,
    0.279705391489276667901467771423780,
    0.381830050505118944950369775488975,
)
_GAUSS_MIDDLE = 0.417959183673469387755102040816327

_X = torch.tensor([-x for x in _NODES] + [0.0] + list(reversed(_NODES)), dtype=torch.float64)
_K = torch.tensor([*_KRONROD, _KRONROD_MIDDLE, *reversed(_KRONROD)], dtype=torch.float64)
_G = torch.zeros(15, dtype=torch.float64)
_G[1::2] = torch.tensor([*_GAUSS, _GAUSS_MIDDLE, *reversed(_GAUSS)], dtype=torch.float64)

CELL = len(_X)
"""What a cell costs, in nodes."""

_SLOW = 1 / 64  # of the difference before halving: for a smooth integrand it is 2^-14
_STUCK = 10.0  # times the differences of cells that may not be halved
_AT_ONCE = 200_000  # nodes in one call


@dataclass(frozen=True)
class Cells:
    """Intervals of some lines, each with shape (C)."""

    line: Tensor
    lower: Tensor
    upper: Tensor

    def pick(self, which: Tensor) -> Cells:
        """Some of them."""
        return Cells(self.line[which], self.lower[which], self.upper[which])

    def halves(self) -> Cells:
        """Each cut in two."""
        middle = (self.lower + self.upper) / 2
        return Cells(
            self.line.repeat(2),
            torch.cat([self.lower, middle]),
            torch.cat([middle, self.upper]),
        )

    def join(self, other: Cells) -> Cells:
        """These and others."""
        return Cells(
            *(
                torch.cat([mine, theirs])
                for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)
            )
        )


def kronrod(function: LineIntegrand, cells: Cells, allowed: Tensor) -> tuple[Integrals, Cells]:
    r"""Integrates over cells, halving those whose error counts.

    Arguments:
        function: The integrands.
        cells: Where to begin.
        allowed: The error of each integral that is small enough, with shape :math:`(k, B)`.

    Returns:
        The integrals, with shape :math:`(k, B)`, and the cells they were taken over. An infinite
        integrand makes its integral infinite with error 0.
    """
    parts = _rule(function, cells)
    while True:
        at = function.budget.group.of_line[cells.line]
        total = parts.new_zeros(4, *allowed.shape).index_add(2, at, parts)
        values, errors, floors, plain = total
        number = torch.bincount(at, minlength=allowed.shape[1])
        wanted = torch.maximum(allowed, 2 * floors)
        unmet = (errors > wanted) & values.isfinite()
        share = (wanted / number.clamp_min(1)).index_select(1, at)
        bad = unmet[:, at] & (parts[1] > share) & (parts[1] > 2 * parts[2])
        bad = bad.any(0) & (cells.upper - cells.lower > 1e-13 * (1 + cells.upper.abs()))
        paid = bad.clone()
        paid[bad] = function.budget.affords(cells.line[bad], 2 * CELL)
        if not bool(paid.any()):
            stuck = torch.zeros_like(number, dtype=torch.bool).index_fill(0, at[bad], True)
            errors = torch.where(stuck, torch.maximum(errors, _STUCK * plain), errors)
            return Integrals(values, torch.where(values.isfinite(), errors, 0.0), floors), cells
        halves = cells.pick(paid).halves()
        fresh = _rule(function, halves)
        slow = fresh[3] > _SLOW * parts[3][:, paid].repeat(1, 2)
        fresh[1] = torch.where(slow, torch.maximum(fresh[1], fresh[3] / 2), fresh[1])
        parts = torch.cat([parts[..., ~paid], fresh], -1)
        cells = cells.pick(~paid).join(halves)


def nodes_of(cells: Cells) -> Nodes:
    """All nodes of cells with their weights, and those of the Gauss rule."""
    middle, half = (cells.lower + cells.upper) / 2, (cells.upper - cells.lower) / 2
    x, k, g = (each.to(half.device).unsqueeze(-1) for each in (_X, _K, _G))
    return Nodes(cells.line, middle + half * x, half * k, half * g)


def _rule(function: LineIntegrand, cells: Cells) -> Tensor:
    """Integrals, errors, floors and raw differences of each cell, with shape (4, k, C)."""
    size = max(1, _AT_ONCE // CELL)
    index = torch.arange(len(cells.line), device=cells.line.device)
    return torch.cat([_rule_at_once(function, cells.pick(part)) for part in index.split(size)], -1)


def _rule_at_once(function: LineIntegrand, cells: Cells) -> Tensor:
    nodes = nodes_of(cells)
    sample = function(nodes.w, cells.line, noise=True)
    values = sample.values
    integral, width = (values * nodes.weights).sum(1), cells.upper - cells.lower
    raw = (integral - (values * nodes.coarse).sum(1)).abs()
    spread = ((values - (integral / width).unsqueeze(1)).abs() * nodes.weights).sum(1)
    scaled = spread * (200 * raw / spread.clamp_min(1e-300)).clamp_max(1).pow(1.5)
    error = torch.where(spread > 0, torch.minimum(torch.maximum(scaled, raw * 1e-3), raw), raw)
    infinite = values.isposinf().any(1)
    floor = (sample.noise * nodes.weights).sum(1) + rounding_of_places(values, sample.places)
    floor = torch.where(infinite, 0.0, floor)
    error = torch.where(infinite, 0.0, error) + floor
    return torch.stack([torch.where(infinite, torch.inf, integral), error, floor, raw])
