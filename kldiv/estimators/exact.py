"""The exact rung: closed forms of pairs, those registered with torch among them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import (
    Distribution,
    ExponentialFamily,
    Independent,
    TransformedDistribution,
    kl,
)

from kldiv.closed_form import ClosedForm
from kldiv.errors import NotAvailable
from kldiv.estimate import Estimate
from kldiv.estimators.problem import Problem

__all__ = ["Exact"]

_EPS = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Exact:
    """A closed form of the pair: of a plugin, or, for ``kl``, registered with torch.

    Arguments:
        closed_forms: The closed forms to choose from, besides torch's.
    """

    closed_forms: tuple[ClosedForm, ...] = ()

    name = "exact"

    def why_not(self, problem: Problem) -> str | None:
        """Two torch distributions of which a closed form is known."""
        p, q = problem.p.distribution, problem.q.distribution
        if p is None or q is None:
            side = problem.p if p is None else problem.q
            return f"{side!r} is no torch distribution"
        if any(form.covers(problem.divergence, p, q) for form in self.closed_forms) or _torch_has(
            problem, p, q
        ):
            return None
        types = f"{type(p).__name__} and {type(q).__name__}"
        return f"no closed form of {problem.divergence} between {types} is registered"

    def estimate(self, problem: Problem) -> Estimate:
        """The closed form's value."""
        p, q = problem.p.distribution, problem.q.distribution
        if p is None or q is None:
            raise NotAvailable("a closed form needs two torch distributions")
        value = self._value(problem, p, q)
        error = torch.where(value.isinf(), 0.0, 64 * _EPS * value.detach().abs() + 64 * _EPS)
        reason = problem.why_infinite if value.isinf().any() else ""
        shape = problem.batch_shape
        return Estimate(value.expand(shape), error.expand(shape), self.name, reason=reason)

    def _value(self, problem: Problem, p: Distribution, q: Distribution) -> Tensor:
        for form in self.closed_forms:
            if form.covers(problem.divergence, p, q):
                value = form.function(p, q, problem.divergence)
                if value is not NotImplemented:
                    return value
        if _torch_has(problem, p, q):
            return kl.kl_divergence(p, q)
        raise NotAvailable(f"no closed form covers {p!r} and {q!r} under {problem.divergence}")


def _torch_has(problem: Problem, p: Distribution, q: Distribution) -> bool:
    return problem.divergence.name == "kl" and has_registered_kl(p, q)


def has_registered_kl(p: Distribution, q: Distribution) -> bool:
    """Whether ``torch.distributions.kl_divergence`` has a formula for a pair; computes nothing."""
    if isinstance(p, Independent) and isinstance(q, Independent):
        same = p.reinterpreted_batch_ndims == q.reinterpreted_batch_ndims
        return same and has_registered_kl(p.base_dist, q.base_dist)
    if (
        isinstance(p, TransformedDistribution)
        and type(p) is type(q)
        and _dispatched(p, q) is kl._kl_transformed_transformed
    ):
        return p.transforms == q.transforms and has_registered_kl(p.base_dist, q.base_dist)
    function = _dispatched(p, q)
    if function is kl._kl_transformed_transformed:  # of two classes: torch has only the same
        return False
    if function is kl._kl_expfamily_expfamily:
        return type(p) is type(q) and isinstance(p, ExponentialFamily) and _has_normaliser(p)
    return function is not NotImplemented


def _dispatched(p: Distribution, q: Distribution) -> object:
    return kl._dispatch_kl(type(p), type(q))


def _has_normaliser(p: ExponentialFamily) -> bool:
    return type(p)._log_normalizer is not ExponentialFamily._log_normalizer
