"""`Registry`: names of divergences, targets or families, each with its origin.

A registry is a view of what a `Source`, the installed plugins, offers; it keeps nothing but what
was added with `Registry.temporary`. Nobody wins a name in silence:

- a name offered once is that item's;
- a name that a built-in bears is the built-in's;
- a name that several plugins offer is an error that lists their qualified names;
- a qualified name, ``"kldiv-foo:renyi"``, always means that plugin's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from operator import is_not
from threading import Lock
from typing import Any, NamedTuple, Protocol, TypeVar, overload

from kldiv.entry import Entry
from kldiv.errors import AmbiguousName, InvalidArgument, InvalidType, UnknownName
from kldiv.lazy import Lazy, as_item
from kldiv.specs import Spec, normalise_distribution, parameters_of, parse
from kldiv.tables import html_table, text_table

__all__ = ["BUILT_IN", "TEMPORARY", "Offer", "Registry", "Source"]

BUILT_IN = "kldiv"
TEMPORARY = "temporary"

_KEPT = 256  # objects that are shared
_HEADERS = ("name", "summary", "plugin")
_T = TypeVar("_T")


class Offer(NamedTuple):
    """One item that a plugin offers."""

    plugin: str
    version: str
    name: str
    item: Callable[..., Any] | Lazy


class Source(Protocol):
    """Where a registry's items come from."""

    def offers(self, kind: str) -> tuple[Offer, ...]:
        """All items of a kind, the built-ins first; the same object until something changes."""

    def hint(self, spec: Spec) -> str:
        """What else there is to say about a name that is unknown."""

    def refresh(self) -> None:
        """Forgets what was found, so that newly installed plugins are seen."""


