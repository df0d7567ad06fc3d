r"""Fits of sampled objectives: draws are held fixed, and more are taken as the fit settles.

With N draws the optimum is off by :math:`O(N^{-1/2})` at most, and its divergence by
:math:`O(1/N)`. What it is off is seen with the next, larger set, which has not seen it: the old
optimum is above the new one there by a gap, :math:`\tfrac12 g^\top \mathcal H^{-1} g` with the
gradient there and the inverse Hessian that the way so far has shown. Where that is small enough
the fit ends. Else it goes on with the new set, and with the largest that is allowed it ends in
any case: :math:`N_{\text{old}} / N_{\text{new}}` of the last gap is left at most, about. How many
more there are each time is what the last gap speaks for, as averages over nets of smooth functions
are off by :math:`O(N^{-3/4})` or less: where it speaks for an end, twice as many tell it.

References:
    Black Box Variational Inference with a Deterministic Objective: Faster, More Accurate, and
    Even More Black Box (Giordano, Ingram and Broderick, 2024), section 3, arXiv:2304.05527.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.errors import InvalidArgument, NotFinite
from kldiv.solvers.curvature_pairs import CurvaturePairs
from kldiv.solvers.endpoints import EXCESS
from kldiv.solvers.groups import first_of, together
from kldiv.solvers.held_vectors import HeldVectors
from kldiv.solvers.limited_memory import LimitedMemory
from kldiv.solvers.line_search import State, chosen
from kldiv.solvers.natural_steps import nearer
from kldiv.solvers.normal_draws import NormalDraws
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder, Run

__all__ = ["FixedDraws"]

_FIRST = 64, 512  # draws at least and at most to begin with
_GROWTHS = 2, 4, 8  # how many times as many draws are next
_RATE = 1.5  # how fast nets of points forget what is left to be gained
_LEARNT = 64  # parameters of a network
_FOR_CURVATURE = 512  # draws are enough to tell the signs of the Hessian
_MEMORY = 20  # steps
_STEPS = 500, 200  # at most on the same draws, of a single row and of several
_ROUGHLY = 0.25  # of the tolerance: what a descent may leave before draws are checked
_SETTLED = 1e-8  # nats that are left to be gained with the same draws, relative


@dataclass(frozen=True)
class FixedDraws:
    """L-BFGS on draws that are held fixed, then on more of them.

    Normal vectors under a target that turns out to be normal, be it given one of its coordinates,
    need none.

    Arguments:
        first: How many draws to begin with; by default 64, or up to 512 where so many are
            evaluated in hardly more time.
        most: How many at most.
        tolerance: How many nats the end may be above the optimum.

    Raises:
        InvalidArgument: If there are fewer than 16 draws or the tolerance is not positive.

    Example:
        >>> import kldiv
        >>> import torch
        >>> target = kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(3,))
        >>> found = kldiv.fit(target, "diagonal_normal", direction="reverse")
        >>> found.solver, [round(float(scale), 4) for scale in found.parameters["scale"]]
        ('fixed_draws', [0.7071, 0.7071, 0.7071])
    """

    first: int | None = None
    most: int = 65_536
    tolerance: float = 2e-4

    name = "fixed_draws"

    def __post_init__(self) -> None:
        if not 16 <= (self.first or _FIRST[0]) <= self.most or not self.tolerance > 0:
            raise InvalidArgument(
                "first and most must be at least 16, first no more than most, and tolerance "
                f"positive, got {self.first}, {self.most} and {self.tolerance}"
            )

    def why_not(self, objective: Objective) -> str | None:
        """Any sampled objective whose draws can be held."""
        if not objective.sampled:
            return "the objective is no average over draws"
        size = objective.family.space.size
        if size > _LEARNT and not objective.family.batched:
            return f"a module of {size} parameters would learn the draws instead of the target"
        return objective.why_not_held()

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves all rows with few draws, then with more, until these change nothing."""
        moved, end = starts, None
        with recorder.watching():
            moved, end = _nearer(objective, starts, recorder)
        if end is not None:
            return end
        surface = NormalDraws.of(objective) or HeldVectors(objective)
        search = _Search(surface, recorder, objective.seed)
        first = self.first or min(max(surface.at_once(moved), _FIRST[0]), _FIRST[1], self.most)
        search.hold(first)
        with recorder.watching():
            search.begin(starts, moved)
            search.settle(_ROUGHLY * self.tolerance)
            settled, growth = first, _GROWTHS[-1]
            while settled * growth <= self.most and not recorder.stopped:
                state = search.look(settled * growth)
                if search.missing(self.tolerance) <= 1:
                    break
                search.settle(_ROUGHLY * self.tolerance, state)
                settled, growth = search.count, search.growth(self.tolerance)
            search.hold(settled)
            search.settle(0.0)
        search.hold(min(settled, _FOR_CURVATURE))
        objective.hold(search.count, objective.seed + search.count)
        return search.end()


