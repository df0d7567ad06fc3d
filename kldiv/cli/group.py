"""The group of all commands: what they share.

What the user gets wrong ends with exit status 2 and one line; any other exception is a bug and
is shown as one. In JSON a number that is not finite is the text ``"inf"``, ``"-inf"`` or
``"nan"``, since JSON has no number for it.
"""

from __future__ import annotations

import os
import warnings

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from click.shell_completion import CompletionItem

from kldiv.errors import KldivError
from kldiv.registries import REGISTRIES, refresh

__all__ = ["chosen", "complete", "json_option", "main"]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_DISABLED = "KLDIV_DISABLE_PLUGINS"


class _BadInput(click.ClickException):
    """What the user gets wrong."""

    exit_code = 2


@contextmanager
def _bad_input() -> Iterator[None]:
    """Makes one line of what the user got wrong."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise _BadInput(error.format_message()) from error
    except KldivError as error:
        raise _BadInput(" ".join(str(error).split())) from error


class _Commands(click.Group):
    """The commands, with errors in one line."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:  # noqa: ANN401
        with _bad_input():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        with _bad_input():
            return super().invoke(ctx)


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Shows warnings as the errors are shown, without the place in the code."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda text, *_, **__: click.echo(f"Warning: {text}", err=True)
        yield


@contextmanager
def _without(names: list[str]) -> Iterator[None]:
    """Disables plugins, in child processes too."""
    before = os.environ.get(_DISABLED)
    os.environ[_DISABLED] = ",".join([*filter(None, [before]), *names])
    refresh()
    try:
        yield
    finally:
        os.environ.pop(_DISABLED)
        os.environ.update({_DISABLED: before} if before is not None else {})
        refresh()


def _disabled(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[str]:
    for text in given:
        if not text.startswith("no:") or text == "no:":
            raise click.BadParameter(f"{text!r} must have the form no:NAME")
    return [text.removeprefix("no:") for text in given]


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-p", "disabled", multiple=True, metavar="no:NAME", callback=_disabled)
@click.version_option(package_name="kldiv")
@click.pass_context
def main(ctx: click.Context, disabled: list[str]) -> None:
    """Measures how far one distribution is from another, and fits the nearest of a family.

    With -p no:NAME a plugin, by the name of its distribution or entry point, is left out.
    """
    ctx.with_resource(_warnings_in_a_line())
    if disabled:
        ctx.with_resource(_without(disabled))


def complete(_: click.Context, __: click.Parameter, start: str) -> list[CompletionItem]:
    """The names that begin like this."""
    return [
        CompletionItem(name, help=entry.summary)
        for registry in REGISTRIES.values()
        for name, entry in registry.items()
        if name.startswith(start)
    ]


def chosen(record: object, *names: str) -> dict[str, object]:
    """Some attributes of a record by their names."""
    return {name: getattr(record, name) for name in names}
