r"""Von Mises distributions, the normal distributions of a circle.

The concentration at which :math:`I_1(\kappa) / I_0(\kappa)` has a given value is found by Newton's
method from a start that is right to some per cent everywhere.

References:
    Clustering on the unit hypersphere using von Mises-Fisher distributions (Banerjee et al.,
    2005), equation 4.4, https://jmlr.org/papers/v6/banerjee05a.html.
"""

from __future__ import annotations

import math

from collections.abc import Mapping, Sequence

import torch

from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions import VonMises as TorchVonMises

from kldiv.builtin.families.elementary import TINY
from kldiv.definitions.family import Family
from kldiv.definitions.parameters import Parameter
from kldiv.definitions.place import Place

__all__ = ["VonMises"]

_NEWTON_STEPS = 30
_LARGE = 1e3  # a concentration from which on three terms of a series are exact
_LEAST_GAP = 1e-15
_NARROWEST = 1e-4  # a place, to the whole: one at the cut may seem to have no width


class _Angle(Parameter):
    r"""An angle in :math:`(-\pi, \pi]`, behind which is any real number."""

    def constrain(self, vector: Tensor) -> Tensor:
        """The angle in its range."""
        angle = super().constrain(vector)
        turns = ((angle.detach() - math.pi) / (2 * math.pi)).ceil()
        return angle - 2 * math.pi * turns


class VonMises(Family):
    r"""Von Mises distributions of angles, with a mean direction and a concentration.

    .. math:: q(x) = \frac{e^{\kappa \cos(x - \mu)}}{2 \pi I_0(\kappa)}, \qquad -\pi < x < \pi

    ``loc`` is :math:`\mu`, reported in :math:`(-\pi, \pi]`, and ``concentration`` is
    :math:`\kappa`: towards 0 the distribution becomes uniform, and about
    :math:`N(\mu, 1/\kappa)` where it is large. The circle is cut open at :math:`\pm\pi`; angles
    in other ranges must be brought into this one.

    With :math:`R e^{i m}` for the target's mean of :math:`e^{i x}`, the optimum of the forward KL
    has :math:`\mu = m` and :math:`I_1(\kappa) / I_0(\kappa) = R`. Divergences between members that
    are functions of powers of the two, Rényi's of finite order and Chernoff's among them, are
    known in closed form.

    Arguments:
        fixed: ``loc`` or ``concentration``, to hold them fixed.

    References:
        Directional Statistics (Mardia and Jupp, 2000), sections 3.5.4 and 5.3.1,
        doi:10.1002/9780470316979.
    """

    name = "von_mises"
    distribution_class = TorchVonMises
    may_be_fixed = frozenset({"loc", "concentration"})

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """An angle and a positive number."""
        return {
            "loc": _Angle(constraints.real),
            "concentration": Parameter(constraints.positive),
        }

    def distribution(self, **parameters: Tensor) -> Distribution:
        """A von Mises distribution."""
        return TorchVonMises(parameters["loc"], parameters["concentration"])

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """The coordinates of the point on the circle."""
        return x.cos(), x.sin()

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The direction of the mean point and the concentration of its distance from the centre.

        Where ``loc`` is held fixed only the mean's part in its direction counts.
        """
        cosine, sine = means
        if "loc" in self.fixed:
            loc = self.fixed["loc"]
            length = (cosine * loc.cos() + sine * loc.sin()).clamp_min(0)
        else:
            loc, length = torch.atan2(sine, cosine), torch.hypot(sine, cosine)
        return self._free({"loc": loc, "concentration": _concentration(length)})

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member at the place's mean, as concentrated as a wrapped normal of its variance."""
        concentration = _concentration((-place.variance / 2).exp())
        return self._free({"loc": place.mean, "concentration": concentration})

    def starts(self, places: Sequence[Place], points: Tensor | None) -> list[dict[str, Tensor]]:
        """The points' mean direction, then the places: where the circle is cut these mislead."""
        least = _NARROWEST * places[0].variance
        wide = [Place(each.mean, torch.maximum(each.variance, least)) for each in places]
        found = [self.from_place(place) for place in wide]
        if points is None:
            return found
        return [self.from_statistics(*(each.mean(0) for each in self.statistics(points))), *found]

    def _free(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: value for name, value in values.items() if name not in self.fixed}


def _concentration(length: Tensor) -> Tensor:
    r"""The :math:`\kappa` at which :math:`I_1(\kappa) / I_0(\kappa)` is a length below 1."""
    length = length.clamp(TINY, 1 - _LEAST_GAP)
    k = length * (2 - length.square()) / ((1 - length) * (1 + length))
    for _ in range(_NEWTON_STEPS):
        ratio = torch.special.i1e(k) / torch.special.i0e(k)
        far = 1 / (2 * k.square()) + 1 / (4 * k**3) + 3 / (8 * k**4)
        slope = torch.where(k > _LARGE, far, 1 - ratio.square() - ratio / k)
        k = (k - (ratio - length) / slope).clamp(k / 2, 2 * k)
    return k
