"""Zuko's flows, imported so that torch stays as it was.

When zuko is imported it turns off the checks of arguments of all distributions of torch, and
their complaint that a class does not state what it takes. Here both are put back, and zuko's own
classes state that they take nothing.
"""

from __future__ import annotations

import importlib

from types import ModuleType

from torch.distributions import Distribution

__all__ = ["flows"]


def _imported() -> ModuleType:
    checked, stated = Distribution._validate_args, vars(Distribution)["arg_constraints"]
    flows = importlib.import_module("zuko.flows")
    distributions = importlib.import_module("zuko.distributions")
    nothing = vars(Distribution)["arg_constraints"]
    if nothing is not stated:
        for name in distributions.__all__:
            kind = getattr(distributions, name)
            if kind.arg_constraints is nothing:
                kind.arg_constraints = nothing
        Distribution.arg_constraints = stated
    Distribution.set_default_validate_args(checked)
    return flows


flows = _imported()
"""The module ``zuko.flows``."""
