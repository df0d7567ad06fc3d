"""Laws of estimates: of several estimators, of derivatives, of batches and of precision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import torch

from torch import Tensor

from kldiv.definitions.sample_divergence import DrawnDivergence
from kldiv.errors import ShapeMismatch
from kldiv.estimate import Estimate
from kldiv.estimators import Problem
from kldiv.estimators.two_samples.drawing import independent, lots
from kldiv.estimators.two_samples.lots import Lot
from kldiv.resolving import as_target
from kldiv.testing.derivatives import differences, with_gradient
from kldiv.testing.law import Check, Subject, agree, law, scatter
from kldiv.testing.pair import Pair, Side

__all__ = ["agreement", "batch", "gradient", "precision"]

_CLOSE = 1e-5  # of the derivatives, and of the values in float32, relatively
_REPEATS = 16
_FEW = 30  # points
_DEVIATIONS = 5.0
_EPS = torch.finfo(torch.float64).eps
_CHANGES = (1e-3, 1e-4)  # of the way from p to q
_NODES, _WEIGHTS = (torch.as_tensor(each) / 2 for each in np.polynomial.legendre.leggauss(4))
_NODES = _NODES + 0.5


@law()
def agreement(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""All estimators give the same value, each within its error; Monte Carlo where it is sure.

    Monte Carlo takes part where :math:`p / q` is bounded both ways, so that variances are finite.
    """
    p, q = pair.members()
    names = [name for name in subject.estimators(p, q) if pair.bounded or name != "monte_carlo"]
    found = {name: subject.of(p, q, name) for name in names if len(names) > 1}
    for (one, first), (two, second) in combinations(found.items(), 2):
        holds = agree(first.value, second.value, scatter(first) + scatter(second))
        yield Check(holds, {one: first.value, two: second.value}, f"{one}, {two}")


def _interior(pair: Pair) -> bool:
    return pair.interior


