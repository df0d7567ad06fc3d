r"""Newton's method for normals under the reverse Kullback-Leibler divergence, on nodes that move.

For a normal q with nodes :math:`x_k = \mu + L z_k` the divergence is a plain sum,

.. math:: D(q \parallel p) = -H(q) - \sum_k w_k \log p(x_k),

and the gradients of :math:`\log p` there give all its derivatives. Equally spaced :math:`z_k`
converge exponentially. Rows begin with few nodes, and go on with twice as many along each axis
until these change nothing; rows that have ended together go on as one, those that have settled
are left out, and blocks of rows are as large as the cache. Densities with kinks, and rows that no
number of nodes settles, are left to a quasi-Newton method on rules of its own.

References:
    The Exponentially Convergent Trapezoidal Rule (Trefethen and Weideman, 2014), section 5,
    doi:10.1137/130932132.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from torch import Tensor

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import is_whole
from kldiv.definitions.target import Target
from kldiv.estimate import Estimate
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.solvers.curvature import decrement, signature
from kldiv.solvers.groups import homes
from kldiv.solvers.newton_rows import Rows, State, evaluate, newton
from kldiv.solvers.normal_charts import NormalChart, Tables, chart_of
from kldiv.solvers.objective import Objective
from kldiv.solvers.quasi_newton import QuasiNewton
from kldiv.solvers.run import Recorder, Run

__all__ = ["MovingNodes"]

_LEVELS = {
    1: ((0.6, 6.0), *((0.6 / 2**k, 8.25) for k in range(1, 7))),
    2: ((0.8, 5.0), *((0.6 / 2**k, 8.25) for k in range(4))),
}
"""Spacing and reach of the nodes, by the number of coordinates."""
_ROUGHLY = 1e-4  # nats left to be gained, where more nodes may still change the objective
_FULLY = 1e-14
_FEW, _MANY = 12, 60  # steps on nodes that are not believed, and on those that are
_ROUND = 3  # steps after which rows of many blocks that still move are put together anew
_GAP = 1e-5  # between two levels, relative; the error of the finer one is about the square of it
_SEEN = 1.0  # of the target's narrowest scale: nodes so far apart do not miss it
_SINGLY = 64  # problems: up to so many each is worth an estimate by other means than the nodes,
_CLOSE = 1e-10  # unless the nodes' own has as small an error, relative to 1 + |value|
_BLOCK = 1 << 17  # nodes of all rows of a block, in the cache of a processor
_LAUNCH = 1 << 24  # likewise on another device, which has none to fit, and calls that cost more
_ROUNDING = 1e-13


@dataclass(frozen=True)
class MovingNodes:
    """Reverse ``kl`` from normal members to densities on the whole line or plane."""

    name = "moving_nodes"

    def why_not(self, objective: Objective) -> str | None:
        """Reverse ``kl`` of normals in one or two dimensions, a density without ends."""
        target = objective.target
        if objective.divergence.name != "kl" or objective.forward:
            return f"it is for the reverse kl, not for {objective.divergence} in this direction"
        if not objective.by_quadrature or not (target.normalize and is_whole(target.support)):
            return f"{target!r} is not integrated over the whole line or plane"
        if isinstance(target, SampleTarget) or chart_of(objective.family) is None:
            return f"the members of {objective.family!r} are not normal"
        return None

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves all rows, level by level."""
        chart = chart_of(objective.family)
        if chart is None or any(each.sharp for each in landmarks(objective.target)):
            return QuasiNewton().solve(objective, starts, recorder)
        with torch.no_grad():
            search = _Search.begun(objective, chart, starts)
            with recorder.watching():
                search.run(recorder)
        search.tell()
        run = search.end(recorder)
        if recorder.stopped or bool(search.trusted.all()):
            return run
        return QuasiNewton().solve(objective, run.theta, recorder)


