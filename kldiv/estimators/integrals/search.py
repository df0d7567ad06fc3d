"""Where to begin looking for a supremum: around places with mass, then ever more coarsely."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.target import Target
from kldiv.estimators.integrals.coordinates import Coordinates
from kldiv.estimators.integrals.landmarks import Landmark
from kldiv.estimators.integrals.layout import domain_of, edges_of, places_of

__all__ = ["Search", "correlation_factor", "search"]

_STEPS = {1: (0.0, 1.5, 4.0, 9.0), 2: (0.0, 4.0)}  # in scales, about a landmark
_TAIL = {  # in u, beyond the last landmark, out to the limits
    1: (1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 127.0, 255.0, 511.0, 1023.0),
    2: (1.5, 6.0, 1023.0),
}
_PARTS = 10  # of a cell along each axis


@dataclass(frozen=True)
class Search:
    r"""Coordinates, and where in them to look first.

    Arguments:
        coordinates: The coordinates u of the domain.
        nodes: Points u, with shape :math:`(N, *, d)`.
        gaps: How far apart they are, likewise.
    """

    coordinates: Coordinates
    nodes: Tensor
    gaps: Tensor


def search(p: Target, q: Target) -> Search:
    """Nodes between cuts at landmarks and edges and ever wider ones out to the limits."""
    places, ends = places_of(p, q), domain_of(p, q)
    shape = ends.lower.shape
    centre = torch.stack([place.centre.expand(shape) for place in places]).mean(0)
    scale = torch.stack([place.scale.expand(shape) for place in places]).log().mean(0).exp()
    coordinates = Coordinates(ends, centre, scale)
    if shape[-1] == 2 and coordinates.whole:
        coordinates = Coordinates(ends, centre, scale, correlation_factor(p, q, shape))
    cuts = _cuts(places, coordinates, edges_of(p, q))
    inner = torch.linspace(0, 1, _PARTS + 1, dtype=cuts.dtype, device=cuts.device)[:-1]
    width = cuts.diff(dim=0)
    nodes = (cuts[:-1] + width * inner.reshape(-1, *(1,) * width.ndim)).flatten(0, 1)
    gaps = (width / _PARTS).expand(_PARTS, *width.shape).flatten(0, 1)
    if shape[-1] == 1:
        return Search(coordinates, nodes, gaps)
    return Search(coordinates, _plane(nodes), _plane(gaps))


def correlation_factor(p: Target, q: Target, shape: torch.Size) -> Tensor:
    """A factor of the mean correlation of the sides that state one, else the identity."""
    stated = [getattr(side.distribution, "covariance_matrix", None) for side in (p, q)]
    found = [matrix.expand(*shape, 2) for matrix in stated if matrix is not None]
    if not found:
        return torch.eye(2, dtype=torch.float64, device=p.device).expand(*shape, 2)
    covariance = torch.stack(found).mean(0).detach()
    scale = covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    factor: Tensor = torch.linalg.cholesky(
        covariance / (scale.unsqueeze(-1) * scale.unsqueeze(-2))
    )
    return factor


def _cuts(places: list[Landmark], coordinates: Coordinates, edges: list[Tensor]) -> Tensor:
    shape = coordinates.ends.lower.shape
    points = [
        place.centre + sign * step * place.scale
        for place in places
        for step in _STEPS[shape[-1]]
        for sign in (1, -1)
    ]
    points += [edge.detach() for edge in edges if bool(edge.isfinite().all())]
    low, high = coordinates.limits
    u = torch.stack([coordinates.to_u(point.expand(shape)) for point in points])
    inside = (u > low) & (u < high)
    first = torch.where(inside, u, torch.inf).amin(0)
    last = torch.where(inside, u, -torch.inf).amax(0)
    anywhere = inside.any(0)
    first, last = torch.where(anywhere, first, 0.0), torch.where(anywhere, last, 0.0)
    u = torch.minimum(torch.maximum(u, first), last).sort(dim=0).values
    tail = u.new_tensor(_TAIL[shape[-1]]).reshape(-1, *(1,) * len(shape))
    outer = torch.maximum(u[0] - tail, low).flip(0), torch.minimum(u[-1] + tail, high)
    return torch.cat([outer[0], u, outer[1]])


def _plane(along: Tensor) -> Tensor:
    """All pairs of coordinates along the two axes, from shape (N, *, 2) to (N², *, 2)."""
    first, second = along[..., 0].unsqueeze(1), along[..., 1].unsqueeze(0)
    return torch.stack(torch.broadcast_tensors(first, second), -1).flatten(0, 1)
