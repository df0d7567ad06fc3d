r"""The trapezium rule in the plane, in coordinates where integrands fall doubly exponentially.

With :math:`x = c + L\,s \sinh u` a smooth integrand is analytic and vanishes fast at both ends, so
that equally spaced nodes converge exponentially: each doubling of their number doubles the number
of right digits. Every second node makes the coarser rule that checks the finer one.

References:
    The Exponentially Convergent Trapezoidal Rule (Trefethen and Weideman, 2014), section 14,
    doi:10.1137/130932132.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from torch import Tensor

from kldiv.estimators.layout import coordinates
from kldiv.estimators.problem import Problem

__all__ = ["Nodes", "trapezium_nodes"]

Nodes = tuple[Tensor, Tensor, Tensor]
"""Points, weights, and the weights of the embedded coarser rule."""

_TRIALS = ((12.0, 49), (12.0, 97), (100.0, 97), (100.0, 193), (1e4, 193))
"""How far to reach, in scales of a landmark, and the number of nodes along each axis."""


def trapezium_nodes(problem: Problem) -> Iterator[Nodes]:
    """Ever finer rules for a problem on the whole plane; none elsewhere."""
    chart, places = coordinates(problem.p, problem.q)
    if chart.kind != "line":
        return
    shape = chart.ends.lower.shape
    for reach, side in _TRIALS:
        ends = [
            chart.to_u((place.centre + sign * reach * place.scale).expand(shape))
            for place in places
            for sign in (1, -1)
        ]
        low, high = torch.stack(ends).amin(0), torch.stack(ends).amax(0)
        steps = torch.arange(side, dtype=low.dtype, device=low.device)
        first, second = (axis.flatten() for axis in torch.meshgrid(steps, steps, indexing="ij"))
        share = torch.stack([first, second], -1) / (side - 1)
        u = low + (high - low) * share.reshape(-1, *(1,) * (len(shape) - 1), 2)
        x, slope = chart.to_x(u)
        weights = slope * ((high - low) / (side - 1)).prod(-1)
        even = ((first % 2 == 0) & (second % 2 == 0)).reshape(-1, *(1,) * (weights.ndim - 1))
        yield x, weights, torch.where(even, 4 * weights, 0.0)
