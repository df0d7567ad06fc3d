"""The search of `OnProjections`: natural gradient steps, then L-BFGS on more and more nodes."""

from __future__ import annotations

from dataclasses import replace

import torch

from torch import Tensor

from kldiv.definitions.projected_target import ProjectedTarget
from kldiv.estimate import Estimate
from kldiv.solvers.curvature_pairs import CurvaturePairs
from kldiv.solvers.endpoints import EXCESS
from kldiv.solvers.groups import first_of, together
from kldiv.solvers.limited_memory import LimitedMemory
from kldiv.solvers.line_search import State, chosen
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.objective import Objective
from kldiv.solvers.projections import Projections
from kldiv.solvers.quadratic import Quadratic
from kldiv.solvers.run import Recorder, Run

__all__ = ["search"]

_NATURAL, _MUCH = 20, 0.1  # steps at most, and what one must gain, in nats
_MEMORY = 20
_STEPS = 500  # between two looks at more nodes
_TOLERANCE = 1e-12
_ROUGHLY, _FIRST = 1e-6, 2  # what more nodes may change before the first step; the last level
_GAP = 1e-9  # what they may change at the end, relative
_DOUBT = 2.0  # times the change: where digits come slowly, most of it is still to come
_ROUNDING = 1e-13
_KEPT = 2**12  # numbers of a state that is worked out at the end, with all others


def search(
    objective: Objective,
    target: ProjectedTarget,
    chart: NormalChart,
    starts: Tensor,
    recorder: Recorder,
) -> Run:
    """Moves all rows until they settle, on more nodes until these change nothing.

    Arguments:
        objective: The reverse divergence; it keeps the integrals that were found.
        target: What its target is declared to be.
        chart: Of its members, which are normal.
        starts: The real vectors.
        recorder: What takes note of the steps.
    """
    surface = Projections(objective, target, chart)
    found = _Search(surface, recorder, starts)
    with recorder.watching():
        found.run()
    objective.project(surface)
    return found.end()


class _Search:
    """All rows of a fit; those that have ended together go on as one.

    Arguments:
        surface: The divergence, on the nodes of the day.
        recorder: What takes note of the steps.
        starts: The real vectors.
    """

    def __init__(self, surface: Projections, recorder: Recorder, starts: Tensor) -> None:
        self.surface, self.recorder = surface, recorder
        self.pairs = CurvaturePairs(_MEMORY, surface.metric)
        self.home = torch.arange(len(starts), device=starts.device)
        point = surface.point(starts)
        self.left = surface.refine(point, _ROUGHLY, _FIRST)
        nowhere = torch.full_like(point[..., 0], torch.inf)
        self.state: State = point, nowhere, torch.zeros_like(surface.metric).expand(len(point), -1)

    def run(self) -> None:
        """Settles on the nodes, then on more, until these change nothing."""
        self.come_near()
        while not self.recorder.stopped:
            self.settle()
            before = list(self.surface.levels)
            self.left = self.surface.refine(self.state[0], _GAP)
            if self.surface.levels == before:
                return
            point = self.state[0]
            self.state = point, *self.surface.value_and_gradient(point)

    @torch.no_grad()
    def come_near(self) -> None:
        r"""Takes natural gradient steps, as long as they gain much and all parameters are free.

        .. math:: \Sigma^{-1} \leftarrow -E_q \nabla^2 \log p, \qquad
            \mu \leftarrow \mu - (E_q \nabla^2 \log p)^{-1} E_q \nabla \log p,

        of which a family without correlations takes the diagonal of the precision.
        """
        surface, point = self.surface, self.state[0]
        fixed = bool(surface.chart.family.fixed)
        for _ in range(_NATURAL):
            loc, root = surface.members(point)
            averages = surface.averages(loc, root)
            found = point, *surface.seen(point, averages)
            gain = self.state[1] - found[1]
            self.state = chosen(found[1] < self.state[1], found, self.state)
            self.record()
            if self.recorder.stopped or fixed or not bool((gain > _MUCH).any()):
                return
            _, slope, pull = averages
            bend = torch.linalg.solve_triangular(root.mT, pull.mT, upper=True).mT
            quadratic = Quadratic.of(loc, slope, bend)
            point = surface.point_of(quadratic.loc, quadratic.root(surface.chart))

    def settle(self) -> None:
        """Moves all rows to where the divergence is least on these nodes."""
        solver = LimitedMemory(_STEPS, _TOLERANCE, _MEMORY)
        for last in solver.states(self.surface, self.state, self.pairs):
            self.state, self.pairs = last
            self.record()
            if self.recorder.stopped:
                break
        point, loss, gradient = self.state
        same = together(self.surface.theta(point), loss)
        kept = first_of(same)
        self.state = point[kept], loss[kept], gradient[kept]
        self.pairs, self.home = self.pairs.pick(kept), same[self.home]

    def record(self) -> None:
        """Takes note of where all rows are."""
        state = self.state if len(self.state[1]) == len(self.home) else self.whole()
        self.recorder.note(state[1], state, self.surface.told, at_once=state[0].numel() > _KEPT)

    def whole(self) -> State:
        """Where all rows are, those that go on as one again several."""
        point, loss, gradient = (each[self.home] for each in self.state)
        return point, loss, gradient

    def end(self) -> Run:
        """Where all rows have ended, and the divergence there."""
        point, loss, gradient = self.whole()
        objective, recorder = self.surface.objective, self.recorder
        unseen = _DOUBT * self.left[self.home]
        error = unseen + _ROUNDING * (1 + loss.abs())
        steps, known = recorder.steps, objective.by_quadrature
        if known:  # on a line or a plane
            mass, doubt = objective.under.mass
            loss, error = loss + mass.log(), error + doubt / mass
            steps = [replace(step, loss=step.loss + mass.log()) for step in steps]
        count = objective.evaluations
        made = Estimate(loss, error, "quadrature", evaluations=count, up_to_constant=not known)
        return Run(
            self.surface.theta(point),
            loss,
            self.surface.real_gradient(point, gradient),
            steps,
            recorder.stopped,
            excess=unseen if bool((unseen > EXCESS).any()) else None,
            estimate=made,
        )
