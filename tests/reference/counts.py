"""Families on the integers in mpmath: log probability, support, where to sum, and the tail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mpmath import mp, mpf

from tests.reference.family import Terms


@dataclass(frozen=True)
class Counts:
    """One distribution on the integers from 0 on.

    Arguments:
        log_probability: Of k, for every k that it holds.
        values: The values of finite support that have probability, else ``None``.
        far: A number beyond its bulk.
        at_high: What the log probability is like for large k, as in `densities`; ``("ylogy",)``
            is the coefficient of k log k.
    """

    log_probability: Callable[[int], mpf]
    values: frozenset[int] | None
    far: int
    at_high: Terms = field(default_factory=dict)

    def holds(self, k: int) -> bool:
        """Whether k has probability."""
        return k >= 0 if self.values is None else k in self.values


def poisson(rate):
    log_rate = mp.log(rate)
    return Counts(
        lambda k: k * log_rate - rate - mp.loggamma(k + 1),
        None,
        int(rate + 12 * mp.sqrt(rate) + 20),
        {
            ("ylogy",): mpf(-1),
            ("power", mpf(1)): 1 + log_rate,
            ("log",): -mpf(1) / 2,
        },
    )


def geometric(probs):
    step, first = mp.log1p(-probs), mp.log(probs)
    return Counts(lambda k: first + k * step, None, int(5 / probs + 5), {("power", mpf(1)): step})


def negative_binomial(total_count, probs):
    r, step = total_count, mp.log(probs)
    constant = r * mp.log1p(-probs) - mp.loggamma(r)
    mean = r * probs / (1 - probs)
    return Counts(
        lambda k: constant + mp.loggamma(k + r) - mp.loggamma(k + 1) + k * step,
        None,
        int(mean + 12 * mp.sqrt(mean / (1 - probs)) + 20),
        {("power", mpf(1)): step, ("log",): r - 1},
    )


def binomial(total_count, probs):
    n = int(total_count)
    if probs in (0, 1):
        return Counts(lambda k: mpf(0), frozenset({n * int(probs)}), n)
    success, failure = mp.log(probs), mp.log1p(-probs)
    constant = mp.loggamma(n + 1)
    return Counts(
        lambda k: (
            constant
            - mp.loggamma(k + 1)
            - mp.loggamma(n - k + 1)
            + k * success
            + (n - k) * failure
        ),
        frozenset(range(n + 1)),
        n,
    )


def bernoulli(probs):
    return binomial(mpf(1), probs)


def categorical(probs):
    logs = [mp.log(each / sum(probs)) if each else None for each in probs]
    held = frozenset(k for k, each in enumerate(logs) if each is not None)
    return Counts(lambda k: logs[k], held, len(logs) - 1)


COUNTS: dict[str, Callable[..., Counts]] = {
    "Poisson": poisson,
    "Geometric": geometric,
    "NegativeBinomial": negative_binomial,
    "Binomial": binomial,
    "Bernoulli": bernoulli,
    "Categorical": categorical,
}
