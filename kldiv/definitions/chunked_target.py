"""Samples that are larger than memory: read in chunks, as often as they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from torch import Tensor

from kldiv.definitions.numbers import as_numbers
from kldiv.definitions.sample_target import SampleTarget, check_points
from kldiv.definitions.spooled import Spooled
from kldiv.errors import InvalidArgument, ShapeMismatch

__all__ = ["ChunkedTarget"]

_KEPT = 10_000


class ChunkedTarget(SampleTarget):
    r"""Points of equal weight, of which only a chunk is in memory at once.

    Sums over all of them, such as moments and log-likelihoods, read every chunk. What needs some
    points only, as starts and pictures do, takes the 10 000 that are kept, drawn at random.

    Arguments:
        source: What gives all chunks each time it is iterated over, each with shape
            :math:`(n, E)`. What gives them once, as a generator does, is kept in a temporary
            file.

    Raises:
        InvalidType: If a chunk is no array of real numbers.
        InvalidArgument: If there is no point, or one is NaN or infinite.
        ShapeMismatch: If chunks have points of several shapes.
    """

    def __init__(self, source: Iterable[object]) -> None:
        chunks = iter(source)
        self._source = Spooled(chunks) if chunks is source else source
        self._number, self._whole = 0, True
        self._ends: tuple[Tensor, Tensor] = (torch.empty(0), torch.empty(0))
        super().__init__(self._looked_through())

    @property
    def number(self) -> int:
        """How many points there are in all chunks."""
        return self._number

    @property
    def whole(self) -> bool:
        """Whether all points are whole numbers."""
        return self._whole

    @property
    def ends(self) -> tuple[Tensor, Tensor]:
        """The smallest and the largest number of each coordinate."""
        return self._ends

    def chunks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The chunks, each with the weights of its points."""
        for points in self._read():
            yield points, torch.full((len(points),), 1 / self._number, dtype=torch.float64)

    def _read(self) -> Iterator[Tensor]:
        shape = None
        for chunk in self._source:
            points = as_numbers("chunk", chunk)
            shape = points.shape[1:] if shape is None else shape
            if points.ndim == 0:
                raise ShapeMismatch(
                    "an iterable gives chunks, each an array of points, got the number "
                    f"{float(points):g} as one; make a list or an array of the numbers"
                )
            if points.shape[1:] != shape:
                raise ShapeMismatch(
                    f"all chunks must have shape (n, *{tuple(shape)}), got {tuple(points.shape)}"
                )
            if len(points):
                yield points

    def _looked_through(self) -> Tensor:
        """Some of the points; the number, the ends and the kind of all of them are noted."""
        generator = torch.Generator().manual_seed(0)
        kept, keys = [], []
        for points in self._read():
            check_points(points)
            low, high = points.double().amin(0), points.double().amax(0)
            if self._number:
                low, high = torch.minimum(low, self._ends[0]), torch.maximum(high, self._ends[1])
            self._ends = low, high
            self._whole = self._whole and bool((points == points.round()).all())
            self._number += len(points)
            kept.append(points)
            keys.append(torch.rand(len(points), generator=generator))
            best = torch.cat(keys).topk(min(_KEPT, self._number)).indices
            kept, keys = [torch.cat(kept)[best]], [torch.cat(keys)[best]]
        if not kept:
            raise InvalidArgument("chunks must hold a point at least, got none")
        return kept[0]
