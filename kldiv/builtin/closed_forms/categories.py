r"""Closed forms between distributions of counts in finitely many categories.

n trials of one kind are as far from n of another as n independent single trials are, because the
counts are sufficient: additive divergences are n times those of one trial. Of one trial every
divergence is a sum over the categories, in the form in which nothing cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Distribution,
    Independent,
    Multinomial,
    OneHotCategorical,
)

from kldiv.blocks import BLOCK, LARGE, Array
from kldiv.builtin.closed_forms.few_categories import kl_of_few
from kldiv.builtin.closed_forms.large_side import large_sides
from kldiv.builtin.closed_forms.overlaps import Overlap, divergence_of, follows
from kldiv.builtin.closed_forms.scalar_arrays import (
    bernoulli,
    bernoulli_of_logits,
    binomial,
    kl_of_arrays,
)
from kldiv.builtin.divergences.chernoff import Chernoff, ChernoffOfOrder
from kldiv.builtin.divergences.kl import KL
from kldiv.builtin.divergences.renyi import Renyi, RenyiAtInfinity
from kldiv.closed_form import ArrayRule
from kldiv.definitions.divergence import Divergence, FDivergence, IntegralDivergence
from kldiv.definitions.log_probability import log_probabilities, was_given_probs
from kldiv.lazy import deferred

__all__ = ["CLOSED_FORMS", "CategoriesRule"]

_divergences_of_large = deferred("kldiv.builtin.closed_forms.large_pairs:divergences_of_large")
_compiled = deferred("kldiv.builtin.closed_forms.large_compiled:compiled_divergences")

_ROUNDING = 1e-13
_OF_TRIALS: dict[tuple[type[Distribution], bool], tuple[tuple[str, ...], Callable[..., Array]]] = {
    (Bernoulli, True): (("probs",), bernoulli),
    (Bernoulli, False): (("logits",), bernoulli_of_logits),
    (Binomial, True): (("total_count", "probs"), binomial),
}
_FAMILIES = ((Bernoulli, Binomial), (Categorical,), (OneHotCategorical, Multinomial))


@dataclass(frozen=True)
class Categories(Overlap):
    r"""Trials with the same categories.

    Arguments:
        log_p: The log probabilities under p, with shape :math:`(*, K)`.
        log_q: Those under q.
        trials: How many trials, with shape :math:`(*)`.
        events: How many dimensions of the batch are independent parts.
    """

    log_p: Tensor
    log_q: Tensor
    trials: Tensor
    events: int = 0

    def kl(self) -> Tensor:
        """That of one trial, for each."""
        return self._total(KL())

    def renyi(self, alpha: float) -> Tensor | None:
        """That of one trial, for each."""
        return self._total(Renyi(alpha))

    def coefficient(self, order: Tensor) -> Tensor:
        """That of one trial, for each, at one order."""
        return self._total(ChernoffOfOrder(order[(..., *(None,) * (self.events + 1))]))

    def largest_log_ratio(self) -> Tensor:
        """That of the likeliest category under p as against q, in each trial."""
        log_p, log_q = torch.broadcast_tensors(self.log_p, self.log_q)
        both = log_p.isfinite() & log_q.isfinite()
        ratio = torch.where(both, torch.where(both, log_p - log_q, 0.0), torch.inf)
        return self._sum(torch.where(log_p.isfinite(), ratio, -torch.inf).amax(-1))

    def swapped(self) -> Categories:
        """The same two in the other order."""
        return Categories(self.log_q, self.log_p, self.trials, self.events)

    def _total(self, divergence: IntegralDivergence) -> Tensor:
        logs = torch.broadcast_tensors(self.log_p, self.log_q)
        return self._sum(divergence.combine(*_integrals(divergence, *logs)))

    def _sum(self, one: Tensor) -> Tensor:
        value = self.trials * one
        return value.sum(tuple(range(-self.events, 0))) if self.events else value


def _integrals(divergence: IntegralDivergence, log_p: Tensor, log_q: Tensor) -> Iterable[Tensor]:
    """The sums of the integrands over the categories, block by block where there are many."""
    if log_p.numel() < LARGE or log_p.requires_grad or log_q.requires_grad:
        return (each.sum(-1) for each in divergence.integrands(log_p, log_q))
    step = max(1, BLOCK * log_p.shape[-1] // log_p.numel())
    parts = zip(log_p.split(step, -1), log_q.split(step, -1), strict=True)
    sums = ([each.sum(-1) for each in divergence.integrands(*part)] for part in parts)
    return (torch.stack(each).sum(0) for each in zip(*sums, strict=True))


@dataclass(frozen=True)
class CategoriesRule(ArrayRule):
    """The closed forms between trials with the same number of categories and of trials.

    Arguments:
        types: The types of distributions that are such trials.
    """

    types: tuple[type[Distribution], ...]

    def covers(self, divergence: Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether both are as many of such trials, and the divergence follows."""
        return (
            _kind(p) in self.types
            and _kind(q) in self.types
            and _parts(p).event_shape == _parts(q).event_shape
            and (
                type(divergence) is RenyiAtInfinity
                or follows(divergence, powers=False)
                or (isinstance(divergence, FDivergence) and large_sides(p, q) is not None)
            )
            and _as_many(_parts(p), _parts(q))
        )

    def function(self, p: Distribution, q: Distribution, divergence: Divergence) -> Tensor:
        """The divergence; ``NotImplemented`` where the numbers of categories differ."""
        events = len(p.event_shape) if isinstance(p, Independent) else 0
        p, q = _parts(p), _parts(q)
        log_p, log_q = log_probabilities(p), log_probabilities(q)
        if log_p.shape[-1] != log_q.shape[-1]:
            return NotImplemented  # type: ignore[no-any-return]
        value = divergence_of(Categories(log_p, log_q, _trials(p), events), divergence)
        return NotImplemented if value is None else value

    def of_arrays(
        self, p: Distribution, q: Distribution, divergence: Divergence
    ) -> tuple[Tensor, Tensor] | None:
        """That of many categories, or of many trials of two, in blocks."""
        (found,) = self.together(p, q, [divergence])
        return found

    def together(
        self, p: Distribution, q: Distribution, divergences: Sequence[Divergence]
    ) -> Sequence[tuple[Tensor, Tensor] | None]:
        """Those of many categories, in one pass over them."""
        sides = large_sides(p, q)
        if sides is not None:
            found: Sequence[tuple[Tensor, Tensor] | None] = _divergences_of_large(
                divergences, *sides, p.batch_shape
            )
            return found
        return [_kl_of_many(p, q) if type(each) is KL else None for each in divergences]

    def compiled(
        self, p: Distribution, q: Distribution, divergences: Sequence[Divergence]
    ) -> Callable[[], Sequence[tuple[Tensor, Tensor] | None]] | None:
        """Those that are of sums over any number of categories, in one pass over them."""
        found: Callable[[], Sequence[tuple[Tensor, Tensor] | None]] | None = _compiled(
            divergences, p, q
        )
        return found

    def error_of(
        self, value: Tensor, p: Distribution, q: Distribution, divergence: Divergence
    ) -> Tensor | None:
        """That of the logarithms, which a close pair feels the more."""
        if type(divergence) not in (KL, Chernoff):
            return None
        return _ROUNDING * (value.abs() + value.abs().sqrt())


