r"""Wasserstein's distance of two distributions on the line, by their quantile functions.

With :math:`u = 1 / (1 + e^{-s})` and :math:`d(s) = F^{-1}(u) - G^{-1}(u)`

.. math:: W_r^r = \int_{-\infty}^\infty u (1 - u)\,|d(s)|^r\,ds,

by rules of Gauss on panels, which are halved where a rule of fewer points disagrees: at kinks,
and where a quantile function climbs over a gap between two modes. The error is what still
disagrees and what the ends leave out, which is seen from how fast the integrand falls there; if
it does not fall, the distance is infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution

import kldiv

from kldiv_transport.coupling import coupled, root
from kldiv_transport.quantile_functions import Quantile, atoms, quantile_function

__all__ = ["Quantiles"]

_REACH = 34.0  # where 1 - u is a few units of rounding
_LEAST_FALL = 1e-2  # of the logarithm of the integrand at an end that is integrable
_SEEN = 1e-9  # of the whole: a smaller end is rounding
_EPS = torch.finfo(torch.float64).eps
_WIDTH = 2.0
_MOST = 500  # panels of a round
_RTOL = 1e-10  # of the whole, that the rules may disagree on a panel
_RULES = [np.polynomial.legendre.leggauss(count) for count in (12, 8)]
_NODES = torch.from_numpy(np.concatenate([nodes + 1 for nodes, _ in _RULES])) / 2
_WEIGHTS = torch.block_diag(*(torch.from_numpy(weights) / 2 for _, weights in _RULES))


@dataclass(frozen=True)
class Quantiles:
    """Wasserstein's distance of distributions on the line whose quantiles are known.

    Arguments:
        rounds: How often panels are halved at most.
    """

    rounds: int = 30

    name = "quantiles"

    def why_not(self, problem: Any) -> str | None:  # noqa: ANN401 (a problem is the core's own)
        """Two distributions on the line with quantiles, or two with listed values."""
        for name, side in (("p", problem.p), ("q", problem.q)):
            if side.distribution is None:
                return f"{name} = {side!r} is no torch distribution"
            if side.event_shape:
                return f"{name} = {side!r} is not on the line"
        for of in (quantile_function, atoms):
            if all(of(side.distribution) is not None for side in (problem.p, problem.q)):
                return None
        return "the quantile function of one side is not known, nor can its values be listed"

    def estimate(self, problem: Any) -> kldiv.Estimate:  # noqa: ANN401
        """The distance, in the units of x."""
        order, shape = problem.divergence.order, problem.batch_shape
        sides = (problem.p.distribution, problem.q.distribution)
        if sides[0].support.is_discrete:
            power, error, count = _of_atoms(*sides, shape, order)
        else:
            power, error, count = self._of_quantiles(sides, shape, order)
        value = root(power, order)
        with torch.no_grad():
            error = root(power + error, order) - root((power - error).clamp_min(0.0), order)
            error = torch.where(value.isinf(), 0.0, error + 64 * _EPS * value)
        reason = "a moment of that order is infinite and not shared" if value.isinf().any() else ""
        return kldiv.Estimate(value, error, self.name, evaluations=count, reason=reason)

    def _of_quantiles(
        self, sides: tuple[Distribution, Distribution], shape: torch.Size, order: float
    ) -> tuple[Tensor, Tensor, int]:
        first, second = (_known(quantile_function(side)) for side in sides)

        def density(s: Tensor) -> Tensor:
            s = s.reshape(-1, *(1,) * len(shape))
            gap = (first(s.sigmoid()) - second(s.sigmoid())).expand(len(s), *shape)
            return s.sigmoid() * (-s).sigmoid() * gap.abs().pow(order)

        with torch.no_grad():
            left, width = self._panels(density)
        fine, coarse = _rules(density, left, width)
        total = fine.sum(0)
        with torch.no_grad():
            probes = torch.tensor([-_REACH, 2 - _REACH, _REACH, _REACH - 2], dtype=torch.float64)
            tails = density(probes)
            ends = _beyond(tails[:2], total) + _beyond(tails[2:], total)
            error = (fine - coarse).abs().sum(0) + ends
        return torch.where(ends.isinf(), torch.inf, total), error, len(_NODES) * len(left)

    def _panels(self, density: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """The left ends and widths of panels on which two rules agree."""
        left = torch.arange(-_REACH, _REACH, _WIDTH, dtype=torch.float64)
        width, total = torch.full_like(left, _WIDTH), torch.zeros(())
        done = []
        for _ in range(self.rounds):
            fine, coarse = _rules(density, left, width)
            total = torch.maximum(total, fine.sum(0))
            bad = ((fine - coarse).abs() > _RTOL * total).reshape(len(left), -1).any(1)
            done.append((left[~bad], width[~bad]))
            half = width[bad] / 2
            left, width = torch.cat([left[bad], left[bad] + half]), half.repeat(2)
            if not len(left) or len(left) > _MOST:
                break
        lefts, widths = zip(*done, (left, width), strict=True)
        return torch.cat(lefts), torch.cat(widths)


def _rules(
    density: Callable[[Tensor], Tensor], left: Tensor, width: Tensor
) -> tuple[Tensor, Tensor]:
    """The integrals on panels by a rule of Gauss and by one of fewer points, (P, *) each."""
    values = density((left.unsqueeze(1) + width.unsqueeze(1) * _NODES).flatten())
    values = values.unflatten(0, (len(left), len(_NODES)))
    width = width.reshape(-1, *(1,) * (values.ndim - 2))
    fine, coarse = width * torch.tensordot(_WEIGHTS, values, ([1], [1]))
    return fine, coarse


def _known(quantile: Quantile | None) -> Quantile:
    if quantile is None:
        raise kldiv.NotAvailable("the quantile function of one side is not known")
    return quantile


def _beyond(density: Tensor, total: Tensor) -> Tensor:
    """What is left out beyond an end, infinite where the density does not fall towards it."""
    first, inner = density
    fall = (inner / torch.where(first > 0, first, 1.0)).log() / 2
    heavy = (fall < _LEAST_FALL) & (first > _SEEN * total)
    left = first / torch.where(fall > _LEAST_FALL, fall, 1.0)
    return torch.where(heavy, torch.inf, left)


def _of_atoms(
    p: Distribution, q: Distribution, shape: torch.Size, order: float
) -> tuple[Tensor, Tensor, int]:
    """Of distributions whose values can be listed: the coupling of weighted points."""
    columns = []
    for side in (p, q):
        found = atoms(side)
        if found is None:
            raise kldiv.NotAvailable(f"the values of {side!r} cannot be listed")
        ones = (1,) * (len(shape) - len(side.batch_shape))
        columns += [
            each.reshape(len(each), *ones, *each.shape[1:])
            .expand(-1, *shape)
            .reshape(len(each), -1)
            for each in found
        ]
    powers = [
        coupled(x.unsqueeze(0), v, y.unsqueeze(0), w, order).squeeze(0)
        for x, v, y, w in zip(*(each.unbind(1) for each in columns), strict=True)
    ]
    power = torch.stack(powers).reshape(shape)
    with torch.no_grad():
        x, v, y, w = columns
        moment = (x.abs().pow(order) * v).sum(0) + (y.abs().pow(order) * w).sum(0)
        error = 64 * _EPS * moment.reshape(shape)  # by rounding; what is not listed is far less
    return power, error, len(columns[0]) + len(columns[2])
