"""Newton's method for many normals at once, each towards a log density of its own.

Rows whose slopes are written out go most of the way in single precision, which takes a fraction
of the time and is seen from where each row begins, so that far places lose no digits. What it
ends with is a start like any other: nothing else is taken from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from torch import Tensor

from kldiv.definitions.target import Target
from kldiv.estimators.integrals.elements import Elements, log_density_at
from kldiv.numerics import NORMAL_ENTROPY
from kldiv.solvers.curvature import damped_step
from kldiv.solvers.mixture_slopes import MixtureSlopes, mixture_slopes
from kldiv.solvers.normal_charts import NormalChart, Tables

__all__ = ["Rows", "State", "approach", "evaluate", "newton"]

_LONGEST = 2.0, 1.0  # of a step, in standard deviations and in logarithms of scales
_NOISE = 45.0  # roundings of 1 + |loss|: what they may raise
_LESS, _MORE, _LEAST = 0.2, 8.0, 0.1  # damping after a step that was kept, or was not
_NONE, _STUCK = 1e-3, 1e8  # damping that is none, and that lets nothing move
_OF_PULLS = torch.tensor(
    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 1, 0], [0, -1, 0, 1]]
)  # the gradient and the Hessian, of averages of slopes times powers of a node,
_OF_SCALE = torch.tensor([[0], [-1], [0], [0], [0], [0]])  # and of the entropy
_SINGLE = 1e-7  # nats left to be gained, which single precision still tells from none
_FAR = 16  # steps in it
_THIN = 0.85  # of the rows that still move: below it the others are left out


@dataclass
class State:
    r"""Where R rows stand.

    Arguments:
        loc: The means, with shape :math:`(R, D)`.
        root: The factors L, with shape :math:`(R, D, D)`.
        loss: The divergences, with shape :math:`(R)`.
        gradient: In the chart, with shape :math:`(R, P)`.
        hessian: In the chart, with shape :math:`(R, P, P)`.
        damping: What the next step adds to the Hessian, infinite where a row rests, with shape
            :math:`(R)`.
    """

    loc: Tensor
    root: Tensor
    loss: Tensor
    gradient: Tensor
    hessian: Tensor
    damping: Tensor

    @staticmethod
    def unseen(loc: Tensor, root: Tensor, size: int) -> State:
        """Rows of P parameters where nothing is known yet."""
        loss, gradient = torch.full_like(loc[:, 0], torch.inf), loc.new_zeros(len(loc), size)
        hessian = loc.new_zeros(len(loc), size, size)
        return State(loc, root, loss, gradient, hessian, torch.zeros_like(loss))

    def pick(self, index: Tensor) -> State:
        """The state of some rows."""
        return State(*(each.index_select(0, index) for each in self._parts()))

    def put(self, index: Tensor, other: State) -> None:
        """Sets the state of some rows, which may be all of them in their order."""
        if len(index) == len(self.loss):
            vars(self).update(vars(other))
            return
        for mine, new in zip(self._parts(), other._parts(), strict=True):
            if mine is not new:
                mine.index_copy_(0, index, new)

    def single(self) -> State:
        """The state in single precision, means seen from where they are."""
        loc, *others = self._parts()
        return State(
            torch.zeros_like(loc, dtype=torch.float32), *(each.float() for each in others)
        )

    def _parts(self) -> tuple[Tensor, ...]:
        return self.loc, self.root, self.loss, self.gradient, self.hessian, self.damping


@dataclass(frozen=True)
class Rows:
    r"""The log densities that R rows are fitted to.

    Arguments:
        target: The target, of a batch of problems.
        log_mass: What its normaliser is, with shape :math:`(B)`.
        problem: Which problem each row belongs to, with shape :math:`(R)`.
        formula: How their slopes are had without autograd, ``None`` where they are not.
    """

    target: Target
    log_mass: Tensor
    problem: Tensor
    formula: MixtureSlopes | None = None

    @staticmethod
    def of(target: Target, log_mass: Tensor, problem: Tensor) -> Rows:
        """Rows, with the formula for their slopes where there is one."""
        formula = mixture_slopes(target)
        formula = None if formula is None else formula.pick(problem)
        return Rows(target, log_mass, problem, formula)

    def pick(self, index: Tensor) -> Rows:
        """Some of the rows."""
        formula = None if self.formula is None else self.formula.pick(index)
        return Rows(self.target, self.log_mass, self.problem[index], formula)

    def slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        r"""Log densities at points (K, R, D), and their gradients, not finite where unknown."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            points = x if self.target.event_shape else x.squeeze(-1)
            log_p = self._log_prob(points)
            if not log_p.requires_grad:
                return log_p, torch.full_like(x, torch.nan)
            (slope,) = torch.autograd.grad(log_p.sum(), x)
        return log_p.detach() - self.log_mass[self.problem], slope

    def _log_prob(self, points: Tensor) -> Tensor:
        batch = self.target.batch_shape
        if not batch:
            return self.target.log_prob(points)
        elements = Elements(self.problem, batch)
        return log_density_at(self.target, points, elements)


