"""From what users write to what the core works with.

Names, torch objects, arrays and classes become definitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from torch.distributions import Distribution

from kldiv.adapters import as_distribution, is_frozen
from kldiv.definitions.chunked_target import ChunkedTarget
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.family import Family, as_family
from kldiv.definitions.module_family import ModuleFamily
from kldiv.definitions.naming import snake_case
from kldiv.definitions.numbers import as_numbers
from kldiv.definitions.parameter_checks import check_parameters, may_wait
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import lattice
from kldiv.definitions.target import DistributionTarget, Target
from kldiv.errors import AmbiguousName, InvalidArgument, InvalidType, UnknownName
from kldiv.estimators import Estimator, Exact, Ladder, MonteCarlo, Quadrature, Samples, Sum
from kldiv.registries import closed_forms, divergences, families, targets
from kldiv.specs import Spec, parse

__all__ = ["as_divergence", "as_estimator", "as_target", "family_for", "ladder"]

_NAMES = {"log_normal": "lognormal", "multivariate_normal": "full_normal"}
"""Those of families whose classes have another one."""


def as_divergence(divergence: str | Divergence | type[Divergence]) -> Divergence:
    """A divergence from a name with arguments, a class or an object."""
    if isinstance(divergence, str):
        divergence = divergences.shared(divergence)
    if isinstance(divergence, type) and issubclass(divergence, Divergence):
        divergence = Spec(None, snake_case(divergence.__name__)).call(divergence)
    if not isinstance(divergence, Divergence):
        raise InvalidType(
            "divergence must be a name such as 'kl' or 'renyi(alpha=0.5)', "
            f"or a kldiv.Divergence, got {divergence!r}"
        )
    return divergence


def as_target(value: object, argument: str) -> Target:
    """A target from a name, a distribution, a module that returns one, or samples.

    Arguments:
        value: What was given.
        argument: What it was given for, for messages.
    """
    if isinstance(value, str):
        return _by_name(value, argument)
    if isinstance(value, torch.nn.Module) and not isinstance(value, Distribution):
        value = _member(value, argument)
    if isinstance(value, Target):
        return value
    if not isinstance(value, Distribution) and is_frozen(value):
        value = as_distribution(value, argument)
    if isinstance(value, Distribution):
        check = partial(check_parameters, value, argument)
        if may_wait(value):
            return DistributionTarget(value, check)
        check()
        return DistributionTarget(value)
    return _data(value, argument)


def _member(module: torch.nn.Module, argument: str) -> Distribution:
    """The distribution that a module returns."""
    name = type(module).__name__
    try:
        member = module()
    except TypeError as error:
        raise InvalidType(
            f"{argument} = {name} does not return a distribution when called without arguments "
            f"({error}); call it with its context and pass what it returns"
        ) from error
    if not isinstance(member, Distribution):
        raise InvalidType(
            f"{argument} = {name} must return a torch distribution when called, got "
            f"{type(member).__name__}"
        )
    return member


def _data(value: object, argument: str) -> SampleTarget:
    """Samples from a tensor, an array, a list, a data frame, or chunks of these."""
    if isinstance(value, type):
        raise InvalidType(
            f"{argument} must be a distribution, got the class {value.__name__}; "
            "give its parameters"
        )
    if _is_chunked(value):
        return ChunkedTarget(_blocks(value))
    if callable(value):
        raise InvalidType(
            f"{argument} must be a distribution, got the function "
            f"{getattr(value, '__name__', value)}; give a log density as kldiv.Target(function)"
        )
    if not isinstance(value, list | tuple) and not _is_array(value):
        raise InvalidType(
            f"{argument} must be a torch or scipy.stats distribution, a kldiv.Target, a name such "
            "as 'normal(loc=0, scale=1)', an array of samples, or an iterable of arrays, got "
            f"{type(value).__name__}: {value!r}"
        )
    points = as_numbers(argument, value)
    if points.ndim == 0:
        raise InvalidArgument(
            f"{argument} is a single number, {float(points)}; samples need shape (N) or (N, D)"
        )
    return SampleTarget(points)


def as_estimator(
    estimator: str | Estimator, divergence: Divergence | None = None
) -> Estimator | Ladder:
    """An estimator, of a divergence, from its name or an object; ``"auto"`` is the ladder."""
    if isinstance(estimator, Exact):
        name = None if divergence is None else divergence.name
        return estimator if estimator.rules else replace(estimator, rules=closed_forms(name))
    if not isinstance(estimator, str):
        if isinstance(estimator, type) or not isinstance(estimator, Estimator):
            raise InvalidType(
                "estimator must be a name or an estimator object such as kldiv.Quadrature(), "
                f"got {estimator!r}"
            )
        return estimator
    rungs = ladder(divergence)
    if estimator == "auto":
        return rungs
    for rung in rungs.rungs:
        if rung.name == estimator:
            return rung
    names = ", ".join(repr(rung.name) for rung in rungs.rungs)
    raise InvalidArgument(
        f"estimator must be 'auto', {names} or an estimator object, got {estimator!r}"
    )


def ladder(divergence: Divergence | None = None) -> Ladder:
    """The rungs for a divergence in their order, with the closed forms of all plugins."""
    rules = closed_forms(None if divergence is None else divergence.name)
    if _latest.rungs[0].rules is not rules:  # another divergence, or other plugins since
        _latest.rungs = (Exact(rules), *_latest.rungs[1:-1], Samples(rules=rules))
        _latest.ladder = Ladder(_latest.rungs)
    return _latest.ladder if divergence is None else _latest.ladder.of(divergence)


class _Latest:
    """The ladder that was used last."""

    def __init__(self) -> None:
        self.rungs = (Exact(), Sum(), Quadrature(), MonteCarlo(), Samples())
        self.ladder = Ladder(self.rungs)


_latest = _Latest()


def family_for(family: object, target: Target) -> Family:
    """A family from a name, a class, a family or a module, fitted to the shape of a target."""
    if isinstance(family, str):
        family = families.shared(family)  # a copy of it is fitted
    if isinstance(family, torch.nn.Module) and not isinstance(family, Family):
        found: Family = ModuleFamily(family)
    elif isinstance(family, type) and issubclass(family, Distribution):
        found = _of_class(family)
    else:
        found = as_family(family)
    ends = lattice(target.support) if not target.event_shape else None
    last = float(ends.upper.max()) if ends is not None else float("inf")
    if isinstance(target, SampleTarget) and not target.event_shape and target.whole:
        last = float(target.ends[1])
    return found.fitted_to(target.event_shape, int(last) + 1 if last < 1e6 else None)


def _of_class(distribution_class: type[Distribution]) -> Family:
    """The registered family of a class, which knows more of it; else what the class says."""
    name = snake_case(distribution_class.__name__)
    try:
        made = families.shared(_NAMES.get(name, name))
    except (UnknownName, AmbiguousName, InvalidArgument):
        return as_family(distribution_class)
    same = getattr(made, "distribution_class", None) is distribution_class
    return made if same else as_family(distribution_class)


def _by_name(name: str, argument: str) -> Target:
    """A target, which remembers its name, or a family with all its parameters given."""
    try:
        found = as_target(targets.create(name), argument)
    except UnknownName:
        try:
            return as_target(families.create(name), argument)
        except UnknownName:
            pass
        raise
    spec = parse(name)
    found.spec = replace(spec, plugin=targets[spec.qualified_name].plugin)
    return found


def _is_array(value: object) -> bool:
    """Whether it can be turned into a numpy array: a tensor, an array, a data frame."""
    return hasattr(value, "__array__") or hasattr(value, "to_numpy")


def _is_chunked(value: object) -> bool:
    """Whether it gives arrays one by one, as a Dask array gives its blocks."""
    if hasattr(value, "numblocks"):
        return True
    plain = isinstance(value, list | tuple | Mapping | Set | bytes)
    return isinstance(value, Iterable) and not plain and not _is_array(value)


def _blocks(value: Any) -> Iterable[object]:  # noqa: ANN401 (anything with numblocks)
    """The blocks of rows of a Dask array, each computed when it is read."""
    if not hasattr(value, "numblocks"):
        chunks: Iterable[object] = value
        return chunks
    rows = value.rechunk({axis: -1 for axis in range(1, value.ndim)})
    return [rows.blocks[index] for index in range(rows.numblocks[0])]
