"""Gradient descent by any torch optimizer: the loop that people write by hand."""

from __future__ import annotations

from typing import Any

import torch

from torch import Tensor

from kldiv.errors import InvalidArgument, InvalidType, KldivError
from kldiv.solvers.held_out import held_out
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Recorder, Run
from kldiv.solvers.settling import Settling

__all__ = ["Descent"]

_STEPS = 10_000
_SHOWN = 100  # parameters of a module of which every step is kept


class Descent:
    r"""Gradient descent by a torch optimizer, step by step as a loop written by hand.

    By default the optimizer moves the parameters by the names they have, ``loc`` and ``scale``
    say, as such a loop would, and all of the given steps are taken. A step out of a parameter's
    domain ends the fit. With ``unconstrained=True`` it moves the real numbers behind them, which
    have no domain to leave.

    Arguments:
        optimizer: A class of ``torch.optim``.
        steps: How many steps; where omitted, at most 10 000, and the fit ends where the gradient
            has vanished. An objective that is drawn anew at each step, or is a module's, ends
            where it no longer falls though its rate ``lr`` was made smaller several times. Of data
            that a network is fitted to a fifth is held out, and judges when that is.
        unconstrained: Whether the real numbers behind the parameters are moved.
        options: The optimizer's own, such as ``lr=1e-3``.

    Raises:
        InvalidType: If ``optimizer`` is no class of optimizers.
        InvalidArgument: If ``steps`` is not positive, or an option is not the optimizer's.

    Example:
        >>> import kldiv
        >>> import torch
        >>> kldiv.Descent(torch.optim.Adam, lr=1e-3, steps=10_000)
        Descent(Adam, steps=10000, lr=0.001)
    """

    name = "descent"

    def __init__(
        self,
        optimizer: type[torch.optim.Optimizer] = torch.optim.Adam,
        *,
        steps: int | None = None,
        unconstrained: bool = False,
        **options: Any,  # noqa: ANN401 (the optimizer's own)
    ) -> None:
        if not (isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)):
            raise InvalidType(
                "optimizer must be a class of torch.optim, such as torch.optim.Adam, "
                f"got {optimizer!r}"
            )
        if steps is not None and steps < 1:
            raise InvalidArgument(f"steps must be positive, got {steps}")
        self.optimizer, self.steps, self.unconstrained, self.options = (
            optimizer,
            steps,
            unconstrained,
            options,
        )
        try:
            optimizer([torch.zeros(1, requires_grad=True)], **options)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(
                f"{optimizer.__name__} does not take {options}: {error}"
            ) from error

    def why_not(self, objective: Objective) -> str | None:
        """Any objective with a gradient."""
        return None

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """Takes the steps, all starts at once; if cut short, the best of them is the end."""
        moved = _Moved(objective, starts, real=self.unconstrained)
        recorder.total = self.steps or _STEPS
        if not objective.family.batched:
            recorder.stride = 1 + starts.shape[-1] // _SHOWN
        end, settled = None, ""
        with recorder.watching():
            try:
                settled = self._descend(moved, recorder)
            except ValueError as error:  # torch refuses parameters out of their domain
                if isinstance(error, KldivError) or not recorder.steps:
                    raise
                recorder.stopped = _left(recorder, "the parameters out of their domain")
                moved.put(recorder.best())
            end = moved.end()
            recorder.record(end[1], moved.named(), end[2])
        if recorder.stopped and not objective.stochastic:
            moved.put(recorder.best())
            end = moved.end()
        theta, loss, gradient = end or moved.end()
        return Run(theta, loss, gradient, recorder.steps, recorder.stopped, settled=settled)

    def _descend(self, moved: _Moved, recorder: Recorder) -> str:
        """Takes the steps, and returns what fell no more, or ``""``."""
        optimizer = self.optimizer(list(moved.variables.values()), **self.options)
        watch = self._watch(moved, optimizer)
        evaluates_once = not issubclass(self.optimizer, torch.optim.LBFGS)

        def closure() -> float:
            optimizer.zero_grad()
            loss = moved.loss(watch.objective() if watch else moved.objective)
            loss.sum().backward()
            recorder.record(loss, moved.named(), moved.gradient())
            return float(loss.detach().sum())

        for _ in range(self.steps or _STEPS):
            before = {name: value.clone() for name, value in moved.named().items()}
            if evaluates_once:
                closure()
                optimizer.step()
            else:
                optimizer.step(closure)
            outside = moved.outside()
            if outside is not None:
                moved.put(before)
                recorder.stopped = _left(recorder, outside)
            if recorder.stopped or self._vanished(recorder) or self._stands(moved, before):
                return ""
            if watch and watch.over(recorder.steps[-1].loss):
                return watch.end()
        return ""

    def _vanished(self, recorder: Recorder) -> bool:
        return self.steps is None and bool((recorder.steps[-1].gradient_norm < 1e-8).all())

    def _stands(self, moved: _Moved, before: dict[str, Tensor]) -> bool:
        """Whether the optimizer has ended by its own tolerances: no later step differs."""
        if self.steps is not None or moved.objective.stochastic:
            return False
        return all(torch.equal(value, before[name]) for name, value in moved.named().items())

    def _watch(self, moved: _Moved, optimizer: torch.optim.Optimizer) -> _Watch | None:
        """What sees that noise, or a network, leaves nothing more to be gained."""
        if self.steps is None and (
            moved.objective.stochastic or not moved.objective.family.batched
        ):
            return _Watch(moved, optimizer)
        return None

    def __repr__(self) -> str:
        shown = [self.optimizer.__name__]
        shown += [f"steps={self.steps}"] if self.steps else []
        shown += ["unconstrained=True"] if self.unconstrained else []
        shown += [f"{name}={value!r}" for name, value in self.options.items()]
        return f"Descent({', '.join(shown)})"


