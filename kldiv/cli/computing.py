"""``kldiv eval`` and ``kldiv fit``: the public calls, their results as tables or as JSON."""

from __future__ import annotations

import os

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import kldiv

from kldiv.cli.group import chosen, complete, json_option, main
from kldiv.errors import InvalidArgument
from kldiv.tables import cell_text, json_text, record_table, text_table, with_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["evaluate", "fit"]

_FIT_FIELDS = ("verdict", "converged", "parameters", "divergence", "optima", "evaluations")

_divergence_option = click.option(
    "-d", "--divergence", default="kl", show_default=True, metavar="NAME", help="The divergence."
)
_estimator_option = click.option(
    "--estimator", default="auto", show_default=True, metavar="E", help="How to evaluate it."
)


@main.command("eval")
@click.argument("p")
@click.argument("q")
@click.option(
    "-d",
    "--divergence",
    "names",
    multiple=True,
    default=("kl",),
    show_default=True,
    metavar="NAME",
    help="The divergence; may be given several times.",
)
@_estimator_option
@click.option("--seed", type=int, help="The seed, where chance has a part.")
@json_option
def evaluate(
    p: str, q: str, *, names: tuple[str, ...], estimator: str, seed: int | None, as_json: bool
) -> None:
    """Evaluates the divergence of P from Q, such as "normal(loc=0, scale=1)"."""
    if len(names) > 1:
        found = kldiv.divergence(p, q, names, estimator=estimator, seed=seed)
        click.echo(json_text(found) if as_json else repr(found))
        return
    (divergence,) = names
    estimate = kldiv.divergence(p, q, divergence, estimator=estimator, seed=seed)
    if as_json:
        click.echo(json_text(estimate))
        return
    rows = [("method", estimate.method), ("evaluations", estimate.evaluations)]
    rows += [("reason", estimate.reason)] if estimate.reason else []
    click.echo(text_table((divergence, _estimate(estimate)), rows))


@main.command()
@click.argument("target", shell_complete=complete)
@click.argument("family", shell_complete=complete)
@_divergence_option
@click.option("--direction", default="forward", show_default=True, metavar="forward|reverse")
@_estimator_option
@click.option("--seed", type=int, default=0, show_default=True, help="The seed.")
@click.option("--plot", type=click.Path(path_type=Path), help="Where to save a picture of it.")
@json_option
def fit(target: str, family: str, *, plot: Path | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Fits the FAMILY to the TARGET."""
    if plot:
        _check_picture(plot)
    fitted = kldiv.fit(target, family, **options)
    if as_json:
        click.echo(json_text(chosen(fitted, *_FIT_FIELDS)))
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


def _estimate(estimate: kldiv.Estimate) -> str:
    constant = ", up to a constant" if estimate.up_to_constant else ""
    number = f"{cell_text(estimate.value)} ± {cell_text(estimate.error, digits=2)}"
    return f"{with_unit(number, estimate.unit)}{constant}"


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
