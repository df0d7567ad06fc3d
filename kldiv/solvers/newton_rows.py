"""Newton's method for many normals at once, each towards a log density of its own.

Rows whose slopes are written out go most of the way in single precision, which takes a fraction
of the time and is seen from where each row begins, so that far places lose no digits. What it
ends with is a start like any other: nothing else is taken from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from torch import Tensor

from kldiv.definitions.target import Target
from kldiv.estimators.integrals.elements import Elements, log_density_at
from kldiv.numerics import NORMAL_ENTROPY
from kldiv.solvers.arrays import (
    Numbers,
    as_array,
    as_single,
    as_tensor,
    library_of,
    taken,
    where_true,
)
from kldiv.solvers.curvature import damped_step
from kldiv.solvers.mixture_slopes import MixtureSlopes, mixture_slopes
from kldiv.solvers.node_levels import breadth
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_tables import Tables
from kldiv.solvers.row_states import Rest, State

__all__ = ["Rows", "approach", "evaluate", "losses", "newton"]

_LONGEST = 2.0, 1.0  # of a step, in standard deviations and in logarithms of scales
_LONGER = 4.0  # times as far a mean may go after a step that was cut and gained what it should:
_UNFORESEEN = 0.1  # of that: where steps gain so much more or less there is no parabola
_NOISE = 45.0  # roundings of 1 + |loss|: what they may raise
_LESS, _MORE, _LEAST = 0.2, 8.0, 0.1  # damping after a step that was kept, or was not
_NONE, _STUCK = 1e-3, 1e8  # damping that is none, and that lets nothing move
_OF_PULLS = np.array(
    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 1, 0], [0, -1, 0, 1.0]]
)  # the gradient and the Hessian, of averages of slopes times powers of a node,
_OF_SCALE = np.array([[0], [-1], [0], [0], [0], [0.0]])  # and of the entropy
_SINGLE = 1e-7  # nats left to be gained, which single precision still tells from none
_FAR = 16  # steps in it
_THIN = 0.85  # of the rows that still move: below it the others are left out


@dataclass(frozen=True)
class Rows:
    r"""The log densities that R rows are fitted to.

    Arguments:
        target: The target, of a batch of problems.
        log_mass: What its normaliser is, a tensor of shape :math:`(B)`.
        problem: Which problem each row belongs to, with shape :math:`(R)`, in an array of numpy
            on a processor.
        formula: How their slopes are had without autograd, ``None`` where they are not.
    """

    target: Target
    log_mass: Tensor
    problem: Numbers
    formula: MixtureSlopes | None = None

    @staticmethod
    def of(target: Target, log_mass: Tensor, problem: Numbers) -> Rows:
        """Rows, with the formula for their slopes where there is one."""
        formula = mixture_slopes(target)
        formula = None if formula is None else formula.pick(problem)
        return Rows(target, log_mass, problem, formula)

    def pick(self, index: Numbers) -> Rows:
        """Some of the rows."""
        formula = None if self.formula is None else self.formula.pick(index)
        return Rows(self.target, self.log_mass, taken(self.problem, index), formula)

    def slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        r"""Log densities at points (K, R, D), and their gradients, not finite where unknown."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            log_p = self._log_prob(x)
            if not log_p.requires_grad:
                return log_p, torch.full_like(x, torch.nan)
            (slope,) = torch.autograd.grad(log_p.sum(), x)
        return log_p.detach() - self._log_mass, slope

    @torch.no_grad()
    def logs(self, x: Tensor) -> Tensor:
        r"""The log densities alone."""
        return self._log_prob(x) - self._log_mass

    @property
    def _log_mass(self) -> Tensor:
        return self.log_mass[as_tensor(self.problem)]

    def _log_prob(self, x: Tensor) -> Tensor:
        points = x if self.target.event_shape else x.squeeze(-1)
        batch = self.target.batch_shape
        if not batch:
            return self.target.log_prob(points)
        elements = Elements(as_tensor(self.problem), batch)
        return log_density_at(self.target, points, elements)


def evaluate(rows: Rows, chart: NormalChart, tables: Tables, loc: Numbers, root: Numbers) -> State:
    """The divergence of rows, and its derivatives, on nodes that follow them."""
    if rows.formula is not None:
        return _written_out(rows.formula, chart, tables, loc, root)
    found = _by_autograd(rows, chart, tables, as_tensor(loc), as_tensor(root))
    return found if isinstance(loc, Tensor) else found.arrays()


def _by_autograd(
    rows: Rows, chart: NormalChart, tables: Tables, loc: Tensor, root: Tensor
) -> State:
    log_p, slope = rows.slopes(_around(tables, loc, root))
    pull = -(slope.unsqueeze(-2) @ root).squeeze(-2)
    pull = pull.transpose(0, 1).flatten(1)
    size, count, entropy = len(tables.traces), len(loc), _entropy(root)
    average, other = tables.both @ log_p
    return State(
        loc,
        root,
        -entropy - average,
        (average - other).abs(),
        pull @ tables.slopes.mT - tables.traces,
        (pull @ tables.bends.mT).reshape(count, size, size),
        torch.zeros_like(entropy),
        torch.ones_like(entropy),
    )


def losses(rows: Rows, chart: NormalChart, tables: Tables, loc: Numbers, root: Numbers) -> Numbers:
    """The divergence of rows alone, which takes no gradients."""
    if rows.formula is not None:
        return _written_out(rows.formula, chart, tables, loc, root).loss
    middle, factor = as_tensor(loc), as_tensor(root)
    found = -_entropy(factor) - tables.weights @ rows.logs(_around(tables, middle, factor))
    return found if isinstance(loc, Tensor) else as_array(found)


