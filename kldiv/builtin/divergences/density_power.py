r"""Divergences of a power of q, robust to outliers: density power and gamma.

Both are made of :math:`\int p^{1+\beta}`, :math:`\int p\,q^\beta` and :math:`\int q^{1+\beta}`.
Points that q finds unlikely weigh less by the factor :math:`q^\beta`, so that outliers of p move
a fitted q little. At the parameter 0 both are the Kullback-Leibler divergence.
"""

from __future__ import annotations

import math

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from torch import Tensor

from kldiv.builtin.checks import check_number
from kldiv.builtin.forms import gap_of_densities, one_is_infinite, tilted_remainder
from kldiv.definitions.divergence import IntegralDivergence
from kldiv.numerics import weighted_density

__all__ = ["DensityPower", "Gamma"]


@dataclass(frozen=True)
class DensityPower(IntegralDivergence):
    r"""Density power divergence: from Kullback-Leibler to squared L2, ever more robust.

    .. math:: \int q^{1 + \beta} - \Bigl(1 + \frac1\beta\Bigr) p\,q^\beta
        + \frac1\beta p^{1 + \beta} \,dx

    It is between 0, at p = q only, and infinity, and depends on the unit of x. At 0 it is the
    Kullback-Leibler divergence, its limit there, and additive; at 1 it is the squared L2 distance
    and symmetric. Above 0 it is finite where q vanishes, and infinite where the power
    :math:`1 + \beta` of one density is not integrable. For measures the formula is the same; at 0
    it is then :math:`\int p \log(p/q) - p + q\,dx`. Above 0, p may be data: up to a constant only
    the mean of :math:`q^\beta` is asked of them.

    Arguments:
        beta: The power of q that weighs each point, not negative and finite.

    Raises:
        InvalidArgument: If ``beta`` is negative or not finite.

    References:
        Robust and Efficient Estimation by Minimising a Density Power Divergence (Basu, Harris,
        Hjort and Jones, 1998), doi:10.1093/biomet/85.3.549.
    """

    beta: float

    limits: ClassVar = {"beta": (0.0,)}

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", check_number("beta", self.beta, low=0))

    @property
    def unit(self) -> str:  # type: ignore[override]
        """A power of the density's, nats at 0."""
        if self.beta in (0, 1):
            return "units of density" if self.beta else "nats"
        return f"units of density^{self.beta:g}"

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """At 1 it is the squared L2 distance."""
        return self.beta == 1

    @property
    def jointly_convex(self) -> bool:  # type: ignore[override]
        """Up to 1 it is convex in the pair of p and q."""
        return self.beta <= 1

    @property
    def monotone(self) -> bool:  # type: ignore[override]
        """At 0 it is the Kullback-Leibler divergence."""
        return self.beta == 0

    invariant = additive = monotone

    @property
    def powers(self) -> Sequence[tuple[float, float, float]]:  # type: ignore[override]
        """The three powers."""
        beta = self.beta
        if beta == 0:
            return ()
        return (1.0, 0.0, 1 + beta), (-1 - 1 / beta, 1.0, beta), (1 / beta, 1 + beta, 0.0)

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r""":math:`(1 + \beta)\,q^\beta\,h_{1+\beta}(p, q)`, of the alpha divergence's h."""
        beta = self.beta
        no_p, no_q = log_p.isneginf(), log_q.isneginf()
        both = ~(no_p | no_q)
        safe_p, safe_q = torch.where(both, log_p, 0.0), torch.where(both, log_q, 0.0)
        inside = tilted_remainder(safe_p, safe_q, beta)
        slope = 1 / beta if beta > 0 else math.inf
        only_p = weighted_density((1 + beta) * log_p, slope, no_q)
        only_q = weighted_density((1 + beta) * log_q, 1.0, no_p)
        return (torch.where(both, inside, only_p + only_q),)


