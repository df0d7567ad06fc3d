"""G18: ten posteriors by normals, beside every peer."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.comparison import Claim, Goal, Record, Round, no_more
from benchmarks.goals.g08_logistic import FAMILIES, sides_on
from benchmarks.problems.posteriors import POSTERIORS

__all__ = ["GOAL"]

PEERS = {
    "Pyro": "Pyro",
    "torch loop": "torch loop",
    "NumPyro": "JAX: NumPyro",
    "BlackJAX": "JAX: BlackJAX",
}
"""What begins the names of the methods of each."""


def _near(case: str) -> Claim:
    """The excess, with what each peer takes beside."""
    claim = no_more(case, "excess", 1e-3)

    def efforts(found: Round) -> Record:
        own = found.setting(case, "kldiv", "pareto_k")
        tail = "" if own is None else f"; k̂ {float(own['pareto_k']):.2f}"  # type: ignore[arg-type]
        peers = {name: found.effort(case, method, "stay") for name, method in PEERS.items()}
        beside = "; ".join(f"{name} {effort}" for name, effort in peers.items() if effort)
        return {"kldiv": str(claim.efforts(found)["kldiv"]) + tail, "peer": beside}

    return replace(claim, efforts=efforts)


GOAL = Goal(
    "G18",
    "Ten posteriors by mean-field and full-rank normals, to 1e-3 nats",
    sides_on(POSTERIORS),
    [_near(f"{problem}, {family}") for problem in POSTERIORS for family in FAMILIES],
)
