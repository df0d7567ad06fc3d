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
from kldiv.estimate import Estimate
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.solvers.between_nodes import between_nodes
from kldiv.solvers.curvature import decrement, signature
from kldiv.solvers.groups import homes
from kldiv.solvers.newton_rows import Rows, State, approach, evaluate, newton
from kldiv.solvers.node_levels import LEVELS, by_level, finest_scale, first_levels, sees
from kldiv.solvers.normal_charts import NormalChart, Tables, chart_of
from kldiv.solvers.objective import Objective
from kldiv.solvers.quasi_newton import QuasiNewton
from kldiv.solvers.run import Recorder, Run

__all__ = ["MovingNodes"]

_ROUGHLY = 1e-4  # nats left to be gained, where more nodes may still change the objective
_FULLY = 1e-14, 1e-12  # the latter in crowds
_FEW, _MANY = 12, 60  # steps on nodes that are not believed, and on those that are
_ROUND = 3  # steps after which rows of many blocks that still move are put together anew
_GAP = 1e-5  # between two levels, relative; the error of the finer one is about the square of it
_SINGLY = 64  # problems: up to so many each is worth an estimate by other means than the nodes,
_CLOSE = 1e-10  # unless the nodes' own has as small an error, relative to 1 + |value|
_CROWD = 1 << 12  # rows: of more not every step is recorded
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
    value: Tensor
    error: Tensor
    evaluations: int = 0
    told: int = 0

    @classmethod
    def begun(cls, objective: Objective, chart: NormalChart, starts: Tensor) -> _Search:
        """All rows where they start."""
        target, shape = objective.target, starts.shape[:-1]
        found = chart.members(starts.flatten(0, -2))
        loc, root = (each.clone(memory_format=torch.contiguous_format) for each in found)
        numbers = torch.arange(len(loc), device=loc.device)
        problems = target.batch_shape.numel()
        log_mass = doubt = loc.new_zeros(problems)
        if not target.normalized:
            mass, error = (each.reshape(-1) for each in objective.under.mass)
            log_mass, doubt = mass.log(), error / mass + _ROUNDING * mass.log().abs()
        rows = Rows.of(target, log_mass, numbers % problems)
        finest = finest_scale(target).expand(target.batch_shape).reshape(-1)[rows.problem]
        unknown = torch.zeros_like(numbers, dtype=torch.bool)
        state = State.unseen(loc, root, starts.shape[-1])
        known = numbers, doubt, *torch.full((2, len(loc)), torch.inf).to(loc)
        return cls(objective, chart, rows, state, finest, shape, numbers, unknown, *known)

    def run(self, recorder: Recorder) -> None:
        """Newton's method on few nodes, then on more, until more change nothing."""
        levels = LEVELS[self.chart.size]
        first = self.level = first_levels(self.state.root, self.finest)
        for level, rows in by_level(first, levels):
            self.raise_to(rows, self.tables(level))
        self.record(recorder)
        if self.many and self.rows.formula is not None and not recorder.stopped:
            first = self.level = self.approach(first)
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
            state = self.state.pick(self.home)
            self.home = homes(state.loc, state.root, self.shape[0])
            self.state, self.trusted = state.pick(self.home), self.trusted[self.home]
            self.confirm(number)

    def tables(self, level: tuple[float, float], *, offset: float = 0.0) -> Tables:
        """The nodes of a level."""
        return self.chart.tables(level, offset).to(self.home.device)

    @property
    def many(self) -> bool:
        """Whether there are so many rows that a record of each step would cost more than it."""
        return len(self.home) > _CROWD

    @cached_property
    def numbers(self) -> Tensor:
        """The numbers of all rows."""
        return torch.arange(len(self.home), device=self.home.device)

    def approach(self, first: Tensor) -> Tensor:
        """Most of the way in single precision.

        Returns:
            The level at which each row goes on: it rests until one that sees its target confirms
            what half as many nodes tell.
        """
        levels = LEVELS[self.chart.size]
        for (spacing, _), moving in by_level(first, levels):
            part, tables = self.state.pick(moving), self.tables((spacing, levels[0][1]))
            self.evaluations += approach(self.rows.pick(moving), self.chart, tables, part)
            self.state.put(moving, part)
        seeing = first_levels(self.state.root, self.finest).clamp_min(1)
        for (spacing, reach), moving in by_level(seeing, levels):
            self.raise_to(moving, self.tables((2 * spacing, reach)))
        self.state.damping.fill_(torch.inf)
        return seeing - 1

    def confirm(self, number: int) -> None:
        """Whether the nodes between those of a level confirm what is believed of its rows."""
        if not self.objective.free:
            return
        believed = self.trusted & (self.level == number) & (self.home == self.numbers)
        asked = believed.nonzero()[:, 0]
        self.measure(asked)
        rough = asked[self.error[asked] > _GAP * (1 + self.value[asked].abs())]
        if number + 1 < len(LEVELS[self.chart.size]):
            self.trusted[rough], self.error[rough] = False, torch.inf

    def compare(self, moving: Tensor, level: tuple[float, float]) -> None:
        """More nodes, and whether they change little enough to be believed."""
        before = self.state.loss[moving]
        self.raise_to(moving, self.tables(level))
        gap = (self.state.loss[moving] - before).abs()
        seen = sees(level[0], self.state.root[moving], self.finest[moving])
        self.trusted[moving] = seen & (gap <= _GAP * (1 + before.abs()))

    def descend(self, moving: Tensor, tables: Tables) -> Iterator[None]:
        """Newton's method for some rows; a step for each of a single block, else one for all."""
        alone = not self.many and len(self.blocks(moving, tables)) == 1
        most = _FEW if alone else _ROUND
        for taken in range(0, _MANY, most):
            live = self.state.damping[moving].isfinite()
            moving = moving[live & (self.trusted[moving] | (taken < _FEW))]
            for block in self.blocks(moving, tables):
                part, rows = self.state.pick(block), self.rows.pick(block)
                tolerance = torch.where(self.trusted[block], _FULLY[self.many], _ROUGHLY)
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
        for block in self.blocks(moving, tables):
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
        return Run(
            theta.reshape(*self.shape, -1),
            state.loss.reshape(self.shape),
            gradient.reshape(*self.shape, -1),
            recorder.steps,
            recorder.stopped,
            decrement=left.reshape(self.shape),
            signature=signs.reshape(*self.shape, -1),
            estimate=self.estimate() if self.objective.free else None,
        )

    def measure(self, asked: Tensor) -> None:
        """Values and errors of some rows, each from the nodes of its level and others between."""
        for level, own in by_level(self.level[asked], LEVELS[self.chart.size]):
            first, second = (self.tables(level, offset=part / 3) for part in (1, 2))
            for block in self.blocks(asked[own], first):
                part, rows = self.state.pick(block), self.rows.pick(block)
                value, spread = between_nodes(rows, self.chart, part, (first, second))
                rounding = _ROUNDING * (1 + part.loss.abs()) + self.doubt[rows.problem]
                self.value[block], self.error[block] = value, spread + rounding
                self.evaluations += 2 * len(first.weights) * len(block)

    def estimate(self) -> Estimate | None:
        """The estimate that the nodes give, ``None`` where another one is worth its time."""
        unknown = self.error.isinf() & (self.home == self.numbers)
        self.measure(unknown.nonzero()[:, 0])
        value, error = (each[self.home].reshape(self.shape) for each in (self.value, self.error))
        few = len(self.home) <= _SINGLY * self.shape[0]
        if few and not bool((error <= _CLOSE * (1 + value.abs())).all()):
            return None
        return Estimate(value, error, "quadrature", evaluations=self.points)

    def blocks(self, rows: Tensor, tables: Tables) -> Sequence[Tensor]:
        """Rows by so many that their nodes fit the cache; a formula sees to that by itself."""
        whole = rows.device.type != "cpu" or self.rows.formula is not None
        most = _LAUNCH if whole else _BLOCK
        return rows.split(max(1, most // len(tables.weights))) if len(rows) else ()

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
