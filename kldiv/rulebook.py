"""`Rulebook`: closed forms in their order, imported when distributions of their types are met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch.distributions import Distribution

    from kldiv.closed_form import Rule

__all__ = ["Part", "Rulebook"]


class Part(NamedTuple):
    """Rules that are imported together.

    Arguments:
        load: Gives the rules; a second time too.
        types: The names of the classes of distributions that they are between, subclasses
            counting; where there are none, of any.
    """

    load: Callable[[], tuple[Rule, ...]]
    types: tuple[str, ...] = ()

    def may_cover(self, kinds: tuple[type[Distribution], ...]) -> bool:
        """Whether all types of distributions are among those of the rules, by their names."""
        return not self.types or all(
            any(each.__name__ in self.types for each in kind.__mro__) for kind in kinds
        )


class Rulebook:
    """Closed forms and rules in their order; iterating over them imports them all.

    Arguments:
        parts: What they come in.
    """

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = tuple(parts)
        self._of_types = lru_cache(maxsize=256)(self._imported)

    def __iter__(self) -> Iterator[Rule]:
        return (rule for part in self._parts for rule in part.load())

    def between(self, p: Distribution, q: Distribution) -> tuple[Rule, ...]:
        """Those that may cover two distributions, by their types."""
        return self._of_types((type(p), type(q)))

    def _imported(self, kinds: tuple[type[Distribution], ...]) -> tuple[Rule, ...]:
        return tuple(rule for part in self._parts if part.may_cover(kinds) for rule in part.load())