def _kl_of_many(p: Distribution, q: Distribution) -> tuple[Tensor, Tensor] | None:
    """That of many pairs with few categories each, or of trials of two."""
    if type(p) is type(q) and type(p) in (Bernoulli, Binomial):
        return _kl_of_trials(p, q)
    few = kl_of_few(p, q)
    return None if few is None else (few, _ROUNDING * (few + few.sqrt()))


def _kl_of_trials(p: Distribution, q: Distribution) -> tuple[Tensor, Tensor] | None:
    """That of trials of two categories, by what both were given."""
    given = was_given_probs(p)
    if was_given_probs(q) != given or (type(p), given) not in _OF_TRIALS:
        return None
    names, formula = _OF_TRIALS[type(p), given]
    sides = [getattr(side, name) for side in (p, q) for name in names]
    return kl_of_arrays(formula, sides, _ROUNDING)


def _parts(distribution: Distribution) -> Distribution:
    return distribution.base_dist if isinstance(distribution, Independent) else distribution


def _kind(distribution: Distribution) -> type[Distribution] | None:
    """The type of the trials; of independent parts only where each is a scalar."""
    if isinstance(distribution, Independent) and distribution.base_dist.event_shape:
        return None
    return type(_parts(distribution))


def _as_many(p: Distribution, q: Distribution) -> bool:
    """Whether both have as many trials."""
    if not (hasattr(p, "total_count") or hasattr(q, "total_count")):
        return True
    return bool((_trials(p) == _trials(q)).all())


def _trials(distribution: Distribution) -> Tensor:
    return torch.as_tensor(getattr(distribution, "total_count", 1.0), dtype=torch.float64)


CLOSED_FORMS = tuple(CategoriesRule(types) for types in _FAMILIES)
"""The closed forms of each kind of trials."""
