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

from kldiv.estimators.integrals.coordinates import Coordinates
from kldiv.estimators.integrals.layout import domain_of, places_of
from kldiv.estimators.integrals.search import correlation_factor
from kldiv.estimators.problem import Problem

__all__ = ["Nodes", "trapezium_nodes"]

Nodes = tuple[Tensor, Tensor, Tensor]
"""Points, weights, and the weights of the embedded coarser rule."""

_TRIALS = ((12.0, 49), (12.0, 97), (100.0, 97), (100.0, 193), (1e4, 193))
"""How far to reach, in scales of a landmark, and the number of nodes along each axis."""


def trapezium_nodes(problem: Problem) -> Iterator[Nodes]:
    """Ever finer rules for a problem on the whole plane; none elsewhere."""
    ends = domain_of(problem.p, problem.q)
    if bool(ends.lower.isfinite().any() | ends.upper.isfinite().any()):
        return
    shape = ends.lower.shape
    with torch.no_grad():
        places = places_of(problem.p, problem.q)
        centres = torch.stack([place.centre.expand(shape) for place in places])
        scales = torch.stack([place.scale.expand(shape) for place in places])
        factor = correlation_factor(problem.p, problem.q, shape)
        chart = Coordinates(ends, centres.mean(0), scales.log().mean(0).exp(), factor)
    for reach, side in _TRIALS:
        corners = torch.cat([centres + reach * scales, centres - reach * scales])
        u = chart.to_u(corners)
        low, high = u.amin(0), u.amax(0)
        steps = torch.arange(side, dtype=low.dtype, device=low.device)
        first, second = (axis.flatten() for axis in torch.meshgrid(steps, steps, indexing="ij"))
        share = torch.stack([first, second], -1) / (side - 1)
        u = low + (high - low) * share.reshape(-1, *(1,) * (len(shape) - 1), 2)
        x, slope = chart.to_x(u), chart.slope(u)
        weights = slope * ((high - low) / (side - 1)).prod(-1)
        even = ((first % 2 == 0) & (second % 2 == 0)).reshape(-1, *(1,) * (weights.ndim - 1))
        yield x, weights, torch.where(even, 4 * weights, 0.0)
