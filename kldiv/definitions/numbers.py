"""Numbers from whatever users keep them in: tensors, arrays, lists, data frames."""

from __future__ import annotations

import numpy as np
import torch

from torch import Tensor

from kldiv.errors import InvalidArgument, InvalidType

__all__ = ["as_numbers", "as_shape", "broadcast"]


def as_numbers(argument: str, value: object) -> Tensor:
    """Real numbers as a floating tensor, of float64 unless they are of another floating type.

    Arguments:
        argument: What they were given for, for messages.
        value: A number, a tensor, an array, a nested list, or anything with ``to_numpy()``.

    Raises:
        InvalidType: If they are no real numbers, some are masked, or parts of a list are of
            several shapes.
    """
    if not isinstance(value, Tensor):
        value = _as_tensor(argument, value)
    if value.is_complex() or value.is_quantized:
        raise InvalidType(f"{argument} must be real numbers, got a tensor of {value.dtype}")
    if value.layout is not torch.strided:
        raise InvalidType(f"{argument} must be a dense tensor, got {value.layout}; .to_dense()")
    if value.dtype in (torch.float32, torch.float64):
        return value
    return value.float() if value.is_floating_point() else value.double()


def _as_tensor(argument: str, value: object) -> Tensor:
    kind = type(value).__name__
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if np.ma.is_masked(value):  # numpy hands out what is behind the mask
        raise InvalidType(f"{argument} has masked entries; give .compressed(), without them")
    try:
        array = np.asarray(value)
        if array.dtype == object and not any(isinstance(each, str) for each in array.flat):
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        shapes = _shapes_in(value)
        if len(shapes) > 1:
            raise InvalidType(
                f"{argument} must be real numbers in parts of one shape, got a {kind} of parts "
                f"of shape {' and '.join(map(str, shapes))}; give each of these by itself"
            ) from error
        raise InvalidType(
            f"{argument} must be real numbers, got {kind} {value!r}, of which numpy says: {error}"
        ) from error
    if array.dtype.kind not in "biuf":
        raise InvalidType(f"{argument} must be real numbers, got {kind}: {value!r}")
    single = array.dtype.kind == "f" and array.dtype.itemsize <= np.float32().itemsize
    return torch.from_numpy(np.require(array, np.float32 if single else np.float64, ["C", "W"]))


def _shapes_in(value: object) -> list[tuple[int, ...]]:
    """The different shapes of the parts of a list, or of the first part that has such parts."""
    found: dict[tuple[int, ...], None] = {}
    for part in value if isinstance(value, list | tuple) else ():
        try:
            found[tuple(np.shape(part))] = None
        except ValueError:
            return _shapes_in(part)
    return list(found)


def as_shape(event_shape: object) -> torch.Size:
    """The shape of a point.

    Raises:
        InvalidArgument: If it is no tuple of positive integers.
    """
    if isinstance(event_shape, torch.Size) and 0 not in event_shape:
        return event_shape
    whole = isinstance(event_shape, tuple | list) and all(
        isinstance(size, int) and size > 0 for size in event_shape
    )
    if not whole:
        raise InvalidArgument(
            "event_shape must be a tuple of positive integers such as (2,), or () for scalars, "
            f"got {event_shape!r}"
        )
    return torch.Size(event_shape)  # type: ignore[arg-type]


def broadcast(*shapes: torch.Size | tuple[int, ...]) -> torch.Size:
    """The common shape; torch's own function for it takes half a second to import.

    Raises:
        RuntimeError: If there is none.
    """
    if shapes and all(shape == shapes[0] for shape in shapes):
        return torch.Size(shapes[0])
    ndim = max(map(len, shapes), default=0)
    columns = zip(*((*(1,) * (ndim - len(shape)), *shape) for shape in shapes), strict=True)
    sizes = [{*column} - {1} or {1} for column in columns]
    if any(len(each) > 1 for each in sizes):
        raise RuntimeError(f"shapes {', '.join(str(tuple(each)) for each in shapes)} do not match")
    return torch.Size([each.pop() for each in sizes])
