"""Whether an object is another library's, told without importing that library."""

from __future__ import annotations

__all__ = ["is_frozen"]


def is_frozen(value: object) -> bool:
    """Whether an object is one of ``scipy.stats``, frozen or not."""
    return any(base.__module__.startswith("scipy.stats") for base in type(value).__mro__)
