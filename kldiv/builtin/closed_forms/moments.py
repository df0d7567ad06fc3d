r"""The moment rule: Kullback-Leibler divergences from an entropy and a few expectations.

.. math:: D(p \parallel q) = -H(p) - \mathbb E_p \log q

Where :math:`\log q` is a sum of simple statistics of x, nothing but their expectations under p is
needed. So each distribution states once the expectations that it knows, and each q once the
statistics that it is made of; all pairs of which the two fit together follow.

References:
    Kullback-Leibler Divergence for Two Weibull Distributions (Bauckhage, 2013), arXiv:1310.3713.
"""

from __future__ import annotations

import math

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch

from torch import Tensor
from torch.distributions import (
    Beta,
    Distribution,
    Exponential,
    Gamma,
    Gumbel,
    HalfNormal,
    InverseGamma,
    Laplace,
    LogNormal,
    Normal,
    Weibull,
)

from kldiv.builtin.closed_forms.expectations import EXPECTATIONS
from kldiv.builtin.divergences.kl import KL
from kldiv.definitions.divergence import Divergence
from kldiv.numerics import log_gamma

__all__ = ["CLOSED_FORMS", "MomentRule"]

T = TypeVar("T")

_LOG_2PI = math.log(2 * math.pi)

Term = tuple[Tensor | float, str, tuple[Tensor | float, ...]]
"""A coefficient, the name of a statistic, and the statistic's own parameters."""


def _as_gamma(k: Tensor, rate: Tensor, sign: float) -> tuple[Tensor, list[Term]]:
    """Minus the log density of a gamma variable, or of its inverse."""
    terms: list[Term] = [(1 - sign * k, "log", ()), (rate, "power", (sign,))]
    return log_gamma(k) - k * rate.log(), terms


SURPRISES: dict[type[Distribution], Callable[..., tuple[Tensor, list[Term]]]] = {
    Normal: lambda q: (
        q.scale.log() + _LOG_2PI / 2,
        [(1 / (2 * q.scale.square()), "from", (q.loc,))],
    ),
    Laplace: lambda q: ((2 * q.scale).log(), [(1 / q.scale, "distance", (q.loc,))]),
    Gumbel: lambda q: (
        q.scale.log() - q.loc / q.scale,
        [(1 / q.scale, "mean", ()), (1.0, "exponential", (-1 / q.scale, q.loc))],
    ),
    Exponential: lambda q: _as_gamma(torch.ones_like(q.rate), q.rate, 1.0),
    Gamma: lambda q: _as_gamma(q.concentration, q.rate, 1.0),
    InverseGamma: lambda q: _as_gamma(q.concentration, q.rate, -1.0),
    LogNormal: lambda q: (
        q.scale.log() + _LOG_2PI / 2,
        [(1.0, "log", ()), (1 / (2 * q.scale.square()), "log from", (q.loc,))],
    ),
    Weibull: lambda q: (
        q.concentration * q.scale.log() - q.concentration.log(),
        [
            (1 - q.concentration, "log", ()),
            (q.scale.pow(-q.concentration), "power", (q.concentration,)),
        ],
    ),
    HalfNormal: lambda q: (
        q.scale.log() + math.log(math.pi / 2) / 2,
        [(0.0, "log", ()), (1 / (2 * q.scale.square()), "from", (torch.zeros_like(q.scale),))],
    ),
    Beta: lambda q: (
        log_gamma(q.concentration1)
        + log_gamma(q.concentration0)
        - log_gamma(q.concentration1 + q.concentration0),
        [(1 - q.concentration1, "log", ()), (1 - q.concentration0, "log of rest", ())],
    ),
}
"""Minus the log density of each type: a constant, and statistics with their coefficients."""


class MomentRule:
    """The Kullback-Leibler divergences that follow from entropies and expectations."""

    def covers(self, divergence: Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether p knows the expectations of all that the log density of q is made of.

        Two of one type have forms in which nothing cancels, by the other rules.
        """
        known, surprise = _entry(EXPECTATIONS, p), _entry(SURPRISES, q)
        if type(divergence) is not KL or type(p) is type(q) or known is None or surprise is None:
            return False
        return all(name in known for _, name, _ in surprise(q)[1])

    def function(self, p: Distribution, q: Distribution, divergence: Divergence) -> Tensor:
        """The cross-entropy less the entropy."""
        known, surprise = _entry(EXPECTATIONS, p), _entry(SURPRISES, q)
        if known is None or surprise is None:
            return NotImplemented  # type: ignore[no-any-return]
        constant, terms = surprise(q)
        value = constant - p.entropy()
        for coefficient, name, parameters in terms:
            of = (torch.as_tensor(each, dtype=value.dtype) for each in parameters)
            value = value + coefficient * known[name](p, *of)
        return value

    def error_of(
        self, value: Tensor, p: Distribution, q: Distribution, divergence: Divergence
    ) -> None:
        """It is found: terms may cancel."""
        return


def _entry(table: Mapping[type[Distribution], T], distribution: Distribution) -> T | None:
    """What a table says of a distribution's type, or of the nearest one that it is a kind of."""
    return next((table[kind] for kind in type(distribution).__mro__ if kind in table), None)


CLOSED_FORMS = (MomentRule(),)
"""The rule."""
