"""Differences of mass: the total variation distance and the hockey-stick divergence."""

from __future__ import annotations

import math

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.builtin.checks import check_number
from kldiv.builtin.forms import difference
from kldiv.definitions.divergence import FDivergence
from kldiv.numerics import exp_gap

__all__ = ["HockeyStick", "TotalVariation"]


class TotalVariation(FDivergence):
    r"""Total variation distance: the largest difference in probability of any event, at most 1.

    .. math:: \tfrac12 \int |p - q| \,dx = \sup_A |P(A) - Q(A)|

    It is a symmetric metric between 0 and 1, and 1 where p and q share no mass. By Pinsker's
    inequality it is at most :math:`\sqrt{D(p \parallel q) / 2}`.

    It has kinks where the densities cross. Fitting with it ignores points far from q altogether:
    robust, but without a gradient where p and q are far apart.

    References:
        On Divergences and Informations in Statistics and Information Theory (Liese and Vajda,
        2006), doi:10.1109/TIT.2006.881731.
    """

    unit = ""
    symmetric = True
    metric = True
    upper_bound = 1.0
    at_zero = 0.5
    slope_at_infinity = 0.5
    kinks = (0.0,)

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = |u - 1| / 2`."""
        return log_u.expm1().abs() / 2

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`|p - q| / 2`."""
        return exp_gap(log_p, log_q) / 2


@dataclass(frozen=True)
class HockeyStick(FDivergence):
    r"""Hockey-stick divergence: the mass of p in excess of a multiple of q, at most 1.

    .. math:: E_\gamma(p \parallel q) = \int \max(p - \gamma\,q, 0) \,dx

    It is between 0 and 1, and 1 where p and q share no mass. At :math:`\gamma = 1` it is the total
    variation distance, a symmetric metric; above, it is neither, and 0 wherever the ratio p / q
    nowhere exceeds :math:`\gamma`. With :math:`\gamma` it falls to the mass of p where q has none.

    A mechanism is :math:`(\varepsilon, \delta)`-differentially private where it is at most
    :math:`\delta` at :math:`\gamma = e^\varepsilon` for all neighbouring inputs.

    Arguments:
        gamma: The multiple of q, at least 1.

    Raises:
        InvalidArgument: If ``gamma`` is less than 1 or not finite.

    References:
        f-Divergence Inequalities (Sason and Verdú, 2016), doi:10.1109/TIT.2016.2603151.
    """

    gamma: float = 1.0

    unit = ""
    upper_bound = 1.0
    at_zero = 0.0
    slope_at_infinity = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", check_number("gamma", self.gamma, low=1))

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        r"""At :math:`u = \gamma`."""
        return (math.log(self.gamma),)

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """At 1 it is the total variation distance."""
        return self.gamma == 1

    @property
    def metric(self) -> bool:  # type: ignore[override]
        """At 1 it is the total variation distance."""
        return self.gamma == 1

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = \max(u - \gamma, 0)`."""
        return torch.relu(log_u.exp() - self.gamma)

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`\max(p - \gamma\,q, 0)`."""
        return torch.relu(difference(log_p, log_q + math.log(self.gamma)))
