"""What a solver is, and what it hands back."""

from __future__ import annotations

import time

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Never, Protocol, runtime_checkable

import torch

from torch import Tensor

from kldiv.estimate import Estimate
from kldiv.solvers.arrays import Numbers
from kldiv.solvers.objective import Objective

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Recorder", "Run", "Seen", "Solver", "Step"]

Seen = tuple[Tensor, dict[str, Tensor], Tensor]
"""Of a step the losses, the free parameters and the norms of the gradients, as it has them."""

Told = Callable[[Sequence[Any]], Iterable[Seen]]
"""What says of several states of a solver what they were."""


@dataclass(frozen=True)
class Step:
    r"""One step of a fit, all starts at once.

    Arguments:
        index: The number of the step; 0 is the start.
        loss: The objective before the step, with shape :math:`(S, *)`.
        parameters: The free parameters by name, constrained, each with shape
            :math:`(S, *, \text{shape})`.
        gradient_norm: The Euclidean norm of the gradient, with shape :math:`(S, *)`.
        seconds: The time since the fit began, its starts not yet found.
        evaluations: How many log densities and gradients of the target were evaluated so far.
    """

    index: int
    loss: Tensor
    parameters: dict[str, Tensor]
    gradient_norm: Tensor
    seconds: float
    evaluations: int


@dataclass(frozen=True)
class Run:
    r"""Where each start ended, and the way it took.

    Arguments:
        theta: The last real vectors, with shape :math:`(S, *, P)`.
        loss: The objective there, with shape :math:`(S, *)`.
        gradient: Its gradient, with shape :math:`(S, *, P)`.
        steps: The way there.
        stopped: Why it ended early, or ``""``: a callback, an interrupt, a step out of the domain.
        proven: Whether theory says that the end is the minimum, whatever a sampled objective
            says.
        excess: How many nats each end may be above the optimum because draws or nodes are few,
            with shape :math:`(S, *)`; ``None`` where neither counts.
        decrement: The Newton decrement, with shape :math:`(S, *)`; ``None`` where the solver knows
            no Hessian.
        signature: The signs of the Hessian's eigenvalues, with shape :math:`(S, *, P)`, likewise.
        estimate: The divergence at each end, made afresh, of shape :math:`(S, *)`; ``None`` where
            it is still to be made.
        kink: What may be left to be gained at ends that are minima at kinks, with shape
            :math:`(S, *)`, NaN elsewhere; ``None`` where none was looked for.
        endless: The names of parameters along which the objective at the best end neither rises
            nor falls by much, however far they go.
        because: What else speaks for the end, in words that go on with the verdict.
    """

    theta: Tensor
    loss: Tensor
    gradient: Tensor
    steps: list[Step]
    stopped: str = ""
    proven: bool = False
    excess: Tensor | None = None
    decrement: Tensor | None = None
    signature: Tensor | None = None
    settled: str = ""
    estimate: Estimate | None = None
    kink: Tensor | None = None
    endless: tuple[str, ...] = ()
    because: str = ""

    def counted_in(self, unit: float) -> Run:
        """The same way of an objective counted in something else, of which a unit was 1."""
        return (
            self
            if unit == 1
            else replace(
                self,
                loss=self.loss * unit,
                gradient=self.gradient * unit,
                excess=None if self.excess is None else self.excess * unit,
                decrement=None if self.decrement is None else self.decrement * unit**0.5,
                kink=None if self.kink is None else self.kink * unit,
            )
        )


