r"""Lattices in the plane that serve all starts of a fit: equal steps, only where there is mass.

For smooth integrands that vanish on all sides equal steps converge exponentially, and a sum over a
lattice may leave out the points at which nothing counts. So a thin bent density costs as many
nodes as it covers, not as many as its box. The density is asked on a wide lattice first, then with
half the steps about the points that were kept.

References:
    The Exponentially Convergent Trapezoidal Rule (Trefethen and Weideman, 2014), section 5,
    doi:10.1137/130932132.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import torch

from torch import Tensor

from kldiv.estimators.integrals.landmarks import Landmark

__all__ = ["Lattice", "lattices"]

_SIDES = (65, 91)  # nodes along each axis of the widest lattices,
_HALVINGS = 4
_MOST = 1 << 15  # and of all that are kept of one
_REACH = 10.0  # scales about each place, to begin with
_LONGER, _GROWTHS = 0.5, 3  # of a box, by which it grows where it does not hold the mass
_CUT = 41.5  # nats below the peak nothing counts: 1e-18
_RIM = 3.0  # nats above it
_ABOUT = 5  # steps of half the length: about a point that was kept

Logs = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Lattice:
    r"""Nodes of equal weight.

    Arguments:
        points: With shape :math:`(N, 2)`.
        weights: With shape :math:`(N)`.
        coarse: The weights of every second node along both axes, 0 elsewhere.
        rim: 1 at the nodes beside those left out, 0 elsewhere.
        basis: The steps to the neighbours along both axes, as columns.
    """

    points: Tensor
    weights: Tensor
    coarse: Tensor
    rim: Tensor
    basis: Tensor

    @property
    def step(self) -> Tensor:
        """How far apart neighbours are at most along the axes."""
        longest: Tensor = torch.linalg.vector_norm(self.basis, dim=0).amax()
        return longest


def lattices(
    logs: Logs, places: Sequence[Landmark], factor: Tensor, most: int = _MOST
) -> Iterator[Lattice]:
    r"""Ever finer lattices where some densities have mass; none where that does not end.

    Arguments:
        logs: The log densities at points of shape :math:`(N, 2)`, with shape :math:`(N, R)`.
        places: Where the mass is.
        factor: The factor of the correlation along which the axes are laid, with shape (2, 2).
        most: How many nodes are too many.
    """
    found = _trimmed(_Box.about(places, factor), logs)
    if found is not None:
        ways = (_ever_finer(side, *found, logs, most) for side in _SIDES)
        yield from chain(*zip(*ways, strict=False))


def _ever_finer(side: int, box: _Box, top: Tensor, logs: Logs, most: int) -> Iterator[Lattice]:
    """The lattices of half the steps each, while they are not too many nodes."""
    mask = torch.ones(side, side, dtype=torch.bool, device=top.device)
    for _ in range(_HALVINGS + 1):
        x = box.points(mask)
        below = (logs(x) - top).amax(-1)
        kept = below >= -_CUT
        if int(kept.sum()) > most:
            return
        mask = mask.masked_scatter(mask, kept)
        weights = box.cell(mask).expand(int(kept.sum()))
        coarse = torch.where((mask.nonzero() % 2 == 0).all(-1), 4 * weights, 0.0)
        rim = (below[kept] < _RIM - _CUT).to(weights)
        yield Lattice(x[kept], weights, coarse, rim, box.basis(mask))
        mask = _halved(mask)


def _trimmed(box: _Box, logs: Logs) -> tuple[_Box, Tensor] | None:
    """The box about what counts, and the peaks; ``None`` where the mass has no end."""
    mask = torch.ones(_SIDES[0], _SIDES[0], dtype=torch.bool, device=box.low.device)
    for _ in range(_GROWTHS + 1):
        values = logs(box.points(mask))
        top = values.amax(0)
        kept = ((values - top) >= -_CUT).any(-1).reshape(mask.shape)
        spans = [kept.any(1 - axis).nonzero()[:, 0] for axis in (0, 1)]
        first, last = (torch.stack([span[end] for span in spans]) for end in (0, -1))
        if bool(((first > 0) & (last < _SIDES[0] - 1)).all()):
            return box.part((first - 1) / (_SIDES[0] - 1), (last + 1) / (_SIDES[0] - 1)), top
        box = box.part(torch.full((2,), -_LONGER), torch.full((2,), 1 + _LONGER))
    return None


def _halved(mask: Tensor) -> Tensor:
    """The nodes of half the steps about those that were kept."""
    finer = torch.zeros([2 * side - 1 for side in mask.shape], dtype=torch.float32)
    finer = finer.to(mask.device)
    finer[::2, ::2] = mask.float()
    pooled = torch.nn.functional.max_pool2d(finer[None, None], _ABOUT, 1, _ABOUT // 2)
    return pooled[0, 0] > 0


@dataclass(frozen=True)
class _Box:
    """A box in coordinates z of its own, :math:`x = c + L z`."""

    centre: Tensor
    factor: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def about(cls, places: Sequence[Landmark], factor: Tensor) -> _Box:
        """The box that holds all places (each of any batch) and their surroundings."""
        centres = torch.cat([place.centre.reshape(-1, 2) for place in places])
        scales = torch.cat([place.scale.reshape(-1, 2) for place in places])
        centre, scale = centres[0], scales[0]
        root = scale.unsqueeze(-1) * factor
        inverse = torch.linalg.inv(root)
        middle, reach = (centres - centre) @ inverse.T, _REACH * scales @ inverse.abs().T
        return cls(centre, root, (middle - reach).amin(0), (middle + reach).amax(0))

    def part(self, first: Tensor, last: Tensor) -> _Box:
        """The box between two shares of its sides, of shape (2)."""
        size = self.high - self.low
        low, high = self.low + size * first.to(size), self.low + size * last.to(size)
        return _Box(self.centre, self.factor, low, high)

    def points(self, mask: Tensor) -> Tensor:
        """The points x of some nodes of a lattice over the box."""
        x: Tensor = self.centre + (self.low + self._steps(mask) * mask.nonzero()) @ self.factor.T
        return x

    def cell(self, mask: Tensor) -> Tensor:
        """What a node of such a lattice stands for."""
        area: Tensor = self._steps(mask).prod() * self.factor.diagonal().prod()
        return area

    def basis(self, mask: Tensor) -> Tensor:
        """The steps to its neighbours along both axes, as columns."""
        return self.factor * self._steps(mask)

    def _steps(self, mask: Tensor) -> Tensor:
        return (self.high - self.low) / (torch.tensor(mask.shape).to(self.low) - 1)
