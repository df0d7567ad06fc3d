"""G9: eight schools, a funnel and a banana, against warm JAX and against everything else."""

from __future__ import annotations

from benchmarks.comparison import Goal, no_more, ratio, until
from benchmarks.goals.g08_logistic import FAMILIES, sides_on

__all__ = ["GOAL"]

PROBLEMS = ("schools", "funnel", "banana")
CASES = [f"{problem}, {family}" for problem in PROBLEMS for family in FAMILIES]


GOAL = Goal(
    "G9",
    "Eight schools, funnel and banana: 1e-3 nats and staying there",
    sides_on(PROBLEMS),
    [
        claim
        for case in CASES
        for claim in (
            until(case, "JAX", 1.5, prototype="1.9 to 7.5"),
            until(case, "torch loop", 80, prototype="79 to 460"),
            ratio(case, "JAX: NumPyro", 80, key="call", prototype="79 to 460"),
            no_more(case, "excess", 1e-3),
        )
    ],
    "about 15 steps of eager torch lead to 1e-3 nats, the first on 512 draws, the last on 4096, "
    "each of some 300 calls, of which the target's are a quarter; a whole call goes on until "
    "draws that it has not seen tell that it is there, of the banana it counts the mass and the "
    "final estimate too. The time of JAX excludes compilation.",
)
