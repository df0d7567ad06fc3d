r"""Fits to targets that are normal given one of their coordinates: Newton's method on few nodes.

Nodes are exact for all that is normal, so that along one coordinate alone more of them can change
anything. Twice as many tell what, as a gap :math:`\tfrac12 g^\top \mathcal H^{-1} g` to their own
optimum. That the target is what it seems to be is told by other points, once more about the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.errors import InvalidArgument, NotAvailable, NotFinite
from kldiv.solvers.conditional_nodes import ConditionalNodes
from kldiv.solvers.conditional_normals import is_normal_given, is_resolved
from kldiv.solvers.curvature import damped_step, decrement_and_signature
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder, Run

__all__ = ["conditional_end"]

_PARAMETERS = 256  # beyond, their Hessian costs more than draws
_AT_ONCE = 1 << 22  # numbers in the matrices that all rows' Hessians are made of
_NODES = 12, 96  # along the coordinate, at first and at most
_FEW, _CHECKS = 16, 64  # quadruples of points that tell the target, at first and at the end
_STEPS, _PATIENCE = 60, 12  # on the same nodes, and before these are looked at
_ROUGHLY = 2e-5  # nats that are left to be gained on the first nodes, relative to 1 + |loss|,
_SETTLED = 1e-8, 1e-9  # and at the end of a single row, and of several that may be the same
_UNSEEN = 1e-8  # of 1 + |loss|: what the checks of the target may overlook
_CHANGE = 1e-6  # of 1 + |loss|: more nodes that change it by no more change nothing
_FIRST = 2.0, 0.7  # lengths of a first step, in standard deviations and in logarithms of scales,
_LONGEST = 32.0, 1.4  # of any,
_LONGER = 4.0  # and times as long may be a step after one that was cut and brought what it should:
_UNFORESEEN = 0.1  # of what it should: where steps gain that much more or less is no parabola
_NOISE = 1e-14  # of 1 + |loss|: what rounding may raise
_ROUGH = "along the coordinate there is more than nodes tell"
_STUCK = 1e-8  # times the first: steps that are shorter lead nowhere


def conditional_end(
    objective: Objective,
    chart: NormalChart,
    theta: Tensor,
    coordinates: Sequence[int],
    recorder: Recorder,
) -> Run | None:
    r"""The end of a fit, ``None`` where the target is not of that kind.

    Arguments:
        objective: Reverse ``kl`` of members with a free mean and a free scale.
        chart: The family of normals.
        theta: The starts, with shape :math:`(S, *, P)`.
        coordinates: Those given which the target may be normal.
        recorder: Where each step is put down.
    """
    loc, root = chart.members(theta)
    if root.numel() * theta.shape[-1] > _AT_ONCE or theta.shape[-1] > _PARAMETERS:
        return None
    try:
        for coordinate in coordinates:
            if is_normal_given(objective, loc, root, coordinate, _FEW):
                return _Search(objective, chart, coordinate, recorder).run(theta)
    except (InvalidArgument, NotAvailable, NotFinite):  # a log density may be NaN, too
        return None
    return None


@dataclass
class _Stand:
    """Where all rows are, with the derivatives there, and how far the next steps may go.

    Arguments:
        point: The points, with shape :math:`(S, *, K)`.
        loss: The divergence there, with shape :math:`(S, *)`.
        gradient: Its gradient, with shape :math:`(S, *, P)`.
        hessian: Its Hessian, with shape :math:`(S, *, P, P)`.
        reach: How many times as long as a first step may the next one be, with shape
            :math:`(S, *)`.
    """

    point: Tensor
    loss: Tensor
    gradient: Tensor
    hessian: Tensor
    reach: Tensor

    def pick(self, rows: Tensor) -> _Stand:
        """Some of the starts."""
        return _Stand(*(each[rows] for each in self._parts))

    def put(self, rows: Tensor, others: _Stand) -> _Stand:
        """The same with some of the starts elsewhere."""
        parts = zip(self._parts, others._parts, strict=True)
        return _Stand(*(each.index_put((rows,), other) for each, other in parts))

    @property
    def _parts(self) -> tuple[Tensor, ...]:
        return self.point, self.loss, self.gradient, self.hessian, self.reach


class _Search:
    """All rows of a fit.

    Arguments:
        objective: The objective.
        chart: Its family of normals.
        coordinate: Given which the target is normal.
        recorder: What takes note of the steps.
    """

    def __init__(
        self, objective: Objective, chart: NormalChart, coordinate: int, recorder: Recorder
    ) -> None:
        self.objective, self.coordinate, self.recorder = objective, coordinate, recorder
        self.surface = ConditionalNodes(objective, chart, coordinate, _NODES[0])

    def run(self, starts: Tensor) -> Run:
        """Settles on the nodes, then on more, until these change nothing.

        Raises:
            NotAvailable: If they do not tell where the optimum is.
        """
        here = self._at(self.surface.point(starts))
        _check(here.loss.isfinite(), "the density is 0 at some nodes about a start")
        self._record(here)
        lost = torch.zeros_like(here.loss, dtype=torch.bool)
        while True:
            before, step, left = self._settled(here, lost, _ROUGHLY)
            if self.recorder.stopped:
                return self._end(before, torch.full_like(left, torch.inf), "")
            still = left <= _ROUGHLY * (1 + before.loss.abs())
            lost = lost | ~still & (before.loss > before.loss.amin(0))
            here, gap = self._on_more(before, step * (still & ~lost).unsqueeze(-1))
            change = torch.maximum(gap, (here.loss - before.loss + left).abs())
            if bool((lost | still & (change <= _CHANGE * (1 + here.loss.abs()))).all()):
                break
            self._look_ahead(here, lost)
        here, _, _ = self._settled(here, lost, _SETTLED[lost.numel() > 1])
        seen = self._members(here, lost)
        _check(is_normal_given(*seen, _CHECKS), "the target is not normal about the end")
        _check(is_resolved(*seen, self.surface.count), _ROUGH)
        because = (
            f"the target is normal given x[{self.coordinate}], up to rounding at {4 * _CHECKS} "
            "points about it"
        )
        return self._end(here, gap, because)

    def _on_more(self, here: _Stand, step: Tensor) -> tuple[_Stand, Tensor]:
        """Where a last step leads, on twice the nodes, and what is to be gained there."""
        self.surface.hold(2 * self.surface.count)
        here = self._at(self.surface.moved(here.point, step))
        self._record(here)
        return here, _step(here)[1]

    def _look_ahead(self, here: _Stand, lost: Tensor) -> None:
        """Raises unless more nodes would do, and are allowed."""
        enough = 2 * self.surface.count <= _NODES[1]
        _check(enough and is_resolved(*self._members(here, lost), _NODES[1]), _ROUGH)

    def _members(self, here: _Stand, lost: Tensor) -> tuple[Objective, Tensor, Tensor, int]:
        """The members of the rows that are not lost."""
        kept = here.point[~lost.flatten(1).all(1)] if lost.ndim > 1 else here.point[~lost]
        return self.objective, *self.surface.members(kept), self.coordinate

    def _at(self, point: Tensor) -> _Stand:
        found = self.surface.derivatives(point)
        return _Stand(point, *found, torch.ones_like(found[0]))

    def _settled(self, here: _Stand, lost: Tensor, enough: float) -> tuple[_Stand, Tensor, Tensor]:
        """Where rows rest on these nodes, their next step, and how many nats it would gain.

        Arguments:
            here: Where they are.
            lost: Which are not to be moved.
            enough: How many nats may be left to be gained, relative.
        """
        for number in range(_STEPS + 1):
            step, left = _step(here)
            moving = left > enough * (1 + here.loss.abs())
            moving = moving & left.isfinite() & (here.reach > _STUCK) & ~lost
            if not bool(moving.any()) or self.recorder.stopped or number == _STEPS:
                break
            if number == _PATIENCE:
                self._look_ahead(here, lost | (here.loss > here.loss.amin(0)))
            asked = moving.flatten(1).any(1) if moving.ndim > 1 else moving
            step = step * moving.unsqueeze(-1)
            if bool(asked.all()):
                here = self._moved(here, step, left)
            else:
                moved = self._moved(here.pick(asked), step[asked], left[asked])
                here = here.put(asked, moved)
            self._record(here)
        return here, step, left

    def _moved(self, here: _Stand, step: Tensor, left: Tensor) -> _Stand:
        """Where steps lead; those that would raise the loss are not taken."""
        shift, change = step.abs().tensor_split([self.surface.size], -1)
        shifts, changes = (
            (first * here.reach).clamp_max(longest)
            for first, longest in zip(_FIRST, _LONGEST, strict=True)
        )
        length = torch.maximum(shift.amax(-1) / shifts, change.amax(-1) / changes)
        share, cut = 1 / length.clamp_min(1.0), length > 1
        trial = self._at(self.surface.moved(here.point, share.unsqueeze(-1) * step))
        fell = trial.loss <= here.loss + _NOISE * (1 + here.loss.abs())
        fell = fell & trial.gradient.isfinite().all(-1)
        promised = (2 - share) * share * left
        foreseen = (here.loss - trial.loss - promised).abs() <= _UNFORESEEN * promised
        longer = torch.where(cut & foreseen, _LONGER * here.reach, here.reach)
        if not bool(fell.all()):
            wide = fell.unsqueeze(-1)
            longer = torch.where(fell, longer, length.clamp_max(1.0) * here.reach / _LONGER)
            trial.point = torch.where(wide, trial.point, here.point)
            trial.loss = torch.where(fell, trial.loss, here.loss)
            trial.gradient = torch.where(wide, trial.gradient, here.gradient)
            trial.hessian = torch.where(wide.unsqueeze(-1), trial.hessian, here.hessian)
        trial.reach = longer.clamp_max(_LONGEST[0] / _FIRST[0])
        return trial

    def _record(self, here: _Stand) -> None:
        self.recorder.note(here.loss, (here.point, here.loss, here.gradient), self.surface.told)

    def _end(self, here: _Stand, gap: Tensor, because: str) -> Run:
        left, signs = decrement_and_signature(here.hessian, here.gradient)
        return Run(
            self.surface.theta(here.point),
            here.loss,
            self.surface.real_gradient(here.point, here.gradient),
            self.recorder.steps,
            self.recorder.stopped,
            excess=gap + left.square() / 2 + _UNSEEN * (1 + here.loss.abs()),
            decrement=left,
            signature=signs,
            because=because,
        )


def _step(here: _Stand) -> tuple[Tensor, Tensor]:
    """Newton's step, all curvatures taken as positive, and how many nats it would gain."""
    root, info = torch.linalg.cholesky_ex(here.hessian)
    if bool(info.any()):
        return damped_step(here.hessian, here.gradient, torch.zeros_like(here.loss))
    step = -torch.cholesky_solve(here.gradient.unsqueeze(-1), root).squeeze(-1)
    return step, -(step * here.gradient).sum(-1) / 2


def _check(condition: Tensor | bool, message: str) -> None:
    """Raises where a condition does not hold everywhere."""
    if not bool(torch.as_tensor(condition).all()):
        raise NotAvailable(message)
