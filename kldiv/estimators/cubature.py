r"""Adaptive Gauss-Kronrod cubature of many integrals at once, in one or two dimensions.

Each element of the batch has its own cells; all have the same number of them, so that one call
evaluates every node of every element. The integral over a cell is the 15-point Kronrod rule
:math:`K` along each axis, its error that of the embedded 7-point Gauss rule :math:`G`, scaled as
in QUADPACK:

.. math:: \varepsilon = A \min\Bigl(1, \bigl(200\, |K - G| / A\bigr)^{3/2}\Bigr), \qquad
    A = K\bigl[\,|g - \bar g|\,\bigr].

References:
    QUADPACK: a subroutine package for automatic integration (Piessens, de Doncker-Kapenga,
    Überhuber and Kahaner, 1983), section 3.4.1, doi:10.1007/978-3-642-61786-7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from torch import Tensor

__all__ = ["Cells", "Integral", "Integrand", "coarse_weights_of", "integrate", "nodes_of"]

Integrand = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Points (N, *, d) to the values (k, N, *) of k integrands and the rounding noise of each."""

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


@dataclass(frozen=True)
class Cells:
    r"""Axis-parallel cells, with corners of shape :math:`(M, *, d)`."""

    lower: Tensor
    upper: Tensor

    @property
    def dimensions(self) -> int:
        """The number of axes."""
        return self.lower.shape[-1]


@dataclass(frozen=True)
class Integral:
    """The integrals, each with its error, the cells they were taken over and what they cost."""

    values: Tensor
    errors: Tensor
    cells: Cells
    evaluations: int

    def meets(self, rtol: float, atol: float) -> Tensor:
        """Which elements of the batch are within the tolerance in every integral."""
        return (self.errors <= _allowed(self.values, rtol, atol)).all(0)


def integrate(
    function: Integrand,
    cells: Cells,
    *,
    rtol: float,
    atol: float = 0.0,
    max_evaluations: int = 200_000,
) -> Integral:
    r"""Integrates over the cells, halving the worst ones until the error is within the tolerance.

    Arguments:
        function: The integrands.
        cells: Where to begin; together they cover the domain.
        rtol: The relative tolerance on each integral.
        atol: The absolute tolerance.
        max_evaluations: When to stop, in points for each element of the batch.

    Returns:
        The integrals, with values and errors of shape :math:`(k, *)`. An infinite integrand makes
        its integral infinite with error 0.
    """
    values, errors, floors, axes = _rule(function, cells)
    count = _X.numel() ** cells.dimensions
    evaluations = cells.lower.shape[0] * count
    while True:
        total, error, floor = values.sum(1), errors.sum(1), floors.sum(1)
        allowed = torch.maximum(_allowed(total, rtol, atol), 2 * floor)
        open_elements = (error > allowed) & total.isfinite()
        if not open_elements.any() or evaluations >= max_evaluations:
            return Integral(total, torch.where(total.isfinite(), error, 0.0), cells, evaluations)
        share = (allowed / values.shape[1]).unsqueeze(1)
        excess = torch.where(
            open_elements.unsqueeze(1), errors / share.clamp_min(1e-300), 0.0
        ).amax(0)
        excess = torch.where((floors * 2 >= errors).all(0), 0.0, excess)
        number = int((excess > 1).reshape(excess.shape[0], -1).sum(0).max())
        if number == 0:
            return Integral(total, error, cells, evaluations)
        order = excess.argsort(dim=0, descending=True, stable=True)
        worst, rest = order[:number], order[number:]
        halves = _split(_pick_cells(cells, worst), torch.take_along_dim(axes, worst, 0))
        *new, new_axes = _rule(function, halves)
        evaluations += halves.lower.shape[0] * count
        kept = _pick_cells(cells, rest)
        cells = Cells(torch.cat([kept.lower, halves.lower]), torch.cat([kept.upper, halves.upper]))
        values, errors, floors = (
            torch.cat([torch.take_along_dim(old, rest.unsqueeze(0), 1), fresh], 1)
            for old, fresh in zip((values, errors, floors), new, strict=True)
        )
        axes = torch.cat([torch.take_along_dim(axes, rest, 0), new_axes])


def nodes_of(cells: Cells) -> tuple[Tensor, Tensor]:
    r"""All Kronrod nodes of shape :math:`(N, *, d)` and their weights of shape :math:`(N, *)`."""
    points = _product([_X] * cells.dimensions, cells).movedim(0, -1)
    middle, half = (cells.lower + cells.upper) / 2, (cells.upper - cells.lower) / 2
    shape = (points.shape[0],) + (1,) * (cells.lower.ndim - 1)
    x = middle + half * points.reshape(*shape, cells.dimensions)
    return x.flatten(0, 1), _weights_of(cells, [_K] * cells.dimensions)


