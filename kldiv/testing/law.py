"""What a law is: an assertion about a subject on some ground, with its mathematics."""

from __future__ import annotations

import inspect

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from torch import Tensor

from kldiv.definitions.divergence import Divergence
from kldiv.definitions.sample_divergence import SampleDivergence
from kldiv.estimate import Estimate
from kldiv.estimators import Estimator, MonteCarlo, Problem, Samples
from kldiv.evaluating import divergence as evaluate
from kldiv.resolving import as_target, ladder
from kldiv.testing.pair import Pair
from kldiv.testing.table import pairs

__all__ = [
    "ROUNDING",
    "Check",
    "Law",
    "Subject",
    "agree",
    "anything",
    "at_most",
    "claimed",
    "law",
    "on_faces",
    "scatter",
]

ROUNDING = 8 * torch.finfo(torch.float64).eps

_DEVIATIONS = 5.0  # standard errors: once in two million by chance
_FEW, _FEWER = 2_000, 200  # draws
_BY_CHANCE = ("monte_carlo", "samples")


@dataclass(frozen=True, eq=False)
class Check:
    r"""What a law found out about the elements of a ground.

    Arguments:
        holds: Whether it holds, with shape :math:`(\dots, B)` for a batch of B elements.
        numbers: The numbers it is about, by name; their shapes broadcast with that of ``holds``.
        estimator: How they were had.
        points: Where they were had, by name, with the shape of ``holds`` and an event shape.
    """

    holds: Tensor
    numbers: Mapping[str, Tensor]
    estimator: str = "auto"
    points: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Subject:
    """A divergence on trial.

    Arguments:
        divergence: The divergence.
        seed: What all randomness follows.
    """

    divergence: Divergence
    seed: int = 0
    _seen: dict[tuple[str, str], Estimate] = field(default_factory=dict, repr=False)

    @property
    def thing(self) -> Divergence:
        """What is on trial."""
        return self.divergence

    def __str__(self) -> str:
        return str(self.divergence)

    def ready(self, pair: Pair) -> bool:
        """Whether any estimator applies to a pair."""
        return bool(self.estimators(*pair.members()))

    def code(self, law: str, pair: Pair) -> str:
        """A line that checks a law on these pairs again."""
        own = ((name, repr(value)) for name, value in self.divergence.parameters.items())
        arguments = ", ".join(f"{name}={value}" for name, value in own)
        divergence = f"{type(self.divergence).__name__}({arguments})"
        known = any(each.name == pair.name and repr(each) == repr(pair) for each in pairs())
        return (
            f"kldiv.testing.check_divergence({divergence}, laws=[{law!r}], "
            f"pairs=[{pair.name if known else pair!r}], seed={self.seed})"
        )

    def at(self, name: str, value: float) -> Subject:
        """The divergence with another value of a parameter; raises ``ValueError`` beyond range."""
        arguments = {**self.divergence.parameters, name: value}
        return Subject(type(self.divergence)(**arguments), self.seed)

    def of(self, p: object, q: object, estimator: str = "auto") -> Estimate:
        """The divergence of two distributions; by few draws where it is drawn."""
        of_samples = isinstance(self.divergence, SampleDivergence)
        if estimator == "auto" and of_samples and not self.certain_estimators(p, q):
            estimator = "samples"
        few: dict[str, Estimator] = {"monte_carlo": MonteCarlo(_FEW), "samples": Samples(_FEWER)}
        chosen = few.get(estimator, estimator)
        return evaluate(p, q, self.divergence, estimator=chosen, seed=self.seed)

    def on(self, pair: Pair, divergence: Divergence | None = None) -> Estimate:
        """The same, or another divergence of a pair, computed once and without gradients."""
        chosen = divergence or self.divergence
        key = (str(chosen), repr((pair.name, pair.p, pair.q)))
        if key not in self._seen:
            self._seen[key] = replace(self, divergence=chosen).of(*pair.members())
        return self._seen[key]

    def estimators(self, p: object, q: object) -> list[str]:
        """The names of all estimators that apply to two distributions."""
        problem = Problem(self.divergence, as_target(p, "p"), as_target(q, "q"), self.seed)
        rungs = ladder(self.divergence).rungs
        return [rung.name for rung in rungs if rung.why_not(problem) is None]

    def certain_estimators(self, p: object, q: object) -> list[str]:
        """Those without chance in them."""
        return [name for name in self.estimators(p, q) if name not in _BY_CHANCE]

    def by_definition(self, p: object, q: object) -> Estimate:
        """By the last of the certain estimators: no closed form, no rule that a claim allows."""
        return self.of(p, q, ["auto", *self.certain_estimators(p, q)][-1])


Assertion = Callable[[Any, Any], Iterator[Check]]
Claim = Callable[[Any], str | None]


@dataclass(frozen=True)
class Law:
    """An assertion about a subject and grounds: a divergence and pairs, or others.

    Arguments:
        assertion: Says for a subject and a ground what it found.
        why_not: ``None`` where it must hold for what is on trial, else why it need not.
        takes: Whether it says something about a ground.
    """

    assertion: Assertion
    why_not: Claim
    takes: Callable[[Any], bool]

    @property
    def name(self) -> str:
        """The name of the assertion."""
        return self.assertion.__name__

    @property
    def text(self) -> str:
        """What it says, with the mathematics."""
        return inspect.getdoc(self.assertion) or ""


def always(thing: object) -> None:
    """Everything on trial obeys."""


def anything(ground: object) -> bool:
    """Every ground will do."""
    return True


def on_faces(pair: Pair) -> bool:
    """Pairs of dice."""
    return pair.on_faces


def claimed(name: str) -> Claim:
    """Those obey that claim it by an attribute that is true."""
    return lambda divergence: None if getattr(divergence, name) else f"{name} is not claimed"


def law(
    why_not: Claim = always, takes: Callable[[Any], bool] = anything
) -> Callable[[Assertion], Law]:
    """Makes a law of an assertion."""
    return lambda assertion: Law(assertion, why_not, takes)


def scatter(estimate: Estimate) -> Tensor:
    """By how much a value may be off: its error, wider where chance played a part."""
    if estimate.stderr is None:
        return estimate.error.detach()
    return torch.maximum(estimate.error, _DEVIATIONS * estimate.stderr).detach()


def at_most(smaller: Tensor, larger: Tensor, slack: Tensor | float = 0.0) -> Tensor:
    """Whether one number is at most another one, up to rounding."""
    room = slack + ROUNDING * torch.minimum(smaller.abs(), larger.abs()).clamp_min(1.0)
    return (smaller <= larger + room) | (smaller == larger)


def agree(first: Tensor, second: Tensor, slack: Tensor | float = 0.0) -> Tensor:
    """Whether two numbers are the same, up to rounding; infinities are."""
    return at_most(first, second, slack) & at_most(second, first, slack)
