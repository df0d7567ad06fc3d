"""Rules in the plane on lattices under a target that serve all starts of a fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.support import is_whole
from kldiv.definitions.target import Target
from kldiv.estimators import Problem, Quadrature, Sum
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.estimators.integrals.search import correlation_factor
from kldiv.estimators.integrands import densities
from kldiv.solvers.lattices import Lattice, lattices
from kldiv.solvers.rules import NEARLY
from kldiv.solvers.shared_rule import SharedRule, multiples

__all__ = ["LatticeRules", "lattice_rules"]

_ENOUGH = 5.0  # times too rough: a lattice that will serve for some way
_BETTER = 3.0  # times less rough: what one of the next few lattices must be
_IDLE = 3


@dataclass
class LatticeRules:
    """The rules on ever finer lattices under one target, each laid once.

    Arguments:
        target: The target, in the plane, without a batch.
        mass: Its mass where it is a measure.
        log_mass: What is subtracted from its log density.
        multiples: What the integrands of the divergence are where the target vanishes.
        forward: Whether the target is the first side.
    """

    target: Target
    mass: Tensor | None
    log_mass: Tensor
    multiples: tuple[float, ...]
    forward: bool
    _laid: list[SharedRule] = field(default_factory=list)

    def cheapest(self, problem: Problem, best: float, *, fine: bool) -> SharedRule | None:
        """The first that is good enough, or the best of those that are nearly so.

        Arguments:
            problem: The divergence between the target and members.
            best: The least divergence that is known of other members.
            fine: Whether the members are where they are to stay.
        """
        chosen, least, idle = None, torch.inf, 0
        for rule in self._ever_finer():
            rough = rule.roughness_for(problem, best, fine=fine, forward=self.forward)
            if rough <= (1 if fine else _ENOUGH):
                return rule
            idle = 0 if rough < least / _BETTER else idle + 1
            if rough < least:
                chosen, least = rule, rough
            if idle >= _IDLE:
                break
        return chosen if least <= NEARLY else None

    def _ever_finer(self) -> Iterator[SharedRule]:
        yield from self._laid
        for nodes in self._more:
            log_p = self._log_p(nodes.points).squeeze(-1)
            rule = SharedRule(
                nodes.points,
                nodes.weights,
                nodes.coarse,
                log_p,
                self.mass,
                self.target.event_shape,
                0,
                multiples=self.multiples,
                rim=nodes.rim,
                step=nodes.step,
            )
            self._laid.append(rule)
            yield rule

    @cached_property
    def _more(self) -> Iterator[Lattice]:
        factor = correlation_factor(self.target, self.target, torch.Size([2]))
        return lattices(self._log_p, landmarks(self.target), factor)

    def _log_p(self, x: Tensor) -> Tensor:
        """With shape (N, 1)."""
        return self.target.log_prob(x).double().unsqueeze(-1) - self.log_mass


def lattice_rules(
    problem: Problem, estimator: Quadrature | Sum, *, forward: bool
) -> LatticeRules | None:
    """The rules for a divergence; ``None`` where its integrands are not smooth or not local."""
    target, member = (problem.p, problem.q) if forward else (problem.q, problem.p)
    divergence, plane = problem.divergence, target.event_shape.numel() == 2
    if not plane or target.batch_shape or not isinstance(estimator, Quadrature):
        return None
    if not isinstance(divergence, IntegralDivergence):
        return None
    kinks: tuple[float, ...] = getattr(divergence, "kinks", ())
    if kinks:
        return None
    if not (is_whole(target.support) and is_whole(member.support)):
        return None
    known = multiples(divergence, forward=forward)
    if known is None or any(each.sharp for each in (*landmarks(target), *landmarks(member))):
        return None
    sides = densities(problem, estimator.mass)
    mass = estimator.mass(target)[0] if sides.measures else None
    log_mass = sides.log_mass_p if forward else sides.log_mass_q
    return LatticeRules(target, mass, log_mass, known, forward)
