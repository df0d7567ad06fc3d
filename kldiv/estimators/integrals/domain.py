"""Integrals over a whole domain: the lines between the edges, or the plane."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.target import Target
from kldiv.estimators.integrals.across import Plane
from kldiv.estimators.integrals.adaptive import Demand
from kldiv.estimators.integrals.budgets import Budget
from kldiv.estimators.integrals.elements import Elements
from kldiv.estimators.integrals.formulas import Formula
from kldiv.estimators.integrals.groups import Group, ranks
from kldiv.estimators.integrals.landmarks import Landmark, landmarks
from kldiv.estimators.integrals.layout import edges_of, lines_of, places_of
from kldiv.estimators.integrals.line_integrals import Kinks, LineIntegrals, line_integrals
from kldiv.estimators.integrals.on_lines import OnLines
from kldiv.estimators.integrals.planes import PlaneIntegrals, plane_integrals

__all__ = ["DomainIntegrals", "domain_integrals"]

_MOST_CUTS = {1: 10_000, 2: 64}  # beyond them kinks are found by halving cells


@dataclass(frozen=True)
class DomainIntegrals:
    r"""k integrals for each of the B elements of a batch.

    Arguments:
        formula: What was integrated.
        batch: The batch shape.
        found: The integrals.
        probe: A point of each element.
        points: How many points were evaluated for each element, with shape (B).
    """

    formula: Formula
    batch: torch.Size
    found: LineIntegrals | PlaneIntegrals
    probe: Tensor
    points: Tensor

    @property
    def values(self) -> Tensor:
        """The integrals, with shape (k, B)."""
        return self.found.values

    @property
    def errors(self) -> Tensor:
        """Their errors, with shape (k, B)."""
        return self.found.errors

    @property
    def floors(self) -> Tensor:
        """The part of the errors that is rounding, with shape (k, B)."""
        return self.found.floors

    @property
    def hollow(self) -> Tensor:
        """Which are infinite where one density vanishes, with shape (k, B)."""
        return self.found.hollow

    @property
    def diverges(self) -> Tensor:
        """Which are infinite in a tail, with shape (k, B)."""
        return self.found.diverges

    def differentiable(self) -> Tensor:
        """The same integrals with a graph, where there is any."""
        edges = _moving(self.formula, self.batch)
        if not edges and not self._depends():
            return self.values
        return self.found.differentiable(edges)

    def ratios(self, least: float) -> list[Tensor]:
        """The greatest ratio of each integrand to either density, where that is not negligible."""
        start, group = self.found.start, self.found.group
        return [group.largest(start.ratios(row, least)) for row in (-2, -1)]

    def rule(self) -> tuple[Tensor, Tensor, Tensor]:
        r"""Nodes at which the integrals are plain sums.

        Returns:
            Points of shape :math:`(N, *, E)`, weights of shape :math:`(N, *)`, and those of an
            embedded coarser rule.
        """
        parts = [[each.flatten(0, 1) for each in part] for part in self.found.rule()]
        points, weights, coarse, element = (torch.cat(each) for each in zip(*parts, strict=True))
        elements = self.values.shape[1]
        slot, depth = ranks(element, elements)
        first = points.new_empty(elements, *points.shape[1:])
        first[element[slot == 0]] = points[slot == 0]
        x = first.expand(depth, *first.shape).clone()
        x[slot, element] = points
        both = weights.new_zeros(2, depth, elements)
        both[:, slot, element] = torch.stack([weights, coarse])
        shape = (depth, *self.batch)
        fine, rough = both.reshape(2, *shape).unbind(0)
        return x.reshape(*shape, *points.shape[1:]), fine, rough

    def _depends(self) -> bool:
        """Whether the integrands have a graph of gradients."""
        formula, elements = self.formula, Elements(None, self.batch)
        logs = formula.logs(self.probe, elements)
        return formula.values(self.probe, logs, torch.zeros_like(logs[0]), elements).requires_grad


def domain_integrals(
    formula: Formula,
    batch: torch.Size,
    demand: Demand,
    ratios: tuple[float, ...] = (),
    more: tuple[Landmark, ...] = (),
) -> DomainIntegrals:
    r"""Integrates over the domain of both densities.

    Arguments:
        formula: The integrands.
        batch: The batch shape.
        demand: When to stop.
        ratios: Values of :math:`\log(p/q)` at which an integrand has a kink.
        more: Places with mass besides those of both densities.
    """
    p, q = formula.targets
    size = max(1, p.event_shape.numel())
    edges = torch.stack([each.detach().reshape(-1, size) for each in edges_of(p, q)])
    places = [each.expand(batch) for each in [*places_of(p, q), *more]]
    elements, cuts = Elements(None, batch), _cuts(p, q, size)
    found: LineIntegrals | PlaneIntegrals
    if size == 1:
        centre, scale = (
            torch.cat(each, -1)
            for each in ([one.centre for one in places], [one.scale for one in places])
        )
        lines = lines_of(edges.squeeze(-1), centre, scale, elements)
        budget = Budget.of(Group(lines.column, batch.numel()), demand.most)
        function = OnLines(formula, lines.chart, lines.elements, budget, lines.column)
        sharp = centre[:, [place.sharp for place in places]]
        found = line_integrals(function, demand, Kinks(ratios, cuts.squeeze(-1), sharp))
    else:
        count = len(places) if q is p else len(landmarks(p))
        sides = tuple(int(k >= count) for k in range(len(places)))
        plane = Plane(edges, places, batch, ratios, cuts, sides)
        found = plane_integrals(formula, plane, demand)
    probe = places[0].centre.reshape(1, batch.numel(), *p.event_shape)
    return DomainIntegrals(formula, batch, found, probe, found.budget.spent.clone())


def _cuts(p: Target, q: Target, size: int) -> Tensor:
    """The points of kinks that both sides state, unless they are too many, with shape (R, d)."""
    found = [cut.reshape(size) for side in (p, q) for cut in side.cuts]
    if not found or len(found) > _MOST_CUTS[size]:
        return torch.empty(0, size, dtype=torch.float64, device=p.device)
    return torch.stack(found).to(torch.float64)


def _moving(formula: Formula, batch: torch.Size) -> list[Tensor]:
    """The edges of the supports and jumps of the integrand, where any has a gradient.

    They have shape (B) on lines, in the plane (B, 2): an edge across each axis.
    """
    p, q = formula.targets
    each = (2,) if p.event_shape.numel() == 2 else ()
    edges = [edge.reshape(-1, *each) for edge in edges_of(p, q)]
    edges += [jump.expand((*batch, *each)).reshape(-1, *each) for jump in formula.jumps()]
    return edges if any(edge.requires_grad for edge in edges) else []