def coarse_weights_of(cells: Cells) -> Tensor:
    r"""The Gauss weights at the nodes of :func:`nodes_of`, of shape :math:`(N, *)`; many are 0."""
    return _weights_of(cells, [_G] * cells.dimensions)


def _weights_of(cells: Cells, weights: list[Tensor]) -> Tensor:
    volume = ((cells.upper - cells.lower) / 2).prod(-1)
    product = _product(weights, cells).prod(0)
    return (product.reshape(-1, *(1,) * volume.ndim) * volume).flatten(0, 1)


def _product(along: list[Tensor], cells: Cells) -> Tensor:
    """All combinations of what stands along the axes, a row for each axis, with shape (d, n)."""
    grids = torch.meshgrid(*(each.to(cells.lower.device) for each in along), indexing="ij")
    return torch.stack([grid.flatten() for grid in grids])


def _rule(function: Integrand, cells: Cells) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Integral, error and rounding floor of each cell (k, M, *), and its worst axis (M, *)."""
    values, noise = function(nodes_of(cells)[0])
    dimensions, number = cells.dimensions, cells.lower.shape[0]
    kronrod = _product([_K] * dimensions, cells).prod(0)
    split = (values.shape[0], kronrod.numel(), number, *values.shape[2:])
    values, noise = values.reshape(split), noise.reshape(split)
    volume = ((cells.upper - cells.lower) / 2).prod(-1)
    infinite = values.isinf().any(1) & (volume > 0)
    values = torch.where(values.isfinite(), values, 0.0)

    mean = _along_nodes(kronrod, values) / kronrod.sum()
    integral = mean * kronrod.sum() * volume
    gaps = torch.stack(
        [
            (integral - _along_nodes(_half_coarse(axis, cells), values) * volume).abs()
            for axis in range(dimensions)
        ]
    )
    raw = gaps.sum(0)
    floor = _along_nodes(kronrod, noise) * volume + _wobble(values, cells)
    spread = _along_nodes(kronrod, (values - mean.unsqueeze(1)).abs()) * volume
    scaled = spread * (200 * raw / spread.clamp_min(1e-300)).clamp_max(1).pow(1.5)
    error = torch.where(spread > 0, torch.minimum(torch.maximum(scaled, raw * 1e-3), raw), raw)
    infinity = torch.full_like(integral, torch.inf)
    axes = gaps.sum(1).argmax(0)
    return torch.where(infinite, infinity, integral), error + floor, floor, axes


def _wobble(values: Tensor, cells: Cells) -> Tensor:
    """What the rounding of coordinates does to the integral of each cell, with shape (k, M, *).

    It moves a node by eps |u|, and so an integral by as much of the variation along the axis.
    """
    dimensions, half = cells.dimensions, (cells.upper - cells.lower) / 2
    grid = values.unflatten(1, (len(_X),) * dimensions)
    total = torch.zeros_like(values[:, 0])
    for axis in range(dimensions):
        variation = grid.diff(dim=1 + axis).abs().sum(1 + axis)
        for other in range(dimensions):
            if other != axis:
                variation = _along_nodes(_K.to(grid.device), variation) * half[..., other]
        reach = torch.maximum(cells.lower[..., axis].abs(), cells.upper[..., axis].abs())
        total = total + torch.finfo(grid.dtype).eps * reach * variation
    return total


def _half_coarse(coarse_axis: int, cells: Cells) -> Tensor:
    """Weights that are Gauss's along one axis and Kronrod's along the others."""
    along = [_G if axis == coarse_axis else _K for axis in range(cells.dimensions)]
    return _product(along, cells).prod(0)


def _along_nodes(weights: Tensor, values: Tensor) -> Tensor:
    total: Tensor = torch.tensordot(weights, values, dims=([0], [1]))
    return total


def _split(cells: Cells, axes: Tensor) -> Cells:
    """Every cell cut in half along its own axis."""
    cut = torch.nn.functional.one_hot(axes, cells.dimensions).bool()
    middle = (cells.lower + cells.upper) / 2
    return Cells(
        torch.cat([cells.lower, torch.where(cut, middle, cells.lower)]),
        torch.cat([torch.where(cut, middle, cells.upper), cells.upper]),
    )


def _pick_cells(cells: Cells, index: Tensor) -> Cells:
    index = index.unsqueeze(-1)
    return Cells(
        torch.take_along_dim(cells.lower, index, 0), torch.take_along_dim(cells.upper, index, 0)
    )


def _allowed(total: Tensor, rtol: float, atol: float) -> Tensor:
    return (rtol * total.abs()).clamp_min(atol)
