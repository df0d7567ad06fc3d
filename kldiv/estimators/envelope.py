"""The upper envelope of a family of divergences, by whichever estimator has its members."""

from __future__ import annotations

from dataclasses import replace

import torch

from torch import Tensor

from kldiv.definitions.envelope_divergence import EnvelopeDivergence, peak_of
from kldiv.errors import NotAvailable
from kldiv.estimate import Estimate
from kldiv.estimators.problem import Estimator, Problem

__all__ = ["upper_envelope"]


def upper_envelope(estimator: Estimator, problem: Problem) -> Estimate:
    """The estimate of the largest member, and what may be missing from it added to its error."""
    family = problem.divergence
    if not isinstance(family, EnvelopeDivergence):
        raise NotAvailable(f"{family} is not the largest of a family of divergences")
    evaluations = 0

    def member(order: Tensor) -> Estimate:
        nonlocal evaluations
        found = estimator.estimate(replace(problem, divergence=family.at(order)))
        evaluations += found.evaluations
        return found

    peak = peak_of(lambda order: member(order).value, problem.batch_shape, problem.p.device)
    largest = member(peak.order)
    error = largest.error + torch.where(largest.value.isfinite(), peak.missing, 0.0)
    return replace(largest, error=error, evaluations=evaluations)
