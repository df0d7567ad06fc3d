"""The front doors: every law that a divergence, a target or a family must obey, as a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kldiv.definitions.divergence import Divergence
from kldiv.errors import InvalidArgument
from kldiv.resolving import as_divergence, as_target
from kldiv.testing.divergence_laws import DIVERGENCE_LAWS
from kldiv.testing.family import FamilyTrial, members_of
from kldiv.testing.family_laws import FAMILY_LAWS
from kldiv.testing.law import Law, Subject
from kldiv.testing.pair import Pair
from kldiv.testing.report import Report
from kldiv.testing.running import named, run
from kldiv.testing.table import pairs as default_pairs
from kldiv.testing.target import TargetTrial
from kldiv.testing.target_laws import TARGET_LAWS

__all__ = ["LAWS", "check_divergence", "check_family", "check_target", "laws"]

LAWS: Mapping[str, Mapping[str, Law]] = {
    "divergence": DIVERGENCE_LAWS,
    "target": TARGET_LAWS,
    "family": FAMILY_LAWS,
}


def laws(kind: str = "divergence") -> dict[str, str]:
    """The names of all laws of a kind, each with what it says.

    Arguments:
        kind: ``"divergence"``, ``"target"`` or ``"family"``.

    Example:
        >>> list(laws())[:3]
        ['non_negative', 'identity', 'symmetry']
    """
    return {name: each.text for name, each in named(kind, LAWS, "kind of laws").items()}


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
        expected_failures: Laws that are known not to hold, each with the reason, beside those
            that the divergence declares itself if no pairs are given. One that holds nevertheless
            is a failure.
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
        law       checks  outcome
        --------  ------  -------
        identity  9       holds
    """
    table = {pair.name: pair for pair in default_pairs()}
    tried = [
        each if isinstance(each, Pair) else named(each, table, "pair")
        for each in (table.values() if pairs is None else pairs)
    ]
    subject = Subject(as_divergence(divergence), seed)
    declared = subject.divergence.expected_failures if pairs is None else {}
    return run(subject, DIVERGENCE_LAWS, laws, tried, {**declared, **(expected_failures or {})})


def check_target(
    target: object,
    *,
    laws: Iterable[str] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Report:
    """Checks a target against the laws that it must obey: its draws, its support, its gradient.

    Arguments:
        target: A name with arguments such as ``"student_t(df=4)"``, a distribution, a
            `kldiv.Target`, or data.
        laws: The names of the laws, all that apply where omitted.
        expected_failures: Laws that are known not to hold, each with the reason, beside those
            that it declares itself.
        seed: What all randomness follows.

    Returns:
        The report; ``report.raise_for_failures()`` makes it a test.

    Raises:
        UnknownName: If there is no law of a name.
        InvalidArgument: If an expected failure has no reason.

    Example:
        >>> import kldiv
        >>> kldiv.testing.check_target("coin", laws=["mass", "gradient"])
        coin passes: 1 law, 1 checks
        <BLANKLINE>
        law       checks  outcome
        --------  ------  ---------------------
        mass      1       holds
        gradient          not checked: integers
    """
    found = as_target(target, "target")
    label, again = (target, repr(target)) if isinstance(target, str) else (repr(found), "target")
    trial = TargetTrial(found, label, again, seed)
    expected = {**found.expected_failures, **(expected_failures or {})}
    return run(trial, TARGET_LAWS, laws, [trial], expected)


def check_family(
    family: Any,  # noqa: ANN401 (a name, a class, a family or a module)
    *,
    laws: Iterable[str] | None = None,
    sizes: Iterable[int] = (2, 3),
    expected_failures: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Report:
    """Checks a family against the laws that it must obey: its parameters, members and starts.

    Arguments:
        family: A name with arguments such as ``"student_t(df=4)"``, a class of
            ``torch.distributions``, a `kldiv.Family`, a module that returns a distribution, or a
            class or function that makes one of these without arguments.
        laws: The names of the laws, all that apply where omitted.
        sizes: The numbers of coordinates or categories on which one that can have any is tried.
        expected_failures: Laws that are known not to hold, each with the reason, beside those
            that it declares itself.
        seed: What all randomness follows.

    Returns:
        The report; ``report.raise_for_failures()`` makes it a test.

    Raises:
        UnknownName: If there is no law of a name.
        InvalidArgument: If an expected failure has no reason, or there are no sizes.
        InvalidType: If it is no family, nor makes one.
    """
    numbers = tuple(sizes)
    if not numbers:
        raise InvalidArgument("sizes must name at least one number, got none")
    again = repr(family) if isinstance(family, str) else getattr(family, "__name__", "family")
    grounds = members_of(family, numbers, seed)
    trial = FamilyTrial(grounds[0].family, again, seed)
    expected = {**trial.thing.expected_failures, **(expected_failures or {})}
    return run(trial, FAMILY_LAWS, laws, grounds, expected)
