r"""Wasserstein's distance of two distributions on the line, by their quantile functions.

With :math:`u = 1 / (1 + e^{-s})` and :math:`d(s) = F^{-1}(u) - G^{-1}(u)`

.. math:: W_r^r = \int_{-\infty}^\infty u (1 - u)\,|d(s)|^r\,ds,

by a rule of Gauss on panels, which are halved where one of two rules of fewer points disagrees:
at kinks, and where a quantile function climbs over a gap between two modes. One of the two is
Lobatto's, which sees the ends of a panel, and so what lies beyond the last point of the others.
The error is what still disagrees, what rounding of levels moves, and what the ends of the line
leave out, which is seen from how fast the integrand falls there; if it does not fall, and is more
than rounding, the distance is infinite.
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
from kldiv_transport.quantile_functions import Quantile, atoms, level_error, quantile_function

__all__ = ["Quantiles"]

_REACH = 34.0  # where 1 - u is a few units of rounding
_PROBES = torch.tensor([-_REACH, -28.0, -26.0, _REACH, 28.0, 26.0], dtype=torch.float64)
"""Both ends, and before each two places where rounding does not hide how the integrand falls."""
_LEAST_FALL = 1e-2  # of the logarithm of the integrand at an end that is integrable
_SEEN = 1e-9  # of the whole: a smaller end does not count
_EPS = torch.finfo(torch.float64).eps
_WIDTH = 2.0
_MOST = 500  # panels of a round
_RTOL = 1e-10  # of the whole, that the rules may disagree on a panel


def _lobatto(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rule of most degree among those that contain both ends."""
    last = np.polynomial.Legendre.basis(count - 1)
    nodes = np.array([-1.0, *np.sort(last.deriv().roots()), 1.0])
    return nodes, 2 / (count * (count - 1) * last(nodes) ** 2)


_GAUSS = np.polynomial.legendre.leggauss
_RULES = [_GAUSS(12), _lobatto(9), _GAUSS(7)]
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
            power, error, count = self._of_quantiles(problem, sides, order)
        value = root(power, order)
        with torch.no_grad():
            error = root(power + error, order) - root((power - error).clamp_min(0.0), order)
            error = torch.where(value.isinf(), 0.0, error + 64 * _EPS * value)
        reason = "a moment of that order is infinite and not shared" if value.isinf().any() else ""
        return kldiv.Estimate(value, error, self.name, evaluations=count, reason=reason)

    def _of_quantiles(
        self,
        problem: Any,  # noqa: ANN401
        sides: tuple[Distribution, Distribution],
        order: float,
    ) -> tuple[Tensor, Tensor, int]:
        shape, device = problem.batch_shape, problem.p.device
        first, second = (_known(quantile_function(side)) for side in sides)

        def quantiles(s: Tensor) -> tuple[Tensor, Tensor]:
            levels = s.reshape(-1, *(1,) * len(shape)).sigmoid().to(device)
            x, y = (each(levels).expand(len(s), *shape).cpu() for each in (first, second))
            return x, y

        def between(s: Tensor, x: Tensor, y: Tensor) -> Tensor:
            return _likely(s, x) * (x - y).abs().pow(order)

        def density(s: Tensor) -> Tensor:
            return between(s, *quantiles(s))

        with torch.no_grad():
            at_probes = quantiles(_PROBES)
            rounding, before = _roundings(at_probes, *map(level_error, sides), order)
            left, width = self._panels(density, rounding, order)
        found, doubt = _integrals(density, left, width)
        total = found.sum(0)
        with torch.no_grad():
            tails = between(_PROBES, *at_probes).unflatten(0, (2, 3))
            ends = _beyond(tails, before, total).sum(0)
            error = doubt.sum(0) + ends + _moved(total, rounding, order)
        found = torch.where(ends.isinf(), torch.inf, total)
        return found.to(device), error.to(device), len(_NODES) * len(left)

    def _panels(
        self, density: Callable[[Tensor], Tensor], rounding: Tensor, order: float
    ) -> tuple[Tensor, Tensor]:
        """The left ends and widths of panels on which the rules agree."""
        left = torch.arange(-_REACH, _REACH, _WIDTH, dtype=torch.float64)
        width, total = torch.full_like(left, _WIDTH), torch.zeros(())
        done = []
        for _ in range(self.rounds):
            found, doubt = _integrals(density, left, width)
            total = torch.maximum(total, found.sum(0))
            least = torch.maximum(_RTOL * total, _moved(total, rounding, order))
            bad = (doubt > least).reshape(len(left), -1).any(1)
            done.append((left[~bad], width[~bad]))
            half = width[bad] / 2
            left, width = torch.cat([left[bad], left[bad] + half]), half.repeat(2)
            if not len(left) or len(left) > _MOST:
                break
        lefts, widths = zip(*done, (left, width), strict=True)
        return torch.cat(lefts), torch.cat(widths)


def _likely(s: Tensor, like: Tensor) -> Tensor:
    """The density u (1 - u) of levels in s, with as many dimensions as another tensor."""
    return (s.sigmoid() * (-s).sigmoid()).reshape(-1, *(1,) * (like.ndim - 1))


def _roundings(
    quantiles: tuple[Tensor, Tensor], of_first: float, of_second: float, order: float
) -> tuple[Tensor, Tensor]:
    r"""By how much a distance is rounded, and the integrand before either end, with shape (2, *).

    Where a level is off by :math:`\epsilon`, a quantile is by
    :math:`\epsilon\,|dx / ds| / u (1 - u)`: the more the nearer to an end.
    """
    x = of_first * quantiles[0], of_second * quantiles[1]
    last, outer, inner = torch.stack(x).unflatten(1, (2, 3)).unbind(2)
    slopes = (outer - inner).abs().sum(0) / 2
    ends, before = (
        likely * (slopes / likely).pow(order)
        for likely in (_likely(_PROBES[each::3], slopes) for each in (0, 1))
    )
    between = (last[:, 1] - last[:, 0]).abs().sum(0)
    return between + ends.sum(0).pow(1 / order), before


def _moved(total: Tensor, by: Tensor, order: float) -> Tensor:
    """How much the power of a distance grows with the distance."""
    return (total.pow(1 / order) + by).pow(order) - total


def _integrals(
    density: Callable[[Tensor], Tensor], left: Tensor, width: Tensor
) -> tuple[Tensor, Tensor]:
    """The integrals on panels, and how far two other rules are from them, with shape (P, *)."""
    values = density((left.unsqueeze(1) + width.unsqueeze(1) * _NODES).flatten())
    values = values.unflatten(0, (len(left), len(_NODES)))
    width = width.reshape(-1, *(1,) * (values.ndim - 2))
    found, *others = width * torch.tensordot(_WEIGHTS, values, ([1], [1]))
    with torch.no_grad():
        return found, torch.stack([(found - other).abs() for other in others]).amax(0)


def _known(quantile: Quantile | None) -> Quantile:
    if quantile is None:
        raise kldiv.NotAvailable("the quantile function of one side is not known")
    return quantile


def _beyond(density: Tensor, rounding: Tensor, total: Tensor) -> Tensor:
    """What is left out beyond the ends, infinite where the density does not fall towards one."""
    last, outer, inner = density.unbind(1)
    fall = (inner / torch.where(outer > 0, outer, 1.0)).log() / 2
    heavy = (fall < _LEAST_FALL) & (outer > _SEEN * total) & (outer > rounding)
    left = last / torch.where(fall > _LEAST_FALL, fall, 1.0)
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
