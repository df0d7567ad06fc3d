"""The laws of targets: what a density, its support and its draws owe one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch

from torch import Tensor

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import unwrap
from kldiv.definitions.target import Target
from kldiv.testing.law import ROUNDING, Check, Law, agree, law
from kldiv.testing.moments import moments, stein
from kldiv.testing.stencil import OFFSETS, STEP, derivative
from kldiv.testing.target import TargetTrial

__all__ = ["TARGET_LAWS"]

_SIDE = 3  # of a square of points
_CLOSE = 1e-6  # of derivatives, relatively


def _dense(target: Target) -> str | None:
    return "data have no density" if isinstance(target, SampleTarget) else None


def _drawn(target: Target) -> str | None:
    return _dense(target) or (None if target.has_sampler else "it has no sampler")


def _smooth(target: Target) -> str | None:
    return _dense(target) or ("integers" if unwrap(target.support).is_discrete else None)


def _of_data(target: Target) -> str | None:
    return None if isinstance(target, SampleTarget) else "it is no data"


@law(_drawn)
def support(trial: TargetTrial, _: object) -> Iterator[Check]:
    r"""Every draw is of the event shape and lies in the support, where :math:`p(x) > 0`."""
    x, target = trial.draws, trial.thing
    shape = (len(x), *target.batch_shape, *target.event_shape)
    if x.shape != shape:
        raise ValueError(f"the draws have shape {tuple(x.shape)}, not {shape}")
    inside = target.support.check(x)
    log_p = target.log_prob(x)
    yield Check(inside & log_p.isfinite(), {"log p(x)": log_p}, points={"x": x})


@law(_dense)
def points(trial: TargetTrial, _: object) -> Iterator[Check]:
    r"""The density at many points at once, in any shape :math:`(N, *)`, is that at each alone."""
    x = trial.points[: _SIDE**2]
    alone = torch.cat([trial.thing.log_prob(x[i : i + 1]) for i in range(len(x))])
    square = trial.thing.log_prob(x.reshape(_SIDE, _SIDE, *x.shape[1:]))
    together = square.reshape(alone.shape)
    numbers = {"log p(x) alone": alone, "among others": together}
    yield Check(agree(alone, together), numbers, points={"x": x})


@law(_dense)
def mass(trial: TargetTrial, _: object) -> Iterator[Check]:
    r""":math:`\int p = 1`, or, if p is not normalised, it is positive and finite.

    Checked on integers and in up to two dimensions.
    """
    if trial.integrator is None:
        return
    total, error = trial.integrator.mass(trial.thing)
    if trial.thing.normalized:
        holds = (total - 1).abs() <= error + 1e-7
    else:
        holds = total.isfinite() & (total > 0)
    yield Check(holds, {"mass": total, "its error": error})


@law(_drawn)
def sampler(trial: TargetTrial, _: object) -> Iterator[Check]:
    r"""The draws follow the density: :math:`\frac1N \sum_n g(x_n) = \int g\,p \big/ \int p`.

    Within 5 standard errors of 20,000 draws, for bounded functions g of each coordinate and of
    pairs; in more than two dimensions by Stein's identity.
    """
    if trial.integrator is not None:
        yield from moments(trial, trial.integrator)
    elif trial.to_support is not None:
        yield from stein(trial, trial.to_support)


@law(_drawn)
def seed(trial: TargetTrial, _: object) -> Iterator[Check]:
    r"""The same seed gives the same draws :math:`x_n`, another one others."""
    few = torch.Size([8])
    first, second, other = (
        trial.thing.sample(few, trial.seed + step).flatten() for step in (0, 0, 1)
    )
    numbers = {"a draw": first[0], "with the same seed": second[0], "with another": other[0]}
    yield Check((first == second).all(), numbers)
    wide = trial.thing.sample(torch.Size([100]), trial.seed + 1)
    varied = (wide != trial.thing.sample(torch.Size([100]), trial.seed)).any()
    yield Check(varied, numbers)


@law(_smooth)
def gradient(trial: TargetTrial, _: object) -> Iterator[Check]:
    r""":math:`\nabla \log p` is the limit of finite differences, and no derivative is NaN."""
    x = trial.points
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        value = trial.thing.log_prob(leaf)
        found: Tensor | None = None
        if value.requires_grad:
            (found,) = torch.autograd.grad(value.sum(), leaf, allow_unused=True)
    by_torch = torch.zeros_like(x) if found is None else found
    expected, doubt = _slopes(trial.thing, x, trial.spread)
    holds = (by_torch - expected).abs() <= doubt + _CLOSE * (1 + expected.abs())
    known = expected.isfinite() & doubt.isfinite()
    numbers = {"by torch": by_torch, "by differences": expected}
    yield Check(
        torch.where(known, holds, ~by_torch.isnan()), numbers, points={"x": _at(x, trial.thing)}
    )


def _at(x: Tensor, target: Target) -> Tensor:
    """The whole point beside each of its coordinates."""
    if len(target.event_shape) != 1:
        return x
    return x.unsqueeze(-2).expand(*x.shape, x.shape[-1])


def _slopes(target: Target, x: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
    r"""The derivatives of the log density by finite differences, and by how much they may be off.

    Both with the shape of the points; not finite where a difference leaves the support.
    """
    dims = len(target.event_shape)
    size = target.event_shape.numel()
    moves = torch.eye(size, dtype=x.dtype).reshape(
        size, *(1,) * (x.ndim - dims), *target.event_shape
    )
    step = STEP * spread
    values = torch.stack(
        [target.log_prob(x + offset * moves * step).detach() for offset in OFFSETS]
    )
    values = values.movedim(1, -1).reshape(len(OFFSETS), *x.shape) if dims else values[:, 0]
    return derivative(values, step, ROUNDING * (1 + values.abs().amax(0)))


@law(_of_data)
def data(trial: TargetTrial, _: object) -> Iterator[Check]:
    r"""Data are finite, and their weights :math:`w_i \geq 0` sum to 1."""
    target = cast("SampleTarget", trial.thing)
    total = target.weights.double().sum()
    whole = target.points.isfinite().all() & (target.weights >= 0).all()
    yield Check(whole & agree(total, torch.ones_like(total)), {"sum of weights": total})


TARGET_LAWS: dict[str, Law] = {
    each.name: each for each in (support, points, mass, sampler, seed, gradient, data)
}
