"""Every error and warning of kldiv: each is a `KldivError` and the builtin that fits as well.

So ``except kldiv.KldivError`` catches what kldiv refuses, and ``except ValueError`` keeps its
usual meaning. A message names the argument, the value, what is allowed and the remedy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "AmbiguousName",
    "ConvergenceWarning",
    "InvalidArgument",
    "InvalidFile",
    "InvalidType",
    "KldivError",
    "LawBroken",
    "NotAvailable",
    "NotFinite",
    "PluginError",
    "PluginWarning",
    "ShapeMismatch",
    "SupportMismatch",
    "ToleranceNotMet",
    "UnknownName",
]


class KldivError(Exception):
    """What kldiv refuses or cannot do; the parent of all its errors."""


class InvalidArgument(KldivError, ValueError):
    """An argument has a value that is not allowed."""


class InvalidType(KldivError, TypeError):
    """An argument is of a type that is not allowed."""


class InvalidFile(KldivError, OSError, ValueError):
    """A file cannot be read or written, or holds something else than what was asked for."""


class UnknownName(KldivError, LookupError):
    """No divergence, target or family bears this name."""


class AmbiguousName(KldivError, LookupError):
    """Several plugins offer this name; a qualified name, ``"kldiv-foo:name"``, decides."""


class PluginError(KldivError, RuntimeError):
    """A plugin, or something a plugin offers, cannot be loaded."""


class ShapeMismatch(InvalidArgument):
    """The event or batch shapes of two arguments do not fit together."""


class SupportMismatch(InvalidArgument):
    """The supports of two distributions do not fit together."""


class NotAvailable(KldivError, NotImplementedError):
    """An estimator, a closed form or a sampler cannot be had for these arguments."""


class ToleranceNotMet(KldivError, ArithmeticError):
    """A tolerance asked for was not reached.

    Arguments:
        message: What was asked for, what was reached, and the remedy.
        estimate: The best estimate there is, a `kldiv.Estimate`.
    """

    def __init__(self, message: str, estimate: Any = None) -> None:  # noqa: ANN401 (a layer above)
        super().__init__(message)
        self.estimate = estimate

    def __reduce__(self) -> tuple[Callable[..., ToleranceNotMet], tuple[str, Any]]:
        """Keeps the estimate through pickle, so that it survives a process pool."""
        return type(self), (str(self), self.estimate)


class NotFinite(KldivError, ArithmeticError):
    """A value that must be finite is infinite or not a number."""


class LawBroken(KldivError, AssertionError):
    """A law of `kldiv.testing` does not hold; the message is the report."""


class PluginWarning(UserWarning):
    """A plugin was set aside, in whole or in part; everything else works."""


class ConvergenceWarning(UserWarning):
    """A fit did not converge; its verdict says why."""
