"""Torch distributions and their transforms as the name of a class and its arguments.

Only the classes listed here have a name; so a file can make no other object than one of them.
"""

from __future__ import annotations

import inspect

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import torch

from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    MultivariateNormal,
    Transform,
    Wishart,
    transforms,
)
from torch.distributions.transforms import _InverseTransform

from kldiv.definitions.grid_density import GridDensity
from kldiv.definitions.log_probability import was_given_probs
from kldiv.errors import NotAvailable

__all__ = ["KNOWN", "arguments_of", "build"]

_INVERSE = "inverse"
_ABSTRACT = ("Distribution", "ExponentialFamily", "Transform")

_CLASSES = (
    *(getattr(torch.distributions, name) for name in torch.distributions.__all__),
    *(getattr(transforms, name) for name in transforms.__all__),
    GridDensity,
)
KNOWN: Mapping[str, type[Distribution | Transform]] = {
    each.__name__: each
    for each in _CLASSES
    if isinstance(each, type)
    and issubclass(each, Distribution | Transform)
    and each.__name__ not in _ABSTRACT
}
"""The classes by name."""

_KEPT_AS: Mapping[str, Callable[[Any], object]] = {
    "base_distribution": attrgetter("base_dist"),
    "cache_size": attrgetter("_cache_size"),
    "lims": attrgetter("_lims"),
    "tseq": attrgetter("transforms"),
    "validate_args": attrgetter("_validate_args"),
    "vector": lambda distribution: bool(distribution.event_shape),
}
_SHARES = ("probs", "logits")
_MATRICES = ("covariance_matrix", "precision_matrix", "scale_tril")


def arguments_of(value: Distribution | Transform) -> tuple[str, dict[str, object]]:
    """The name of an object's class, and the arguments that make another like it.

    Raises:
        NotAvailable: If its class is none of those known.
    """
    if isinstance(value, _InverseTransform):
        return _INVERSE, {"of": value.inv}
    kind = type(value)
    if KNOWN.get(kind.__name__) is not kind:
        raise NotAvailable(f"{kind.__name__} is no class of torch.distributions")
    names = [name for name in inspect.signature(kind).parameters if name not in _MATRICES]
    if "probs" in names and "logits" in names:
        names.remove("logits" if was_given_probs(_inner(value)) else "probs")
    found = {name: _KEPT_AS.get(name, attrgetter(name))(value) for name in names}
    if isinstance(value, MultivariateNormal | Wishart):
        found |= _matrix(value, found)
    return kind.__name__, found


def build(name: str, arguments: Mapping[str, Any]) -> Distribution | Transform:
    """The object of a class that is known, with the numbers it was given, to the last digit.

    Raises:
        NotAvailable: If the class is none of those known.
    """
    if name == _INVERSE and isinstance(arguments["of"], Transform):
        return arguments["of"].inv
    if name not in KNOWN:
        raise NotAvailable(f"{name!r} is no class of torch.distributions")
    made = KNOWN[name](**arguments)
    own = _inner(made)
    if isinstance(own, Categorical):
        _put_back(own, {name: arguments[name] for name in _SHARES if name in arguments})
    return made


def _put_back(own: Categorical, given: dict[str, Tensor]) -> None:
    """The parameter as it was: it has been made to sum to 1 once more."""
    for name in _SHARES:
        vars(own).pop(name, None)
    vars(own).update(given)
    (own._param,) = given.values()


def _inner(value: Any) -> Any:  # noqa: ANN401 (torch has no types for them)
    """The distribution that keeps the probabilities."""
    if type(value).__name__.startswith("Relaxed"):
        value = value.base_dist
    return getattr(value, "_categorical", value)


def _matrix(value: MultivariateNormal | Wishart, others: Mapping[str, Any]) -> dict[str, Tensor]:
    """The matrix that was given: the one of which the others follow as they are."""
    factor = value._unbroadcasted_scale_tril
    for name in _MATRICES:
        if name in vars(value):
            matrix = vars(value)[name]
            made: Any = type(value)(**others, **{name: matrix})
            if bool((made._unbroadcasted_scale_tril == factor).all()):
                return {name: matrix}
    shape = (*value.batch_shape, *factor.shape[-2:])
    return {"scale_tril": factor.expand(shape)}
