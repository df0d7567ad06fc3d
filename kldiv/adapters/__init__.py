"""Objects of other libraries as torch distributions, so that the core knows only one kind."""

from kldiv.adapters.frozen import as_distribution, is_frozen

__all__ = ["as_distribution", "is_frozen"]
