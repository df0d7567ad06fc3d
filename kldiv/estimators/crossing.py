r"""Data against a density: a divergence up to what depends on the data alone.

Of many divergences only a mean under p, and integrals of q, tell one q from another. Then p may be
points :math:`x_1, \dots, x_N` with weights :math:`w_i` that sum to 1. The Kullback-Leibler
divergence has the cross-entropy,

.. math:: D(p \parallel q) + H(p) \approx -\sum_i w_i \log q(x_i),

and a divergence of powers, such as the density power divergence, has

.. math:: \sum_k c_k \Bigl[\int q^{s_k} dx - r(s_k - 1)\Bigr]
    + c \sum_i w_i\,\bigl[q(x_i)^b - r(b)\bigr], \qquad r(b) = u^b\,(1 - b \log u),

or the sum of the logarithms of these integrals and means, with nothing taken off. Less the r of a
constant u the sum is continuous where b goes to 0; with the density u of a uniform distribution
over the box that the points fill it keeps its digits in any unit of x. Making it small is maximum
likelihood, and estimation that outliers hardly move.

References:
    Robust and Efficient Estimation by Minimising a Density Power Divergence (Basu, Harris, Hjort
    and Jones, 1998), equation 2.3, doi:10.1093/biomet/85.3.549.
"""

from __future__ import annotations

import math

from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.definitions.chunked_target import ChunkedTarget
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.power_norm import PowerNorm
from kldiv.definitions.sample_target import SampleTarget
from kldiv.estimate import Estimate
from kldiv.estimators.data_means import DataMean, mean_over
from kldiv.estimators.ladder import Ladder
from kldiv.estimators.problem import Problem

__all__ = ["Crossing", "crossing_of", "why_not_crossed"]

_LARGEST = 600.0  # of a logarithm whose exponential is finite


@dataclass(frozen=True)
class Crossing:
    r"""What a divergence asks of data p and a density q.

    Arguments:
        weight: The weight c of the mean under p.
        power: The power b of q in it; ``None`` where it is the mean of :math:`-\log q`.
        norms: The weights :math:`c_k` and powers :math:`s_k` of the integrals of q.
        logarithmic: Whether the terms are logarithms of the mean and of the integrals.
        log_unit: The logarithm of the density u that counts as 1.
    """

    weight: float = 1.0
    power: float | None = None
    norms: tuple[tuple[float, float], ...] = ()
    logarithmic: bool = False
    log_unit: float = 0.0

    def statistic(self, log_q: Tensor) -> Tensor:
        r""":math:`(q / u)^b - 1`, of which the mean is taken, shaped as the log densities."""
        return -log_q if self.power is None else (self.power * (log_q - self.log_unit)).expm1()

    def of_mean(self, mean: Tensor) -> tuple[Tensor, Tensor]:
        """What the mean of the statistic adds to the divergence, and how fast that grows."""
        if self.power is None:
            return self.weight * mean, torch.full_like(mean, self.weight)
        return self._term(self.weight, self.power, mean)

    def of_norm(self, weight: float, power: float, norm: Tensor) -> tuple[Tensor, Tensor]:
        r"""What :math:`u^{1 - s} \int q^s` adds to the divergence, and how fast that grows."""
        return self._term(weight, power - 1, norm - 1)

    def _term(self, weight: float, power: float, less_one: Tensor) -> tuple[Tensor, Tensor]:
        log_scale = power * self.log_unit
        if self.logarithmic:
            return weight * (log_scale + less_one.log1p()), weight / (1 + less_one)
        slope = weight * math.exp(log_scale)
        return slope * (log_scale + less_one), torch.full_like(less_one, slope)

    def in_units_of(self, p: SampleTarget) -> Crossing:
        """The same, where the density that is even over the box of the data counts as 1."""
        low, high = p.ends
        wide = high - low
        log_unit = -float(wide[wide > 0].log().sum())
        power = max([1.0, abs(self.power or 0), *(abs(power - 1) for _, power in self.norms)])
        most = _LARGEST / power
        return replace(self, log_unit=min(max(log_unit, -most), most))

    def estimate(self, problem: Problem, p: SampleTarget, integrator: Ladder) -> Estimate:
        """The divergence up to a constant.

        Arguments:
            problem: The problem, whose q is a density.
            p: Its data.
            integrator: What computes the integrals of q.
        """
        q = problem.q
        mean = mean_over(p, q, self.statistic)
        value, slope = self.of_mean(mean.value)
        stderr, error = (
            torch.where(value.isfinite(), slope.abs() * each, 0)
            for each in (mean.stderr, mean.error)
        )
        for weight, power in self.norms:
            sought = PowerNorm(power, self.log_unit)
            norm = integrator.estimate(Problem(sought, q, q, problem.seed))
            added, slope = self.of_norm(weight, power, norm.value)
            value, error = value + added, error + slope.abs() * norm.error
        about = error.detach(), "samples", stderr.detach(), p.number, _reason(mean)
        return Estimate(value, *about, up_to_constant=True)


def _reason(mean: DataMean) -> str:
    """Why a value or an error is infinite."""
    if mean.value.isinf().any():
        return "q has no mass at some of the samples"
    few = "so few points, or all equal, do not show how they vary"
    return few if mean.error.isinf().any() else ""


def crossing_of(divergence: Divergence) -> Crossing | None:
    """What a divergence asks of data; ``None`` where it needs the density of p."""
    if divergence.name == "kl":
        return Crossing()
    terms = [each for each in divergence.powers or divergence.logarithms if each[2] != 0]
    means = [(weight, power) for weight, of_p, power in terms if of_p == 1]
    norms = tuple((weight, power) for weight, of_p, power in terms if of_p == 0)
    if len(means) != 1 or len(norms) != len(terms) - 1:
        return None
    return Crossing(*means[0], norms, logarithmic=not divergence.powers)


def why_not_crossed(problem: Problem, integrator: Ladder) -> str | None:
    """Why data and the density q are not enough, ``None`` where they are."""
    divergence, p, q = problem.divergence, problem.p, problem.q
    crossing = crossing_of(divergence)
    if crossing is None:
        return (
            f"{divergence} needs the density of p, and p is only samples; kl, density_power, "
            "gamma, squared_l2 and cauchy_schwarz do not; points drawn from q make two samples, "
            "which can be compared"
        )
    if not q.normalized:
        return f"q = {q!r} is not known to be normalised"
    if crossing.logarithmic and isinstance(p, ChunkedTarget):
        return f"{divergence} of data in chunks is no sum over the chunks"
    for _, power in crossing.norms:
        found = integrator.explain(Problem(PowerNorm(power), q, q))
        if found.method is None:
            return f"the integral of q to the power of {power:g} cannot be had: {found}"
    return None
