"""From the name of a class to the name that a registry, a message or a table shows."""

from __future__ import annotations

import re

from functools import lru_cache

__all__ = ["snake_case"]


@lru_cache(maxsize=256)
def snake_case(class_name: str) -> str:
    """A class name in lower case with underscores: ``LeCam`` is ``le_cam``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()
