r"""Families whose members are measured from where a target is, in units of its width.

Steps and differences of solvers have a size. With :math:`\mu = m + s z`,
:math:`\Sigma = S R S` for the mean m and the standard deviations s of the target,
:math:`S = \operatorname{diag}(s)`, data in metres and in miles, at 0 and far from it, are fitted
in the same way.
"""

from __future__ import annotations

import torch

from torch.distributions import Distribution, VonMises, constraints

from kldiv.definitions.family import Family, Place
from kldiv.definitions.parameters import Measured
from kldiv.definitions.support import is_whole

__all__ = ["is_measured", "measured", "plain"]

_REAL = (constraints.real, constraints.real_vector)


def measured(family: Family, place: Place) -> Family:
    """A copy of a family on the whole line or space with parameters measured at a place.

    Arguments:
        family: The family; it is left as it is, and given back where it has no ``loc``.
        place: Where the target is; of a batch of targets the middle counts.
    """
    parameters = dict(family.declare(family.size or 1))
    its = family.space.parameters.get("loc")
    if its is None or its.constraint not in _REAL or not _is_on_the_line(family()):
        return family
    batch = place.mean.ndim - family.event_dims
    mean, width = place.mean, place.variance.sqrt()
    if batch:
        mean, width = (each.flatten(0, batch - 1).median(0).values for each in (mean, width))
    if not (mean.isfinite().all() and width.isfinite().all() and (width > 0).all()):
        return family
    zero, across = torch.zeros_like(mean), width.unsqueeze(-1)
    units = {
        "loc": (mean, width),
        "covariance_matrix": (zero, across * width),
        "scale_tril": (zero.unsqueeze(-1), across),
        "cov_factor": (zero.unsqueeze(-1), across),
    }
    for name in units.keys() & family.space.parameters.keys():
        (origin, unit), its = units[name], parameters[name]
        parameters[name] = Measured(its.constraint, its.shape, origin=origin, unit=unit)
    return family.declaring(parameters)


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
