"""Imports that the garbage collector hardly interrupts.

What modules define lives as long as the process. The collector of cycles cannot know that, and
goes through all of it again and again as it grows: with torch's modules this is an eighth of the
time of their import, and as much again in what follows. Not to go through it at all would leave
it scattered: what was seen together lies together in the collector's lists, and each later
collection, four of them when the process ends, is half as long again where nothing was.
"""

from __future__ import annotations

import gc
import importlib

from types import ModuleType

__all__ = ["imported"]

_SELDOM = 10_000, 1_000_000  # new objects between two collections of these, and of older ones


def imported(module: str) -> ModuleType:
    """Imports a module with few collections; what was made meanwhile is taken for long-lived.

    The collector is left as it was found, with nothing frozen, and only its oldest generation
    has grown. Where it is switched off, or objects are frozen, it is not touched at all.
    """
    if not gc.isenabled() or gc.get_freeze_count():
        return importlib.import_module(module)
    thresholds = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()  # and back: this moves all objects to the oldest generation at no cost
        gc.unfreeze()
        gc.set_threshold(*thresholds)
