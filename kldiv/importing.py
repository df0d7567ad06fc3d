"""Imports that the garbage collector hardly interrupts, and torch's kept out of its sight.

What modules define lives as long as the process. The collector of cycles cannot know that, and
goes through all of it again and again as it grows: with torch's modules this is an eighth of the
time of their import, as much again in what follows, and a quarter when the process ends. So what
is there once torch is imported is frozen (:func:`gc.freeze`), which no collection goes through
any more: a pause of a tenth of a second less for each full one.

Where a program has made much before, its own objects must not be frozen with the rest, as cycles
among them would never be freed. All is unfrozen again there, and lies in the oldest generation.
A few collections are worth their time then: what they saw together lies together in memory, and
each later one, four of them when the process ends, is half as long again where none was.
"""

from __future__ import annotations

import gc
import importlib
import sys

from types import ModuleType

__all__ = ["imported"]

_NEVER = (0,)
_SELDOM = 10_000, 1_000_000  # new objects between two collections of these, and of older ones
_FEW = 50_000  # objects: more than an interpreter with numpy has, less than a session with data


def imported(module: str) -> ModuleType:
    """Imports a module with few collections; what was made meanwhile is taken for long-lived.

    When this imports torch, in a process that has made little so far, what is there afterwards
    stays frozen: :func:`gc.get_objects` does not list it, and :func:`gc.unfreeze` undoes it.
    Otherwise the collector is left as it was found, and only its oldest generation has grown.
    Where it is switched off, or objects are frozen, it is not touched at all.
    """
    known = module in sys.modules  # asked first, as the frozen are counted one by one
    if known or not gc.isenabled() or gc.get_freeze_count():
        return importlib.import_module(module)
    thresholds, alone = gc.get_threshold(), _is_alone()
    gc.set_threshold(*(_NEVER if alone else _SELDOM))
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        if not (alone and "torch" in sys.modules):
            gc.unfreeze()  # which has moved all to the oldest generation at no cost
        gc.set_threshold(*thresholds)


def _is_alone() -> bool:
    """Whether next to nothing would be frozen but what is imported; garbage is freed first."""
    if "torch" in sys.modules or len(gc.get_objects()) > _FEW:
        return False
    gc.collect()
    return True
