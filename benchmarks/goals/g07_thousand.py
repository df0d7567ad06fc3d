"""G7: a thousand dimensions, mean-field and with a full covariance.

The precision of the target is tridiagonal, of which kldiv is not told. It finds that by 9
gradients and needs no others; of a precision that is no band it takes 1001, and four times as
long.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison import Goal, Record, no_more, until
from benchmarks.peers.settings import settings
from benchmarks.problems.normal_vectors import normal_vector

__all__ = ["GOAL"]

SIZE, STEPS = 1000, 5000
CASES = {"mean-field": False, "full rank": True}


def kldiv_side(_: float) -> Iterator[Record]:
    """One fit of each family."""
    from benchmarks.own import fitted

    for case, full in CASES.items():
        tolerance = 1e-6 if full else 1e-3
        record = fitted(normal_vector(SIZE), full=full, calls=1, tolerance=tolerance)
        record.pop("fit", None)
        yield {"case": case, "method": "kldiv", **record}


def jax_side(budget: float) -> Iterator[Record]:
    """TFP, the best of the peers here."""
    from benchmarks.peers.jax_peers import tfp_vi

    for case, full in CASES.items():
        found = tfp_vi(normal_vector(SIZE), settings(STEPS)[2], budget, full=full)
        yield {"case": case, "method": "TFP", **found}


GOAL = Goal(
    "G7",
    "Mean-field and full-rank normals in 1000 dimensions on a normal target, a chain",
    {"kldiv": kldiv_side, "jax": jax_side},
    [
        no_more("mean-field", "stay_evaluations", 1.1 * SIZE, prototype="1053"),
        until("mean-field", "TFP", 20, prototype="29 to 0.1 nats"),
        no_more("mean-field", "excess", 1e-3),
        no_more("full rank", "stay", 0.6, prototype="0.32 s"),
        no_more("full rank", "excess", 1e-6),
    ],
    "how fast gradients in float64 are, of kldiv, and steps in float32, of TFP, differs from "
    "machine to machine.",
)
