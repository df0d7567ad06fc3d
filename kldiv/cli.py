"""The command line: the public calls of kldiv, their results as tables or as JSON.

What the user gets wrong ends with exit status 2 and one line; any other exception is a bug and
is shown as one. In JSON a number that is not finite is the text ``"inf"``, ``"-inf"`` or
``"nan"``, since JSON has no number for it. ``list`` and ``plugins`` do not import torch.
"""

from __future__ import annotations

import inspect
import os
import warnings

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from click.shell_completion import CompletionItem

import kldiv

from kldiv.entry import Entry
from kldiv.errors import InvalidArgument, KldivError, UnknownName
from kldiv.plugin import Plugin
from kldiv.registries import divergences, families, plugin_report, refresh, targets
from kldiv.tables import cell_text, json_text, record_table, text_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["main"]

_REGISTRIES = {"divergences": divergences, "targets": targets, "families": families}
_DISABLED = "KLDIV_DISABLE_PLUGINS"
_ENTRY_FIELDS = ("name", "qualified_name", "summary", "plugin", "version", "tags")
_PLUGIN_FIELDS = (
    *("distribution", "version", "name", "value", "state", "seconds"),
    *("error", "traceback", "components"),
)
_FIT_FIELDS = ("verdict", "converged", "parameters", "divergence", "optima", "evaluations")


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


def _complete(_: click.Context, __: click.Parameter, start: str) -> list[CompletionItem]:
    return [
        CompletionItem(name, help=entry.summary)
        for registry in _REGISTRIES.values()
        for name, entry in registry.items()
        if name.startswith(start)
    ]


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_divergence_option = click.option(
    "-d", "--divergence", default="kl", show_default=True, metavar="NAME", help="The divergence."
)
_estimator_option = click.option(
    "--estimator", default="auto", show_default=True, metavar="E", help="How to evaluate it."
)


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


@main.command("list")
@click.argument("kind", type=click.Choice(list(_REGISTRIES)), required=False)
@_json_option
def list_(kind: str | None, *, as_json: bool) -> None:
    """Lists the divergences, targets and families there are."""
    chosen = {name: _REGISTRIES[name] for name in ([kind] if kind else _REGISTRIES)}
    if as_json:
        found = {name: list(registry.values()) for name, registry in chosen.items()}
        click.echo(json_text({name: list(map(_brief, found[name])) for name in found}))
        return
    click.echo("\n\n".join(f"{name}\n\n{registry!r}" for name, registry in chosen.items()))


@main.command()
@click.argument("name", shell_complete=_complete)
@_json_option
def show(name: str, *, as_json: bool) -> None:
    """Shows what a name stands for, and its parameters."""
    found = _named(name)
    if as_json:
        click.echo(json_text({kind: _full(entry) for kind, entry in found.items()}))
        return
    for kind, entry in found.items():
        click.echo(f"{entry.qualified_name} {entry.version}: one of the {kind}\n")
        click.echo(f"{inspect.getdoc(entry.load()) or 'It has no description.'}\n")
        rows = entry.parameters.items()
        table = text_table(("parameter", "default, type or constraint"), rows)
        click.echo(f"{table}\n" if rows else "")


@main.command()
@_json_option
def plugins(*, as_json: bool) -> None:
    """Shows the plugins installed, and what is wrong with them."""
    found = plugin_report()
    if as_json:
        click.echo(json_text([_chosen(plugin, *_PLUGIN_FIELDS) for plugin in found]))
        return
    rows = [
        (each.distribution, each.version, each.state, f"{each.seconds:.3f}", _offered(each))
        for each in found
    ]
    click.echo(text_table(("plugin", "version", "state", "seconds", "offers"), rows))
    for plugin in found:
        if plugin.problems:
            click.echo(f"\n{plugin.distribution} ({plugin.value}):\n{plugin.traceback}".rstrip())


