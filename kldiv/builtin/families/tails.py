"""Families on the line with tails other than the normal's: Laplace and Student's t."""

from __future__ import annotations

from typing import ClassVar

import torch

from torch import Tensor
from torch.distributions import Laplace as TorchLaplace
from torch.distributions import StudentT as TorchStudentT
from torch.distributions import constraints

from kldiv.builtin.families.elementary import Elementary
from kldiv.definitions.place import Place
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import Target

__all__ = ["Laplace", "StudentT"]

_START_DF = 5.0


class Laplace(Elementary):
    r"""Laplace distributions: exponential on both sides of ``loc``, of mean distance ``scale``.

    .. math:: q(x) = \frac{1}{2 b} \exp\Bigl(-\frac{|x - \mu|}{b}\Bigr)

    ``loc`` is :math:`\mu` and ``scale`` is b. The optimum of the forward KL is a median of the
    target and the mean distance from it: outliers move it less than a mean. It is infinite where
    there is no mean. Between members ``kl`` is known in closed form, between those of one ``loc``
    Rényi's of finite order and Chernoff's too. At ``loc`` the density has a kink.

    Arguments:
        fixed: ``loc`` or ``scale``, to hold them fixed.

    References:
        Continuous Univariate Distributions, volume 2 (Johnson, Kotz and Balakrishnan, 1995),
        chapter 24.
    """

    name = "laplace"
    distribution_class = TorchLaplace
    scalars: ClassVar = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    may_be_fixed = frozenset({"loc", "scale"})

    def optimum(self, target: Target) -> dict[str, Tensor] | None:
        """A median of data and the mean distance from it, unless that is 0."""
        if type(target) is not SampleTarget or target.event_shape:
            return None
        points = target.points.double()
        loc = self.fixed.get("loc")
        loc = _median(points, target.weights) if loc is None else loc
        scale = (target.weights * (points - loc).abs()).sum()
        return self.free({"loc": loc, "scale": scale}) if scale > 0 else None

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and variance."""
        return self.free({"loc": place.mean, "scale": (place.variance / 2).sqrt()})


def _median(points: Tensor, weights: Tensor) -> Tensor:
    """The middle of the medians of weighted points."""
    ordered, order = points.sort()
    below = weights[order].cumsum(0)
    half = 0.5 * below[-1]
    rounding = len(points) * torch.finfo(torch.float64).eps
    first = ordered[(below >= half - rounding).int().argmax()]
    last = ordered[(below > half + rounding).int().argmax()]
    return (first + last) / 2


class StudentT(Elementary):
    r"""Student's t distributions: normal in the middle, with tails of a power law.

    .. math:: q(x) = \frac{\Gamma(\frac{\nu + 1}{2})}{\Gamma(\frac\nu2) \sqrt{\nu \pi}\,\sigma}
        \Bigl(1 + \frac{(x - \mu)^2}{\nu \sigma^2}\Bigr)^{-(\nu + 1) / 2}

    The degrees of freedom ``df`` are :math:`\nu`: 1 is Cauchy's distribution, infinity the normal.
    The mean exists for :math:`\nu > 1`, the variance for :math:`\nu > 2`. It is no exponential
    family, and no divergence between members is known here in closed form. Its heavy tails make
    the forward KL finite for targets without moments, as Cauchy's, and fits robust to outliers;
    for a normal target the best ``df`` is at infinity.

    Arguments:
        fixed: ``df``, ``loc`` or ``scale``, to hold them fixed.

    References:
        Continuous Univariate Distributions, volume 2 (Johnson, Kotz and Balakrishnan, 1995),
        chapter 28.
        Robust Statistical Modeling Using the t Distribution (Lange, Little and Taylor, 1989).
    """

    name = "student_t"
    distribution_class = TorchStudentT
    scalars: ClassVar = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and variance with 5 degrees of freedom."""
        df = self.fixed.get("df", place.mean.new_tensor(_START_DF))
        share = ((df - 2) / df).clamp_min(0.2)
        return self.free(
            {
                "df": place.mean.new_full(place.mean.shape, _START_DF),
                "loc": place.mean,
                "scale": (place.variance * share).sqrt(),
            }
        )
