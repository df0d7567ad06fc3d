"""The upper envelope of a family of divergences, by whichever estimator has its members."""

from __future__ import annotations

from dataclasses import replace

import torch

from torch import Tensor

from kldiv.definitions.divergence import Divergence
from kldiv.definitions.envelope_divergence import EnvelopeDivergence, peak_of
from kldiv.estimate import Estimate
from kldiv.estimators.problem import Estimator, Problem

__all__ = ["upper_envelope"]


def upper_envelope(estimator: Estimator, problem: Problem, family: EnvelopeDivergence) -> Estimate:
    """The estimate of the largest member, with what may be missing from it added to its error."""
    evaluations = 0

    def estimate(divergence: Divergence) -> Estimate:
        nonlocal evaluations
        found = estimator.estimate(replace(problem, divergence=divergence))
        evaluations += found.evaluations
        return found

    def member(order: Tensor) -> Estimate:
        found = estimate(family.at(order))
        scale = replace(problem, divergence=family.log_scale_at(order.detach()))
        if found.value.isfinite().all() or estimator.why_not(scale) is not None:
            return found
        log_scale = estimate(scale.divergence).value.detach()
        known = log_scale.isfinite()
        found = estimate(family.at(order, torch.where(known, log_scale, 0.0)))
        unseen = known & ~found.value.isfinite()  # a peak that no node has hit
        return replace(
            found,
            value=torch.where(unseen, -log_scale, found.value),
            error=torch.where(unseen, torch.inf, found.error),
        )

    peak = peak_of(lambda order: member(order).value, problem.batch_shape, problem.p.device)
    largest = member(peak.order)
    error = largest.error + torch.where(largest.value.isfinite(), peak.missing, 0.0)
    return replace(largest, error=error, evaluations=evaluations)
