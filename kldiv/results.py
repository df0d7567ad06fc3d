"""What a fit hands back: the member, how near it is, and the way there."""

from __future__ import annotations

import os

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Never, overload

from torch import Tensor
from torch.distributions import Distribution

from kldiv.definitions.divergence import Divergence
from kldiv.definitions.family import Family
from kldiv.definitions.target import Target
from kldiv.estimate import Estimate
from kldiv.lazy import deferred

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

__all__ = ["Fit", "History"]

_drawn = deferred("kldiv.pictures.fits:drawn")
_reduced = deferred("kldiv.loading:reduced")
_save_fit = deferred("kldiv.saving.fits:save_fit")
_html_summary = deferred("kldiv.summaries:html_summary")
_text_summary = deferred("kldiv.summaries:text_summary")


@dataclass(frozen=True, eq=False)
class History:
    r"""The way of a fit, step by step; ``T`` steps.

    Arguments:
        step: The numbers of the steps, with shape :math:`(T)`.
        loss: The objective at each step, with shape :math:`(T, *)`.
        parameters: The constrained parameters by name, each with shape
            :math:`(T, *, \text{shape})`.
        gradient_norm: The norm of the gradient, with shape :math:`(T, *)`.
        seconds: The time since :func:`kldiv.fit` was called, with shape :math:`(T)`.
        evaluations: How many log densities and gradients of the target the solver has asked for
            so far, counted as for :attr:`Fit.evaluations`, with shape :math:`(T)`; ``None`` in
            files of an older version.
    """

    step: Tensor
    loss: Tensor
    parameters: dict[str, Tensor]
    gradient_norm: Tensor
    seconds: Tensor
    evaluations: Tensor | None = None

    def __len__(self) -> int:
        return len(self.step)

    def of_start(self, number: Tensor) -> History:
        """The way of one start, its number given for each problem of the batch.

        Arguments:
            number: Numbers of starts, with the batch shape; the ways are those of all starts, with
                shape :math:`(T, S, *)`.
        """
        steps = len(self)
        single = min(int(number.max()), self.loss.shape[1] - 1) if number.ndim == 0 else None

        def of(values: Tensor) -> Tensor:
            if single is not None:
                return values[:, single]
            inner = (1,) * (values.ndim - 2 - number.ndim)
            index = number.reshape(1, 1, *number.shape, *inner)
            return values.gather(1, index.expand(steps, 1, *values.shape[2:])).squeeze(1)

        return History(
            self.step,
            of(self.loss),
            {name: of(value) for name, value in self.parameters.items()},
            of(self.gradient_norm),
            self.seconds,
            self.evaluations,
        )

    def __repr__(self) -> str:
        return f"History({len(self)} steps, {float(self.seconds[-1]):.2g} s)"


class Later:
    """An attribute that holds an estimate, or what makes it when it is first asked for."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> Never: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Estimate: ...

    def __get__(self, instance: object | None, owner: type) -> Estimate:
        if instance is None:
            raise AttributeError("it has no default")
        held: Estimate | Callable[[], Estimate] = instance.__dict__[self._name]
        found = held if isinstance(held, Estimate) else held()
        instance.__dict__[self._name] = found
        return found

    def __set__(self, instance: object, value: Estimate | Callable[[], Estimate]) -> None:
        instance.__dict__[self._name] = value


@dataclass(frozen=True, eq=False, kw_only=True)
class Fit:
    r"""A fitted member of a family, with what is known of its quality.

    It can be copied and pickled, as on its way from another process: what comes is what a file
    would hold, with tensors on the CPU, and classes and functions of yours as pickle takes them.

    Arguments:
        q: The fitted distribution.
        family: The family, its parameters at the fitted ones.
        parameters: The fitted parameters, constrained, by name.
        divergence: The divergence from the target, estimated afresh; where that takes many draws,
            when it is first asked for.
        converged: Whether the answer is a local minimum as far as its gradient and Hessian tell;
            where these are drawn anew at each step, or are a network's, whether the objective was
            seen to fall no more.
        verdict: What to make of it, in one sentence.
        optima: Every distinct local optimum that a start reached, best first; for batched targets
            a sequence of one tuple a problem. An end on level ground below all of them is none,
            and q all the same.
        history: The way of the start that won.
        paths: The ways of all starts, with shapes :math:`(T, S, *)`.
        diagnostics: What speaks for it, by name; the last four are computed when they are first
            asked for, where they make sense. ``gradient_norm``; ``newton_decrement``, an estimate
            of :math:`\sqrt{2\,(\text{value} - \text{minimum})}`; ``signature``, the signs of the
            Hessian's eigenvalues; ``gap``, how many nats a start ended lower in a place that is no
            minimum; ``excess``, how many nats it may be above the optimum because draws or
            nodes are few.
            ``natural_gradient_norm``, the gradient in units of the Fisher information;
            ``pareto_k`` and ``effective_sample_size`` of 2000 draws of q as a proposal for p;
            ``covariance``, that of the free parameters, in their order, fitted to data.
        evaluations: How many log densities and gradients of the target were evaluated, for one
            problem of a batch: also where its mass was looked for and for the final estimate.
        target: The target.
        direction: ``"forward"`` or ``"reverse"``.
        objective: The divergence that was made small.
        solver: The solver's name.
    """

    q: Distribution
    family: Family
    parameters: dict[str, Tensor]
    divergence: Later = Later()
    converged: bool
    verdict: str
    optima: Sequence[Any]
    history: History
    paths: History
    diagnostics: Mapping[str, Tensor]
    evaluations: int
    target: Target = field(repr=False)
    direction: str
    objective: Divergence
    solver: str

    def plot(self, **options: Any) -> Figure:  # noqa: ANN401 (those of plot_fit)
        """Draws target and fit, the integrand, the history and the path.

        Arguments:
            options: Those of :func:`kldiv.pictures.fits.plot_fit`.

        Raises:
            InvalidArgument: If an option is none of these.
        """
        figure: Figure = _drawn(self, "plot", options)
        return figure

    def animate(self, **options: Any) -> FuncAnimation:  # noqa: ANN401 (of animate_fit)
        """Shows the fit while it settles.

        Arguments:
            options: Those of :func:`kldiv.pictures.fits.animate_fit`.

        Raises:
            InvalidArgument: If an option is none of these.
        """
        animation: FuncAnimation = _drawn(self, "animate", options)
        return animation

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the fit to a file of tensors and JSON, which :func:`kldiv.load_fit` reads.

        The file holds no code. A target, family or divergence that is a function or a class of
        yours is described in it, to be given back when it is loaded. An older file of this name
        is replaced in one step, when the new one is whole.

        Arguments:
            path: Where to; ``.safetensors`` is the usual ending.

        Raises:
            InvalidType: If the path is none.
            InvalidFile: If it cannot be written there; it is also an ``OSError``.

        Example:
            >>> import kldiv
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     kldiv.fit("bimodal", "normal").save(f"{folder}/fit.safetensors")
            ...     kldiv.load_fit(f"{folder}/fit.safetensors").family
            normal
        """
        _save_fit(self, path)

    def __reduce__(self) -> tuple[Any, ...]:
        found: tuple[Any, ...] = _reduced(self)  # it holds functions that pickle cannot
        return found

    def __repr__(self) -> str:
        return str(_text_summary(self))

    def _repr_html_(self) -> str:
        return str(_html_summary(self))
