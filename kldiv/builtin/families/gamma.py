r"""Exponential families with gamma functions: exponential, gamma, beta and Dirichlet.

A gamma distribution has :math:`E \log X = \psi(k) - \log \beta` and a Dirichlet distribution
:math:`E \log X_k = \psi(a_k) - \psi(\sum_j a_j)`. The members of given moments are found by
Newton's method, which is safe here because both problems are concave.

References:
    Estimating a Gamma Distribution (Minka, 2002) and Estimating a Dirichlet Distribution (Minka,
    2000), https://tminka.github.io/papers/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from torch import Tensor
from torch.distributions import Beta as TorchBeta
from torch.distributions import Dirichlet as TorchDirichlet
from torch.distributions import Distribution, constraints
from torch.distributions import Exponential as TorchExponential
from torch.distributions import Gamma as TorchGamma

from kldiv.builtin.families.elementary import TINY, Elementary, log_inside, log_ratio_inside
from kldiv.definitions.family import Family
from kldiv.definitions.parameters import Parameter
from kldiv.definitions.place import Means, Place

__all__ = ["Beta", "Dirichlet", "Exponential", "Gamma"]

_NEWTON_STEPS = 100
_HALVINGS = 8
_LARGE = 100.0  # where four terms of Stirling's series are exact


class Exponential(Elementary):
    r"""Exponential distributions of waiting times, with their rate.

    .. math:: q(x) = \beta e^{-\beta x}, \qquad x \geq 0

    ``rate`` is :math:`\beta`. The optimum of the forward KL has the mean :math:`1 / \beta` of the
    target; it is infinite where there is none, or mass below 0. It is the gamma distribution of
    concentration 1, and shares its closed forms. The rest of a wait is distributed as the whole.

    Arguments:
        fixed: ``rate``, positive, to hold it fixed.

    References:
        Continuous Univariate Distributions, volume 1 (Johnson, Kotz and Balakrishnan, 1994),
        chapter 19.
    """

    name = "exponential"
    distribution_class = TorchExponential
    scalars: ClassVar = {"rate": constraints.positive}

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """X itself."""
        return (x,)

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The rate is one over the mean."""
        return {"rate": 1 / means[0]}

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean."""
        return self.free({"rate": 1 / place.mean.clamp_min(TINY)})


class Gamma(Elementary):
    r"""Gamma distributions of positive numbers, with a concentration and a rate.

    .. math:: q(x) = \frac{\beta^k}{\Gamma(k)} x^{k - 1} e^{-\beta x}, \qquad x > 0

    ``concentration`` is k and ``rate`` is :math:`\beta`. The optimum of the forward KL has the
    means of x and of :math:`\log x` of the target; it is infinite for one with mass at 0 or below.
    Divergences between members that are functions of powers of the two, Rényi's of finite order
    and Chernoff's among them, are known in closed form. Below :math:`k = 1` the density is
    infinite at 0, at 1 it is exponential; at large k it is nearly normal.

    Arguments:
        fixed: ``concentration`` or ``rate``, to hold them fixed.

    References:
        Continuous Univariate Distributions, volume 1 (Johnson, Kotz and Balakrishnan, 1994),
        chapter 17.
    """

    name = "gamma"
    distribution_class = TorchGamma
    scalars: ClassVar = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """X and its logarithm."""
        return x, log_inside(x)

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The means of x and of log x are those of the target."""
        mean, log_mean = means
        concentration = _gamma_concentration(mean.log() - log_mean)
        return {"concentration": concentration, "rate": concentration / mean}

    def from_means(self, mean: Means, about: Tensor) -> dict[str, Tensor]:
        r"""Without loss of digits, with :math:`u = x / c - 1` where c is the place.

        .. math:: \log E X - E \log X = E[u - \log(1 + u)] - (E u - \log(1 + E u)).
        """

        def statistics(x: Tensor) -> tuple[Tensor, ...]:
            u = (x - about) / about
            return u, u - log_ratio_inside(x, about)

        moved, gap = mean(statistics)
        concentration = _gamma_concentration(gap - (moved - moved.log1p()))
        return {"concentration": concentration, "rate": concentration / (about * (1 + moved))}

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and variance."""
        mean = place.mean.clamp_min(TINY)
        rate = mean / place.variance
        return self.free({"concentration": mean * rate, "rate": rate})


class Beta(Elementary):
    r"""Beta distributions of numbers between 0 and 1, with two concentrations.

    .. math:: q(x) = \frac{\Gamma(a + b)}{\Gamma(a) \Gamma(b)}\, x^{a - 1} (1 - x)^{b - 1},
        \qquad 0 < x < 1

    ``concentration1`` is a, the pull towards 1, and ``concentration0`` is b. The optimum of the
    forward KL has the means of :math:`\log x` and :math:`\log(1 - x)` of the target; it is
    infinite for one with mass at 0 or at 1. Closed forms are as for ``gamma``. At
    :math:`a = b = 1` it is uniform; where a is below 1 the density is infinite at 0, where b is,
    at 1.

    Arguments:
        fixed: ``concentration1`` or ``concentration0``, to hold them fixed.

    References:
        Continuous Univariate Distributions, volume 2 (Johnson, Kotz and Balakrishnan, 1995),
        chapter 25.
    """

    name = "beta"
    distribution_class = TorchBeta
    scalars: ClassVar = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """The logarithms of x and of 1 - x."""
        return log_inside(x), log_inside(1 - x)

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The means of both logarithms are those of the target."""
        found = _dirichlet_concentration(torch.stack(means, -1))
        return {"concentration1": found[..., 0], "concentration0": found[..., 1]}

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and variance."""
        mean = place.mean
        total = mean * (1 - mean) / place.variance - 1
        return self.free({"concentration1": mean * total, "concentration0": (1 - mean) * total})


class Dirichlet(Family):
    r"""Dirichlet distributions of probability vectors, with a concentration for each entry.

    .. math:: q(x) = \frac{\Gamma(\sum_k a_k)}{\prod_k \Gamma(a_k)} \prod_k x_k^{a_k - 1},
        \qquad x_k > 0, \quad \sum_k x_k = 1

    ``concentration`` is a; the density is one of all entries but the last. The optimum of the
    forward KL has the means of all :math:`\log x_k` of the target; it is infinite where an entry
    may be 0. Closed forms are as for ``gamma``. With two entries it is a beta distribution, at
    :math:`a = 1` uniform. Where :math:`a_k < 1` the density is infinite at :math:`x_k = 0`.

    Arguments:
        size: The number of entries; ``None`` takes it from the target.
        fixed: ``concentration``, a vector, to hold it fixed.

    References:
        Continuous Multivariate Distributions, volume 1 (Kotz, Balakrishnan and Johnson, 2000),
        chapter 49.
    """

    name = "dirichlet"
    distribution_class = TorchDirichlet
    event_dims = 1
    sized = True

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """A positive number for each entry."""
        return {"concentration": Parameter(constraints.positive, (size,))}

    def distribution(self, **parameters: Tensor) -> Distribution:
        """A Dirichlet distribution."""
        return TorchDirichlet(parameters["concentration"])

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """The logarithm of each entry."""
        return log_inside(x).unbind(-1)

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The means of the logarithms are those of the target."""
        return {"concentration": _dirichlet_concentration(torch.stack(means, -1))}

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and of about its variance."""
        if "concentration" in self.fixed:
            return {}
        mean = place.mean
        total = ((mean * (1 - mean)).sum(-1) / place.variance.sum(-1) - 1).clamp_min(0.1)
        return {"concentration": mean.clamp_min(1e-6) * total.unsqueeze(-1)}


def _gamma_concentration(gap: Tensor) -> Tensor:
    r"""The k at which :math:`\log k - \psi(k)` is a positive number, of shape :math:`(*)`."""
    k = (3 - gap + ((gap - 3).square() + 24 * gap).sqrt()) / (12 * gap)
    for _ in range(_NEWTON_STEPS):
        found, slope = _log_less_digamma(k)
        k = 1 / (1 / k + (found - gap) / (k.square() * slope))
    return k


def _log_less_digamma(k: Tensor) -> tuple[Tensor, Tensor]:
    r""":math:`\log k - \psi(k)` and its slope, at large k by Stirling's series."""
    much, far = k > _LARGE, 1 / k.clamp_min(_LARGE)
    square = far.square()
    series = far * (1 / 2 + far * (1 / 12 - square * (1 / 120 - square / 252)))
    falling = -square * (1 / 2 + far * (1 / 6 - square * (1 / 30 - square / 42)))
    found = torch.where(much, series, k.log() - k.digamma())
    return found, torch.where(much, falling, 1 / k - torch.polygamma(1, k))