@dataclass(frozen=True)
class Gamma(IntegralDivergence):
    r"""Gamma divergence: robust as the density power's, and blind to the masses of p and q.

    .. math:: \frac{\log \int p^{1 + \gamma} dx}{\gamma (1 + \gamma)}
        - \frac{\log \int p\,q^\gamma dx}{\gamma} + \frac{\log \int q^{1 + \gamma} dx}{1 + \gamma}

    It is between 0, where p and q are proportional, and infinity, additive over independent parts,
    and the same in any unit of x. At 0 it is the Kullback-Leibler divergence, its limit there; at
    1 it is symmetric and the Cauchy-Schwarz divergence. Above 0 it is infinite only where p and q
    share no mass, or where the power :math:`1 + \gamma` of only one of them is integrable; where
    that of neither is, it is not defined.

    Arguments:
        gamma: The power of q that weighs each point, not negative and finite.

    Raises:
        InvalidArgument: If ``gamma`` is negative or not finite.

    References:
        Robust Parameter Estimation with a Small Bias against Heavy Contamination (Fujisawa and
        Eguchi, 2008), doi:10.1016/j.jmva.2008.02.004.
    """

    gamma: float

    additive = True
    limits: ClassVar = {"gamma": (0.0,)}
    log_mass_slopes = (0.0, 0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", check_number("gamma", self.gamma, low=0))

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """At 1 it is the Cauchy-Schwarz divergence."""
        return self.gamma == 1

    @property
    def monotone(self) -> bool:  # type: ignore[override]
        """At 0 it is the Kullback-Leibler divergence."""
        return self.gamma == 0

    jointly_convex = invariant = monotone

    @property
    def logarithms(self) -> Sequence[tuple[float, float, float]]:  # type: ignore[override]
        """The three powers."""
        gamma = self.gamma
        if gamma == 0:
            return ()
        of_p, of_q = 1 / (gamma * (1 + gamma)), 1 / (1 + gamma)
        return (of_p, 1 + gamma, 0.0), (of_q, 0.0, 1 + gamma), (-1 / gamma, 1.0, gamma)

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r"""B, the density power's; :math:`(p - q)(q^\gamma - 1)/\gamma`; and the three powers."""
        gamma = self.gamma
        bregman = DensityPower(gamma).integrands(log_p, log_q)
        if gamma == 0:
            return bregman
        power = (1 + gamma) * log_q
        tilt = gap_of_densities(log_p, log_q) * (gamma * log_q).expm1() / gamma
        cross = torch.where(log_p.isneginf(), -torch.inf, log_p + gamma * log_q)
        return *bregman, tilt, power.exp(), cross.exp(), ((1 + gamma) * log_p).exp()

    def combine(self, *integrals: Tensor) -> Tensor:
        """By B where p and q are close, by the definition where they are not."""
        return self._combined(integrals, 0.0)

    def combine_measures(self, *integrals: Tensor, mass_p: Tensor, mass_q: Tensor) -> Tensor:
        r"""The same; at 0 it is :math:`D(p/P \parallel q/Q)` for measures of masses P and Q."""
        if self.gamma == 0:
            excess = mass_p - mass_q
            return (integrals[0] + excess) / mass_p - (excess / mass_q).log1p()
        return self._combined(integrals, mass_p - mass_q)

    def _combined(self, integrals: tuple[Tensor, ...], excess: Tensor | float) -> Tensor:
        gamma = self.gamma
        if gamma == 0:
            return integrals[0]
        alone = one_is_infinite(integrals[2], integrals[4])
        bregman, tilt, power_q, cross, power_p = (torch.where(alone, 1.0, it) for it in integrals)
        change = (gamma * tilt + excess) / power_q  # cross / power_q - 1
        near = (1 + gamma) * change.abs() < 0.5
        inner = torch.where(near, change, 0.0)
        wide = (1 + gamma) * inner
        close = (gamma * bregman / (power_q * (1 + wide))).log1p()
        close = (close + wide.log1p() - (1 + gamma) * inner.log1p()) / (gamma * (1 + gamma))
        near, shared = near & ~alone, (cross > 0) & ~alone
        far = (power_p.log() / gamma + power_q.log()) / (1 + gamma)
        far = far - torch.where(shared, cross, 1.0).log() / gamma
        return torch.where(near, close, torch.where(shared, far, torch.inf))
