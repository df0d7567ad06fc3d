"""Everything is computed in float64 and handed back in the precision of the inputs.

Closed forms cancel: in float32 the difference of two log-gamma functions can be wrong by more than
the divergence itself. Promoting the parameters first, differentiably, costs little and makes
float32 results right to their last digit. Probabilities, which sum to 1 but for rounding, are
normalised anew: the excess of their sum would be taken for a divergence. A covariance is factored
anew.
"""

from __future__ import annotations

import copy
import functools

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Cauchy,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Geometric,
    Gumbel,
    HalfNormal,
    Independent,
    InverseGamma,
    Laplace,
    LogNormal,
    MultivariateNormal,
    Normal,
    Pareto,
    Poisson,
    Transform,
    Uniform,
    Weibull,
    constraints,
)
from torch.distributions.transforms import _InverseTransform

__all__ = [
    "as_double",
    "as_dtype",
    "is_large",
    "is_late",
    "nudged",
    "place_of",
    "twin_of",
    "unchecked_double",
]

T = TypeVar("T")
_HOLDERS = (Distribution, Transform)
_NESTED = (list, tuple, *_HOLDERS)
_MAPPED = (Tensor, *_NESTED)
_IN_BLOCKS = (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Cauchy,
    Dirichlet,
    Exponential,
    Gamma,
    Geometric,
    Gumbel,
    HalfNormal,
    InverseGamma,
    Laplace,
    LogNormal,
    MultivariateNormal,
    Normal,
    Pareto,
    Poisson,
    Uniform,
    Weibull,
)
_LARGE = 1 << 16


def as_double(value: T) -> T:
    """A copy of a torch distribution in float64; gradients reach the original's parameters."""
    return as_dtype(value, torch.float64)


def as_dtype(value: T, dtype: torch.dtype) -> T:
    """A copy of a torch distribution in a floating type; gradients reach the original.

    Distributions defined outside of torch are returned as they are, since their state is their
    own.
    """
    return _mapped(value, lambda tensor: tensor.to(dtype))


def unchecked_double(distribution: Distribution, dtype: torch.dtype) -> Distribution:
    """A copy in float64 of a distribution of a floating type, which checks no points itself."""
    found = twin_of(distribution) if dtype == torch.float64 else as_double(distribution)
    if found is not distribution:
        _leave_unchecked(found)
    return found


def _leave_unchecked(distribution: Distribution) -> None:
    """Of a copy and of the distributions of torch that it is made of, in copies of their own.

    Points that lie inside by rounding only are to be left alone.
    """
    distribution._validate_args = False
    for name, item in _parts(distribution):
        if isinstance(item, Distribution) and _is_torch(item):
            vars(distribution)[name] = part = twin_of(item)
            _leave_unchecked(part)


def is_late(distribution: Distribution) -> bool:
    """Whether a copy is best made when it is asked for, as a closed form may do without.

    Not if gradients are to reach it, nor of few numbers that the support depends on.
    """
    part = distribution.base_dist if isinstance(distribution, Independent) else distribution
    if not isinstance(part, _IN_BLOCKS):
        return False
    if any(tensor.requires_grad for tensor in _tensors(distribution)):
        return False
    return not constraints.is_dependent(type(part).support) or is_large(distribution)


def is_large(distribution: Distribution) -> bool:
    """Whether a distribution holds so many numbers that a pass over them counts."""
    return any(tensor.numel() >= _LARGE for tensor in _tensors(distribution))


def nudged(value: T, size: float) -> T:
    """A copy of a torch distribution, its parameters moved by a relative size, in and out."""
    return _mapped(value, lambda it: torch.addcmul(it, it, _pattern(it), value=size))


def _pattern(tensor: Tensor) -> Tensor:
    """Numbers between -1 and 1, the same for every tensor of a shape."""
    last = 2 * tensor.numel()
    steps = torch.arange(2, last + 1, 2, dtype=tensor.dtype, device=tensor.device)
    return steps.cos_().view(tensor.shape)


def _mapped(value: T, function: Callable[[Tensor], Tensor]) -> T:
    """A copy of a torch distribution with a function applied to its floating tensors."""
    if isinstance(value, Tensor):
        return function(value) if value.is_floating_point() else value  # type: ignore[return-value]
    if type(value) in (list, tuple):
        return type(value)(_mapped(item, function) for item in value)  # type: ignore[call-arg,attr-defined]
    if not isinstance(value, _HOLDERS) or not _is_torch(value):
        return value
    if isinstance(value, Categorical) and _finer(wider := function(value._param), value._param):
        return _normalised_anew(value, wider)  # type: ignore[return-value]
    if isinstance(value, MultivariateNormal) and _finer(loc := function(value.loc), value.loc):
        return _factored_anew(value, loc, function)  # type: ignore[return-value]
    if isinstance(value, _InverseTransform):
        return _mapped(value.inv, function).inv  # type: ignore[return-value]
    return _mapped_in_parts(value, function)


def _mapped_in_parts(value: T, function: Callable[[Tensor], Tensor]) -> T:
    clone = twin_of(value)
    for name, item in _parts(value):
        if isinstance(item, _MAPPED):
            vars(clone)[name] = _mapped(item, function)
    if isinstance(clone, Transform):
        clone._inv = None
        clone._cached_x_y = None, None
    return clone


def _normalised_anew(value: Categorical, parameter: Tensor) -> Categorical:
    """Probabilities that sum to 1 in their new type, as they did but for rounding in the old."""
    name = "probs" if value._param is vars(value).get("probs") else "logits"
    return Categorical(**{name: parameter}, validate_args=False)


def _factored_anew(
    value: MultivariateNormal, loc: Tensor, function: Callable[[Tensor], Tensor]
) -> MultivariateNormal:
    """A normal whose covariance was given is factored in its new type, not in the old."""
    names = ("scale_tril", "covariance_matrix", "precision_matrix")
    name = next(name for name in vars(value) if name in names)  # torch adds what it is asked for
    matrix = function(vars(value)[name])
    return MultivariateNormal(loc, **{name: matrix}, validate_args=False)


def _finer(first: Tensor, second: Tensor) -> bool:
    return torch.finfo(first.dtype).eps < torch.finfo(second.dtype).eps


def twin_of(value: T) -> T:
    """A copy of a distribution or a transform that shares its tensors."""
    if not _is_torch(value):
        return copy.copy(value)
    twin = object.__new__(type(value))  # what copy.copy does, by many detours
    vars(twin).update(vars(value))
    return twin


def place_of(distribution: Distribution) -> tuple[torch.dtype, torch.device]:
    """The floating type and the device of a distribution's parameters; torch's where it has none.

    The type is the widest one.
    """
    tensors = [*_tensors(distribution)]
    dtypes = {tensor.dtype for tensor in tensors if tensor.dtype.is_floating_point}
    dtype = functools.reduce(torch.promote_types, dtypes or {torch.get_default_dtype()})
    return dtype, tensors[0].device if tensors else torch.device("cpu")


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, _InverseTransform):
        value = value.inv
    items = value if isinstance(value, list | tuple) else [item for _, item in _parts(value)]
    for item in items:
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, _NESTED):
            yield from _tensors(item)


def _parts(value: object) -> list[tuple[str, object]]:
    """What an object holds, but for shapes and a transform's link to its inverse, a circle."""
    held = vars(value).items()
    return [pair for pair in held if type(pair[1]) is not torch.Size and pair[0] != "_inv"]


def _is_torch(value: object) -> bool:
    return type(value).__module__.startswith("torch.distributions")