@law(takes=_interior)
def gradient(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""The gradient in the parameters of p and of q is that of the value.

    .. math:: \frac{\partial D}{\partial \theta}
        \approx \frac{D(\theta - 2h) - 8 D(\theta - h) + 8 D(\theta + h) - D(\theta + 2h)}{12 h}

    It may be off by the square root of the value's error: a kink within a cell of width w costs
    :math:`w^2` of the value and w of the gradient. Monte Carlo's gradient must be right in
    expectation, which is judged by its mean over repeats.
    """
    certain = subject.certain_estimators(*pair.members())
    for estimator in certain:
        found = with_gradient(subject, pair, estimator)
        expected, room = differences(subject, pair, estimator)
        room = room + found.slack.sqrt().unsqueeze(-1) + _CLOSE * expected.abs()
        unknown = ~expected.isfinite() & ~found.gradient.isnan()  # infinite here or close by
        holds = agree(found.gradient, expected, room) | unknown
        numbers = {"by torch": found.gradient.mT, "by differences": expected.mT}
        yield Check(holds.mT, numbers, estimator)
    if certain and pair.bounded and "monte_carlo" in subject.estimators(*pair.members()):
        yield _in_expectation(subject, pair, certain[-1])


def _in_expectation(subject: Subject, pair: Pair, certain: str) -> Check:
    """Whether the mean gradient over independent repeats is that of a certain estimator."""
    exact = with_gradient(subject, pair, certain).gradient
    many = replace(pair, p=_repeated(pair.p), q=_repeated(pair.q))
    drawn = with_gradient(subject, many, "monte_carlo").gradient.reshape(_REPEATS, *exact.shape)
    spread = drawn.std(0) / _REPEATS**0.5
    holds = agree(drawn.mean(0), exact, _DEVIATIONS * spread + 1e-3 * exact.abs())
    numbers = {"mean by torch": drawn.mean(0).mT, f"by {certain}": exact.mT}
    return Check(holds.mT, numbers, "monte_carlo")


def _repeated(side: Side) -> Side:
    repeats = {
        name: value.repeat(_REPEATS, *(1,) * (value.ndim - 1))
        for name, value in side.parameters.items()
    }
    return Side(side.make, **repeats)


def _of_one_kind(pair: Pair) -> bool:
    return pair.interior and pair.alike


def _several(pair: Pair) -> bool:
    return len(pair) > 1


@law(takes=_several)
def batch(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""Each element of a batch is the divergence of that element, whatever the batch shape.

    All p are paired with all q, :math:`(B, 1) \times (B) \to (B, B)`, and compared with pairs that
    are taken alone and with pairs in a row; two of each where the divergence is defined on
    samples, which are compared one by one. Of ``weightings`` of samples, each has the value of
    the points that it leaves.
    """
    if isinstance(subject.divergence, DrawnDivergence):
        pair = pair.first(2)
        if subject.divergence.weightings:
            yield _weighed(subject, subject.divergence, pair)
    tall = {name: value.unsqueeze(1) for name, value in pair.p.parameters.items()}
    whole = subject.of(pair.p.members(tall), pair.q.members())
    size = len(pair)
    if whole.value.shape != (size, size):
        raise ShapeMismatch(
            f"{size} p in a column and {size} q in a row give a value of shape "
            f"{tuple(whole.value.shape)}; integrands must keep the shape of the log densities"
        )
    rows = torch.arange(size)
    yield _same(whole, (rows, rows), subject.on(pair), "in a row")
    shifted = replace(pair, q=pair.q.rolled())
    yield _same(whole, (rows, (rows + 1) % size), subject.on(shifted), "in a row")
    alone = subject.of(pair.p.members(pair.p.at(0)), pair.q.members(pair.q.at(0)))
    yield _same(whole, (rows[:1], 0), alone, "alone")


def _same(whole: Estimate, place: tuple[Any, Any], other: Estimate, name: str) -> Check:
    """Whether a part of a table is what was computed otherwise."""
    value, slack = whole.value[place], scatter(whole)[place] + scatter(other)
    return Check(agree(value, other.value, slack), {"in a table": value, name: other.value})


def _weighed(subject: Subject, divergence: DrawnDivergence, pair: Pair) -> Check:
    """Whether samples of which points are left out are told apart as the samples of the rest."""
    p, q = (as_target(side, "") for side in pair.members())
    samples = lots(Problem(divergence, p, q, subject.seed), _FEW, independent)[0]
    compare: Callable[..., Tensor] = divergence.compare  # type: ignore[attr-defined]
    left = [torch.arange(lot.units) % torch.tensor([[2], [3]]) > 0 for lot in samples]
    together = [lot.weighed(each) for lot, each in zip(samples, left, strict=True)]
    parts = (
        [lot.part(each) for lot, each in zip(samples, row, strict=True)]
        for row in zip(*left, strict=True)
    )
    at_once = compare(*_arguments(together))
    alone = torch.stack([compare(*_arguments(each)) for each in parts])
    holds = agree(at_once, alone, _CLOSE * alone.abs())
    return Check(holds, {"at once": at_once, "alone": alone}, "samples")


def _arguments(lots: Iterable[Lot]) -> Iterator[Tensor]:
    """What samples are to a divergence of them."""
    return (argument for lot in lots for argument in lot.arguments)


@law(takes=_of_one_kind)
def precision(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""Close distributions keep their digits: the value is the integral of its derivative.

    For q a small part of the way from p, whose parameters are :math:`\theta`, to the pair's q,

    .. math:: D(p_\theta \parallel p_{\theta + \delta})
        = \int_0^1 \frac{\partial}{\partial t} D(p_\theta \parallel p_{\theta + t\delta})\,dt

    The derivative does not cancel where the value does. For parameters in float32 and in float64
    value and integral (by Gauss and Legendre's rule) agree to a relative 1e-5, and the
    value is not negative.
    """
    for dtype in (torch.float64, torch.float32):
        p, q = _close(pair, dtype)
        if not (_keeps(pair.p, p, dtype) and _keeps(pair.q, q, dtype)):
            continue
        every = subject.certain_estimators(*pair.members())
        if dtype is torch.float32:
            every = ["auto"] if every else []
        for estimator in every:
            value = subject.of(pair.p.members(p, dtype), pair.q.members(q, dtype), estimator).value
            integral = _along_the_way(subject, pair, p, q, estimator)
            close = (value - integral).abs() <= _CLOSE * integral.abs().clamp_min(_EPS)
            holds = close | value.isposinf()
            numbers = {"D(p‖q), q close": value, "integral of its derivative": integral}
            yield Check(holds, numbers, f"{estimator}, {dtype}")


def _keeps(side: Side, leaves: dict[str, Tensor], dtype: torch.dtype) -> bool:
    """Whether distributions hold their parameters as given, not rounded once more."""
    if dtype is torch.float64:
        return True
    held = side.members(leaves, dtype)
    return all(
        isinstance(own := getattr(held, name, None), Tensor) and torch.equal(own.double(), given)
        for name, given in leaves.items()
    )


def _close(pair: Pair, dtype: torch.dtype) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    r"""Parameters of p and of q's close by, rounded, each with shape :math:`(C, B, \dots)`."""
    p, q = {}, {}
    for name, start in pair.p.parameters.items():
        part = torch.tensor(_CHANGES, dtype=torch.float64).reshape(-1, *(1,) * start.ndim)
        near = start + part * (pair.q.parameters[name] - start)
        p[name] = start.expand(near.shape).to(dtype).double()
        q[name] = near.to(dtype).double()
    return p, q


def _along_the_way(
    subject: Subject, pair: Pair, p: dict[str, Tensor], q: dict[str, Tensor], estimator: str
) -> Tensor:
    """The integral of the derivative from p to q."""
    shape = (len(_NODES), len(_CHANGES), len(pair))
    t = _NODES.reshape(-1, 1, 1).expand(shape).clone().requires_grad_()
    at_t = {
        name: start + t.reshape(*shape, *(1,) * (start.ndim - 2)) * (q[name] - start)
        for name, start in p.items()
    }
    value = subject.of(pair.p.members(p), pair.q.members(at_t), estimator).value
    if not value.requires_grad:
        return torch.zeros(shape[1:], dtype=torch.float64)
    (slope,) = torch.autograd.grad(value.sum(), t)
    return torch.einsum("n,ncb->cb", _WEIGHTS, slope)
