"""G6: a full covariance in 100 dimensions, on a normal target."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison import Goal, Record, no_more, until
from benchmarks.peers.settings import settings
from benchmarks.problems.normal_vectors import normal_vector

__all__ = ["GOAL"]

SIZE, STEPS = 100, 20_000


def kldiv_side(_: float) -> Iterator[Record]:
    """One fit of the log density as it stands."""
    from benchmarks.own import fitted

    record = fitted(normal_vector(SIZE), full=True, tolerance=1e-6)
    record.pop("fit", None)
    yield {"case": "d = 100", "method": "kldiv", **record}


def jax_side(budget: float) -> Iterator[Record]:
    """NumPyro warm, and BlackJAX."""
    from benchmarks.peers.jax_peers import blackjax_vi, numpyro_svi

    for name, method in (("NumPyro", numpyro_svi), ("BlackJAX", blackjax_vi)):
        for setting in settings(STEPS)[1:]:
            found = method(normal_vector(SIZE), setting, budget, full=True)
            yield {"case": "d = 100", "method": f"{name}, {setting}", **found}


GOAL = Goal(
    "G6",
    "A full-rank normal in 100 dimensions on a normal target, to 1e-6 nats",
    {"kldiv": kldiv_side, "jax": jax_side},
    [
        no_more("d = 100", "stay_evaluations", 2 * SIZE, prototype="200"),
        until("d = 100", "NumPyro", 500, prototype="2000"),
        no_more("d = 100", "excess", 1e-6),
    ],
    "a quarter of the time until it is there are the gradients, most of the rest small calls of "
    "torch.",
)
