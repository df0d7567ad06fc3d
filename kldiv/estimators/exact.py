r"""The exact rung: closed forms of pairs, rules for many, and those registered with torch.

A closed form is as wrong as its rounding, which is not small where its terms cancel. Where a form
does not state it, it is found: the parameters of each side are moved by their own rounding, and
the error is what the value moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

import torch

from torch import Tensor
from torch.distributions import Categorical, Distribution, ExponentialFamily, Independent, kl

from kldiv.closed_form import ArrayRule, Rule
from kldiv.compiling import no_compiler
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.precision import nudged
from kldiv.errors import NotAvailable
from kldiv.estimate import Estimate
from kldiv.estimators.problem import Problem
from kldiv.rulebook import Rulebook

__all__ = ["Exact", "prepare"]

_EPS = torch.finfo(torch.float64).eps
_NUDGE = 4 * _EPS
_COMPILED, _PREPARED = "compiled", "arrays"
_CAUTION = 8.0  # a rounding error may be some times what two tries show of it


@dataclass(frozen=True)
class Exact:
    """A closed form of the pair: of a plugin, or, for ``kl``, registered with torch.

    Some are compiled, where that is asked for: sums over the categories of two ``Categorical``,
    and ``kl`` between ``Normal``, and between ``MultivariateNormal`` of up to 6 dimensions given
    by ``scale_tril``, in float32 where these are of two dimensions in float32. Compiled values
    carry no gradients. The first of a kind takes many seconds, in which ``torch.compile`` runs a
    C++ compiler: it is for millions of numbers, and many calls.

    Arguments:
        rules: The closed forms and rules to choose from, besides torch's; where there are none,
            :func:`kldiv.divergence` takes those of all plugins.
        compiled: Whether to take functions that are compiled, and refuse where there are none.
    """

    rules: tuple[Rule, ...] | Rulebook = ()
    compiled: bool = False

    name = "exact"

    def why_not(self, problem: Problem) -> str | None:
        """Two torch distributions of which a closed form is known."""
        p, q = problem.p.given, problem.q.given
        if p is None or q is None:
            side = problem.p if p is None else problem.q
            return f"{side!r} is no torch distribution"
        rule = next(self._covering(problem.divergence, p, q), None)
        if rule is not None:
            problem.notes[self.name] = rule
            return self._why_not_compiled(rule, p, q, problem) if self.compiled else None
        types = f"{type(p).__name__} and {type(q).__name__}"
        return f"no closed form of {problem.divergence} between {types} is registered"

    def estimate(self, problem: Problem) -> Estimate:
        """The closed form's value, with the error of its rounding."""
        known, divergence = problem.notes.get(self.name), problem.divergence
        p, q = problem.p.given, problem.q.given
        if isinstance(known, ArrayRule) and p is not None and q is not None:
            found = self._of_arrays(known, p, q, problem)
            if found is not None:
                return self._estimate(problem, *found)
        p, q = problem.p.distribution, problem.q.distribution
        if p is None or q is None:
            raise NotAvailable("a closed form needs two torch distributions")
        for rule in chain([known] if known else (), self._covering(divergence, p, q)):
            value = rule.function(p, q, divergence)
            if value is NotImplemented:
                continue
            error = _rounding(rule, value.detach(), p, q, divergence)
            if error is not None:
                return self._estimate(problem, value, error)
        raise NotAvailable(f"no closed form covers {p!r} and {q!r} under {divergence}")

    def _of_arrays(
        self, rule: ArrayRule, p: Distribution, q: Distribution, problem: Problem
    ) -> tuple[Tensor, Tensor] | None:
        """What was prepared, or is compiled; without a compiler where that has no number."""
        prepared = problem.notes.get(_PREPARED)
        if prepared is None and self.compiled:
            prepared = problem.notes[_COMPILED]()
        if prepared is None or (self.compiled and prepared[0] is None):
            return rule.of_arrays(p, q, problem.divergence)
        found: tuple[Tensor, Tensor] | None = prepared[0]
        return found

    def _why_not_compiled(
        self, rule: Rule, p: Distribution, q: Distribution, problem: Problem
    ) -> str | None:
        if isinstance(rule, ArrayRule):
            function = rule.compiled(p, q, [problem.divergence])
            if function is not None:
                problem.notes[_COMPILED] = function
                return no_compiler()
        return (
            f"nothing is compiled for {problem.divergence} between {p} and {q} as they were "
            "given, nor where gradients pass through them; leave compiled=True out"
        )

    def _estimate(self, problem: Problem, value: Tensor, error: Tensor) -> Estimate:
        shape = problem.batch_shape
        if value.shape != shape or error.shape != shape:
            value, error = value.expand(shape), error.expand(shape)
        found = Estimate(value, error, self.name)
        if found.finite:
            return found
        infinite = value.isinf()
        reason = problem.why_infinite if infinite.any() else ""
        return replace(found, error=torch.where(infinite, 0.0, error), reason=reason)

    def _covering(
        self, divergence: Divergence, p: Distribution, q: Distribution
    ) -> Iterator[Rule]:
        rules = self.rules.between(p, q) if isinstance(self.rules, Rulebook) else self.rules
        return (rule for rule in (*rules, _TORCH) if rule.covers(divergence, p, q))


