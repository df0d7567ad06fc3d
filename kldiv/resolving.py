"""From what users write to what the core works with.

Names, torch objects, arrays and classes become definitions.
"""

from __future__ import annotations

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.adapters import as_distribution, is_frozen
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.family import Family, as_family
from kldiv.definitions.module_family import ModuleFamily
from kldiv.definitions.numbers import as_numbers
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import lattice
from kldiv.definitions.target import DistributionTarget, Target
from kldiv.errors import InvalidArgument, InvalidType, UnknownName
from kldiv.estimators import Estimator, Exact, Ladder, MonteCarlo, Quadrature, Samples, Sum
from kldiv.registries import closed_forms, divergences, families, targets

__all__ = ["as_divergence", "as_estimator", "as_target", "family_for", "ladder"]


def as_divergence(divergence: str | Divergence | type[Divergence]) -> Divergence:
    """A divergence from a name with arguments, a class or an object."""
    if isinstance(divergence, str):
        divergence = divergences.create(divergence)
    if isinstance(divergence, type) and issubclass(divergence, Divergence):
        divergence = divergence()
    if not isinstance(divergence, Divergence):
        raise InvalidType(
            "divergence must be a name such as 'kl' or 'renyi(alpha=0.5)', "
            f"or a kldiv.Divergence, got {divergence!r}"
        )
    return divergence


def as_target(value: object, argument: str) -> Target:
    """A target from a name, a distribution, a module that returns one, or samples."""
    if isinstance(value, str):
        value = _by_name(value)
    if isinstance(value, Family) or (
        isinstance(value, torch.nn.Module) and not isinstance(value, Distribution)
    ):
        value = value()
    if isinstance(value, Target):
        return value
    if is_frozen(value):
        value = as_distribution(value, argument)
    if isinstance(value, Distribution):
        return DistributionTarget(value)
    if isinstance(value, type):
        raise InvalidType(
            f"{argument} must be a distribution, got the class {value.__name__}; "
            "give its parameters"
        )
    return _data_target(value, argument)


def as_estimator(estimator: str | Estimator) -> Estimator | Ladder:
    """An estimator from its name or an object; ``"auto"`` is the ladder."""
    if not isinstance(estimator, str):
        if isinstance(estimator, type) or not isinstance(estimator, Estimator):
            raise InvalidType(
                "estimator must be a name or an estimator object such as kldiv.Quadrature(), "
                f"got {estimator!r}"
            )
        return estimator
    rungs = ladder()
    if estimator == "auto":
        return rungs
    for rung in rungs.rungs:
        if rung.name == estimator:
            return rung
    names = ", ".join(repr(rung.name) for rung in rungs.rungs)
    raise InvalidArgument(
        f"estimator must be 'auto', {names} or an estimator object, got {estimator!r}"
    )


def ladder() -> Ladder:
    """The rungs in their order, with the closed forms of all plugins."""
    return Ladder((Exact(closed_forms()), Sum(), Quadrature(), MonteCarlo(), Samples()))


def family_for(family: object, target: Target) -> Family:
    """A family from a name, a class, a family or a module, fitted to the shape of a target."""
    if isinstance(family, str):
        family = families.create(family)
    if isinstance(family, torch.nn.Module) and not isinstance(family, Family):
        found: Family = ModuleFamily(family)
    else:
        found = as_family(family)
    ends = lattice(target.support) if not target.event_shape else None
    last = float(ends.upper.max()) if ends is not None else float("inf")
    if (
        isinstance(target, SampleTarget)
        and not target.event_shape
        and bool((target.points == target.points.round()).all())
    ):
        last = float(target.points.max())
    return found.fitted_to(target.event_shape, int(last) + 1 if last < 1e6 else None)


def _by_name(name: str) -> object:
    """A target, or a family with all its parameters given."""
    try:
        return targets.create(name)
    except UnknownName:
        try:
            return families.create(name)
        except UnknownName:
            pass
        raise


def _data_target(value: object, argument: str) -> SampleTarget:
    """Samples from a tensor, an array, a list or a data frame."""
    if not _is_data(value):
        raise InvalidType(
            f"{argument} must be a torch or scipy.stats distribution, a kldiv.Target, a name such "
            "as 'normal(loc=0, scale=1)', or an array of samples, got "
            f"{type(value).__name__}: {value!r}"
        )
    points = as_numbers(argument, value)
    if points.ndim == 0:
        raise InvalidArgument(
            f"{argument} is a single number, {float(points)}; samples need shape (N) or (N, D)"
        )
    return SampleTarget(points)


def _is_data(value: object) -> bool:
    """Whether it is of a kind that holds numbers: a tensor, an array, a list, a data frame."""
    return isinstance(value, Tensor | np.ndarray | list | tuple) or hasattr(value, "to_numpy")
