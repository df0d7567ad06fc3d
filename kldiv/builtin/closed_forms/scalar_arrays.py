r"""The Kullback-Leibler divergence of many pairs of scalars, in blocks that stay in the cache.

With :math:`s = (a - b) / b` each is made of the remainder
:math:`s - \log(1 + s) \geq 0` of a ratio :math:`a / b = 1 + s` of two positive parameters, and of
other terms that are not negative, so that nothing cancels where the two are close.
"""

from __future__ import annotations

import math

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.blocks import Array, arrays_of
from kldiv.builtin.closed_forms.normal_scalars import remainder
from kldiv.closed_form import ArrayRule, ClosedForm
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.log_probability import was_given_probs
from kldiv.definitions.numbers import broadcast

__all__ = [
    "ArrayForm",
    "bernoulli",
    "bernoulli_of_logits",
    "binomial",
    "cauchy",
    "excess",
    "exponential",
    "geometric",
    "half_normal",
    "kl_of_arrays",
    "laplace",
    "log_ratio",
    "pareto",
    "poisson",
    "uniform",
]

_STEP = 14 << 10  # numbers of one side in a block: in arrays too small to be given back when freed
_CLOSE = 0.5  # to 1, where the logarithm of a ratio would lose digits
_NEAR = 2e-4  # the excess of an exponential within 0.02 of 1, where the series has these terms
_NEAR_IN_SINGLE = 1e-11  # as far as single precision needs a series
_SERIES = tuple(1 / math.factorial(k) for k in range(2, 9))


@dataclass(frozen=True, kw_only=True)
class ArrayForm(ClosedForm, ArrayRule):
    """A closed form with a formula of its own for arrays.

    Arguments:
        names: The parameters that the formula takes, first those of p, then those of q.
        formula: The divergence from arrays of one length in float64, and whether the digits of
            single precision suffice; NaN where it has no number.
        cancels: The error of what cancels in the formula, from the same arrays, if anything does.
    """

    names: tuple[str, ...]
    formula: Callable[..., Array]
    cancels: Callable[..., Array] | None = None

    def of_arrays(
        self, p: Distribution, q: Distribution, divergence: Divergence
    ) -> tuple[Tensor, Tensor] | None:
        """The divergences, where both are of this very type and were given these parameters."""
        if type(p) is not self.type_p or type(q) is not self.type_q:
            return None
        if "probs" in self.names and not (was_given_probs(p) and was_given_probs(q)):
            return None
        sides = [getattr(side, name) for side in (p, q) for name in self.names]
        rounding = self.rounding or 0.0
        return kl_of_arrays(self.formula, sides, rounding, p.event_shape, self.cancels)


def kl_of_arrays(
    formula: Callable[..., Array],
    parameters: Sequence[Tensor],
    rounding: float,
    event: tuple[int, ...] = (),
    cancels: Callable[..., Array] | None = None,
) -> tuple[Tensor, Tensor] | None:
    """The divergences in the precision of the parameters, and their errors.

    Arguments:
        formula: From parameters in float64 to divergences.
        parameters: Those of p, then those of q.
        rounding: The relative error of the formula.
        event: The last dimensions of the parameters, over which the formula sums.
        cancels: The error of what cancels in the formula.

    Returns:
        Both with the shape that the parameters broadcast to, in float64 where their precision
        does not hold a value; ``None`` where the ordinary way is the right one.
    """
    arrays = arrays_of(parameters)
    if arrays is None:
        return None
    shape = broadcast(parameters[0].shape, parameters[-1].shape)
    columns = [
        (each if each.shape == shape else np.broadcast_to(each, shape)).reshape(-1, *event)
        for each in arrays
    ]
    found = _in_blocks(formula, cancels, columns, columns[0].dtype)
    if found is None and columns[0].dtype != np.float64:
        found = _in_blocks(formula, cancels, columns, np.dtype(np.float64))
    if found is None:
        return None
    value, error = found
    eps = float(np.finfo(value.dtype).eps)
    relative = value.dtype.type(rounding if eps < rounding else rounding + eps)
    if cancels is None:
        np.multiply(value, relative, out=error)
    else:
        error += relative * value
    batch = shape[: len(shape) - len(event)]
    return torch.from_numpy(value).reshape(batch), torch.from_numpy(error).reshape(batch)


