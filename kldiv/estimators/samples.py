r"""The samples rung: data against a density.

For data :math:`x_1, \dots, x_N` from p with weights :math:`w_i`, the Kullback-Leibler divergence
is known up to the entropy of p, which does not depend on q:

.. math:: D(p \parallel q) + H(p) = -\mathbb E_p \log q \approx -\sum_i w_i \log q(x_i),

the cross-entropy. Making it small is maximum likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kldiv.definitions.target import SampleTarget
from kldiv.errors import NotAvailable
from kldiv.estimate import Estimate
from kldiv.estimators.problem import Problem

__all__ = ["Samples"]

_CONFIDENCE = 3.0


@dataclass(frozen=True)
class Samples:
    """Cross-entropy of data to a density, by its weighted mean, with its standard error."""

    name = "samples"

    def why_not(self, problem: Problem) -> str | None:
        """P is data, q a normalised density, and the divergence is ``kl``."""
        p, q = problem.p, problem.q
        if not isinstance(p, SampleTarget):
            return (
                f"p = {p!r} is no sample"
                if not isinstance(q, SampleTarget)
                else "q is a sample; only p may be one"
            )
        if isinstance(q, SampleTarget):
            return (
                f"{problem.divergence} cannot compare two samples; if these are probabilities, "
                "make them torch.distributions.Categorical"
            )
        if problem.divergence.name != "kl":
            return (
                f"{problem.divergence} needs the density of p, and p is only samples; kl does not"
            )
        if not q.normalized:
            return f"q = {q!r} is not known to be normalised"
        return None

    def estimate(self, problem: Problem) -> Estimate:
        """The cross-entropy, in nats."""
        p, q = problem.p, problem.q
        if not isinstance(p, SampleTarget):
            raise NotAvailable(f"p = {p!r} is no sample")
        count = p.points.shape[0]
        points = p.points.double().reshape(count, *(1,) * len(q.batch_shape), *p.event_shape)
        surprise = -q.log_prob(points.expand(count, *q.batch_shape, *p.event_shape))
        weights = p.weights.reshape(count, *(1,) * (surprise.ndim - 1))
        value = (torch.where(weights > 0, surprise, 0.0) * weights).sum(0)
        with torch.no_grad():
            stderr = (weights.square() * (surprise - value).square()).sum(0).sqrt()
            stderr = torch.where(value.isfinite(), stderr, 0.0)
        reason = "q has no mass at some of the samples" if value.isinf().any() else ""
        return Estimate(
            value, _CONFIDENCE * stderr, self.name, stderr, count, reason, up_to_constant=True
        )
