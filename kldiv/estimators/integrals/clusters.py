"""Points that lie far from others: places with mass of a density made of kernels about points."""

from __future__ import annotations

from torch import Tensor

__all__ = ["clusters"]

_FAR = 5.0  # a gap as large as so many deviations of both sides lies between two clusters
_MOST = 8


def clusters(points: Tensor, kernel: Tensor) -> list[tuple[Tensor, Tensor]]:
    r"""The mean and the covariance of each cluster, by halving along the clearest gaps.

    Arguments:
        points: With shape :math:`(n, d)`.
        kernel: The covariance of the kernel about each of them, with shape :math:`(d, d)`.
    """
    found: list[Tensor] = []
    waiting = [points]
    while waiting:
        part = waiting.pop()
        halves = _halves(part, kernel) if len(found) + len(waiting) + 1 < _MOST else None
        if halves is None:
            found.append(part)
        else:
            waiting += halves
    return [(part.mean(0), _covariance(part, kernel)) for part in found]


def _covariance(points: Tensor, kernel: Tensor) -> Tensor:
    centred = points - points.mean(0)
    return centred.T @ centred / len(points) + kernel


def _halves(points: Tensor, kernel: Tensor) -> list[Tensor] | None:
    """Both sides of the widest gap along an axis, relative to them; none where it is narrow."""
    best, least = None, _FAR
    for axis in range(points.shape[-1] if len(points) > 1 else 0):
        ordered = points[points[:, axis].argsort()]
        gap, at = ordered[:, axis].diff().max(0)
        sides = [ordered[: int(at) + 1], ordered[int(at) + 1 :]]
        spread = max(float(_covariance(side, kernel)[axis, axis].sqrt()) for side in sides)
        if float(gap) > least * spread:
            best, least = sides, float(gap) / spread
    return best
