"""What the options of estimators must be."""

from __future__ import annotations

from operator import index
from typing import Any

from kldiv.errors import InvalidArgument, InvalidType

__all__ = ["check_count", "check_tolerance"]


def check_count(name: str, value: Any, least: int = 1) -> None:  # noqa: ANN401 (it is checked)
    """Refuses what is no whole number, or less than the least.

    Raises:
        InvalidType: If it is no integer.
        InvalidArgument: If it is less.
    """
    try:
        number = index(value)
    except TypeError as error:
        raise InvalidType(f"{name} must be an integer, got {value!r}") from error
    if number < least:
        allowed = f"at least {least}" if least > 1 else "positive"
        raise InvalidArgument(f"{name} must be {allowed}, got {value}")


def check_tolerance(name: str, value: Any, *, relative: bool = True) -> None:  # noqa: ANN401
    """Refuses what is no tolerance: relative ones are between 0 and 1, others not negative.

    Raises:
        InvalidType: If it is no number.
        InvalidArgument: If it is out of range.
    """
    try:
        if isinstance(value, str):
            raise TypeError("a text is no number")
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InvalidType(f"{name} must be a number, got {value!r}") from error
    if relative and not 0 < number < 1:
        raise InvalidArgument(f"{name} must be between 0 and 1, got {value}")
    if not relative and not number >= 0:
        raise InvalidArgument(f"{name} must not be negative, got {value}")
