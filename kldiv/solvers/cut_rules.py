r"""Rules on a line that are cut anew for each member, at the kinks that move with it.

A divergence with kinks has them where the ratio of both densities takes certain values, and a
member may have kinks of its own. On nodes that stand still they would be missed: the objective
would be rough, its gradient a little wrong, and differences of gradients would lack what moving
kinks add to the Hessian. So the line is laid out once in cells within which both densities are
smooth, and for each member the few cells that hold kinks are cut there. As integrands are
continuous, what moving cuts add to the gradient cancels.

The cells are even in coordinates in which tails that fall like powers fall like exponentials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.target import Target
from kldiv.definitions.target_ends import ends_of
from kldiv.estimators.integrals.kronrod import CELL, Cells, nodes_of
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.estimators.integrals.layout import domain_of
from kldiv.estimators.problem import Problem
from kldiv.solvers.crossings import crossings
from kldiv.solvers.line_coordinates import Line
from kldiv.solvers.rules import Rule, Summed

__all__ = ["CutRule", "rule_on_line"]

_NODES_A_CELL = 8  # of an adaptive rule, of which one cell is made
_NEIGHBOURS = 3.0  # times more than where they were made cells may miss of a mass
_MOST_ROUNDING = 1e4  # times more than nodes may miss
_MOST_CUTS = 64  # beyond them cells are not cut at the kinks of a target


@dataclass(frozen=True, kw_only=True)
class CutRule(Rule):
    r"""M cells one after the other, of which some are cut for each member.

    Arguments:
        line: The coordinates.
        edges: The edges of the cells in these, with shape :math:`(M + 1, *)`.
        scanned: The edges and nodes in ascending order, with shape :math:`(16 M + 1, *)`.
        log_scanned: The target's log density there.
        log_density: That log density, normalised where asked for.
        levels: The values of its log ratio to a member at which integrands have kinks.
        rounding: What rounding takes of the mass of each member that the cells were made for, as
            a share of what may be missing, at least 1, with shape :math:`(*)`. No other cells
            would be better.
    """

    line: Line
    edges: Tensor
    scanned: Tensor
    log_scanned: Tensor
    log_density: Callable[[Tensor], Tensor]
    levels: tuple[float, ...]
    rounding: Tensor

    def judged(
        self, divergence: Summed, member: Target, *, forward: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""The divergence, and how many times too rough the rule is, of shape :math:`(*)`."""
        with torch.no_grad():
            cut = self._cut(member)
        loss, unseen, gaps = cut.judged(divergence, member, forward=forward)
        return loss, unseen / self.rounding, gaps

    def _cut(self, member: Target) -> Rule:
        """The rule with the cells that hold kinks of a member cut there."""
        edges = _wide(self.edges, member.batch_shape)
        roots = self._kinks(member, edges)
        known = roots.isfinite()
        cell = (edges.unsqueeze(0) <= roots.unsqueeze(1)).sum(1).sub(1).clamp(0, len(edges) - 2)
        low, high = edges.gather(0, cell), edges.gather(0, cell + 1)
        beyond = torch.full_like(edges[:1], torch.inf)
        before, after = torch.cat([-beyond, roots])[:-1], torch.cat([roots, beyond])[1:]
        lower = torch.stack([torch.maximum(low, before), roots])
        upper = torch.stack([roots, torch.where(after <= high, roots, high)])
        lower, upper = (torch.where(known, each, low).flatten(0, 1) for each in (lower, upper))
        nodes = nodes_of(Cells(cell, lower.flatten(), upper.flatten()))
        y, fine, rough = (
            each.expand(CELL, lower.numel()).reshape(-1, *member.batch_shape)
            for each in (nodes.w, nodes.weights, nodes.coarse)
        )
        y = torch.where(fine > 0, y, (edges[0] + edges[1]) / 2)
        held = torch.zeros_like(edges[1:]).scatter_add(0, cell, known.to(edges)) > 0
        return self._with(y, fine, rough, (~held).repeat_interleave(CELL, 0))

    def _with(self, y: Tensor, fine: Tensor, rough: Tensor, kept: Tensor) -> Rule:
        """The rule with more nodes, of its own those of some cells."""
        x, slope, batch = self.line.x(y), self.line.slope(y), y.shape[1:]
        return Rule(
            torch.cat([_wide(self.points, batch), x]),
            torch.cat([_wide(self.weights, batch) * kept, fine * slope]),
            torch.cat([_wide(self.coarse, batch) * kept, rough * slope]),
            torch.cat([_wide(self.log_p, batch), self.log_density(x)]),
            self.mass,
            self.event_shape,
            self.problems,
        )

    def _kinks(self, member: Target, edges: Tensor) -> Tensor:
        """The coordinates of kinks, ascending, infinite where a member has fewer than others."""
        batch = member.batch_shape
        found = [edges[:0]]
        found += [
            self.line.y(each.centre.squeeze(-1)).expand(1, *batch)
            for each in landmarks(member)
            if each.sharp
        ]
        if self.levels:
            y = _wide(self.scanned, batch)
            ratio = _wide(self.log_scanned, batch) - member.log_prob(self.line.x(y))

            def at(u: Tensor) -> Tensor:
                x = self.line.x(u)
                return self.log_density(x) - member.log_prob(x)

            found += [crossings(at, y, ratio, level) for level in self.levels]
        roots = torch.cat(found).sort(0).values
        inside = (roots > edges[0]) & (roots < edges[-1])
        return torch.where(inside, roots, torch.inf).sort(0).values


