"""What is integrated along lines for a divergence of scores."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.target import Target
from kldiv.estimators.integrals.elements import Arrangement, Elements
from kldiv.estimators.integrals.formulas import DivergenceFormula, Logs
from kldiv.estimators.integrals.jumps import jumps_of, kinks_in
from kldiv.estimators.integrands import Densities
from kldiv.estimators.scores import expectand, within
from kldiv.numerics import product

__all__ = ["ScoreFormula", "formula_of"]

_ROUNDING = 4 * torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class ScoreFormula:
    """The integrand of a divergence of scores, and the mass of p twice."""

    sides: Densities
    needs_all: bool = True

    continues = False
    has_poles = False
    count = 1

    @property
    def targets(self) -> tuple[Target, Target]:
        """Both sides, as far as p reaches."""
        p, q = self.sides.problem.p, self.sides.problem.q
        return p, within(p, q)

    def jumps(self) -> list[Tensor]:
        """Where a density or a score jumps."""
        return [each for side in self.targets for of in (jumps_of, kinks_in) for each in of(side)]

    def logs(self, x: Tensor, elements: Elements) -> Logs:
        """The log density of p, and what it is the mean of: the exponent and the value."""
        arrangement = Arrangement(elements)
        found = expectand(self.sides.problem, self.sides.log_mass_p, arrangement.spread(x))
        log_scale = torch.zeros_like(found.log_p) + found.log_scale
        parts = torch.stack([found.log_p, log_scale, found.value, found.noise])
        log_p, *rest = arrangement.gather(parts, x.shape[1])
        return log_p, *rest

    def values(self, x: Tensor, logs: Logs, log_slope: Tensor, elements: Elements) -> Tensor:
        """The integrand and the mass."""
        log_p, log_scale, value, _ = logs
        mass = (log_p + log_slope).exp()
        usable = value.isfinite() | (mass == 0)
        term = (log_p + log_slope + log_scale).exp()
        term = product(term, torch.where(usable & value.isfinite(), value, 0.0))
        return torch.stack([torch.where(usable, term, torch.inf), mass, mass])

    def noise(
        self, values: Tensor, x: Tensor, logs: Logs, log_slope: Tensor, elements: Elements
    ) -> Tensor:
        """The rounding in these."""
        log_p, log_scale, value, noise = logs
        reach = torch.where(log_p.isfinite(), 1 + log_p.abs(), 0.0) * _ROUNDING
        doubt = (log_p + log_slope + log_scale).exp() * (noise + reach * value)
        mass = (log_p + log_slope).exp() * reach
        return torch.nan_to_num(torch.stack([doubt, mass, mass]), nan=0.0, posinf=0.0)


def formula_of(sides: Densities, *, needs_all: bool) -> DivergenceFormula | ScoreFormula:
    """What is integrated for a divergence, of whichever kind it is."""
    scores = isinstance(sides.problem.divergence, ScoreDivergence)
    return (ScoreFormula if scores else DivergenceFormula)(sides, needs_all)
