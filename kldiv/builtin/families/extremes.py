"""Families of extremes: Gumbel for maxima on the line, Weibull for minima of positive numbers."""

from __future__ import annotations

import math

from typing import ClassVar

from torch import Tensor
from torch.distributions import Gumbel as TorchGumbel
from torch.distributions import Weibull as TorchWeibull
from torch.distributions import constraints

from kldiv.builtin.families.elementary import TINY, Elementary
from kldiv.definitions.place import Place

__all__ = ["Gumbel", "Weibull"]

_EULER = 0.57721566490153286
_JUSTUS = -1.086  # the power of the coefficient of variation that is nearly the concentration


class Gumbel(Elementary):
    r"""Gumbel distributions: the largest of many numbers, with the mode ``loc`` and a ``scale``.

    .. math:: q(x) = \frac1\beta e^{-(z + e^{-z})}, \qquad z = \frac{x - \mu}{\beta}

    The mean is :math:`\mu + \gamma \beta` with Euler's constant, the standard deviation
    :math:`\pi \beta / \sqrt 6`. To the left the density falls doubly exponentially, and the
    forward KL is infinite for targets of heavy left tails. Given ``scale``, which is
    :math:`\beta`, its optimum has :math:`e^{-\mu / \beta} = \mathbb E_p e^{-X / \beta}`. Between
    members ``kl`` is known in closed form, between those of one ``scale`` Rényi's divergences of
    finite order and Chernoff's too.

    Arguments:
        fixed: ``loc`` or ``scale``, to hold them fixed.

    References:
        Continuous Univariate Distributions, volume 2 (Johnson, Kotz and Balakrishnan, 1995),
        chapter 22.
    """

    name = "gumbel"
    distribution_class = TorchGumbel
    scalars: ClassVar = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and variance."""
        spread = (6 * place.variance).sqrt() / math.pi
        scale = self.fixed.get("scale", spread)
        return self.free({"loc": place.mean - _EULER * scale, "scale": spread})


class Weibull(Elementary):
    r"""Weibull distributions of positive numbers, with a scale and a concentration.

    .. math:: q(x) = \frac k\lambda \Bigl(\frac x\lambda\Bigr)^{k - 1} e^{-(x / \lambda)^k},
        \qquad x > 0

    ``scale`` is :math:`\lambda` and ``concentration`` :math:`k`: 1 is the exponential
    distribution, and below 1 the density is infinite at 0. Given k it is an exponential family,
    and the optimum of the forward KL has :math:`\lambda^k = \mathbb E_p X^k`. Between members
    ``kl`` is known in closed form, between those of one k Rényi's divergences of finite order and
    Chernoff's too. The logarithm of :math:`1 / x` has a Gumbel distribution of scale
    :math:`1 / k`.

    Arguments:
        fixed: ``scale`` or ``concentration``, to hold them fixed.

    References:
        Statistical Distributions (Forbes et al., 2010), chapter 46, doi:10.1002/9780470627242.
    """

    name = "weibull"
    may_be_fixed = frozenset({"concentration"})
    distribution_class = TorchWeibull
    scalars: ClassVar = {
        "scale": constraints.positive,
        "concentration": constraints.positive,
    }

    def statistics(self, x: Tensor) -> tuple[Tensor, ...] | None:
        """The power of a fixed concentration; without one it is no exponential family."""
        k = self.fixed.get("concentration")
        return None if k is None else (x.clamp_min(0) ** k,)

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The scale at which the mean of that power is the target's."""
        return {"scale": means[0] ** (1 / self.fixed["concentration"])}

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and, nearly, of its variance."""
        mean = place.mean.clamp_min(TINY)
        concentration = (place.variance.sqrt() / mean).clamp(0.05, 20) ** _JUSTUS
        k = self.fixed.get("concentration", concentration)
        scale = mean / (1 + 1 / k).lgamma().exp()
        return self.free({"scale": scale, "concentration": concentration})
