r"""What is integrated along lines: integrands of a divergence, or statistics under a density.

All are densities in the coordinate of a line. An integrand of two densities that is homogeneous of
degree h, as every f-divergence is of degree 1, takes the slope of the coordinates into its
arguments, :math:`g(\log p, \log q)\,s = g(\log p + \log s / h, \log q + \log s / h)`.
"""

from __future__ import annotations

import math

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch

from torch import Tensor

from kldiv.definitions.target import Target
from kldiv.estimators.integrals.elements import Arrangement, Elements, log_density_at
from kldiv.estimators.integrals.jumps import jumps_of
from kldiv.estimators.integrals.poles import has_poles
from kldiv.estimators.integrands import Densities, past_poles
from kldiv.numerics import product

__all__ = [
    "DivergenceFormula",
    "Formula",
    "Statistics",
    "StatisticsFormula",
]

Statistics = Callable[[Tensor], tuple[Tensor, ...]]
Logs = tuple[Tensor, ...]

_VANISHED = -745.0  # the logarithm of what is 0 in float64
_ROUNDING = 4 * torch.finfo(torch.float64).eps
_WHOLE = 1e-13  # a degree this close to a whole number is that number


class Formula(Protocol):
    """What OnLines asks of an integrand."""

    @property
    def targets(self) -> tuple[Target, Target]:
        """The densities."""

    @property
    def continues(self) -> bool:
        """Whether the integrand is known where only the log densities are."""

    @property
    def has_poles(self) -> bool:
        """Whether the integrand has poles beside the real values of the log ratio."""

    @property
    def needs_all(self) -> bool:
        """Whether one infinite integral makes the others needless."""

    @property
    def count(self) -> int:
        """How many integrands there are but for the masses."""

    def jumps(self) -> list[Tensor]:
        """Where the integrand jumps inside of its domain, with shapes that broadcast to (*)."""

    def logs(self, x: Tensor, elements: Elements) -> Logs:
        """The log densities at points of shape (N, C, E), each with shape (N, C)."""

    def values(self, x: Tensor, logs: Logs, log_slope: Tensor, elements: Elements) -> Tensor:
        """The integrands as densities in the coordinate, with shape (k, N, C)."""

    def noise(
        self, values: Tensor, x: Tensor, logs: Logs, log_slope: Tensor, elements: Elements
    ) -> Tensor:
        """The rounding in these values, likewise."""


class _OfLogs:
    """A formula of log densities: their rounding is that of the integrands."""

    def jumps(self: Formula) -> list[Tensor]:
        """Where a density jumps: what is a function of densities has no other jumps."""
        return [each for side in dict.fromkeys(self.targets) for each in jumps_of(side)]

    def noise(
        self: Formula,
        values: Tensor,
        x: Tensor,
        logs: Logs,
        log_slope: Tensor,
        elements: Elements,
    ) -> Tensor:
        """What moving both log densities by their rounding does to the integrands."""
        first, second = (
            torch.where(log.isfinite(), 1 + log.abs(), 0.0) * _ROUNDING for log in logs
        )
        moved = (logs[0] + first, logs[1] - second / 2)  # by halves, lest p q stays the same
        change = (self.values(x, moved, log_slope, elements) - values).abs()
        return torch.nan_to_num(change + values.abs() * _ROUNDING, nan=torch.inf)


