"""``kldiv plugins``, ``doctor``, ``check`` and ``new``: for who writes plugins or has them."""

from __future__ import annotations

import os
import platform
import re
import warnings

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import kldiv

from kldiv.cli.group import chosen, json_option, main
from kldiv.errors import PluginWarning
from kldiv.hookspecs import PLUGIN_API
from kldiv.lazy import Lazy
from kldiv.plugin import KINDS, Plugin
from kldiv.registries import plugin_report
from kldiv.scaffold import new_project
from kldiv.tables import json_text, text_table

if TYPE_CHECKING:
    from kldiv.testing import Outcome, PluginReport, Report

__all__ = ["check", "doctor", "new", "plugins"]

_PLUGIN_FIELDS = (
    *("distribution", "version", "name", "value", "state", "seconds"),
    *("error", "traceback", "components"),
)
_STRICT = "KLDIV_PLUGINS_STRICT"
_EXPECTED = re.compile(r"(.+?):(\w+)=(.*)", re.DOTALL)  # labels have "=" in their arguments
_diagnose = Lazy("kldiv.diagnosis:diagnose")  # which imports torch


@main.command()
@json_option
def plugins(*, as_json: bool) -> None:
    """Shows the plugins installed, and what is wrong with them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # it is all in the table
        found = plugin_report()
    if as_json:
        click.echo(json_text([chosen(plugin, *_PLUGIN_FIELDS) for plugin in found]))
        return
    click.echo(_table(found))
    for plugin in found:
        if plugin.problems:
            click.echo(f"\n{plugin.distribution} ({plugin.value}):\n{plugin.traceback}".rstrip())


@main.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, /, *, as_json: bool) -> None:
    """Loads everything that is installed, and tells what is wrong with it.

    Ends with exit status 1 if something is.
    """
    with _not_strict() as settings:
        findings, found = _diagnose.load()(), plugin_report()
    about = {"kldiv": kldiv.__version__, "plugin API": PLUGIN_API, **_surroundings()}
    if as_json:
        report = {
            "versions": about,
            "settings": settings,
            "plugins": [chosen(plugin, *_PLUGIN_FIELDS) for plugin in found],
            "findings": findings,
        }
        click.echo(json_text(report))
    else:
        click.echo(text_table(("of", "version or setting"), [*about.items(), *settings.items()]))
        click.echo(f"\n{_table(found)}\n")
        for each in findings:
            mark = "wrong" if each.serious else "note"
            click.echo(f"{mark}: {': '.join(filter(None, (each.plugin, each.item, each.text)))}")
        click.echo("" if findings else "Nothing is wrong.")
    ctx.exit(int(any(each.serious for each in findings)))


@main.command()
@click.argument("distribution")
@click.option("--only", multiple=True, metavar="NAME", help="Check this item; may be repeated.")
@click.option("--law", "laws", multiple=True, metavar="LAW", help="This law; may be repeated.")
@click.option(
    "--expect",
    multiple=True,
    metavar="NAME:LAW=REASON",
    help="A law that is known not to hold of an item, by its name or as the report calls it.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The seed.")
@json_option
@click.pass_context
def check(ctx: click.Context, /, distribution: str, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Holds all that a DISTRIBUTION offers to the laws.

    Ends with exit status 1 if something fails, or if nothing was checked.
    """
    report = kldiv.testing.check_plugin(
        distribution,
        only=options["only"] or None,
        laws=options["laws"] or None,
        expected_failures=_expected(options["expect"]),
        seed=options["seed"],
    )
    click.echo(json_text(_as_data(report)) if as_json else str(report))
    ctx.exit(int(not report.passed))


@main.command()
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(list(KINDS.values())), default="divergence", show_default=True
)
@click.option("--item", metavar="NAME", help="The name of what it offers; by default its own.")
@click.option("--into", type=click.Path(path_type=Path), default=Path(), help="The folder.")
@json_option
def new(name: str, *, kind: str, item: str | None, into: Path, as_json: bool) -> None:
    """Writes the project of a plugin, with tests, a page of the gallery and a site."""
    folder = new_project(name, kind, item=item, into=into)
    files = sorted(str(path) for path in folder.rglob("*") if path.is_file())
    if as_json:
        click.echo(json_text({"folder": str(folder), "files": files}))
        return
    click.echo("\n".join(files))
    click.echo(f"\nNext: pip install --editable {folder} && kldiv check {folder.name}")


def _table(found: tuple[Plugin, ...]) -> str:
    rows = [
        (each.distribution, each.version, each.state, f"{each.seconds:.3f}", _offered(each))
        for each in found
    ]
    return text_table(("plugin", "version", "state", "seconds", "offers"), rows)


def _offered(plugin: Plugin) -> str:
    offered = plugin.components.items()
    return ", ".join(f"{kind}: {len(names)}" for kind, names in offered if names)


@contextmanager
def _not_strict() -> Iterator[dict[str, str]]:
    """Takes back strict mode; gives the settings as they were."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("KLDIV_")}
    os.environ.pop(_STRICT, None)
    try:
        yield settings
    finally:
        os.environ.update(settings)


def _surroundings() -> dict[str, str]:
    """The versions of what everything rests on."""
    found = {"Python": platform.python_version()}
    for name in ("torch", "numpy", "scipy", "pluggy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _expected(texts: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Expected failures, by item and law."""
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        parts = _EXPECTED.fullmatch(text)
        if parts is None:
            raise click.BadParameter(f"--expect {text!r} must have the form NAME:LAW=REASON")
        name, law, reason = parts.groups()
        found.setdefault(name, {})[law] = reason
    return found


def _as_data(report: PluginReport) -> dict[str, object]:
    """A report with what follows from its fields."""
    items = [
        {"kind": kind, "item": label, **_of_item(each)}
        for (kind, label), each in zip(report.items, report.reports, strict=True)
    ]
    own = chosen(report, "distribution", "version", "passed", "checks", "findings")
    return {**own, "items": items}


def _of_item(report: Report) -> dict[str, object]:
    laws = [_of_law(outcome) for outcome in report.outcomes]
    return {**chosen(report, "passed", "checks"), "laws": laws}


def _of_law(outcome: Outcome) -> dict[str, object]:
    failures = [asdict(failure) for failure in outcome.failures]
    return {**chosen(outcome, "law", "passed", "checks", "verdict"), "failures": failures}