def prepare(problems: Sequence[tuple[Exact, Problem]]) -> None:
    """Lets rules for arrays take the problems of one pair together, as far as they cover them.

    Arguments:
        problems: Problems of the same two sides, each with what is to estimate it.
    """
    groups: dict[tuple[int, bool], list[Problem]] = {}
    for exact, problem in problems:
        covered = exact.why_not(problem) is None
        rule = problem.notes.get(exact.name)
        if covered and isinstance(rule, ArrayRule):
            groups.setdefault((id(rule), exact.compiled), []).append(problem)
    for (_, compiled), group in groups.items():
        rule, (p, q) = group[0].notes[Exact.name], (group[0].p.given, group[0].q.given)
        divergences = [problem.divergence for problem in group]
        found = (
            rule.compiled(p, q, divergences)() if compiled else rule.together(p, q, divergences)
        )
        for problem, one in zip(group, found, strict=True):
            problem.notes[_PREPARED] = (one,)


class _RegisteredWithTorch:
    """The pairs of ``torch.distributions.kl_divergence``."""

    def covers(self, divergence: Divergence, p: Distribution, q: Distribution) -> bool:
        return divergence.name == "kl" and has_registered_kl(p, q) and _as_many(p, q)

    def function(self, p: Distribution, q: Distribution, divergence: Divergence) -> Tensor:
        try:
            return kl.kl_divergence(p, q)
        except NotImplementedError:  # of binomials it has only some
            return NotImplemented  # type: ignore[no-any-return]

    def error_of(
        self, value: Tensor, p: Distribution, q: Distribution, divergence: Divergence
    ) -> None:
        return None


_TORCH = _RegisteredWithTorch()
_NOT_TAKEN = (
    kl._kl_transformed_transformed,
    kl._kl_continuous_bernoulli_uniform,
    kl._kl_uniform_continuous_bernoulli,
)


def _as_many(p: Distribution, q: Distribution) -> bool:
    """Whether both have the same number of categories, which torch takes for granted."""
    if not (isinstance(p, Categorical) and isinstance(q, Categorical)):
        return True
    return p.param_shape[-1] == q.param_shape[-1]


def has_registered_kl(p: Distribution, q: Distribution) -> bool:
    """Whether ``torch.distributions.kl_divergence`` has a formula for a pair of types.

    Its two rules for wrappers do not count: `kldiv.estimators.reductions` has better ones. Nor do
    those between a continuous Bernoulli and a uniform distribution, infinite on equal intervals.
    """
    if Independent in (type(p), type(q)):  # whoever has registered a rule for it
        return False
    function = _dispatched((type(p), type(q)), len(kl._KL_REGISTRY))
    if function in _NOT_TAKEN:
        return False
    if function is kl._kl_expfamily_expfamily:
        return type(p) is type(q) and isinstance(p, ExponentialFamily) and _has_normaliser(p)
    return function is not NotImplemented


@lru_cache(maxsize=256)
def _dispatched(pair: tuple[type, type], registered: int) -> object:
    """The function that torch takes for a pair of types, as long as so many are registered."""
    return kl._dispatch_kl(*pair)


def _has_normaliser(p: ExponentialFamily) -> bool:
    return type(p)._log_normalizer is not ExponentialFamily._log_normalizer


def _rounding(
    rule: Rule, value: Tensor, p: Distribution, q: Distribution, divergence: Divergence
) -> Tensor | None:
    """How wrong a value may be by the rounding of its formula; ``None`` at its domain's edge."""
    with torch.no_grad():
        stated = rule.error_of(value, p, q, divergence)
        if stated is not None:
            return stated
        error = 16 * _EPS * (1 + value.abs())
        for first, second in ((nudged(p, _NUDGE), q), (p, nudged(q, _NUDGE))):
            moved = rule.function(first, second, divergence)
            if moved is NotImplemented:
                return None
            gap = torch.nan_to_num((moved - value).abs(), nan=0.0, posinf=0.0)
            error = torch.maximum(error, _CAUTION * gap)
        return error