@dataclass(frozen=True)
class DivergenceFormula(_OfLogs):
    """The integrands of a divergence, and as the last two the masses of both sides."""

    sides: Densities
    needs_all: bool = True

    continues = True

    @property
    def targets(self) -> tuple[Target, Target]:
        """Both sides."""
        return self.sides.problem.p, self.sides.problem.q

    def logs(self, x: Tensor, elements: Elements) -> Logs:
        """Both log densities, ``-inf`` on poles."""
        sides = self.sides
        log_p, log_q = (
            log_density_at(target, x, elements) - _of_elements(log_mass, elements)
            for target, log_mass in zip(
                self.targets, (sides.log_mass_p, sides.log_mass_q), strict=True
            )
        )
        return past_poles(log_p, log_q)

    def values(self, x: Tensor, logs: Logs, log_slope: Tensor, elements: Elements) -> Tensor:
        """The integrands and both masses."""
        log_p, log_q = logs
        scaled = {
            degree: self._scaled(degree, log_p, log_q, log_slope, elements)
            for degree in set(self._degrees)
        }
        values = scaled[self._degrees[0]]
        if len(scaled) > 1:
            rows = enumerate(self._degrees)
            values = torch.stack([scaled[degree][row] for row, degree in rows])
        if self.sides.measures:
            return values
        masses = torch.stack([(log + log_slope).exp() for log in (log_p, log_q)])
        return torch.cat([values, masses])

    def _scaled(
        self,
        degree: float | None,
        log_p: Tensor,
        log_q: Tensor,
        log_slope: Tensor,
        elements: Elements,
    ) -> Tensor:
        """All integrands times the slope, of which those of one degree are right."""
        if degree is not None:
            return self._stack(log_p, log_q, log_slope / degree, elements)
        plain = self._stack(log_p, log_q, torch.zeros_like(log_slope), elements)
        return product(log_slope.exp(), plain)

    def _stack(self, log_p: Tensor, log_q: Tensor, shift: Tensor, elements: Elements) -> Tensor:
        log_p, log_q = log_p + shift, log_q + shift
        if torch.is_grad_enabled():
            log_p, log_q = self._in_sight(log_p, log_q, elements)
        return self._raw(log_p, log_q, elements)

    def _raw(self, log_p: Tensor, log_q: Tensor, elements: Elements) -> Tensor:
        if not self._varies:
            return self.sides.raw(log_p, log_q)
        arrangement = Arrangement(elements)
        full = self.sides.raw(*(arrangement.spread(log, -torch.inf) for log in (log_p, log_q)))
        return arrangement.gather(full, log_p.shape[1])

    def _in_sight(self, log_p: Tensor, log_q: Tensor, elements: Elements) -> tuple[Tensor, Tensor]:
        """Log densities without those that are so small that only their gradients overflow."""
        with torch.no_grad():
            gone = torch.maximum(log_p, log_q) < _VANISHED
            if not bool(gone.any()):
                return log_p, log_q
            only_p, only_q = (torch.where(gone, log, -torch.inf) for log in (log_p, log_q))
            gone = gone & self._raw(only_p, only_q, elements).eq(0).all(0)
        return torch.where(gone, -torch.inf, log_p), torch.where(gone, -torch.inf, log_q)

    @property
    def count(self) -> int:
        """How many integrands there are but for the masses."""
        return len(self._degrees) - 2 * self.sides.measures

    @cached_property
    def _varies(self) -> bool:
        """Whether the divergence differs from element to element of the batch."""
        parameters = vars(self.sides.problem.divergence).values()
        return any(isinstance(each, Tensor) and each.ndim > 0 for each in parameters)

    @cached_property
    def _degrees(self) -> tuple[float | None, ...]:
        """The degree of homogeneity of each integrand in the two densities, where it has one."""
        batch, device = self.sides.problem.batch_shape, self.sides.problem.p.device
        shifts = torch.tensor([[0.0], [0.5], [1.0]], dtype=torch.float64, device=device)
        with torch.no_grad():
            log_p, log_q = (
                (shifts + shifts.new_tensor(pair)).reshape(-1, *(1,) * len(batch))
                for pair in ((0.3, -0.9), (-0.4, 0.5))
            )
            found = self.sides.raw(log_p.expand(-1, *batch), log_q.expand(-1, *batch))
        return tuple(_degree(*row) for row in found.reshape(len(found), 3, -1))

    @cached_property
    def has_poles(self) -> bool:
        """Whether the integrands have poles beside the real values of the log ratio."""
        problem = self.sides.problem
        return has_poles(self.sides.raw, problem.batch_shape, problem.p.device)


@dataclass(frozen=True)
class StatisticsFormula(_OfLogs):
    """A density and its products with statistics of the point."""

    target: Target
    statistics: Statistics | None = None

    needs_all = False
    count = 1

    has_poles = False

    @property
    def targets(self) -> tuple[Target, Target]:
        """The one density, as both."""
        return self.target, self.target

    @property
    def continues(self) -> bool:
        """Statistics need a point."""
        return self.statistics is None

    def logs(self, x: Tensor, elements: Elements) -> Logs:
        """The log density, as both."""
        log = log_density_at(self.target, x, elements)
        return past_poles(log, log)

    def values(self, x: Tensor, logs: Logs, log_slope: Tensor, elements: Elements) -> Tensor:
        """The density and its products."""
        density = (logs[0] + log_slope).exp()
        if self.statistics is None:
            return density.unsqueeze(0)
        arrangement = Arrangement(elements)
        rows = self.statistics(arrangement.spread(x))
        columns = [
            product(density, arrangement.gather(row.unsqueeze(0), x.shape[1]).squeeze(0))
            for row in rows
        ]
        return torch.stack([density, *columns])


def _of_elements(values: Tensor, elements: Elements) -> Tensor:
    """One number for each column."""
    if values.ndim == 0:
        return values
    flat = values.expand(elements.batch).reshape(-1)
    return flat if elements.index is None else flat[elements.index]


def _degree(first: Tensor, second: Tensor, third: Tensor) -> float | None:
    usable = (first != 0) & first.isfinite() & third.isfinite()
    if not bool(usable.any()):
        return 1.0
    steps = torch.cat([r[usable].abs().log() * 2 for r in (second / first, third / second)])
    degree = float(steps.mean())
    if not math.isfinite(degree) or float((steps - degree).abs().max()) > 1e-9 or degree < 0.1:
        return None
    return float(round(degree)) if abs(degree - round(degree)) < _WHOLE else degree
