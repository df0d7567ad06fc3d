r"""Equally spaced nodes of the standard normal, and what derivatives take from each.

They are sums over :math:`\gamma` at the nodes with weights that a chart knows beforehand: see
:mod:`kldiv.solvers.normal_charts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch

from torch import Tensor

from kldiv.solvers.arrays import Numbers, as_array

__all__ = ["Tables", "basis_of", "tables_of"]


@dataclass(frozen=True)
class Tables:
    r"""Nodes of the standard normal, and what the derivatives take from each.

    Arguments:
        nodes: With shape :math:`(K, D)`.
        weights: With shape :math:`(K)` and sum 1.
        halved: The weights of every other node along each axis, and 0 for those between, with
            shape :math:`(K)` and sum 1.
        slopes: What the gradient takes of :math:`\gamma`, with shape :math:`(P, KD)`.
        bends: What the Hessian takes, with shape :math:`(P P, KD)`.
        traces: The :math:`\operatorname{tr} B_i`, with shape :math:`(P)`.
    """

    nodes: Tensor
    weights: Tensor
    halved: Tensor
    slopes: Tensor
    bends: Tensor
    traces: Tensor

    @cached_property
    def count(self) -> int:
        """The number K of nodes."""
        return len(self.weights)

    @cached_property
    def both(self) -> Tensor:
        """The weights of all nodes, and those of every other one, with shape (2, K)."""
        return torch.stack([self.weights, self.halved])

    @cached_property
    def powers(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        r"""On a line :math:`1, -z, -z^2 / 2` of the nodes, with shape :math:`(3, K)`.

        Then powers up to the fourth times the weights, with shape :math:`(5, K)`, both weights,
        and what all of these say of a parabola :math:`a - b z - c z^2 / 2`, with shape
        :math:`(6, 3)`: its two averages, and those of :math:`b + c z, \dots, (b + c z) z^3`.
        """
        z = self.nodes[:, 0]
        found = z ** torch.arange(5, device=z.device).unsqueeze(-1)
        basis, weighted = torch.stack([found[0], -z, -found[2] / 2]), self.weights * found
        sums = weighted.sum(-1)
        slopes = torch.stack([0 * sums[1:], sums[:4], sums[1:]], -1)
        return basis, weighted, self.both, torch.cat([self.both @ basis.mT, slopes])

    @cached_property
    def arrays(self) -> tuple[Numbers, ...]:
        """The same as arrays of numpy, on a processor."""
        return tuple(map(as_array, self.powers))

    def to(self, device: torch.device, dtype: torch.dtype = torch.float64) -> Tables:
        """The same on a device, in a precision."""
        if device == self.nodes.device and dtype == self.nodes.dtype:
            return self
        parts = self.nodes, self.weights, self.halved, self.slopes, self.bends, self.traces
        return Tables(*(each.to(device, dtype) for each in parts))


@lru_cache(maxsize=32)
def basis_of(size: int, shape: str, loc: bool, scale: bool) -> tuple[Tensor, Tensor]:
    """The shifts (k, D) and the matrices (P - k, D, D) that the parameters stand for."""
    identity = torch.eye(size, dtype=torch.float64)
    shifts = identity if loc else identity[:0]
    matrices = {
        "isotropic": identity.unsqueeze(0),
        "diagonal": torch.diag_embed(identity),
        "full": _entries(size),
    }[shape]
    return shifts, matrices if scale else matrices[:0]


def _entries(size: int) -> Tensor:
    rows, columns = torch.tril_indices(size, size)
    entries = torch.zeros(len(rows), size, size, dtype=torch.float64)
    entries[torch.arange(len(rows)), rows, columns] = 1.0
    return entries


@lru_cache(maxsize=64)
def tables_of(
    size: int, shape: str, loc: bool, scale: bool, grid: tuple[float, float], offset: float
) -> Tables:
    """Nodes, and what derivatives take from each.

    Arguments:
        size: The number of coordinates.
        shape: That of the scale, as in :class:`kldiv.solvers.normal_charts.NormalChart`.
        loc: Whether the mean is free.
        scale: Whether the scale is.
        grid: The spacing of the nodes, and how far they reach.
        offset: How far they are moved, as a share of the spacing.
    """
    spacing, reach = grid
    count = int(reach / spacing)
    steps = torch.cartesian_prod(*[torch.arange(-count, count + 1)] * size).reshape(-1, size)
    z = spacing * (steps.double() + offset)
    within = z.square().sum(-1) <= reach**2
    z, other = z[within], (steps[within] % 2 == 0).all(-1)
    weights = (-z.square().sum(-1) / 2).exp()
    halved = torch.where(other, weights, 0.0)
    weights, halved = weights / weights.sum(), halved / halved.sum()
    shifts, basis = basis_of(size, shape, loc, scale)
    generators = torch.cat([torch.zeros(len(shifts), size, size, dtype=torch.float64), basis])
    traces = generators.diagonal(dim1=-2, dim2=-1).sum(-1)
    still = shifts.unsqueeze(1).expand(-1, len(z), -1)
    velocity = torch.cat([still, torch.einsum("pij,kj->pki", basis, z)])
    inner = torch.einsum("kj,pkj->pk", z, velocity) - traces.unsqueeze(-1)
    bends = torch.einsum("pki,qk->pqki", velocity, inner)
    bends = bends - torch.einsum("pij,qkj->pqki", generators, velocity)
    products = torch.einsum("pij,qjl->pqil", generators, generators)
    bends = bends + torch.einsum("pqij,kj->pqki", (products + products.transpose(0, 1)) / 2, z)
    bends = (bends + bends.transpose(0, 1)) / 2
    slopes = (velocity * weights.unsqueeze(-1)).flatten(1)
    bends = (bends * weights.unsqueeze(-1)).reshape(len(generators) ** 2, -1)
    return Tables(z, weights, halved, slopes, bends, traces)