@main.command("eval")
@click.argument("p")
@click.argument("q")
@_divergence_option
@_estimator_option
@click.option("--seed", type=int, help="The seed, where chance has a part.")
@_json_option
def evaluate(
    p: str, q: str, *, divergence: str, estimator: str, seed: int | None, as_json: bool
) -> None:
    """Evaluates the divergence of P from Q, such as "normal(loc=0, scale=1)"."""
    estimate = kldiv.divergence(p, q, divergence, estimator=estimator, seed=seed)
    if as_json:
        click.echo(json_text(estimate))
        return
    rows = [("method", estimate.method), ("evaluations", estimate.evaluations)]
    rows += [("reason", estimate.reason)] if estimate.reason else []
    click.echo(text_table((divergence, _estimate(estimate)), rows))


@main.command()
@click.argument("target", shell_complete=_complete)
@click.argument("family", shell_complete=_complete)
@_divergence_option
@click.option("--direction", default="forward", show_default=True, metavar="forward|reverse")
@_estimator_option
@click.option("--seed", type=int, default=0, show_default=True, help="The seed.")
@click.option("--plot", type=click.Path(path_type=Path), help="Where to save a picture of it.")
@_json_option
def fit(target: str, family: str, *, plot: Path | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Fits the FAMILY to the TARGET."""
    if plot:
        _check_picture(plot)
    fitted = kldiv.fit(target, family, **options)
    if as_json:
        click.echo(json_text(_chosen(fitted, *_FIT_FIELDS)))
    else:
        found = [(name, cell_text(value)) for name, value in fitted.parameters.items()]
        click.echo(f"{fitted.verdict}\n")
        click.echo(text_table(("parameter", "value"), found))
        click.echo(f"\n{options['divergence']}: {_estimate(fitted.divergence)}")
        batched = any(isinstance(each, tuple) for each in fitted.optima)
        for optima in fitted.optima if batched else [fitted.optima]:
            click.echo("\n" + record_table(optima))
    if plot:
        _save_picture(fitted.plot(), plot)


def _named(name: str) -> dict[str, Entry]:
    """The entry of a name in each registry that has it."""
    found: dict[str, Entry] = {}
    for kind, registry in _REGISTRIES.items():
        with suppress(UnknownName):
            found[kind] = registry[name]
    if found:
        return found
    close = get_close_matches(name, [each for names in _REGISTRIES.values() for each in names])
    question = f"did you mean {' or '.join(map(repr, close))}?" if close else ""
    parts = [question, divergences.hint(name), "`kldiv list` shows all names"]
    raise UnknownName("; ".join(filter(None, [f"unknown name {name!r}", *parts])))


def _offered(plugin: Plugin) -> str:
    offered = plugin.components.items()
    return ", ".join(f"{kind}: {len(names)}" for kind, names in offered if names)


def _chosen(record: object, *names: str) -> dict[str, object]:
    return {name: getattr(record, name) for name in names}


def _brief(entry: Entry) -> dict[str, object]:
    return _chosen(entry, *_ENTRY_FIELDS)


def _full(entry: Entry) -> dict[str, object]:
    description = inspect.getdoc(entry.load()) or ""
    return {**_brief(entry), "parameters": entry.parameters, "description": description}


def _estimate(estimate: kldiv.Estimate) -> str:
    constant = ", up to a constant" if estimate.up_to_constant else ""
    return f"{cell_text(estimate.value)} ± {cell_text(estimate.error, digits=2)} nats{constant}"


def _check_picture(path: Path) -> None:
    """Refuses a picture that could not be written, before anything is computed."""
    from matplotlib.backend_bases import FigureCanvasBase  # slow, and needed for pictures only

    kinds = sorted(FigureCanvasBase.filetypes)
    if path.suffix.lower().removeprefix(".") not in kinds:
        raise InvalidArgument(f"--plot {path}: its suffix must be one of {', '.join(kinds)}")
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)) or path.is_dir():
        raise InvalidArgument(f"--plot {path}: there is no folder to write this file into")


def _save_picture(figure: Figure, path: Path) -> None:
    """Writes the whole picture or nothing."""
    partial = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        figure.savefig(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
