"""What the built-in items refuse: each check names the argument, the value and what is allowed."""

from __future__ import annotations

import math

from numbers import Real

import torch

from torch import Tensor

from kldiv.errors import InvalidArgument, InvalidType, ShapeMismatch

__all__ = [
    "check_number",
    "check_numbers",
    "check_positive",
    "check_same_length",
    "check_together",
    "check_weights",
]

_SUM_TOLERANCE = 1e-8


def check_number(
    name: str,
    value: object,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    infinite: bool = False,
) -> float:
    """A number of a range as a float, finite unless infinity is allowed.

    Arguments:
        name: The argument, for the message.
        value: What was given for it.
        low: The least value allowed.
        high: The greatest value allowed.
        infinite: Whether it may be infinite.

    Raises:
        InvalidType: If it is no real number.
        InvalidArgument: If it is out of range, NaN or, unless allowed, infinite.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        kind = type(value).__name__
        raise InvalidType(f"{name} must be a number, got {value!r} of type {kind}")
    number = float(value)
    if not ((infinite or math.isfinite(number)) and low <= number <= high):
        allowed = f"at least {low:g}" if infinite else _range(low, high)
        raise InvalidArgument(f"{name} must be {allowed}, got {value!r}")
    return number


def check_numbers(name: str, value: object, *, dimensions: int | None = None) -> Tensor:
    """Finite numbers as a float64 tensor.

    Arguments:
        name: The argument, for the message.
        value: A number, a list of numbers, an array or a tensor.
        dimensions: How many dimensions there must be; ``None`` allows any.

    Raises:
        InvalidType: If it holds something else than numbers.
        InvalidArgument: If it is empty, infinite or NaN somewhere.
        ShapeMismatch: If it has another number of dimensions.
    """
    try:
        numbers = torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidType(f"{name} must be numbers, got {value!r}") from error
    if dimensions is not None and numbers.ndim != dimensions:
        kind = {0: "a number", 1: "a list of numbers", 2: "a matrix"}[dimensions]
        raise ShapeMismatch(f"{name} must be {kind}, got {_shown(value)}")
    if numbers.numel() == 0:
        raise InvalidArgument(f"{name} must not be empty, got {_shown(value)}")
    if not numbers.isfinite().all():
        raise InvalidArgument(f"{name} must be finite, got {_shown(value)}")
    return numbers


def check_positive(name: str, value: object, *, dimensions: int | None = None) -> Tensor:
    """Positive numbers as a float64 tensor; raises as `check_numbers`, and if one is not."""
    numbers = check_numbers(name, value, dimensions=dimensions)
    if not (numbers > 0).all():
        raise InvalidArgument(f"{name} must be positive, got {_shown(value)}")
    return numbers


def check_weights(value: object) -> Tensor:
    """Positive numbers that sum to 1; raises as `check_positive`, and if they do not."""
    weights = check_positive("weights", value, dimensions=1)
    total = float(weights.detach().sum())
    if abs(total - 1) > _SUM_TOLERANCE:
        raise InvalidArgument(
            f"weights must sum to 1, got {_shown(value)} with sum {total:.10g}; divide by it"
        )
    return weights


def check_same_length(**numbers: Tensor) -> None:
    """Raises `ShapeMismatch` unless lists have as many entries each."""
    if len({len(each) for each in numbers.values()}) > 1:
        lengths = ", ".join(f"{len(each)} of {name}" for name, each in numbers.items())
        raise ShapeMismatch(f"{', '.join(numbers)} must have the same length, got {lengths}")


def check_together(**numbers: Tensor) -> tuple[Tensor, ...]:
    """Tensors of one shape; raises `ShapeMismatch` where theirs do not broadcast."""
    try:
        return tuple(torch.broadcast_tensors(*numbers.values()))
    except RuntimeError as error:
        shapes = ", ".join(f"{tuple(each.shape)} of {name}" for name, each in numbers.items())
        raise ShapeMismatch(f"the arguments have shapes that do not fit: {shapes}") from error


def _range(low: float, high: float) -> str:
    """A range in words."""
    if math.isinf(low):
        return "a finite number" if math.isinf(high) else f"finite and at most {high:g}"
    if math.isinf(high):
        return f"finite and at least {low:g}"
    return f"between {low:g} and {high:g}"


def _shown(value: object) -> str:
    """A value for a message, cut short where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
