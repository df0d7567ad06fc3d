"""Objects of other libraries as torch distributions, so that the core knows only one kind."""

from kldiv.adapters.recognition import is_frozen
from kldiv.lazy import deferred

__all__ = ["as_distribution", "is_frozen"]

as_distribution = deferred("kldiv.adapters.frozen:as_distribution")
