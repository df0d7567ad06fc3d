"""Imports that the garbage collector does not interrupt.

What modules define lives as long as the process. The collector of cycles cannot know that, and
goes through all of it again and again as it grows: with torch's modules this is a fifth of the
time of their import.
"""

from __future__ import annotations

import gc
import importlib

from types import ModuleType

__all__ = ["imported"]


def imported(module: str) -> ModuleType:
    """Imports a module without collections; what was made meanwhile is taken for long-lived.

    The collector is left as it was found, with nothing frozen, and only its oldest generation
    has grown. Where it is switched off, or objects are frozen, it is not touched at all.
    """
    if not gc.isenabled() or gc.get_freeze_count():
        return importlib.import_module(module)
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()  # and back: this moves all objects to the oldest generation at no cost
        gc.unfreeze()
        gc.enable()
