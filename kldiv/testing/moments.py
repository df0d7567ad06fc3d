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
from itertools import combinations

import torch

from torch import Tensor
from torch.distributions import Transform

from kldiv.estimators import Quadrature, Sum
from kldiv.testing.law import ROUNDING, Check
from kldiv.testing.target import TargetTrial

__all__ = ["moments", "stein"]

_DEVIATIONS = 5.0


def moments(trial: TargetTrial, integrator: Quadrature | Sum) -> Iterator[Check]:
    """The means over draws against those that the density has."""
    centre = trial.draws.median(0).values
    dims = len(trial.thing.event_shape)

    def statistics(x: Tensor) -> tuple[Tensor, ...]:
        z = (x - centre) / trial.spread
        flat = z.flatten(-dims) if dims else z.unsqueeze(-1)
        columns = flat.unbind(-1)
        pairs = [a.tanh() * b.tanh() for a, b in combinations(columns, 2)]
        own = [f(column) for column in columns for f in (torch.tanh, torch.cos, _ripple)]
        return (*own, *pairs)

    integrals, errors = integrator.expectations(trial.thing, statistics)
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


def stein(trial: TargetTrial, to_support: Transform) -> Iterator[Check]:
    """Stein's identity over draws."""
    y = to_support.inv(trial.draws).detach()
    flat, score = (
        each.flatten(1 + len(trial.thing.batch_shape))
        for each in (y, _score(trial, to_support, y))
    )
    z = (flat - flat.median(0).values) / flat.std(0)
    inner = torch.eye(z.shape[-1], dtype=z.dtype) / z.cosh().square().unsqueeze(-2)
    slopes = inner / flat.std(0).unsqueeze(-1)
    terms = score.unsqueeze(-1) * z.tanh().unsqueeze(-2) + slopes
    mean, stderr = terms.mean(0), terms.std(0) / len(terms) ** 0.5
    mean, stderr = (each.movedim((-2, -1), (0, 1)) for each in (mean, stderr))
    yield Check(
        mean.abs() <= _DEVIATIONS * stderr + ROUNDING,
        {"mean that is to be 0": mean, "its standard error": stderr},
        "Stein's identity",
    )


def _score(trial: TargetTrial, to_support: Transform, y: Tensor) -> Tensor:
    """The gradient of the log density of the draws in the whole space."""
    leaf = y.clone().requires_grad_()
    x = to_support(leaf)
    log_p = trial.thing.log_prob(x)
    volume = to_support.log_abs_det_jacobian(leaf, x).reshape(*log_p.shape, -1).sum(-1)
    (score,) = torch.autograd.grad((log_p + volume).sum(), leaf)
    return score


def _ripple(z: Tensor) -> Tensor:
    return (2 * z).sin()
