r"""Families whose members are measured from where a target is, in units of its width.

Steps and differences of solvers have a size. With :math:`\mu = m + s z`,
:math:`\Sigma = S R S` for the mean m and the standard deviations s of the target,
:math:`S = \operatorname{diag}(s)`, data in metres and in miles, at 0 and far from it, are fitted
in the same way.
"""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import Distribution, VonMises, constraints

from kldiv.definitions.family import Family, Place
from kldiv.definitions.parameters import Measured
from kldiv.definitions.support import is_whole

__all__ = ["is_measured", "measured", "plain"]

_FAR = 100.0  # widths that a batch of targets may lie apart, and times wider than others
_REAL = (constraints.real, constraints.real_vector)
_PLACES = ("loc", "low", "high")  # parameters that move with the whole


def measured(family: Family, place: Place) -> Family:
    """A copy of a family that may be anywhere, with parameters measured at a place.

    Arguments:
        family: The family; it is left as it is, and given back where it has neither ``loc`` nor
            the ends of an interval.
        place: Where the target is; of a batch of targets the middle counts if they are alike.
    """
    parameters = dict(family.declare(family.size or 1))
    places = {name: it for name, it in family.space.parameters.items() if name in _PLACES}
    if not places or any(it.constraint not in _REAL for it in places.values()):
        return family
    if "loc" in places and not _is_on_the_line(family()):
        return family
    mean, width = _of_all(place, family.event_dims)
    batch = mean.ndim - family.event_dims
    if not (mean.isfinite().all() and width.isfinite().all() and (width > 0).all()):
        return family
    units = dict.fromkeys(_PLACES, (mean, width))
    if family.event_dims:
        across, zero = width.unsqueeze(-1), torch.zeros_like(mean).unsqueeze(-1)
        units |= {
            "covariance_matrix": (zero, across * width.unsqueeze(-2)),
            "scale_tril": (zero, across),
            "cov_factor": (zero, across),
        }
    for name in units.keys() & family.space.parameters.keys():
        its = parameters[name]
        origin, unit = (_beside(each, batch, its.shape) for each in units[name])
        parameters[name] = Measured(its.constraint, its.shape, origin=origin, unit=unit)
    return family.declaring(parameters)


def _of_all(place: Place, event_dims: int) -> tuple[Tensor, Tensor]:
    """Mean and width of a target, or of the middle one of a batch; of each if they differ much."""
    mean, width = place.mean, place.variance.sqrt()
    batch = mean.ndim - event_dims
    if not batch:
        return mean, width
    middle = [each.flatten(0, batch - 1).median(0).values for each in (mean, width)]
    away, ratio = (mean - middle[0]).abs() / width, width / middle[1]
    if bool(((away < _FAR) & (ratio < _FAR) & (ratio > 1 / _FAR)).all()):
        return middle[0], middle[1]
    return mean, width


def _beside(values: Tensor, batch: int, shape: tuple[int, ...]) -> Tensor:
    """Values of a batch, in line with those of a parameter of a shape."""
    own = values.shape[batch:]
    return values.reshape((*values.shape[:batch], *(1,) * (len(shape) - len(own)), *own))


def _is_on_the_line(member: Distribution) -> bool:
    """Whether a member is on the whole line or space, and says so; an angle has its own unit."""
    try:
        support = member.support
    except NotImplementedError:
        return False
    return support is not None and is_whole(support) and not isinstance(member, VonMises)


def is_measured(family: Family) -> bool:
    """Whether parameters of a family are measured from somewhere."""
    return any(isinstance(each, Measured) for each in family.space.parameters.values())


def plain(family: Family) -> Family:
    """The same family with the same parameters, none of them measured from anywhere."""
    if not is_measured(family):
        return family
    twin = family.declaring(family.declare(family.size or 1))
    with torch.no_grad():
        values = family.space.constrain(family.present())
    twin.load(twin.space.unconstrain(values, check=False))
    return twin
