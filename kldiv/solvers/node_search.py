r"""Rows of normals on their way to the nearest of a target, level by level of nodes.

Rows begin with few nodes, and go on with twice as many along each axis until these change
nothing; rows that have ended together go on as one, those that have settled are left out, and
blocks of rows are as large as the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.estimate import Estimate
from kldiv.solvers.arrays import Numbers, as_tensor, at_hand, library_of, taken, where_true
from kldiv.solvers.between_nodes import between_nodes
from kldiv.solvers.curvature import decrement_and_signature
from kldiv.solvers.groups import homes
from kldiv.solvers.newton_rows import Rows, approach, evaluate, newton
from kldiv.solvers.node_levels import LEVELS, by_level, first_levels, sees, widest
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_tables import Tables
from kldiv.solvers.objective import Objective
from kldiv.solvers.row_states import Rest, State
from kldiv.solvers.run import Recorder, Run, Seen

__all__ = ["NodeSearch"]

_ROUGHLY = 1e-4  # nats left to be gained, where more nodes may still change the objective
_FULLY = 1e-14, 1e-12  # the latter in crowds
_BETWEEN = (1 / 3, 2 / 3), (1 / 2,)  # where nodes lie that tell of errors; the latter in crowds
_FEW, _MANY = 12, 60  # steps on nodes that are not believed, and on those that are
_ROUND = 3  # steps after which rows of many blocks that still move are put together anew
_GAP = 1e-5  # between two levels, relative; the error of the finer one is about the square of it,
_OFF = 1e-7  # and less than this
_SINGLY = 64  # problems: up to so many each is worth an estimate by other means than the nodes,
_CLOSE = 1e-10  # unless the nodes' own has as small an error, relative to 1 + |value|
_CROWD = 1 << 12  # rows: of more not every step is recorded
_BLOCK = 1 << 17  # nodes of all rows of a block, in the cache of a processor
_LAUNCH = 1 << 24  # likewise on another device, which has none to fit, and calls that cost more
_ROUNDING = 1e-13


@dataclass
class NodeSearch:
    """All rows of a fit: problems times starts, the starts first."""

    objective: Objective
    chart: NormalChart
    rows: Rows
    state: State
    finest: Numbers
    shape: torch.Size
    numbers: Numbers
    home: Numbers
    trusted: Numbers
    level: Numbers
    doubt: Numbers
    value: Numbers
    error: Numbers
    evaluations: int = 0
    told: int = 0

    @classmethod
    def begun(
        cls, objective: Objective, chart: NormalChart, starts: Tensor, finest: Tensor
    ) -> NodeSearch:
        """All rows where they start."""
        target, shape = objective.target, starts.shape[:-1]
        found = chart.members(starts.flatten(0, -2))
        loc, root = (each.clone(memory_format=torch.contiguous_format) for each in found)
        problems = target.batch_shape.numel()
        log_mass = doubt = loc.new_zeros(problems)
        if not target.normalized:
            mass, error = (each.reshape(-1) for each in objective.under.mass)
            log_mass, doubt = mass.log(), error / mass + _ROUNDING * mass.log().abs()
        numbers = at_hand(torch.arange(len(loc), device=loc.device))
        rows = Rows.of(target, log_mass, numbers % problems)
        finest = at_hand(finest.expand(target.batch_shape).reshape(-1))[rows.problem]
        state = State.unseen(loc, root, starts.shape[-1])
        unknown, nowhere = numbers < 0, state.loss + torch.inf
        own = numbers, numbers, unknown, numbers, at_hand(doubt), nowhere, nowhere + 0
        return cls(objective, chart, rows, state, finest, shape, *own)

    def run(self, recorder: Recorder) -> None:
        """Newton's method on few nodes, then on more, until more change nothing."""
        levels = LEVELS[self.chart.size]
        first = first_levels(self.state.root, self.finest)
        self.level = first + 0
        for level, rows in by_level(first, levels):
            self.raise_to(rows, self.tables(level))
        self.record(recorder)
        near = self.many and self.rows.formula is not None and not recorder.stopped
        if near:
            first = self.approach(first)
            self.level = first + 0
            self.record(recorder)
        for number, level in enumerate(levels):
            leading = ~self.trusted & (self.home == self.numbers)
            moving = where_true(leading & (first <= number))
            if not len(moving):
                continue
            self.look(moving, near | (first[moving] < number), number)
            for _ in self.descend(moving, level):
                self.record(recorder)
                if recorder.stopped:
                    return
            wanted = first_levels(self.state.root[moving], self.finest[moving])
            first[moving] = library_of(first).maximum(first[moving], wanted)
            self.gather()
            self.confirm(number)

    def tables(self, level: tuple[float, float], *, offset: float = 0.0) -> Tables:
        """The nodes of a level."""
        tables = self.chart.tables(level, offset)
        return tables.to(self.home.device) if isinstance(self.home, Tensor) else tables

    @property
    def alone(self) -> bool:
        """Whether there is but one row for each problem."""
        return self.shape[0] == 1

    @property
    def many(self) -> bool:
        """Whether there are so many rows that a record of each step would cost more than it."""
        return len(self.home) > _CROWD

    def approach(self, first: Numbers) -> Numbers:
        """Most of the way in single precision.

        Returns:
            The level at which each row goes on, the least one that sees its target.
        """
        levels = LEVELS[self.chart.size]
        for (spacing, _), moving in by_level(first, levels):
            part, tables = self.state.pick(moving), self.tables((spacing, levels[0][1]))
            self.evaluations += approach(self.rows.pick(moving), self.chart, tables, part)
            self.state.put(moving, part)
        seeing = first_levels(self.state.root, self.finest).clip(1)
        for level, moving in by_level(seeing, levels):
            self.raise_to(moving, self.tables(level))
        return seeing

    def gather(self) -> None:
        """Lets those that have ended together go on as one."""
        if self.alone:
            return
        state = self.state.pick(self.home)
        self.home = at_hand(homes(as_tensor(state.loc), as_tensor(state.root), self.shape[0]))
        self.state, self.trusted = state.pick(self.home), self.trusted[self.home]

    def confirm(self, number: int) -> None:
        """Whether the nodes between those of a level confirm what is believed of its rows."""
        if not self.objective.free:
            return
        believed = self.trusted & (self.level == number) & (self.home == self.numbers)
        asked = where_true(believed)
        if not len(asked):
            return
        self.measure(asked)
        rough = asked[self.error[asked] > _OFF * (1 + abs(self.value[asked]))]
        if number + 1 < len(LEVELS[self.chart.size]):
            self.trusted[rough], self.error[rough] = False, torch.inf

    def look(self, moving: Numbers, near: Numbers, number: int) -> None:
        """Raises rows to a level, and believes those near an end if every other node agrees."""
        level = LEVELS[self.chart.size][number]
        self.raise_to(moving[self.level[moving] < number], self.tables(level))
        self.level[moving] = number
        gap, loss = self.state.gap[moving], self.state.loss[moving]
        seen = sees(level[0], self.state.root[moving], self.finest[moving])
        self.trusted[moving] = near & seen & (gap <= _GAP * (1 + abs(loss)))

    def descend(self, moving: Numbers, level: tuple[float, float]) -> Iterator[None]:
        """Newton's method for some rows; a step for each of a single block, else one for all."""
        tables = self.tables(level)
        alone = not self.many and len(self.blocks(moving, tables)) == 1
        most = _FEW if alone else _ROUND
        for done in range(0, _MANY, most):
            live = self.state.damping[moving] < torch.inf
            moving = moving[live & (self.trusted[moving] | (done < _FEW))]
            if not len(moving):
                break
            for block in self.blocks(moving, tables):
                part, rows = self.part(block)
                rest = self.rest(block, level[0])
                for cost in newton(rows, self.chart, tables, part, rest, most):
                    self.evaluations += cost
                    if alone:
                        self.state.put(block, part)
                        yield
                self.state.put(block, part)
        if not alone:
            yield

    def part(self, block: Numbers) -> tuple[State, Rows]:
        """The state of a block of rows in their order, and what they are fitted to."""
        if len(block) == len(self.home):
            return self.state, self.rows
        return self.state.pick(block), self.rows.pick(block)

    def rest(self, rows: Numbers, spacing: float) -> Rest:
        """Where rows rest: on nodes that are not believed none goes far beyond what these see."""
        trusted, limit = self.trusted[rows], widest(spacing, self.finest[rows])
        where, roughly = library_of(limit).where, 0 * limit + _ROUGHLY
        return Rest(where(trusted, _FULLY[self.many], roughly), where(trusted, torch.inf, limit))

    def raise_to(self, moving: Numbers, tables: Tables) -> None:
        """The state of some rows as other nodes see it."""
        for block in self.blocks(moving, tables):
            part, rows = self.part(block)
            self.state.put(block, evaluate(rows, self.chart, tables, part.loc, part.root))
            self.evaluations += tables.count * len(block)

    def end(self, recorder: Recorder) -> Run:
        """Where all rows have ended."""
        home, state = as_tensor(self.home), self.state.pick(self.home).tensors()
        values = self.chart.parameters(state.loc, state.root)
        theta = self.chart.family.space.unconstrain(values, check=False)
        left, signs = decrement_and_signature(state.hessian, state.gradient)
        left = torch.where(as_tensor(self.trusted)[home], left, torch.inf)
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

    def measure(self, asked: Numbers) -> None:
        """Values and errors of some rows, each from the nodes of its level and others between."""
        for level, own in by_level(self.level[asked], LEVELS[self.chart.size]):
            others = [self.tables(level, offset=each) for each in _BETWEEN[self.many]]
            for block in self.blocks(asked[own], others[0]):
                part, rows = self.part(block)
                value, spread = between_nodes(rows, self.chart, part, others)
                rounding = _ROUNDING * (1 + abs(part.loss)) + self.doubt[rows.problem]
                self.value[block], self.error[block] = value, spread + rounding
                self.evaluations += sum(each.count for each in others) * len(block)

    def estimate(self) -> Estimate | None:
        """The estimate that the nodes give, ``None`` where another one is worth its time."""
        self.measure(where_true((self.error == torch.inf) & (self.home == self.numbers)))
        found = (as_tensor(taken(each, self.home)) for each in (self.value, self.error))
        value, error = (each.reshape(self.shape) for each in found)
        few = len(self.home) <= _SINGLY * self.shape[0]
        if few and not bool((error <= _CLOSE * (1 + value.abs())).all()):
            return None
        return Estimate(value, error, "quadrature", evaluations=self.points)

    def blocks(self, rows: Numbers, tables: Tables) -> Sequence[Numbers]:
        """Rows by so many that their nodes fit the cache; a formula sees to that by itself."""
        whole = isinstance(rows, Tensor) or self.rows.formula is not None
        most = max(1, (_LAUNCH if whole else _BLOCK) // tables.count)
        return [rows[low : low + most] for low in range(0, len(rows), most)]

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
        state = self.state
        parts = state.loc, state.root, state.loss, state.gradient
        own = [taken(each, self.home) for each in parts]
        recorder.note(own[2].reshape(self.shape), own, self.seen)

    def seen(self, states: Sequence[Sequence[Numbers]]) -> list[Seen]:
        """What the rows were at several steps."""
        parts = (as_tensor(library_of(each[0]).stack(each)) for each in zip(*states, strict=True))
        loc, root, loss, gradient = parts
        norm = torch.linalg.vector_norm(self.chart.real_gradient(root, gradient), dim=-1)
        shape = len(states), *self.shape
        values = {
            name: each.reshape(*shape, *each.shape[2:])
            for name, each in self.chart.parameters(loc, root).items()
        }
        steps = zip(*values.values(), strict=True)
        parameters = [dict(zip(values, each, strict=True)) for each in steps]
        return [*zip(loss.reshape(shape), parameters, norm.reshape(shape), strict=True)]