class _Search:
    """All rows of a fit on the draws of the day; those that have ended together go on as one.

    Arguments:
        surface: The objective as it is moved on.
        recorder: What takes note of the steps.
        seed: What the draws follow.
    """

    state: State
    pairs: CurvaturePairs
    home: Tensor
    excess: Tensor

    def __init__(self, surface: NormalDraws | HeldVectors, recorder: Recorder, seed: int) -> None:
        self.surface, self.recorder, self.seed = surface, recorder, seed
        self.count, self.grown = 0, 1.0

    def hold(self, count: int) -> None:
        """From now on there are so many draws."""
        if count != self.count:
            self.count = count
            self.surface.hold(count, self.seed + count)

    def begin(self, starts: Tensor, moved: Tensor) -> None:
        """At real vectors that are nearer, but for rows that are higher than where they began."""
        state, metric = self.surface.begin(self.surface.point(moved))
        before = self.recorder.steps[0].loss / self.recorder.unit if moved is not starts else None
        if before is not None and not bool((state[1] <= before).all()):
            point = self.surface.point(starts)
            begun = point, *self.surface.value_and_gradient(point)
            lower = chosen(state[1] < begun[1], state, begun)
            state, metric = self.surface.begin(lower[0])
        self.state, self.pairs = state, CurvaturePairs(_MEMORY, metric)
        self.home = torch.arange(len(starts), device=starts.device)
        self.excess = torch.full_like(state[1], torch.inf)

    def settle(self, enough: float, state: State | None = None) -> None:
        """Moves all rows to where the objective on these draws is least.

        Arguments:
            enough: How many nats may be left to be gained, if not more is below notice.
            state: Where they are on these draws, if these are new.
        """
        solver = LimitedMemory(_STEPS[len(self.state[1]) > 1], _SETTLED, _MEMORY, enough)
        resting, before = self.hopeless(), state and state[1]
        for last in solver.states(self.surface, state or self.state, self.pairs, resting):
            self.state, self.pairs = last
            self.record()
            if self.recorder.stopped:
                break
        if before is not None:
            gap = (before - self.state[1]).nan_to_num(torch.inf, torch.inf)
            self.excess = gap.clamp_min(0.0) / self.grown
        if len(resting) > 1:
            self._merge()

    def _merge(self) -> None:
        """Goes on with the first of each group of rows that have ended together."""
        point, loss, gradient = self.state
        same = together(self.surface.theta(point), loss)
        kept = first_of(same)
        self.state = point[kept], loss[kept], gradient[kept]
        self.excess, self.pairs = self.excess[kept], self.pairs.pick(kept)
        self.home = same[self.home]

    def hopeless(self) -> Tensor:
        """Which rows are above another one, and had not settled when it was time to go on."""
        _, loss, gradient = self.state
        if len(loss) == 1:
            return torch.zeros_like(loss, dtype=torch.bool)
        loss = loss.nan_to_num(torch.inf)
        moving = self.left(gradient) > EXCESS
        return (loss > loss.amin(0)) & moving & (self.pairs.steps is not None)

    def look(self, count: int) -> State:
        """The state on new draws; and what there is to be gained there."""
        self.grown = count / self.count
        self.hold(count)
        point = self.state[0]
        loss, fresh = self.surface.value_and_gradient(point)
        left = torch.where(loss.isfinite(), self.left(fresh), torch.inf)
        self.excess = left.nan_to_num(torch.inf, torch.inf)
        return point, loss, fresh

    def left(self, gradient: Tensor) -> Tensor:
        """How many nats less a quadratic function with this gradient has at its least."""
        found: Tensor = (gradient * self.pairs.times(gradient)).sum(-1) / 2
        return found

    def missing(self, tolerance: float) -> float:
        """The nats that more draws would gain, in units of what they may at most.

        Arguments:
            tolerance: What they may gain at the lowest row; it may be more at any other.
        """
        rows = self.state[1].nan_to_num(torch.inf).argmin(0, keepdim=True)
        others = torch.where(self.hopeless(), 0.0, self.excess) / EXCESS
        lowest = self.excess.take_along_dim(rows, 0) / tolerance
        return float(torch.cat([others, lowest]).max())

    def growth(self, tolerance: float) -> int:
        """How many times as many draws are likely to leave half of that to be gained."""
        needed = (2 * self.missing(tolerance) / self.grown ** (_RATE - 1)) ** (1 / _RATE)
        return next((growth for growth in _GROWTHS if needed <= growth), _GROWTHS[-1])

    def record(self) -> None:
        """Takes note of where all rows are."""
        point, loss, gradient = (each[self.home] for each in self.state)
        gradient = self.surface.real_gradient(point, gradient)
        self.recorder.record(loss, self.surface.parameters(point), gradient)

    def end(self) -> Run:
        """Where all rows have ended."""
        point, loss, gradient = self.state
        left, home, recorder = self.left(gradient), self.home, self.recorder
        return Run(
            self.surface.theta(point)[home],
            loss[home],
            self.surface.real_gradient(point, gradient)[home],
            recorder.steps,
            recorder.stopped,
            excess=self.excess[home],
            signature=self.surface.signature(point)[home],
            decrement=(2 * left.clamp_min(0.0)).sqrt()[home],
        )


def _nearer(objective: Objective, starts: Tensor, recorder: Recorder) -> tuple[Tensor, Run | None]:
    """Nearer real vectors; the starts where bold steps, or a first one, lead to an overflow."""
    try:
        return nearer(objective, starts, recorder)
    except (InvalidArgument, NotFinite):
        return starts, None
