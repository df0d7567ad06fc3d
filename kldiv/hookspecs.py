"""The extension API: what a plugin may offer. These empty functions are its manual.

A plugin is an installed distribution with an entry point in the group ``kldiv`` whose value is a
module, its *front module*::

    [project.entry-points.kldiv]
    foo = "kldiv_foo"

The front module implements any of the hooks below as functions of the same name, marked with
`kldiv.hookimpl`. It is imported at the first use of a registry, so it should be light: an item
given as text, ``"kldiv_foo.renyi:Renyi"``, or as a `kldiv.Lazy` is imported only when it is
asked for. Its summary in the catalogue is the first sentence of its docstring.

Names are lower case with underscores. A name that a built-in bears stays the built-in's, and a
name that several plugins offer must be qualified: ``"kldiv-foo:renyi"`` always means that
plugin's. A plugin that raises, or offers what it must not, is set aside with one warning.

The extension API has a number of its own, apart from the release: `PLUGIN_API`. A front module
may state the one it was written for, ``KLDIV_PLUGIN_API = 1``; where it is not the one of the
installed kldiv, the plugin is set aside as incompatible. A hook that exists only in later
versions may be marked ``@kldiv.hookimpl(optionalhook=True)``.
"""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    from kldiv.lazy import Lazy

__all__ = [
    "PLUGIN_API",
    "hookimpl",
    "kldiv_closed_forms",
    "kldiv_divergences",
    "kldiv_families",
    "kldiv_gallery",
    "kldiv_targets",
]

PLUGIN_API = 1

hookimpl = HookimplMarker("kldiv")
_hookspec = HookspecMarker("kldiv")


@_hookspec
def kldiv_divergences() -> Mapping[str, type | Callable[..., Any] | str | Lazy]:
    """Offers divergences.

    Returns:
        For each name a class of divergences, a function that returns one, or where to find
        either: ``{"le_cam": "kldiv_example.le_cam:LeCam"}``. It is called with the arguments
        given after the name: ``"renyi(alpha=0.5)"`` calls ``Renyi(alpha=0.5)``.
    """


@_hookspec
def kldiv_targets() -> Mapping[str, type | Callable[..., Any] | str | Lazy]:
    """Offers targets.

    Returns:
        For each name a function that returns a target (a torch distribution, a `kldiv.Target`
        or samples), or where to find it. It is called with the arguments given after the name.
    """


@_hookspec
def kldiv_families() -> Mapping[str, type | Callable[..., Any] | str | Lazy]:
    """Offers families.

    Returns:
        For each name a class of torch distributions, an ``nn.Module`` class whose ``forward()``
        returns a distribution, a function that returns a family, or where to find one of
        these. Arguments given after the name fix parameters: ``"student_t(df=4)"``.
    """


@_hookspec
def kldiv_closed_forms() -> Iterable[Any]:
    """Offers exact values of a divergence between two types of distributions.

    Returns:
        `kldiv.ClosedForm` objects; or, so that the front module stays light, text or
        `kldiv.Lazy` objects that say where an iterable of them is:
        ``["kldiv_foo.closed_forms:CLOSED_FORMS"]``. The ``tags`` of such a `kldiv.Lazy` are the
        names of the divergences that they are of, and its ``types`` those of the classes of
        distributions that both p and q must be of: for others they are not imported.
    """


@_hookspec
def kldiv_gallery() -> Mapping[str, str]:
    """Offers gallery scripts, shown on the documentation's gallery pages.

    Returns:
        For each title of a section the folder of its scripts, relative to the front module's:
        ``{"Example plugin": "gallery"}``. The folder is part of the installed package and holds
        ``GALLERY_HEADER.rst`` and ``plot_*.py``.
    """
