"""Where adaptive quadrature begins: coordinates for both sides, and cells cut where they turn."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.support import Interval, coordinate_ends
from kldiv.definitions.target import Target
from kldiv.estimators.charts import Chart
from kldiv.estimators.cubature import Cells
from kldiv.estimators.landmarks import Landmark, landmarks

__all__ = ["Layout", "coordinates", "domain_of", "edges_of", "layout"]

_STEPS = {1: (0.0, 1.5, 4.0, 9.0), 2: (0.0, 4.0)}  # in scales, about a landmark
_TAIL = {  # in u, beyond the last landmark, out to the limits
    1: (1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 127.0, 255.0, 511.0, 1023.0),
    2: (1.5, 6.0, 1023.0),
}
_MOST_CUTS = {1: 10_000, 2: 64}  # beyond them the kinks are found by halving cells


@dataclass(frozen=True)
class Layout:
    """Coordinates, and the cells in them from which to integrate."""

    chart: Chart
    cells: Cells


def layout(p: Target, q: Target) -> Layout:
    """Coordinates for both sides, cut at landmarks and edges and then ever more coarsely."""
    with torch.no_grad():
        chart, places = coordinates(p, q)
        edges = [edge for edge in edges_of(p, q) if bool(edge.isfinite().all())]
        return Layout(chart, _cells(places, chart, edges + _cuts(p, q)))


def coordinates(p: Target, q: Target) -> tuple[Chart, list[Landmark]]:
    """Coordinates centred on the mass of both sides, and the landmarks of both."""
    with torch.no_grad():
        ends = domain_of(p, q)
        places = landmarks(p) + ([] if q is p else landmarks(q))
        shape = ends.lower.shape
        rotation = None if p.cuts or q.cuts else _rotation(p, q, shape)
        centre = torch.stack([place.centre.expand(shape) for place in places]).mean(0)
        scale = torch.stack([place.scale.expand(shape) for place in places]).log().mean(0).exp()
        return Chart(ends, centre, scale, rotation), places


def domain_of(p: Target, q: Target) -> Interval:
    r"""The smallest box that holds both supports, with ends of shape :math:`(*, d)`."""
    low_p, high_p, low_q, high_q = edges_of(p, q)
    return Interval(torch.minimum(low_p, low_q), torch.maximum(high_p, high_q))


def edges_of(p: Target, q: Target) -> list[Tensor]:
    r"""The ends of both supports, of p first, each with shape :math:`(*, d)`; differentiable."""
    batch = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    edges = []
    for side in (p, q):
        ends = coordinate_ends(side.support, batch, side.event_shape)
        edges += [ends.lower, ends.upper]
    return edges


def _cuts(p: Target, q: Target) -> list[Tensor]:
    """The points of kinks that the sides state, unless they make too many cells."""
    found = [torch.atleast_1d(cut) for side in (p, q) for cut in side.cuts]
    dimensions = len(found[0]) if found else 1
    return found if len(found) <= _MOST_CUTS[dimensions] else []


def _rotation(p: Target, q: Target, shape: torch.Size) -> Tensor | None:
    """A factor of the mean correlation of the sides that state one, in two dimensions."""
    stated = [getattr(side.distribution, "covariance_matrix", None) for side in (p, q)]
    found = [
        matrix.expand(*shape, 2) for matrix in stated if matrix is not None and shape[-1] == 2
    ]
    if not found:
        return None
    covariance = torch.stack(found).mean(0)
    scale = covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    factor: Tensor = torch.linalg.cholesky(
        covariance / (scale.unsqueeze(-1) * scale.unsqueeze(-2))
    )
    return factor


def _cells(places: list[Landmark], chart: Chart, edges: list[Tensor]) -> Cells:
    shape = chart.ends.lower.shape
    points = [
        place.centre + sign * step * place.scale
        for place in places
        for step in _STEPS[shape[-1]]
        for sign in (1, -1)
    ]
    low, high = chart.limits
    u = torch.stack([chart.to_u(point.expand(shape)) for point in points + edges])
    u = _within(u, low, high).sort(dim=0).values
    tail = u.new_tensor(_TAIL[shape[-1]]).reshape(-1, *(1,) * len(shape))
    cuts = torch.cat([(u[0] - tail).clamp_min(low).flip(0), u, (u[-1] + tail).clamp_max(high)])
    cells = Cells(cuts[:-1], cuts[1:]) if shape[-1] == 1 else _plane(cuts)
    volume = (cells.upper - cells.lower).prod(-1)
    keep = (volume > 0).reshape(volume.shape[0], -1).any(1)
    return Cells(cells.lower[keep], cells.upper[keep])


def _within(u: Tensor, low: float, high: float) -> Tensor:
    """Places beyond the limits of the coordinates moved to the outermost ones within."""
    inside = (u > low) & (u < high)
    first = torch.where(inside, u, torch.inf).amin(0)
    last = torch.where(inside, u, -torch.inf).amax(0)
    anywhere = inside.any(0)
    return u.clamp(torch.where(anywhere, first, 0.0), torch.where(anywhere, last, 0.0))


def _plane(cuts: Tensor) -> Cells:
    """The cells of a plane between the cuts along its two axes."""
    lower, upper = cuts[:-1], cuts[1:]
    index = torch.arange(lower.shape[0], device=cuts.device)
    first, second = (axis.flatten() for axis in torch.meshgrid(index, index, indexing="ij"))
    return Cells(
        torch.stack([lower[first][..., 0], lower[second][..., 1]], -1),
        torch.stack([upper[first][..., 0], upper[second][..., 1]], -1),
    )