def _in_blocks(
    formula: Callable[..., Array],
    cancels: Callable[..., Array] | None,
    columns: Sequence[Array],
    dtype: np.dtype[Any],
) -> tuple[Array, Array] | None:
    """The divergences in a precision, and the errors of what cancels, or memory for errors.

    Both in one piece, as that costs less. ``None`` where the precision has no number for one.
    """
    value, error = np.empty((2, len(columns[0])), dtype)
    single = dtype == np.float32
    step = max(1, 2 * _STEP * len(value) // sum(each.size for each in columns))
    with np.errstate(all="ignore"):
        for start in range(0, len(value), step):
            some = slice(start, start + step)
            block = [each[some].astype(np.float64, copy=False) for each in columns]
            if not _holds(value[some], formula(*block, single=single)):
                return None
            if cancels is not None:
                error[some] = cancels(*block)
    return value, error


def _holds(value: Array, found: Array) -> bool:
    """Writes divergences in their precision; whether that has numbers for them all."""
    np.copyto(value, found, casting="same_kind")
    if math.isfinite(value.sum()):
        return True
    return not np.isnan(found).any() and bool((np.isinf(value) == np.isinf(found)).all())


def exponential(rate: Array, other: Array, *, single: bool = False) -> Array:
    """That of the ratio of the rates."""
    return _of_ratio(other, rate, single=single)


def poisson(rate: Array, other: Array, *, single: bool = False) -> Array:
    """As many times that of the ratio as p expects."""
    return rate * _of_ratio(other, rate, single=single)


def half_normal(scale: Array, other: Array, *, single: bool = False) -> Array:
    """Half of that of the ratio of the variances."""
    share = (scale - other) / other
    share *= share
    share *= 0.5
    share += _of_ratio(scale, other, single=single)
    return share


def bernoulli(probs: Array, other: Array, *, single: bool = False) -> Array:
    """Those of two rates, of success and of failure."""
    return _of_trial(probs, 1 - probs, other, 1 - other, probs - other, single=single)


def bernoulli_of_logits(logit: Array, other: Array, *, single: bool = False) -> Array:
    """The same, of which neither rate is had as 1 less the other."""
    (success, failure), (own, rest) = map(_of_logit, (logit, other))
    gap = np.expm1(logit - other)
    gap *= own
    gap *= failure
    return _of_trial(success, failure, own, rest, gap, single=single)


def binomial(count: Array, probs: Array, _: Array, other: Array, *, single: bool = False) -> Array:
    """That of one trial, times how many there are."""
    return count * bernoulli(probs, other, single=single)


def _of_trial(
    success: Array, failure: Array, own: Array, rest: Array, gap: Array, *, single: bool
) -> Array:
    """By the probabilities under p and under q, and what success under p is likelier by."""
    lost = remainder(rest, failure, np.empty_like(gap), gap, single=single)
    lost *= failure
    np.negative(gap, out=gap)
    found = remainder(own, success, np.empty_like(gap), gap, single=single)
    found *= success
    found += lost
    return found


def _of_logit(logit: Array) -> tuple[Array, Array]:
    """The probabilities of success and of failure."""
    odds = np.exp(logit)
    failure = 1 / (1 + odds)
    odds *= failure
    return odds, failure


def geometric(probs: Array, other: Array, *, single: bool = False) -> Array:
    """That of one trial, times how many are expected."""
    return bernoulli(probs, other, single=single) / probs


def laplace(loc: Array, scale: Array, other: Array, unit: Array, *, single: bool = False) -> Array:
    """That of the ratio of the scales, and the excess of an exponential of the distance."""
    shift = np.abs(loc - other)
    shift /= scale
    np.negative(shift, out=shift)
    found: Array = _of_ratio(scale, unit, single=single)
    found += scale / unit * excess(shift, single=single)
    return found


def cauchy(loc: Array, scale: Array, other: Array, unit: Array, **_: bool) -> Array:
    """One logarithm."""
    gap, shift = scale - unit, loc - other
    gap *= gap
    shift *= shift
    gap += shift
    gap /= 4 * scale
    gap /= unit
    found: Array = np.log1p(gap, out=gap)
    return found


def pareto(
    scale: Array, alpha: Array, other: Array, shape: Array, *, single: bool = False
) -> Array:
    """That of the ratio of the shapes, and what lies between the beginnings."""
    found: Array = _of_ratio(shape, alpha, single=single)
    found += shape * np.log1p((scale - other) / other)
    np.copyto(found, np.inf, where=scale < other)
    return found


def uniform(low: Array, high: Array, other_low: Array, other_high: Array, **_: bool) -> Array:
    """The logarithm of the ratio of the widths."""
    below, above = low - other_low, other_high - high
    found: Array = np.log1p((below + above) / (high - low))
    np.copyto(found, np.inf, where=np.minimum(below, above) < 0)
    return found


def log_ratio(own: Array, other: Array) -> Array:
    """The logarithm of a ratio, also of one near 1."""
    share = own - other
    share /= other
    low = np.flatnonzero(share < -_CLOSE)
    found: Array = np.log1p(share, out=share)
    found.put(low, np.log(own.take(low) / other.take(low)))
    return found


def excess(x: Array, *, single: bool) -> Array:
    r""":math:`e^x - 1 - x` to full relative precision."""
    found: Array = np.expm1(x)
    found -= x
    near = np.flatnonzero(found < (_NEAR_IN_SINGLE if single else _NEAR))
    if near.size:
        close = x.take(near)
        series = _SERIES[-1] * close
        for coefficient in _SERIES[-2::-1]:
            series += coefficient
            series *= close
        series *= close
        found.put(near, series)
    return found


def _of_ratio(own: Array, other: Array, *, single: bool) -> Array:
    return remainder(own, other, np.empty_like(own), single=single)
