"""The front module: what this plugin offers, and nothing heavy.

`pyro_target` is imported when it is first used, as it needs Pyro.
"""

from __future__ import annotations

import importlib

from typing import TYPE_CHECKING

import kldiv

if TYPE_CHECKING:
    from kldiv_bayes.pyro_targets import PyroTarget, pyro_target

__all__ = ["PyroTarget", "kldiv_gallery", "kldiv_targets", "pyro_target"]


@kldiv.hookimpl
def kldiv_targets() -> dict[str, str]:
    """Offers posteriors of Pyro models."""
    return {
        "pyro_eight_schools": "kldiv_bayes.models:pyro_eight_schools",
        "pyro_logistic_regression": "kldiv_bayes.models:pyro_logistic_regression",
    }


@kldiv.hookimpl
def kldiv_gallery() -> dict[str, str]:
    """Offers a section of gallery scripts."""
    return {"Bayesian models": "gallery"}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Imports a public name when it is first used (PEP 562)."""
        if name not in ("PyroTarget", "pyro_target"):
            raise AttributeError(f"module 'kldiv_bayes' has no attribute {name!r}")
        return getattr(importlib.import_module("kldiv_bayes.pyro_targets"), name)
