"""G16: a fit beside a process that never rests."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

from collections.abc import Iterator

from benchmarks.comparison import Claim, Goal, Record, Round, median_seconds

__all__ = ["GOAL"]

CASES = {"line": "bimodal", "plane": "correlated_normal"}


def kldiv_side(_: float) -> Iterator[Record]:
    """Fits with all threads that torch would take: in peace, and beside busy processes."""
    import torch

    import kldiv

    torch.set_num_threads(os.cpu_count() or 1)

    def seconds(target: str) -> float:
        family = "normal" if target == "bimodal" else "isotropic_normal"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return median_seconds(lambda: kldiv.fit(target, family, direction="reverse"), 3)

    for case, target in CASES.items():
        yield {"case": case, "method": "kldiv in peace", "seconds": seconds(target)}
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            for case, target in CASES.items():
                yield {"case": case, "method": "kldiv beside", "seconds": seconds(target)}
        finally:
            busy.kill()


def _slowed(case: str) -> Claim:
    def of(found: Round) -> float | None:
        beside, peace = (found.best(case, f"kldiv {each}") for each in ("beside", "in peace"))
        return None if beside is None or peace is None else beside / peace

    text = f"{case}: beside a busy process / in peace"
    return Claim(text, 2.2, of, at_least=False, prototype="60 for two-thread eager torch")


GOAL = Goal(
    "G16",
    "A default fit beside a busy process, with as many threads as cores",
    {"kldiv": kldiv_side},
    [_slowed(case) for case in CASES],
    "the fit takes as many threads as torch is set to.",
)