@runtime_checkable
class Solver(Protocol):
    """One way to move parameters."""

    @property
    def name(self) -> str:
        """What it is called in explanations."""

    def why_not(self, objective: Objective) -> str | None:
        """``None`` where it applies, else the reason in one sentence; computes nothing."""

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Moves the starts, real vectors of shape (S, *, P)."""


@dataclass
class Recorder:
    """Keeps the steps, shows progress, and ends the fit where a callback returns ``True``.

    Arguments:
        callback: Called with each step.
        progress: Whether to show a progress bar.
        check: Called with the objective at the starts; what it raises ends the fit.
        count: Called at each step: how many evaluations there were so far.
        total: How many steps there are at most, where that is known.
        unit: What counts as 1 for the solver: see :mod:`kldiv.solvers.unit`.
        stride: Every how many steps one is kept, besides the last one.
        stopped: Why it ends early, or ``""``.
        began: The reading of ``time.perf_counter`` when the fit began.
    """

    callback: Callable[[Step], object] | None = None
    progress: bool = False
    check: Callable[[Numbers], None] | None = None
    count: Callable[[], int] = int
    total: int | None = None
    unit: float = 1.0
    stride: int = 1
    stopped: str = ""
    began: float = field(default_factory=time.perf_counter)
    _bar: tqdm[Never] | None = None
    _steps: list[Step] = field(default_factory=list)
    _noted: list[tuple[float, int, Any]] = field(default_factory=list)
    _seen: Told = field(default=list)

    @property
    def steps(self) -> list[Step]:
        """The steps so far."""
        self._work_out()
        return self._steps

    @property
    def begun(self) -> bool:
        """Whether there is any step so far."""
        return bool(self._steps or self._noted)

    def _work_out(self) -> None:
        """Makes steps of the states that were noted."""
        if self._noted:
            seconds, evaluations, states = zip(*self._noted, strict=True)
            found = zip(self._seen(states), seconds, evaluations, strict=True)
            self._steps += [
                Step(index, *seen, *paid)
                for index, (seen, *paid) in enumerate(found, self._next_index())
            ]
            self._noted.clear()

    def clock(self) -> float:
        """The seconds since the fit began."""
        return time.perf_counter() - self.began

    def record(
        self,
        loss: Tensor,
        parameters: Mapping[str, Tensor],
        gradient: Tensor,
        seconds: float | None = None,
    ) -> None:
        """Takes note of one step; the first one is at the starts.

        Arguments:
            loss: The objective, with shape :math:`(S, *)`.
            parameters: The free parameters by name.
            gradient: The gradient, with shape :math:`(S, *, P)`.
            seconds: What :meth:`clock` said when it was made, where it was judged later.
        """
        steps = self.steps
        if self.check is not None and not steps:
            self.check(loss.detach())
        index = self._next_index()
        if index > 1 and (index - 1) % self.stride:
            steps.pop()
        step = Step(
            index,
            loss.detach() * self.unit,
            {name: value.detach().clone() for name, value in parameters.items()},
            torch.linalg.vector_norm(gradient.detach(), dim=-1) * self.unit,
            self.clock() if seconds is None else seconds,
            self.count(),
        )
        steps.append(step)
        self._show(step)

    def note(
        self,
        loss: Numbers,
        state: object,
        seen: Told,
        *,
        at_once: bool = False,
    ) -> None:
        """Takes note of one step as its solver has it; what it was is worked out for many at once.

        At once it is where somebody looks on.

        Arguments:
            loss: The objective, with shape :math:`(S, *)`.
            state: Whatever tells of the step, which must not change any more.
            seen: What says of several states what they were.
            at_once: Whether states are so large that none is to be kept.
        """
        noted = self.clock(), self.count(), state
        if self.check is not None and not self.begun:
            self.check(loss)
        if seen != self._seen:
            self._work_out()
            self._seen = seen
        self._noted.append(noted)
        if at_once or self.callback is not None or self._bar is not None:
            self._show(self.steps[-1])

    def _next_index(self) -> int:
        return self._steps[-1].index + 1 if self._steps else 0

    def _show(self, step: Step) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(_state(step), refresh=False)
            self._bar.update()
        if self.callback is not None and not self.stopped and _is_true(self.callback(step)):
            self.stopped = f"the callback stopped it at step {step.index}"

    def best(self) -> dict[str, Tensor]:
        """The parameters that each row had when its loss was lowest."""
        loss = torch.stack([step.loss for step in self.steps])
        row = torch.where(loss.isfinite(), loss, torch.inf).argmin(0)

        def pick(name: str) -> Tensor:
            values = torch.stack([step.parameters[name] for step in self.steps])
            index = row.reshape(1, *row.shape, *(1,) * (values.ndim - loss.ndim))
            return torch.take_along_dim(values, index, 0).squeeze(0)

        return {name: pick(name) for name in self.steps[0].parameters}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Shows progress inside the block and turns Ctrl-C into an early, honest end."""
        if self.progress:
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, unit="step", desc="fit")
        try:
            yield
        except KeyboardInterrupt:
            if not self.steps:
                raise
            self.stopped = f"it was interrupted at step {self.steps[-1].index}"
        finally:
            if self._bar is not None:
                self._bar.close()
                self._bar = None


def _is_true(answer: Any) -> bool:  # noqa: ANN401 (a callback may return anything)
    """Whether a callback said ``True``, also as numpy and torch say it of a comparison."""
    return answer is True or (getattr(answer, "shape", None) == () and answer.item() is True)


def _state(step: Step) -> str:
    """The objective and the gradient at the best start, of the problem that is worst off."""
    loss = step.loss.nan_to_num(torch.inf)
    best = loss.argmin(0, keepdim=True)
    objective = torch.take_along_dim(loss, best, 0).max()
    gradient = torch.take_along_dim(step.gradient_norm, best, 0).max()
    return f"objective {float(objective):.6g}, gradient {float(gradient):.1e}"
