r"""Which sides of a problem points are drawn from, and what is missing where a mass is unknown.

Both sides where both are distributions with samplers: then no weight can run away. One side where
the other has no sampler or no known mass. A density of unknown mass drawn from by its own sampler
serves as well: up to a factor, only the ratio of the two densities matters then.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.estimators.integrands import Densities, unsuited
from kldiv.estimators.problem import Problem

__all__ = ["Proposals", "log_slopes", "proposals", "why_none"]


@dataclass(frozen=True)
class Proposals:
    """What to draw from.

    Arguments:
        from_p: Whether points are drawn from p.
        from_q: Whether points are drawn from q.
        slope: What the logarithm of the ratio of masses, q to p where drawn from p, else p to q,
            adds to the divergence; ``None`` where all masses are known.
    """

    from_p: bool
    from_q: bool
    slope: float | None = None

    @property
    def number(self) -> int:
        """How many sides are drawn from."""
        return self.from_p + self.from_q


def proposals(problem: Problem) -> Proposals | None:
    """The sides to draw from; ``None`` where there is none that serves."""
    p, q = problem.p, problem.q
    if isinstance(problem.divergence, ScoreDivergence):  # the score of q is enough
        return Proposals(True, False) if p.normalized and p.has_sampler else None
    slope_p, slope_q = log_slopes(problem)
    known_p, known_q = (side.normalized and side.has_sampler for side in (p, q))
    if not any(side.normalize and not side.normalized for side in (p, q)):
        found = Proposals(known_p, known_q)
        return found if found.number == 2 or _covers(problem, found) else None
    options = (
        (known_p, Proposals(True, False, slope_q)),
        (known_q, Proposals(False, True, slope_p)),
        (p.normalize and p.has_sampler, Proposals(True, False, slope_q)),
        (q.normalize and q.has_sampler, Proposals(False, True, slope_p)),
    )
    return next((each for usable, each in options if usable and each.slope is not None), None)


def why_none(problem: Problem) -> str | None:
    """Why nothing can be drawn that serves, ``None`` where something can."""
    reason = unsuited(problem)
    if reason is not None or proposals(problem) is not None:
        return reason
    sides = (("p", problem.p), ("q", problem.q))
    if not any(side.has_sampler for _, side in sides):
        return f"neither p = {problem.p!r} nor q = {problem.q!r} has a sampler"
    for (name, side), (other, drawn) in (sides, sides[::-1]):
        if side.normalize and not side.normalized:
            first = other if drawn.has_sampler and drawn.normalized else name
            second = name if first == other else other
            return (
                f"the mass of {name} = {side!r} is not known and cannot be integrated here; "
                f"kldiv.divergence({first}, {second}, 'kl') needs it only up to a constant"
            )
    missing, other = ("q", "p") if problem.p.has_sampler else ("p", "q")
    return f"{missing} has no sampler, and draws from {other} do not reach all of it"


def log_slopes(problem: Problem) -> tuple[float | None, float | None]:
    """What the logarithms of the masses of p and of q add to the divergence, if they do."""
    divergence = problem.divergence
    if not isinstance(divergence, IntegralDivergence):
        return None, None
    return divergence.log_mass_slopes


def _covers(problem: Problem, found: Proposals) -> bool:
    """Whether the divergence needs no point where the one side vanishes that is drawn from."""
    beyond_q, beyond_p = problem.uncovered()
    zero = torch.zeros((), dtype=torch.float64, device=problem.p.device)
    nowhere = torch.full_like(zero, -torch.inf)
    if not found.number:
        return False
    if not (beyond_p if found.from_p else beyond_q).any():
        return True
    sides = Densities(problem, zero, zero, zero, measures=False)
    unseen = sides.stack(nowhere, zero) if found.from_p else sides.stack(zero, nowhere)
    return bool((unseen == 0).all())