class Registry(Mapping[str, Entry]):
    """A read-only mapping of names to entries.

    Hyphens and capitals are accepted in a name. Iteration gives each entry's shortest name, the
    built-ins first, in the order in which they are offered.

    Arguments:
        kind: What the items are, in the singular: ``"divergence"``.
        source: Where they come from.
        build: Where to find a function that checks the arguments given by name, and makes an
            object of an item and of them; without it the item is called.
        read: Reads the parameters off an item; without it they are those of its signature.
    """

    def __init__(
        self,
        kind: str,
        source: Source,
        *,
        build: Lazy | None = None,
        read: Callable[[Any], Mapping[str, str]] = parameters_of,
    ) -> None:
        self.kind = kind
        self._source = source
        self._build = build
        self._read = read
        self._lock = Lock()
        self._temporary: dict[str, Entry] = {}
        self._made: tuple[tuple[Offer, ...] | None, tuple[Entry, ...]] = (None, ())
        self._shared: tuple[tuple[Entry, ...], dict[str, Any]] = ((), {})

    def __getitem__(self, name: str) -> Entry:
        spec = parse(name)
        if spec.arguments:
            raise InvalidArgument(
                f"{name!r} has arguments; look up {spec.qualified_name!r}, or create({name!r})"
            )
        return self._find(spec)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]
        except (LookupError, InvalidArgument, InvalidType):
            return False
        return True

    @overload
    def get(self, name: str, /) -> Entry | None: ...
    @overload
    def get(self, name: str, /, default: Entry | _T) -> Entry | _T: ...
    def get(self, name: str, /, default: object = None) -> object:
        """The entry of a name, or the default if the name is unknown."""
        try:
            return self[name]
        except UnknownName:
            return default

    def create(self, text: str, /, **arguments: object) -> Any:  # noqa: ANN401 (of any kind)
        """Makes the object that a name with arguments stands for.

        Arguments:
            text: For example ``"renyi(alpha=0.5)"``.
            arguments: More arguments, also such as no text can hold: tensors, arrays, tables.

        Raises:
            UnknownName: If nothing bears the name.
            AmbiguousName: If several plugins offer it.
            InvalidArgument: If the arguments are not those it takes.
            PluginError: If it cannot be imported.
        """
        spec = parse(text)
        spec = replace(spec, arguments={**spec.arguments, **arguments})
        item = self._find(spec).load()
        return self._build.load()(item, spec.arguments) if self._build else spec.call(item)

    def shared(self, text: str, /) -> Any:  # noqa: ANN401 (of any kind)
        """The same object for the same text: for items that hold nothing that changes.

        Arguments:
            text: As for :meth:`create`.
        """
        entries = self._all()
        of, made = self._shared
        if len(of) != len(entries) or any(map(is_not, of, entries)):  # equal ones may be newer
            self._shared = entries, made = entries, {}
        if text not in made:
            if len(made) >= _KEPT:
                made.clear()
            made[text] = self.create(text)
        return made[text]

    @contextmanager
    def temporary(self, name: str, item: Callable[..., Any] | str | Lazy) -> Iterator[Entry]:
        """Adds an item for the length of a ``with`` block, as notebooks and tests need it.

        Arguments:
            name: A name that nothing bears yet.
            item: A class, a function, ``"package.module:Name"`` or a `Lazy`.

        Raises:
            InvalidArgument: If the name is taken.
        """
        spec = parse(name)
        entry = Entry(spec.name, TEMPORARY, "", as_item(item), self._read)
        with self._lock:
            taken = [old.qualified_name for old in self._all() if old.name == spec.name]
            if taken or spec.arguments or spec.plugin:
                reason = f"is taken by {', '.join(taken)}" if taken else "is not a plain name"
                raise InvalidArgument(f"{name!r} {reason}; choose another name for yours")
            self._temporary[entry.name] = entry
        try:
            yield entry
        finally:
            del self._temporary[entry.name]

    def hint(self, name: str) -> str:
        """Which plugin might have brought a name that is unknown; empty if there is no telling."""
        return self._source.hint(parse(name))

    def refresh(self) -> None:
        """Looks for plugins afresh: those installed since the first use are then seen."""
        self._source.refresh()

    def _all(self) -> tuple[Entry, ...]:
        """Every entry, whether or not its name is taken by another as well."""
        offers = self._source.offers(self.kind)
        of, entries = self._made
        if of is not offers:
            entries = tuple(
                Entry(offer.name, offer.plugin, offer.version, offer.item, self._read)
                for offer in offers
            )
            self._made = offers, entries  # at once, for other threads read both
        return (*entries, *self._temporary.values())

    def _table(self) -> dict[str, Entry]:
        """Every entry under its shortest name."""
        entries = self._all()
        bearers: dict[str, list[Entry]] = {}
        for entry in entries:
            bearers.setdefault(entry.name, []).append(entry)
        owners = {name: _owner(found) for name, found in bearers.items()}
        return {
            entry.name if owners[entry.name] is entry else entry.qualified_name: entry
            for entry in entries
        }

    def _find(self, spec: Spec) -> Entry:
        """The entry that a name means."""
        found = [entry for entry in self._all() if entry.name == spec.name]
        if spec.plugin:
            found = [e for e in found if normalise_distribution(e.plugin) == spec.plugin]
        if not found:
            raise UnknownName(self._unknown(spec))
        owner = _owner(found)
        if owner is None:
            names = " and ".join(repr(entry.qualified_name) for entry in found)
            raise AmbiguousName(
                f"the {self.kind} {spec.name!r} is offered by several plugins; write {names}"
            )
        return owner

    def _unknown(self, spec: Spec) -> str:
        """What to say about a name that nothing bears."""
        names = list(self)
        close = get_close_matches(spec.qualified_name, names)
        close = close or get_close_matches(spec.name, names)
        parts = [
            f"unknown {self.kind} {spec.qualified_name!r}",
            f"did you mean {' or '.join(map(repr, close))}?" if close else "",
            self._source.hint(spec),
            "" if close else f"known: {', '.join(names) or 'none'}",
        ]
        return "; ".join(filter(None, parts))

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(name, entry.summary, entry.plugin) for name, entry in self._table().items()]

    def __repr__(self) -> str:
        return text_table(_HEADERS, self._rows(), flexible=1)

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, self._rows())

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)


def _owner(found: list[Entry]) -> Entry | None:
    """The entry to which a bare name belongs, or ``None`` if that is undecided."""
    if len(found) == 1:
        return found[0]
    return next((entry for entry in found if entry.plugin == BUILT_IN), None)
