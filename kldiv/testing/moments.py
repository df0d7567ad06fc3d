r"""Means of bounded functions of a target, over its draws and by its density.

Where the density can be integrated the two are compared as they are. Elsewhere Stein's identity is
held against the draws, in the coordinates :math:`y` of the whole space that lie behind the
support: for a smooth bounded :math:`g`

.. math:: \mathbb E\bigl[g(y)\,\partial_i \log p(y) + \partial_i g(y)\bigr] = 0,

which needs no normaliser. It does not see a mode without draws.

References:
    A Kernelized Stein Discrepancy for Goodness-of-fit Tests (Liu, Lee and Jordan, 2016),
    equation 2, arXiv:1602.03253.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from torch import Tensor

from kldiv.testing.law import ROUNDING, Check
from kldiv.testing.target import TargetTrial

__all__ = ["moments", "stein"]

_DEVIATIONS = 5.0


def moments(trial: TargetTrial) -> Iterator[Check]:
    """The means over draws against those that the density has."""
    centre = trial.draws.median(0).values
    dims = len(trial.thing.event_shape)

    def statistics(x: Tensor) -> tuple[Tensor, ...]:
        z = (x - centre) / trial.spread
        flat = z.flatten(-dims) if dims else z.unsqueeze(-1)
        columns = flat.unbind(-1)
        pairs = [a.tanh() * b.tanh() for a in columns for b in columns if a is not b]
        own = [f(column) for column in columns for f in (torch.tanh, torch.cos, _ripple)]
        return (*own, *pairs[: len(pairs) // 2])

    integrals, errors = trial.integrator.expectations(trial.thing, statistics)  # type: ignore[union-attr]
    mass, others = integrals[0], integrals[1:]
    drawn = torch.stack(statistics(trial.draws))
    mean, stderr = drawn.mean(1), drawn.std(1) / len(trial.draws) ** 0.5
    exact = others / mass
    slack = _DEVIATIONS * stderr + (errors[1:] + errors[0]) / mass + ROUNDING
    yield Check(
        (mean - exact).abs() <= slack,
        {"mean over draws": mean, "by the density": exact, "standard error": stderr},
        "integrals of bounded functions",
    )


def stein(trial: TargetTrial) -> Iterator[Check]:
    """Stein's identity over draws."""
    y = trial.to_support.inv(trial.draws).detach().requires_grad_()  # type: ignore[union-attr]
    dims = y.ndim - 1 - len(trial.thing.batch_shape)
    x = trial.to_support(y)  # type: ignore[misc]
    volume = trial.to_support.log_abs_det_jacobian(y, x)  # type: ignore[union-attr]
    log_density = trial.thing.log_prob(x)
    log_density = log_density + volume.reshape(*log_density.shape, -1).sum(-1)
    (score,) = torch.autograd.grad(log_density.sum(), y)
    flat, score = (
        each.detach().flatten(-dims) if dims else each.detach().unsqueeze(-1)
        for each in (y, score)
    )
    z = (flat - flat.median(0).values) / flat.std(0)
    inner = torch.eye(z.shape[-1], dtype=z.dtype) / z.cosh().square().unsqueeze(-2)
    slopes = inner / flat.std(0).unsqueeze(-1)
    terms = score.unsqueeze(-1) * z.tanh().unsqueeze(-2) + slopes
    mean, stderr = terms.mean(0), terms.std(0) / len(terms) ** 0.5
    shape = tuple(range(-2, 0)) + tuple(range(mean.ndim - 2))
    mean, stderr = (each.permute(shape) for each in (mean, stderr))
    yield Check(
        mean.abs() <= _DEVIATIONS * stderr + ROUNDING,
        {"mean that is to be 0": mean, "its standard error": stderr},
        "Stein's identity",
    )


def _ripple(z: Tensor) -> Tensor:
    return (2 * z).sin()