def _left(recorder: Recorder, what: str) -> str:
    """Why a fit ends whose last step was too long."""
    step = recorder.steps[-1].index + 1
    return f"step {step} took {what}; a smaller lr or unconstrained=True avoids that"


class _Watch:
    """Sees when an objective falls no more; that of data held out, where a network learns data."""

    def __init__(self, moved: _Moved, optimizer: torch.optim.Optimizer) -> None:
        self.moved, self.parts = moved, held_out(moved.objective)
        self.settling = Settling(optimizer.param_groups)
        self.kept: dict[str, Tensor] | None = None

    def objective(self) -> Objective:
        """What the next step makes smaller."""
        return self.parts.objective() if self.parts else self.moved.objective

    def over(self, loss: Tensor) -> bool:
        """Whether the descent has settled, given the loss before the last step."""
        if self.parts is None:
            return self.settling.look(loss)
        before = self.settling.best
        settled = self.settling.look(self.parts.judge(self.moved.theta()))
        if self.settling.best != before:
            self.kept = {name: value.clone() for name, value in self.moved.named().items()}
        return settled

    def end(self) -> str:
        """Takes the parameters that were kept, if any were; what it was that fell no more."""
        if self.kept is None:
            return "the objective"
        self.moved.put(self.kept)
        return "the loss on the fifth of the data held out"


class _Moved:
    """What the optimizer moves: the parameters, or the real vectors behind them."""

    def __init__(self, objective: Objective, starts: Tensor, *, real: bool) -> None:
        self.objective, self.batch, self.real = objective, starts.shape[:-1], real
        self.space = objective.family.space
        values = {"theta": starts} if real else self.space.constrain(starts)
        self.variables = {
            name: value.detach().clone().requires_grad_() for name, value in values.items()
        }

    def loss(self, objective: Objective) -> Tensor:
        """An objective, with its graph."""
        if self.real:
            return objective(self.variables["theta"])
        return objective.of_parameters(self.variables, self.batch)

    def gradient(self) -> Tensor:
        """The gradients of all variables, side by side."""
        gradients = [
            torch.zeros_like(value) if value.grad is None else value.grad
            for value in self.variables.values()
        ]
        return torch.cat([each.reshape((*self.batch, -1)) for each in gradients], -1)

    def named(self) -> dict[str, Tensor]:
        """The parameters, constrained, without a graph."""
        values = {name: value.detach() for name, value in self.variables.items()}
        return self.space.constrain(values["theta"]) if self.real else values

    def put(self, named: dict[str, Tensor]) -> None:
        """Sets the variables to given parameters."""
        values = {"theta": self.space.unconstrain(named, check=False)} if self.real else named
        with torch.no_grad():
            for name, value in values.items():
                self.variables[name].copy_(value)

    def outside(self) -> str | None:
        """Which parameter has left which domain; none behind real vectors can."""
        if self.real:
            return None
        for name, parameter in self.space.parameters.items():
            value = self.variables[name].detach()
            if not (value.isfinite().all() and parameter.constraint.check(value).all()):
                return f"{name} out of {parameter.constraint}"
        return None

    def end(self) -> tuple[Tensor, Tensor, Tensor]:
        """The real vectors, with the objective and its gradient there."""
        theta = self.theta()
        return theta, *self.objective.value_and_gradient(theta)

    def theta(self) -> Tensor:
        """The real vectors."""
        if self.real:
            return self.variables["theta"].detach()
        return self.space.unconstrain(self.named(), check=False)
