"""Rules in the plane on lattices that serve all starts of a fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.support import is_whole
from kldiv.definitions.target import Target
from kldiv.estimators import Problem, Quadrature, Sum
from kldiv.estimators.integrals.landmarks import Landmark, landmarks
from kldiv.estimators.integrals.search import correlation_factor
from kldiv.estimators.integrands import densities
from kldiv.lazy import deferred
from kldiv.solvers.cell_lattices import cell_lattices, cells_of
from kldiv.solvers.lattices import Lattice, lattices
from kldiv.solvers.node_levels import finest_scale
from kldiv.solvers.rules import NEARLY
from kldiv.solvers.shared_rule import NARROW, Ground, SharedRule, ground_for

if TYPE_CHECKING:
    from kldiv.solvers.rounded_kinks import Jump

__all__ = ["LatticeRules", "lattice_rules"]

_jumps_of: Callable[[object], tuple[Jump, ...] | None] = deferred(
    "kldiv.solvers.rounded_kinks:jumps_of"
)
_rounded: Callable[..., SharedRule] = deferred("kldiv.solvers.rounded_kinks:rounded")
_with_scores: Callable[..., SharedRule] = deferred("kldiv.solvers.shared_scores:with_scores")

_ENOUGH = 5.0  # times too rough: a lattice that will serve for some way
_BETTER = 3.0  # times less rough: what one of the next few lattices must be
_IDLE = 3
_MOST = 1 << 15, 1 << 16  # nodes, the latter for integrands with kinks


@dataclass
class LatticeRules:
    """The rules on ever finer lattices; those under the target alone are each laid once.

    Arguments:
        target: The target, in the plane, without a batch.
        mass: Its mass where it is a measure.
        log_mass: What is subtracted from its log density.
        ground: What the nodes lie under.
        forward: Whether the target is the first side.
        scores: Whether the divergence is one of scores.
        jumps: Where its integrands have kinks.
        cells: The edges of the cells in which the target is smooth, where it is not everywhere.
    """

    target: Target
    mass: Tensor | None
    log_mass: Tensor
    ground: Ground
    forward: bool
    scores: bool
    jumps: tuple[Jump, ...]
    cells: tuple[Tensor, ...] = ()
    _laid: list[SharedRule] = field(default_factory=list)
    _more: Iterator[Lattice] | None = None

    def anew(self) -> LatticeRules:
        """The same with no lattice laid."""
        return replace(self, _laid=[], _more=None)

    def cheapest(
        self, problem: Problem, best: float, unit: float = 1.0, *, fine: bool
    ) -> SharedRule | None:
        """The first that is good enough, or the best of those that are nearly so.

        Arguments:
            problem: The divergence between the target and members.
            best: The least divergence that is known of other members.
            unit: What counts as 1 of the divergence.
            fine: Whether the members are where they are to stay.
        """
        chosen, least, idle = None, torch.inf, 0
        for rule in self._ever_finer(problem, unit):
            rough = rule.roughness_for(problem, best, fine=fine, forward=self.forward)
            if rough <= (1 if fine else _ENOUGH):
                return rule
            idle = 0 if rough < least / _BETTER else idle + 1
            if rough < least:
                chosen, least = rule, rough
            if idle >= _IDLE:
                break
        return chosen if least <= NEARLY else None

    def _ever_finer(self, problem: Problem, unit: float) -> Iterator[SharedRule]:
        if self._more is None or self.ground.members:
            self._laid, self._more = [], self._lattices(problem)
        yield from self._laid
        least = self._least_step(problem)
        for nodes in self._more:
            if bool(nodes.step > least):
                continue
            rule = self._rule(nodes, unit)
            self._laid.append(rule)
            yield rule

    def _least_step(self, problem: Problem) -> Tensor:
        """Beyond this the nodes that are laid for members would miss one of them."""
        if not self.ground.members:
            return torch.full_like(self.log_mass, torch.inf)
        member = problem.q if self.forward else problem.p
        return finest_scale(landmarks(member)).amin() / NARROW

    def _rule(self, nodes: Lattice, unit: float) -> SharedRule:
        rule = SharedRule(
            nodes.points,
            nodes.weights,
            nodes.coarse,
            self._log_p(nodes.points).squeeze(-1),
            self.mass,
            self.target.event_shape,
            0,
            ground=self.ground,
            rim=nodes.rim,
            step=nodes.step,
            unit=unit,
        )
        if self.jumps:
            return _rounded(rule, self.target, self.jumps, nodes.basis)
        return _with_scores(rule, self.target) if self.scores else rule

    def _lattices(self, problem: Problem) -> Iterator[Lattice]:
        if self.cells:
            return cell_lattices(self._log_p, self.cells, _MOST[1])
        factor = correlation_factor(self.target, self.target, torch.Size([2]))
        member = problem.q if self.forward else problem.p
        places: Sequence[Landmark] = landmarks(self.target) if self.ground.target else ()
        if not self.ground.members:
            return lattices(self._log_p, places, factor, _MOST[bool(self.jumps)])
        batch = member.batch_shape

        def logs(x: Tensor) -> Tensor:
            at = x.reshape(-1, *(1,) * len(batch), 2)
            log_q = member.log_prob(at).double().reshape(len(x), -1)
            return torch.cat([self._log_p(x), log_q], -1) if self.ground.target else log_q

        return lattices(logs, [*places, *landmarks(member)], factor, _MOST[bool(self.jumps)])

    def _log_p(self, x: Tensor) -> Tensor:
        """With shape (N, 1)."""
        return self.target.log_prob(x).double().unsqueeze(-1) - self.log_mass


def lattice_rules(
    problem: Problem, estimator: Quadrature | Sum, *, forward: bool
) -> LatticeRules | None:
    """The rules for a divergence; ``None`` where its integrands are not smooth."""
    target, member = (problem.p, problem.q) if forward else (problem.q, problem.p)
    divergence, plane = problem.divergence, target.event_shape.numel() == 2
    if not plane or target.batch_shape or not isinstance(estimator, Quadrature):
        return None
    if not isinstance(divergence, IntegralDivergence | ScoreDivergence):
        return None
    jumps = _jumps_of(divergence) if getattr(divergence, "kinks", ()) else ()
    cells = cells_of(target.cuts) if target.cuts else ()
    whole = is_whole(member.support) and (bool(cells) or is_whole(target.support))
    if jumps is None or not whole:
        return None
    if any(each.sharp for each in (*landmarks(target), *landmarks(member))):
        return None
    sides = densities(problem, estimator.mass)
    mass = estimator.mass(target)[0] if sides.measures else None
    log_mass = sides.log_mass_p if forward else sides.log_mass_q
    scores = isinstance(divergence, ScoreDivergence)
    ground = ground_for(divergence, forward=forward)
    if (ground.members and (jumps or cells)) or (cells and (jumps or scores)):
        return None
    return LatticeRules(target, mass, log_mass, ground, forward, scores, jumps, cells)