@dataclass
class _Search:
    """All rows of a fit: problems times starts, the starts first."""

    objective: Objective
    chart: NormalChart
    rows: Rows
    state: State
    finest: Tensor
    shape: torch.Size
    home: Tensor
    trusted: Tensor
    level: Tensor
    doubt: Tensor
    evaluations: int = 0
    told: int = 0

    @classmethod
    def begun(cls, objective: Objective, chart: NormalChart, starts: Tensor) -> _Search:
        """All rows where they start."""
        target, shape = objective.target, starts.shape[:-1]
        found = chart.members(starts.reshape(-1, starts.shape[-1]))
        loc, root = (each.clone(memory_format=torch.contiguous_format) for each in found)
        numbers = torch.arange(len(loc), device=loc.device)
        problems = target.batch_shape.numel()
        log_mass = doubt = loc.new_zeros(problems)
        if not target.normalized:
            mass, error = (each.reshape(-1) for each in objective.under.mass)
            log_mass, doubt = mass.log(), error / mass + _ROUNDING * mass.log().abs()
        rows = Rows.of(target, log_mass, numbers % problems)
        finest = _finest(target).expand(target.batch_shape).reshape(-1)[rows.problem]
        unknown = torch.zeros_like(numbers, dtype=torch.bool)
        state = State.unseen(loc, root, starts.shape[-1])
        return cls(objective, chart, rows, state, finest, shape, numbers, unknown, numbers, doubt)

    def run(self, recorder: Recorder) -> None:
        """Newton's method on few nodes, then on more, until more change nothing."""
        levels = _LEVELS[self.chart.size]
        first = self.level = self.first_levels()
        for number in first.unique().tolist():
            self.raise_to((first == number).nonzero()[:, 0], self.tables(levels[number]))
        self.record(recorder)
        for number, level in enumerate(levels):
            leading = ~self.trusted & (self.home == self.numbers)
            moving = (leading & (first <= number)).nonzero()[:, 0]
            if not len(moving):
                continue
            self.compare(moving[first[moving] < number], level)
            self.level = self.level.index_fill(0, moving, number)
            for _ in self.descend(moving, self.tables(level)):
                self.record(recorder)
                if recorder.stopped:
                    return
            self.home = homes(self.state.loc, self.state.root, self.shape[0])
            self.state, self.trusted = self.state.pick(self.home), self.trusted[self.home]

    def tables(self, level: tuple[float, float], *, offset: float = 0.0) -> Tables:
        """The nodes of a level."""
        return self.chart.tables(level, offset).to(self.home.device)

    @cached_property
    def numbers(self) -> Tensor:
        """The numbers of all rows."""
        return torch.arange(len(self.home), device=self.home.device)

    def first_levels(self) -> Tensor:
        """The least number of nodes with which each row sees its target."""
        spread = self.state.root.norm(dim=-1).amax(-1)
        spacing = torch.tensor([each for each, _ in _LEVELS[self.chart.size]]).to(spread)
        unseen = spacing * spread.unsqueeze(-1) > _SEEN * self.finest.unsqueeze(-1)
        found: Tensor = unseen.sum(-1).clamp_max(len(spacing) - 2)
        return found

    def compare(self, moving: Tensor, level: tuple[float, float]) -> None:
        """More nodes, and whether they change little enough to be believed."""
        if not len(moving):
            return
        before = self.state.loss[moving]
        self.raise_to(moving, self.tables(level))
        gap = (self.state.loss[moving] - before).abs()
        spread = self.state.root[moving].norm(dim=-1).amax(-1)
        seen = level[0] * spread <= _SEEN * self.finest[moving]
        self.trusted[moving] = seen & (gap <= _GAP * (1 + before.abs()))

    def descend(self, moving: Tensor, tables: Tables) -> Iterator[None]:
        """Newton's method for some rows; a step for each of one block, or one for all blocks."""
        alone = len(_blocks(moving, tables)) == 1
        most = _FEW if alone else _ROUND
        for taken in range(0, _MANY, most):
            live = self.state.damping[moving].isfinite()
            moving = moving[live & (self.trusted[moving] | (taken < _FEW))]
            for block in _blocks(moving, tables):
                part, rows = self.state.pick(block), self.rows.pick(block)
                tolerance = torch.where(self.trusted[block], _FULLY, _ROUGHLY)
                for cost in newton(rows, self.chart, tables, part, tolerance, most):
                    self.evaluations += cost
                    if alone:
                        self.state.put(block, part)
                        yield
                self.state.put(block, part)
        if not alone:
            yield

    def raise_to(self, moving: Tensor, tables: Tables) -> None:
        """The state of some rows as other nodes see it."""
        for block in _blocks(moving, tables):
            part = self.state.pick(block)
            found = evaluate(self.rows.pick(block), self.chart, tables, part.loc, part.root)
            self.state.put(block, found)
            self.evaluations += len(tables.weights) * len(block)

    def end(self, recorder: Recorder) -> Run:
        """Where all rows have ended."""
        state = self.state.pick(self.home)
        values = self.chart.parameters(state.loc, state.root)
        theta = self.chart.family.space.unconstrain(values, check=False)
        left = decrement(self.state.hessian, self.state.gradient)
        left = torch.where(self.trusted, left, torch.inf)[self.home]
        signs = signature(self.state.hessian)[self.home]
        gradient = self.chart.real_gradient(state.root, state.gradient)
        shape = self.shape
        return Run(
            theta.reshape(*shape, -1),
            state.loss.reshape(shape),
            gradient.reshape(*shape, -1),
            recorder.steps,
            recorder.stopped,
            decrement=left.reshape(shape),
            signature=signs.reshape(*shape, -1),
            estimate=self.estimate() if self.objective.free else None,
        )

    def estimate(self) -> Estimate | None:
        """The estimate that the nodes give, ``None`` where another one is worth its time."""
        found = self.between_nodes()
        few = len(self.home) <= _SINGLY * self.shape[0]
        close = found.error <= _CLOSE * (1 + found.value.abs())
        return found if not few or bool(close.all()) else None

    def between_nodes(self) -> Estimate:
        """All rows' divergences once more, with nodes put at both thirds between the last ones.

        The errors of the three sums are as far apart as the real parts of three roots of unity, of
        which at least two differ by more than each is off.
        """
        value, error = torch.empty_like(self.state.loss), torch.empty_like(self.state.loss)
        for number, level in enumerate(_LEVELS[self.chart.size]):
            asked = ((self.level == number) & (self.home == self.numbers)).nonzero()[:, 0]
            if not len(asked):
                continue
            between = [self.tables(level, offset=part / 3) for part in (1, 2)]
            for block in _blocks(asked, between[0]):
                part, rows = self.state.pick(block), self.rows.pick(block)
                found = [evaluate(rows, self.chart, each, part.loc, part.root) for each in between]
                sums = torch.stack([part.loss, *(each.loss for each in found)])
                value[block] = sums.mean(0)
                rounding = _ROUNDING * (1 + part.loss.abs()) + self.doubt[rows.problem]
                error[block] = sums.amax(0) - sums.amin(0) + rounding
                self.evaluations += 2 * len(between[0].weights) * len(block)
        value, error = (each[self.home].reshape(self.shape) for each in (value, error))
        return Estimate(value, error, "quadrature", evaluations=self.points)

    @property
    def points(self) -> int:
        """The evaluations for one problem."""
        return -(-self.evaluations * self.shape[0] // len(self.home))

    def tell(self) -> None:
        """Lets the objective know of the evaluations so far."""
        self.objective.evaluations += self.points - self.told
        self.told = self.points

    def record(self, recorder: Recorder) -> None:
        """Takes note of where all rows are."""
        self.tell()
        alone = len(self.home) == 1
        state = self.state if alone else self.state.pick(self.home)
        values = self.chart.parameters(state.loc, state.root)
        gradient = self.chart.real_gradient(state.root, state.gradient)
        recorder.record(
            state.loss.reshape(self.shape),
            {name: each.reshape(*self.shape, *each.shape[1:]) for name, each in values.items()},
            gradient.reshape(*self.shape, -1),
        )


def _blocks(rows: Tensor, tables: Tables) -> Sequence[Tensor]:
    """Rows by so many that their nodes fit the cache."""
    most = _BLOCK if rows.device.type == "cpu" else _LAUNCH
    return rows.split(max(1, most // len(tables.weights))) if len(rows) else ()


def _finest(target: Target) -> Tensor:
    """The least scale of a target in any direction, with the target's batch shape."""
    scales = []
    for each in landmarks(target):
        tilt = torch.zeros(()) if each.correlation is None else each.correlation
        scales.append(each.scale.amin(-1) * (1 - tilt.square()).sqrt())
    return torch.stack(scales).amin(0)
