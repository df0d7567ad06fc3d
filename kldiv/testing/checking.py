"""The front door: every law that a divergence must obey, on pairs, as a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from kldiv.definitions.divergence import Divergence
from kldiv.errors import InvalidArgument, UnknownName
from kldiv.resolving import as_divergence
from kldiv.testing.estimates import agreement, batch, gradient, precision
from kldiv.testing.inequalities import inequalities
from kldiv.testing.law import Check, Law, Subject
from kldiv.testing.limits import continuity, edges, slopes
from kldiv.testing.pair import Pair
from kldiv.testing.report import Failure, Outcome, Report
from kldiv.testing.structure import (
    additivity,
    data_processing,
    duality,
    invariance,
    joint_convexity,
)
from kldiv.testing.table import pairs as default_pairs
from kldiv.testing.values import bound, identity, non_negative, symmetry, triangle

__all__ = ["check_divergence", "laws"]

T = TypeVar("T")

_LAWS: Mapping[str, Law] = {
    each.name: each
    for each in (
        non_negative,
        identity,
        symmetry,
        bound,
        triangle,
        data_processing,
        joint_convexity,
        invariance,
        additivity,
        duality,
        continuity,
        slopes,
        edges,
        agreement,
        gradient,
        batch,
        precision,
        inequalities,
    )
}


def laws() -> dict[str, str]:
    """The names of all laws, each with what it says.

    Example:
        >>> list(laws())[:3]
        ['non_negative', 'identity', 'symmetry']
    """
    return {name: each.text for name, each in _LAWS.items()}


def check_divergence(
    divergence: str | Divergence | type[Divergence],
    *,
    laws: Iterable[str] | None = None,
    pairs: Iterable[str | Pair] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Report:
    """Checks a divergence against the laws that it must obey, and against its own claims.

    Arguments:
        divergence: A name with arguments such as ``"renyi(alpha=0.5)"``, a class or an object.
        laws: The names of the laws, all that apply where omitted; :func:`kldiv.testing.laws`
            lists them.
        pairs: On what they are tried: :class:`kldiv.testing.Pair` objects, or names of those that
            :func:`kldiv.testing.pairs` gives, which are taken where omitted.
        expected_failures: Laws that are known not to hold, each with the reason. One that holds
            nevertheless is a failure.
        seed: What all randomness follows.

    Returns:
        The report; ``report.raise_for_failures()`` makes it a test.

    Raises:
        UnknownName: If there is no law or no pair of a name.
        InvalidArgument: If an expected failure has no reason.

    Example:
        >>> import kldiv
        >>> kldiv.testing.check_divergence("kl", laws=["identity"], pairs=["coins"])
        kl passes: 1 law, 9 checks
        <BLANKLINE>
        law       checks    outcome
        --------  --------  ---------
        identity  9         holds
    """
    expected = _with_reasons(expected_failures or {})
    chosen = [_named(name, _LAWS, "law") for name in (_LAWS if laws is None else laws)]
    table = {pair.name: pair for pair in default_pairs()}
    tried = [
        each if isinstance(each, Pair) else _named(each, table, "pair")
        for each in (table.values() if pairs is None else pairs)
    ]
    subject = Subject(as_divergence(divergence), seed)
    outcomes = [_outcome(each, subject, tried, expected.get(each.name, "")) for each in chosen]
    return Report(str(subject.divergence), tuple(outcomes))


def _with_reasons(expected: Mapping[str, str]) -> dict[str, str]:
    for name, reason in expected.items():
        _named(name, _LAWS, "law")
        if not isinstance(reason, str) or not reason.strip():
            raise InvalidArgument(
                f"the expected failure of {name!r} needs its reason as text, got {reason!r}"
            )
    return dict(expected)


def _named(name: str, known: Mapping[str, T], kind: str) -> T:
    if name in known:
        return known[name]
    close = get_close_matches(str(name), known, n=1)
    question = f"did you mean {close[0]!r}? " if close else ""
    raise UnknownName(f"there is no {kind} {name!r}; {question}known: {', '.join(known)}")


def _outcome(law: Law, subject: Subject, pairs: Iterable[Pair], expected: str) -> Outcome:
    """What becomes of a law on all pairs that it takes."""
    reason = law.why_not(subject.divergence)
    if reason is not None:
        return Outcome(law.name, why_not=reason, expected=expected)
    failures: list[Failure] = []
    checks = 0
    for pair in pairs:
        if not law.takes(pair):
            continue
        try:
            for check in law.check(subject, pair):
                checks += check.holds.numel()
                failures += _failures(law, subject, pair, check)
        except Exception as error:  # whatever a plugin raises is a finding
            checks += 1
            failures.append(_raised(law, subject, pair, error))
    why_not = "" if checks else "no pair is one that it says something about"
    return Outcome(law.name, checks, tuple(failures), why_not, expected)


def _failures(law: Law, subject: Subject, pair: Pair, check: Check) -> list[Failure]:
    """The failure that a check found, told by its first element, if it found one."""
    broken = (~check.holds).nonzero()
    if len(broken) == 0:
        return []
    first = tuple(broken[0].tolist())
    numbers = {
        name: float(value.detach().expand(check.holds.shape)[first])
        for name, value in check.numbers.items()
    }
    return [
        Failure(
            law.name,
            str(subject.divergence),
            pair.name,
            pair.p.describe(first[-1]),
            pair.q.describe(first[-1]),
            numbers,
            check.estimator,
            (len(broken), check.holds.numel()),
            _code(law, subject, pair),
        )
    ]


def _raised(law: Law, subject: Subject, pair: Pair, error: Exception) -> Failure:
    return Failure(
        law.name,
        str(subject.divergence),
        pair.name,
        pair.p.describe(0),
        pair.q.describe(0),
        {type(error).__name__: str(error)},
        "auto",
        (len(pair), len(pair)),
        _code(law, subject, pair),
    )


def _code(law: Law, subject: Subject, pair: Pair) -> str:
    """A line that checks this law on these pairs again."""
    arguments = ", ".join(
        f"{name}={value!r}" for name, value in subject.divergence.parameters.items()
    )
    divergence = f"{type(subject.divergence).__name__}({arguments})"
    known = any(each.name == pair.name and repr(each) == repr(pair) for each in default_pairs())
    return (
        f"kldiv.testing.check_divergence({divergence}, laws=[{law.name!r}], "
        f"pairs=[{pair.name if known else pair!r}], seed={subject.seed})"
    )
