r"""Two rules that make a problem smaller before it is computed.

*Invariance*: where p and q are the images of two simpler distributions under one bijection,
:math:`D(g(p) \parallel g(q)) = D(p \parallel q)` for every divergence that claims it.

*Additivity*: where both have independent parts, an additive divergence is the sum of those of the
parts, and so is every function of one,

.. math:: D\Bigl(\prod_i p_i \parallel \prod_i q_i\Bigr)
    = \varphi\Bigl(\sum_i D'(p_i \parallel q_i)\Bigr).

References:
    Rényi Divergence and Kullback-Leibler Divergence (van Erven and Harremoës, 2014), theorem 28,
    arXiv:1206.2459.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from torch import Tensor
from torch.distributions import Distribution, Independent, TransformedDistribution

from kldiv.definitions.divergence import Divergence, OfAdditive
from kldiv.definitions.target import DistributionTarget
from kldiv.estimate import Estimate
from kldiv.estimators.problem import Problem

__all__ = ["Reduction", "reduction_of"]


@dataclass(frozen=True)
class Reduction:
    """A smaller problem, and how its estimate becomes that of the whole.

    Arguments:
        rule: The rule, in words.
        problem: The smaller problem.
        restore: From the smaller problem's estimate to the estimate asked for.
    """

    rule: str
    problem: Problem
    restore: Callable[[Estimate], Estimate]


def reduction_of(problem: Problem) -> Reduction | None:
    """The problem made smaller by a rule; ``None`` where none applies."""
    p, q = problem.p.given, problem.q.given
    if isinstance(p, TransformedDistribution) and isinstance(q, TransformedDistribution):
        return _of_bases(problem, p, q)  # in their own precision: no number of them changes
    p, q = problem.p.distribution, problem.q.distribution
    if isinstance(p, Independent) and isinstance(q, Independent):
        return _of_parts(problem, p, q)
    return None


def _of_bases(
    problem: Problem, p: TransformedDistribution, q: TransformedDistribution
) -> Reduction | None:
    bijective = all(transform.bijective for transform in p.transforms)
    if not (problem.divergence.invariant and bijective and p.transforms == q.transforms):
        return None
    smaller = _between(problem, problem.divergence, p.base_dist, q.base_dist)
    return Reduction("a shared bijection", smaller, lambda estimate: estimate)


def _of_parts(problem: Problem, p: Independent[Any], q: Independent[Any]) -> Reduction | None:
    dims = p.reinterpreted_batch_ndims
    if dims != q.reinterpreted_batch_ndims:
        return None
    form = problem.divergence.of_additive()
    if dims == 0:
        form = OfAdditive(problem.divergence, lambda value: value)
    if form is None:
        return None
    first, second = (q, p) if form.swapped else (p, q)
    parts = _between(problem, form.divergence, first.base_dist, second.base_dist)
    return Reduction("independent parts", parts, lambda estimate: _together(estimate, form, dims))


def _between(
    problem: Problem, divergence: Divergence, p: Distribution, q: Distribution
) -> Problem:
    return Problem(divergence, DistributionTarget(p), DistributionTarget(q), problem.seed)


def _together(estimate: Estimate, form: OfAdditive, dims: int) -> Estimate:
    """The sum over the parts, through the function of it."""
    axes = tuple(range(-dims, 0))
    number = estimate.value.shape[-dims:].numel()
    total, error = estimate.value.sum(axes), estimate.error.sum(axes)
    stderr = estimate.stderr
    if stderr is not None:
        stderr = _spread(form, total, stderr.square().sum(axes).sqrt())
    return replace(
        estimate,
        value=form.function(total),
        error=_spread(form, total, error),
        stderr=stderr,
        evaluations=estimate.evaluations * number,
    )


def _spread(form: OfAdditive, total: Tensor, error: Tensor) -> Tensor:
    """How far the function moves where its argument moves by an error; 0 at infinity."""
    with torch.no_grad():
        middle = form.function(total)
        above = form.function(total + error) - middle
        below = middle - form.function((total - error).clamp_min(0))
        return torch.where(middle.isinf(), 0.0, torch.maximum(above, below))