def _wide(values: Tensor, batch: torch.Size) -> Tensor:
    """Values of shape (N, *) for members with more batch dimensions in front."""
    ones = (1,) * (len(batch) + 1 - values.ndim)
    return values.reshape(len(values), *ones, *values.shape[1:]).expand(-1, *batch)


def rule_on_line(
    problem: Problem, rule: Rule, log_density: Callable[[Tensor], Tensor], *, forward: bool
) -> Rule:
    """An adaptive rule on a line, its cells to be cut where integrands have kinks that move.

    Arguments:
        problem: The divergence between the target and members.
        rule: The adaptive rule.
        log_density: The target's log density, normalised where asked for.
        forward: Whether the target is the first side.
    """
    target, member = (problem.p, problem.q) if forward else (problem.q, problem.p)
    divergence, kinks = problem.divergence, getattr(problem.divergence, "kinks", ())
    sharp = any(each.sharp for each in landmarks(member))
    if not isinstance(divergence, IntegralDivergence) or not (kinks or sharp):
        return rule
    if not problem.event_shape and len(target.cuts) <= _MOST_CUTS:
        levels = tuple(level if forward else -level for level in kinks)
        cut = _in_cells(rule, _line(rule, target, member), log_density, levels)
        _, unseen, gaps = cut.judged(divergence, member, forward=forward)
        if bool((torch.maximum(unseen / _MOST_ROUNDING, gaps) <= 1).all()):
            return replace(cut, rounding=(_NEIGHBOURS * unseen).clamp_min(1))
    return replace(rule, kinked=not kinks)  # with kinks that are not cut, all rules are rough


def _line(rule: Rule, target: Target, member: Target) -> tuple[Line, Tensor]:
    """Coordinates, and in them the edges of cells as wide as some gaps of an adaptive rule."""
    domain = domain_of(target, member)
    lower, upper = (each.squeeze(-1).detach() for each in (domain.lower, domain.upper))
    x = torch.where(rule.weights > 0, rule.points, torch.inf).sort(0).values
    last = x.isfinite().sum(0, keepdim=True) - 1
    shares = torch.linspace(0, 1, -(-len(x) // _NODES_A_CELL) + 1, dtype=x.dtype, device=x.device)
    chosen = shares.reshape(-1, *(1,) * (x.ndim - 1)) * last
    edges = x.gather(0, chosen.round().long())
    fixed = (each.expand_as(last) for each in _kinks_of(target, lower, upper))
    edges = torch.cat([edges, *fixed]).sort(0).values
    quarter, half = len(edges) // 4, len(edges) // 2
    spread = (edges[half + quarter] - edges[quarter]) / 2
    spread = spread.clamp_min(torch.finfo(x.dtype).tiny)
    line = Line((lower, upper), (edges[0], edges[-1]), edges[half], spread)
    return line, line.y(edges)


def _kinks_of(target: Target, lower: Tensor, upper: Tensor) -> list[Tensor]:
    """Where a target has kinks and ends, between those of a domain."""
    ends = ends_of(target)
    found = [each.centre for each in landmarks(target) if each.sharp]
    found = [each.squeeze(-1) for each in (ends.lower, ends.upper, *found)]
    found += [each.reshape(()) for each in target.cuts]
    return [each for each in found if bool(((each > lower) & (each < upper)).all())]


def _in_cells(
    rule: Rule,
    cells: tuple[Line, Tensor],
    log_density: Callable[[Tensor], Tensor],
    levels: tuple[float, ...],
) -> CutRule:
    """A rule of nodes in cells, else like another."""
    line, edges = cells
    count = torch.zeros_like(edges[:1], dtype=torch.long)
    nodes = nodes_of(Cells(count, edges[:-1].flatten(), edges[1:].flatten()))
    y, fine, rough = (
        each.expand(CELL, edges[1:].numel()).reshape(CELL, *edges[1:].shape).transpose(0, 1)
        for each in (nodes.w, nodes.weights, nodes.coarse)
    )
    scanned = torch.cat([torch.cat([edges[:-1].unsqueeze(1), y], 1).flatten(0, 1), edges[-1:]])
    log_scanned = log_density(line.x(scanned))
    of_cells = log_scanned[:-1].unflatten(0, (-1, CELL + 1))[:, 1:].flatten(0, 1)
    y, fine, rough = (each.flatten(0, 1) for each in (y, fine, rough))
    slope = line.slope(y)
    return CutRule(
        line.x(y),
        fine * slope,
        rough * slope,
        of_cells,
        rule.mass,
        rule.event_shape,
        rule.problems,
        line=line,
        edges=edges,
        scanned=scanned,
        log_scanned=log_scanned,
        log_density=log_density,
        levels=levels,
        rounding=torch.ones_like(edges[0]),
    )