def _dirichlet_concentration(log_means: Tensor) -> Tensor:
    r"""The a at which :math:`\psi(a_k) - \psi(\sum_j a_j)` are given, of shape :math:`(*, K)`.

    Newton's method on the mean log density, which is concave in a: a step that would leave the
    positive numbers is cut short, one that does not raise it is halved.
    """
    a = torch.ones_like(log_means)
    for _ in range(_NEWTON_STEPS):
        step = _dirichlet_step(a, log_means)
        room = torch.where(step < 0, -0.9 * a / step, torch.inf).amin(-1, keepdim=True)
        step = step * room.clamp_max(1)
        least = _dirichlet_height(a, log_means)
        least = least - 1e-13 * least.abs()
        for _ in range(_HALVINGS):
            lower = _dirichlet_height(a + step, log_means) < least
            if not lower.any():
                break
            step = torch.where(lower.unsqueeze(-1), step / 2, step)
        a = a + step
        if (step.abs() <= 1e-14 * a).all():
            break
    return a


def _dirichlet_height(a: Tensor, log_means: Tensor) -> Tensor:
    """The mean log density, up to a constant, with shape :math:`(*)`."""
    return a.sum(-1).lgamma() - a.lgamma().sum(-1) + (a * log_means).sum(-1)


def _dirichlet_step(a: Tensor, log_means: Tensor) -> Tensor:
    """Newton's step, whose Hessian is diagonal plus a matrix of rank one."""
    total = a.sum(-1, keepdim=True)
    gradient = total.digamma() - a.digamma() + log_means
    inverse = 1 / torch.polygamma(1, a)
    middle = 1 / torch.polygamma(1, total) - inverse.sum(-1, keepdim=True)
    return inverse * (gradient + (inverse * gradient).sum(-1, keepdim=True) / middle)