def evaluate(rows: Rows, chart: NormalChart, tables: Tables, loc: Tensor, root: Tensor) -> State:
    """The divergence of rows, and its derivatives, on nodes that follow them."""
    if rows.formula is not None:
        return _written_out(rows.formula, chart, tables, loc, root)
    z, weights = tables.nodes, tables.weights
    x = loc + (root @ z.mT).permute(2, 0, 1)
    log_p, slope = rows.slopes(x)
    pull = -(slope.unsqueeze(-2) @ root).squeeze(-2)
    pull = pull.transpose(0, 1).flatten(1)
    size, count = len(tables.traces), len(loc)
    entropy = root.diagonal(dim1=-2, dim2=-1).log().sum(-1) + chart.size * NORMAL_ENTROPY
    return State(
        loc,
        root,
        -entropy - weights @ log_p,
        pull @ tables.slopes.mT - tables.traces,
        (pull @ tables.bends.mT).reshape(count, size, size),
        torch.zeros_like(entropy),
    )


def _written_out(
    formula: MixtureSlopes, chart: NormalChart, tables: Tables, loc: Tensor, root: Tensor
) -> State:
    """The same for scalars, whose derivatives are averages of slopes times powers of a node."""
    scale = root[:, 0, 0]
    log_p, pulls = formula.averages(loc[:, 0], scale, tables.nodes[:, 0], tables.powers)
    found = torch.addmm(_OF_SCALE.to(pulls), _OF_PULLS.to(pulls), pulls)
    gradient, hessian = found[:2].T, found[2:].T.unflatten(-1, (2, 2))
    free = chart.free
    loss = -scale.log() - NORMAL_ENTROPY - log_p
    return State(
        loc, root, loss, gradient[:, free], hessian[:, free, free], loss.new_zeros(len(loss))
    )


def approach(rows: Rows, chart: NormalChart, tables: Tables, state: State) -> int:
    """Moves rows as far as single precision tells, where their slopes are written out.

    Arguments:
        rows: What they are fitted to.
        chart: The chart.
        tables: The nodes.
        state: Where they stand; the mean and the factor are changed in place, nothing else is.

    Returns:
        The number of points at which log densities were evaluated.
    """
    if rows.formula is None:
        return 0
    nearby = replace(rows, formula=rows.formula.single(state.loc[:, 0]))
    tables, rough = tables.to(state.loc.device, torch.float32), state.single()
    tolerance = torch.full_like(rough.loss, _SINGLE)
    points = sum(newton(nearby, chart, tables, rough, tolerance, _FAR))
    state.loc = state.loc + rough.loc
    state.root = state.root * (rough.root.double() / state.root.float()).nan_to_num(1.0)
    return points


def newton(
    rows: Rows, chart: NormalChart, tables: Tables, state: State, tolerance: Tensor, most: int
) -> Iterator[int]:
    """Moves rows until each has fewer nats to gain than its tolerance, and rests.

    Arguments:
        rows: What they are fitted to.
        chart: The chart.
        tables: The nodes.
        state: Where they stand; it is changed in place.
        tolerance: In nats, with shape :math:`(R)`.
        most: The most steps.

    Yields:
        The number of points at which log densities were evaluated in a step.
    """
    noise = _NOISE * torch.finfo(state.loss.dtype).eps
    active, here = torch.arange(len(state.loss), device=state.loss.device), state
    for _ in range(most):
        step, left = damped_step(here.hessian, here.gradient, here.damping)
        live = (left > tolerance) & (left + here.loss).isfinite() & (here.damping < _STUCK)
        rest = torch.where(live, here.damping, torch.inf)
        state.damping = state.damping.index_copy(0, active, rest)
        moving = live.nonzero()[:, 0]
        if not len(moving):
            return
        step = torch.where(live.unsqueeze(-1), step, 0.0)
        if len(moving) < _THIN * len(live):
            active, rows, here = active[moving], rows.pick(moving), here.pick(moving)
            step, tolerance = step[moving], tolerance[moving]
        moved = chart.moved(here.loc, here.root, _bounded(step, chart.shifts))
        trial = evaluate(rows, chart, tables, *moved)
        fell = trial.loss <= here.loss + noise * (1 + here.loss.abs())
        damping = torch.where(fell, _LESS * here.damping, _MORE * (here.damping + _LEAST))
        back = (~fell).nonzero()[:, 0]
        trial.put(back, here.pick(back))
        trial.damping = torch.where(damping < _NONE, 0.0, damping)
        here = trial
        state.put(active, here)
        yield len(tables.weights) * len(active)


def _bounded(step: Tensor, shifts: int) -> Tensor:
    """A step that no density can have foreseen the end of is made shorter."""
    most = step.new_tensor([_LONGEST[number >= shifts] for number in range(step.shape[-1])])
    return step / (step.abs() / most).amax(-1, keepdim=True).clamp_min(1.0)