def _around(tables: Tables, loc: Tensor, root: Tensor) -> Tensor:
    """The nodes of rows, with shape (K, R, D)."""
    return loc + (root @ tables.nodes.mT).permute(2, 0, 1)


def _entropy(root: Tensor) -> Tensor:
    found: Tensor = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return found + root.shape[-1] * NORMAL_ENTROPY


def _written_out(
    formula: MixtureSlopes, chart: NormalChart, tables: Tables, loc: Numbers, root: Numbers
) -> State:
    """The same for scalars, whose derivatives are averages of slopes times powers of a node."""
    library, scale = library_of(loc), root[:, 0, 0]
    powers = tables.powers if isinstance(loc, Tensor) else tables.arrays
    (log_p, other), pulls = formula.averages(loc[:, 0], scale, powers)
    derivatives = _constant(_OF_PULLS, pulls) @ pulls + _constant(_OF_SCALE, pulls)
    gradient, hessian = derivatives[:2].T, derivatives[2:].T.reshape(-1, 2, 2)
    free = chart.free
    loss = -library.log(scale) - NORMAL_ENTROPY - log_p
    gap, rest = abs(log_p - other), (library.zeros_like(loss), library.ones_like(loss))
    return State(loc, root, loss, gap, gradient[:, free], hessian[:, free, free], *rest)


def _constant(numbers: Numbers, like: Numbers) -> Numbers:
    """An array of numpy as the library, the device and the precision of other numbers have it."""
    if isinstance(like, Tensor):
        return torch.from_numpy(numbers).to(like)
    return numbers.astype(like.dtype, copy=False)


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
    tables, rough = tables.to(tables.nodes.device, torch.float32), state.single()
    points = sum(newton(nearby, chart, tables, rough, Rest.below(_SINGLE, rough.loss), _FAR))
    state.loc = state.loc + rough.loc
    grown = rough.root / as_single(state.root)
    state.root = state.root * library_of(grown).nan_to_num(grown, nan=1.0)
    return points


def newton(
    rows: Rows, chart: NormalChart, tables: Tables, state: State, rest: Rest, most: int
) -> Iterator[int]:
    """Moves rows until each rests.

    Arguments:
        rows: What they are fitted to.
        chart: The chart.
        tables: The nodes.
        state: Where they stand; it is changed in place.
        rest: Where each is to rest.
        most: The most steps.

    Yields:
        The number of points at which log densities were evaluated in a step.
    """
    library, here = library_of(state.loss), state
    active = where_true(state.damping >= 0)
    for _ in range(most):
        with np.errstate(all="ignore"):
            step, left, live = _step(here, rest)
            state.damping[active] = library.where(live, here.damping, torch.inf)
            moving = where_true(live)
            if not len(moving):
                return
            if len(moving) < _THIN * len(live):
                active, live = active[moving], live[moving]
                step, left = step[moving], left[moving]
                rows, rest, here = rows.pick(moving), rest.pick(moving), here.pick(moving)
            step = library.where(live[:, None], step, 0.0)
            here = _moved(rows, chart, tables, here, step, left)
            state.put(active, here)
        yield tables.count * len(active)


def _step(here: State, rest: Rest) -> tuple[Numbers, Numbers, Numbers]:
    """Where each row would go, how many nats that would gain, and whether it does."""
    step, left = damped_step(here.hessian, here.gradient, here.damping)
    known = library_of(left).isfinite(left + here.loss)
    near = breadth(here.root) <= rest.widest
    return step, left, (left > rest.tolerance) & known & near & (here.damping < _STUCK)


def _moved(
    rows: Rows, chart: NormalChart, tables: Tables, here: State, step: Numbers, left: Numbers
) -> State:
    """Where steps lead, or would lead: those that would raise the loss are not taken."""
    library = library_of(step)
    noise = _NOISE * library.finfo(step.dtype).eps
    share = _share(step, chart.shifts, here.reach)
    places = chart.moved(here.loc, here.root, share[:, None] * step)
    trial = evaluate(rows, chart, tables, *places)
    fell = trial.loss <= here.loss + noise * (1 + abs(here.loss))
    damping = library.where(fell, _LESS * here.damping, _MORE * (here.damping + _LEAST))
    back = where_true(~fell)
    if len(back):
        trial.put(back, here.pick(back))
        trial.reach[back] = 1.0
    trial.damping = library.where(damping < _NONE, 0.0, damping)
    cut = share < 1
    if bool(cut.any()):
        promised = (2 - share) * share * left
        foreseen = abs(here.loss - trial.loss - promised) <= _UNFORESEEN * promised
        known = cut & foreseen & (here.damping == 0)
        trial.reach = library.where(known, _LONGER * here.reach, library.ones_like(share))
    return trial


def _share(step: Numbers, shifts: int, reach: Numbers) -> Numbers:
    """How much of steps is taken, of those that no density can have foreseen the end of.

    Means go farther after a step that gained what it should, so that a start may be far away.
    """
    limits = _constant(_longest(shifts, step.shape[-1]), step)
    length = abs(step) / limits
    library = library_of(step)
    if shifts:
        length[:, :shifts] = length[:, :shifts] / reach[:, None]
    return 1 / library.amax(length, -1).clip(1.0)


@lru_cache(maxsize=64)
def _longest(shifts: int, size: int) -> Numbers:
    """How far a step may go in each parameter of a chart."""
    return np.repeat(_LONGEST, (shifts, size - shifts))
