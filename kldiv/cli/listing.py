"""``kldiv list`` and ``kldiv show``: what there is, without importing torch where it is listed."""

from __future__ import annotations

import inspect

from contextlib import suppress
from difflib import get_close_matches

import click

from kldiv.cli.group import chosen, complete, json_option, main
from kldiv.entry import Entry
from kldiv.errors import UnknownName
from kldiv.registries import REGISTRIES, divergences
from kldiv.tables import json_text, text_table, unit_of

__all__ = ["list_", "show"]

_ENTRY_FIELDS = ("name", "qualified_name", "summary", "plugin", "version", "tags")


@main.command("list")
@click.argument("kind", type=click.Choice(list(REGISTRIES)), required=False)
@json_option
def list_(kind: str | None, *, as_json: bool) -> None:
    """Lists the divergences, targets and families there are."""
    chosen = {name: REGISTRIES[name] for name in ([kind] if kind else REGISTRIES)}
    if as_json:
        found = {name: list(registry.values()) for name, registry in chosen.items()}
        click.echo(json_text({name: list(map(_brief, found[name])) for name in found}))
        return
    click.echo("\n\n".join(f"{name}\n\n{registry!r}" for name, registry in chosen.items()))


@main.command()
@click.argument("name", shell_complete=complete)
@json_option
def show(name: str, *, as_json: bool) -> None:
    """Shows what a name stands for, and its parameters."""
    found = _named(name)
    if as_json:
        click.echo(json_text({kind: _full(entry) for kind, entry in found.items()}))
        return
    for kind, entry in found.items():
        click.echo(f"{entry.qualified_name} {entry.version}: one of the {kind}\n")
        click.echo(f"{inspect.getdoc(entry.load()) or 'It has no description.'}\n")
        if kind == "divergences" and (unit := unit_of(entry.load())):
            click.echo(f"Its values are counted in {unit}.\n")
        rows = entry.parameters.items()
        table = text_table(("parameter", "default, type or constraint"), rows)
        click.echo(f"{table}\n" if rows else "")


def _named(name: str) -> dict[str, Entry]:
    """The entry of a name in each registry that has it."""
    found: dict[str, Entry] = {}
    for kind, registry in REGISTRIES.items():
        with suppress(UnknownName):
            found[kind] = registry[name]
    if found:
        return found
    close = get_close_matches(name, [each for names in REGISTRIES.values() for each in names])
    question = f"did you mean {' or '.join(map(repr, close))}?" if close else ""
    parts = [question, divergences.hint(name), "`kldiv list` shows all names"]
    raise UnknownName("; ".join(filter(None, [f"unknown name {name!r}", *parts])))


def _brief(entry: Entry) -> dict[str, object]:
    return chosen(entry, *_ENTRY_FIELDS)


def _full(entry: Entry) -> dict[str, object]:
    item = entry.load()
    unit = {"unit": unit_of(item)} if hasattr(item, "unit") else {}
    description = inspect.getdoc(item) or ""
    return {**_brief(entry), "parameters": entry.parameters, **unit, "description": description}
