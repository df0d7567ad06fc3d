"""A formula for one divergence between two types of distributions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.distributions import Distribution

from kldiv.definitions.divergence import Divergence
from kldiv.errors import InvalidType

__all__ = ["ArrayRule", "ClosedForm", "Rule"]


class Rule(Protocol):
    """What gives exact values for some pairs: a closed form of one, or a rule for many."""

    def covers(self, divergence: Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether it applies; computes no divergence."""

    @property
    def function(self) -> Callable[..., Tensor]:
        """Called with p, q and the divergence; may return ``NotImplemented`` for some values."""

    def error_of(
        self, value: Tensor, p: Distribution, q: Distribution, divergence: Divergence
    ) -> Tensor | None:
        """How wrong a value may be by rounding; ``None`` leaves it to be found."""


class ArrayRule(ABC):
    """A rule with a way of its own for arrays that need no gradient."""

    @abstractmethod
    def of_arrays(
        self, p: Distribution, q: Distribution, divergence: Divergence
    ) -> tuple[Tensor, Tensor] | None:
        """The value and its error, none NaN, of distributions in the precision they came in.

        In float64, or in that precision with what it rounds away counted as error. ``None``
        where the ordinary way is the right one.
        """

    def together(
        self, p: Distribution, q: Distribution, divergences: Sequence[Divergence]
    ) -> Sequence[tuple[Tensor, Tensor] | None]:
        """The same of several divergences, what they have in common done once."""
        return [self.of_arrays(p, q, each) for each in divergences]

    def compiled(
        self, p: Distribution, q: Distribution, divergences: Sequence[Divergence]
    ) -> Callable[[], Sequence[tuple[Tensor, Tensor] | None]] | None:
        """What gives the same as `together` by a compiled function, where there is one."""
        return None


@dataclass(frozen=True)
class ClosedForm:
    r"""A closed form of a divergence between two types of distributions.

    Plugins offer them through the hook ``kldiv_closed_forms``.

    Arguments:
        divergence: The class of the divergence.
        type_p: The type of p; subclasses count.
        type_q: The type of q; subclasses count.
        function: Called as ``function(p, q, divergence)`` with float64 distributions; returns the
            divergence in nats, with shape :math:`(*)`, differentiable in both, or
            ``NotImplemented`` where it does not cover these two.
        rounding: The relative error of the function, where it is known. Otherwise it is found by
            moving the parameters by their own rounding.

    Raises:
        InvalidType: If one of these is of another kind.
    """

    divergence: type[Divergence]
    type_p: type[Distribution]
    type_q: type[Distribution]
    function: Callable[..., Tensor]
    rounding: float | None = None

    def __post_init__(self) -> None:
        for name, kind in (
            ("divergence", Divergence),
            ("type_p", Distribution),
            ("type_q", Distribution),
        ):
            given = getattr(self, name)
            if not (isinstance(given, type) and issubclass(given, kind)):
                raise InvalidType(f"{name} must be a class of {kind.__name__}, got {given!r}")
        if not callable(self.function):
            raise InvalidType(
                f"function must be one of p, q and divergence, got {self.function!r}"
            )

    def covers(self, divergence: Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether the types fit."""
        return (
            type(divergence) is self.divergence
            and isinstance(p, self.type_p)
            and isinstance(q, self.type_q)
        )

    def error_of(
        self, value: Tensor, p: Distribution, q: Distribution, divergence: Divergence
    ) -> Tensor | None:
        """The relative error that was stated, of a value."""
        return None if self.rounding is None else self.rounding * value.abs()
