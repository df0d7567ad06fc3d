r"""The alpha divergence, the f-divergence of a power."""

from __future__ import annotations

import math

from dataclasses import dataclass
from typing import ClassVar

import torch

from torch import Tensor

from kldiv.builtin.checks import check_number
from kldiv.builtin.divergences.renyi import Renyi
from kldiv.builtin.forms import power_of_renyi, power_remainder
from kldiv.definitions.divergence import FDivergence, OfAdditive

__all__ = ["Alpha"]


@dataclass(frozen=True)
class Alpha(FDivergence):
    r"""Alpha divergence: a path from the reverse to the forward Kullback-Leibler divergence.

    .. math:: D_\alpha(p \parallel q)
        = \frac{1}{\alpha (\alpha - 1)} \Bigl(\int p^\alpha q^{1 - \alpha} \,dx - 1\Bigr)

    At order 1 it is the Kullback-Leibler divergence :math:`D(p \parallel q)`, at 0
    :math:`D(q \parallel p)`, its limits there; at one half four times the squared Hellinger
    distance and symmetric, at 2 half of Pearson's chi-squared divergence, at -1 half of Neyman's.
    Exchanging p and q is exchanging :math:`\alpha` and :math:`1 - \alpha`. It is additive at the
    orders 0 and 1 only.

    It is between 0, at p = q only, and infinity: from order 1 on infinite where p has mass that q
    has not, up to 0 where q has mass that p has not, between these orders at most
    :math:`1 / (\alpha (1 - \alpha))`.

    The larger the order, the more a fitted q covers p; the smaller, the more it seeks one mode.
    For measures the integrand is
    :math:`(p^\alpha q^{1 - \alpha} - \alpha p - (1 - \alpha) q) / (\alpha (\alpha - 1))`, which is
    never negative and has the limits at 0 and 1 as well.

    Arguments:
        alpha: The order, any finite number.

    Raises:
        InvalidArgument: If the order is not finite.

    References:
        Families of Alpha- Beta- and Gamma-Divergences (Cichocki and Amari, 2010),
        doi:10.3390/e12061532.
        Multinomial Goodness-of-Fit Tests (Cressie and Read, 1984),
        doi:10.1111/j.2517-6161.1984.tb01318.x.
    """

    alpha: float

    limits: ClassVar = {"alpha": (0.0, 1.0)}

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", check_number("alpha", self.alpha))

    @property
    def unit(self) -> str:  # type: ignore[override]
        """Nats where it is a Kullback-Leibler divergence, else it is a plain number."""
        return "nats" if self.additive else ""

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """At one half it is symmetric."""
        return self.alpha == 0.5

    @property
    def additive(self) -> bool:  # type: ignore[override]
        """At 0 and 1 it is a Kullback-Leibler divergence."""
        return self.alpha in (0.0, 1.0)

    @property
    def upper_bound(self) -> float:  # type: ignore[override]
        r""":math:`1 / (\alpha (1 - \alpha))` for orders between 0 and 1."""
        return self.at_zero + self.slope_at_infinity

    @property
    def at_zero(self) -> float:  # type: ignore[override]
        r""":math:`1 / \alpha` for positive orders."""
        return 1 / self.alpha if self.alpha > 0 else math.inf

    @property
    def slope_at_infinity(self) -> float:  # type: ignore[override]
        r""":math:`1 / (1 - \alpha)` for orders below 1."""
        return 1 / (1 - self.alpha) if self.alpha < 1 else math.inf

    def of_additive(self) -> OfAdditive:
        r"""Tsallis's divergence of an order of at least one half, divided by that order."""
        swapped = self.alpha < 0.5
        order = 1 - self.alpha if swapped else self.alpha
        return OfAdditive(
            Renyi(order), lambda renyi: power_of_renyi(renyi, order) / order, swapped
        )

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = (u^\alpha - 1 - \alpha (u - 1)) / (\alpha (\alpha - 1))`."""
        return self.integrand(log_u, torch.zeros_like(log_u))

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`q\,f(p/q)`."""
        return power_remainder(log_p, log_q, self.alpha)
