r"""Every divergence of two members of one family, from the few that the family has in closed form.

A family knows the Kullback-Leibler divergence and Rényi's between its members. All functions of
Rényi's follow, and Chernoff's, a maximum over orders. Where the normalised powers
:math:`p_s \propto p^s` of members are members too, so do the divergences of powers: with
:math:`s = 1 + \gamma` the gamma divergence is

.. math:: D_\gamma(p \parallel q) = \frac{1}{s}\, D_{1/s}(p_s \parallel q_s),

and with :math:`a = \log \int p^s`, :math:`b = \log \int q^s`, :math:`w = 1/s` and
:math:`J = \beta\,D_\gamma` at :math:`\gamma = \beta` the density power divergence is

.. math:: \frac{s}{\beta} \bigl[w\,e^a + (1 - w)\,e^b - e^{w a + (1 - w) b}\bigr]
    + \frac{s}{\beta}\, e^{w a + (1 - w) b} \bigl(1 - e^{-J}\bigr),

a sum of two numbers that are not negative.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.builtin.divergences.chernoff import Chernoff
from kldiv.builtin.divergences.density_power import DensityPower, Gamma
from kldiv.builtin.divergences.fisher import Fisher
from kldiv.builtin.divergences.jeffreys import Jeffreys
from kldiv.builtin.divergences.kl import KL
from kldiv.builtin.divergences.renyi import Renyi, RenyiAtInfinity
from kldiv.builtin.divergences.squared_l2 import CauchySchwarz, Cosine, SquaredL2
from kldiv.builtin.forms import power_remainder
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.envelope_divergence import peak_of
from kldiv.definitions.power_norm import PowerNorm

__all__ = ["Overlap", "divergence_of", "follows"]

_POWERS: dict[type[Divergence], Callable[[Divergence], Divergence]] = {
    CauchySchwarz: lambda _: Gamma(1.0),
    Cosine: lambda _: Gamma(1.0),
    DensityPower: lambda divergence: divergence,
    Gamma: lambda divergence: divergence,
    SquaredL2: lambda _: DensityPower(1.0),
}


class Overlap(ABC):
    """Two members p and q of one family, as far as their divergences need them."""

    @abstractmethod
    def kl(self) -> Tensor:
        r"""The Kullback-Leibler divergence in nats, with shape :math:`(*)`."""

    @abstractmethod
    def renyi(self, alpha: float) -> Tensor | None:
        r"""Rényi's divergence of an order other than 1, with shape :math:`(*)`, where known."""

    @abstractmethod
    def coefficient(self, order: Tensor) -> Tensor:
        r""":math:`-\log \int p^\alpha q^{1 - \alpha}` at orders from 0 to 1 of shape :math:`(*)`.

        It must be differentiable twice in the order.
        """

    @abstractmethod
    def swapped(self) -> Overlap:
        """The same two in the other order."""

    def chernoff(self) -> Tensor:
        r"""The largest coefficient, with shape :math:`(*)`."""
        half = self.coefficient(torch.full((), 0.5, dtype=torch.float64)).detach()
        return self.coefficient(peak_of(self.coefficient, half.shape, half.device).order)

    def largest_log_ratio(self) -> Tensor | None:
        """Rényi's divergence of infinite order, where known."""
        return None

    def fisher(self) -> Tensor | None:
        """The Fisher divergence, where known."""
        return None

    def powered(self, power: float) -> Overlap | None:
        """The normalised powers of both; ``None`` where they are no members of the family."""
        return None

    def log_norms(self, power: float) -> tuple[Tensor, Tensor]:
        r""":math:`\log \int q^s`, and what :math:`\log \int p^s` exceeds it by."""
        raise NotImplementedError


def divergence_of(pair: Overlap, divergence: Divergence) -> Tensor | None:
    r"""The divergence of two members of a family, with shape :math:`(*)`; ``None`` if not known.

    The norm of a power is that of q.

    Arguments:
        pair: The two members.
        divergence: The divergence.
    """
    if type(divergence) in _DIRECT:
        return _DIRECT[type(divergence)](pair)
    if type(divergence) is Renyi:
        return pair.kl() if divergence.alpha == 1 else pair.renyi(divergence.alpha)
    if isinstance(divergence, PowerNorm):
        raised = pair.powered(divergence.power)
        if raised is None:
            return None
        return divergence.in_units(pair.log_norms(divergence.power)[0]).exp()
    if type(divergence) in _POWERS:
        return _of_powers(pair, divergence)
    form = divergence.of_additive()
    if form is None or form.divergence is divergence:
        return None
    value = divergence_of(pair.swapped() if form.swapped else pair, form.divergence)
    return None if value is None else form.function(value)


def follows(divergence: Divergence, *, powers: bool) -> bool:
    """Whether a divergence is one of those that a family gives in closed form."""
    return divergence_of(_Probe(powers), divergence) is not None


def _of_powers(pair: Overlap, divergence: Divergence) -> Tensor | None:
    power = _POWERS[type(divergence)](divergence)
    exponent = float(*power.parameters.values())
    if exponent == 0:
        return pair.kl()
    raised = pair.powered(1 + exponent)
    order = None if raised is None else raised.renyi(1 / (1 + exponent))
    if order is None:
        return None
    gap = order / (1 + exponent)
    if isinstance(power, DensityPower):
        return _density_power(pair, exponent, exponent * gap)
    return -(-gap).expm1() if isinstance(divergence, Cosine) else gap


def _density_power(pair: Overlap, beta: float, gap: Tensor) -> Tensor:
    log_q, excess = pair.log_norms(1 + beta)
    lengths = power_remainder(excess, torch.zeros_like(excess), 1 / (1 + beta)) / (1 + beta)
    angle = -(1 + 1 / beta) * (excess / (1 + beta)).exp() * (-gap).expm1()
    finite = lengths.isfinite() & angle.isfinite() & log_q.isfinite()
    value = torch.where(finite, log_q, 0.0).exp() * torch.where(finite, lengths + angle, 0.0)
    return torch.where(finite, value, torch.inf)


@dataclass(frozen=True)
class _Probe(Overlap):
    """Two members that are the same: it is asked what can be had of them."""

    powers: bool

    def kl(self) -> Tensor:
        return _ZERO

    def renyi(self, alpha: float) -> Tensor | None:
        return _ZERO

    def coefficient(self, order: Tensor) -> Tensor:
        return _ZERO

    def chernoff(self) -> Tensor:
        return _ZERO

    def swapped(self) -> _Probe:
        return self

    def powered(self, power: float) -> _Probe | None:
        return self if self.powers else None

    def log_norms(self, power: float) -> tuple[Tensor, Tensor]:
        return _ZERO, _ZERO


_ZERO = torch.zeros(())
_DIRECT: dict[type[Divergence], Callable[[Overlap], Tensor | None]] = {
    KL: lambda pair: pair.kl(),
    Jeffreys: lambda pair: pair.kl() + pair.swapped().kl(),
    Chernoff: lambda pair: pair.chernoff(),
    RenyiAtInfinity: lambda pair: pair.largest_log_ratio(),
    Fisher: lambda pair: pair.fisher(),
}
