"""What a fit says of itself: a few lines for a terminal, two small tables for a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch

from torch import Tensor

from kldiv.tables import html_table, numbers_text, text_table, titled, with_unit

if TYPE_CHECKING:
    from kldiv.estimate import Estimate
    from kldiv.results import Fit
    from kldiv.solvers.optima import Optimum

__all__ = ["html_summary", "text_summary"]

_MOST = 10  # parameters and optima that are shown

Row = tuple[str, str]


def text_summary(fit: Fit) -> str:
    """The family, the verdict, the numbers, and the optima where there are several."""
    lines = [f"Fit of {fit.family!r} by {_made_small(fit)}: {fit.verdict}"]
    rows = list(_rows(fit))
    width = max(len(name) for name, _ in rows)
    lines += [f"  {name:<{width}}  {text}" for name, text in rows]
    optima = _optima(fit)
    if len(optima) > 1:
        lines.append(text_table(_headers(fit), _optima_rows(fit, optima), flexible=1, indent=2))
    if len(optima) > _MOST:
        lines.append(f"  and {len(optima) - _MOST} more")
    return "\n".join(lines)


def html_summary(fit: Fit) -> str:
    """The same for a notebook, with every cell escaped."""
    rows = [("verdict", fit.verdict), *_rows(fit)]
    tables = [html_table((f"Fit of {fit.family!r}", f"by {_made_small(fit)}"), rows)]
    optima = _optima(fit)
    if len(optima) > 1:
        tables.append(html_table(_headers(fit), _optima_rows(fit, optima)))
    return f"<div>{''.join(tables)}</div>"


def _made_small(fit: Fit) -> str:
    return f"{fit.objective}({'p‖q' if fit.direction == 'forward' else 'q‖p'})"


def _rows(fit: Fit) -> Iterable[Row]:
    batch = tuple(fit.target.batch_shape)
    if batch:
        yield "fits", f"{len(fit.optima)}, of batch shape {batch}: {_converged(fit)} converged"
    yield "divergence", repr(fit.divergence).removeprefix("Estimate(").removesuffix(")")
    if batch:
        yield "worst", _worst(fit.divergence)
    doubts = _standard_errors(fit)
    for name in list(fit.parameters)[:_MOST]:
        doubt = f" ± {float(doubts[name]):.2g}" if name in doubts else ""
        yield name, numbers_text(fit.parameters[name]) + doubt
    if len(fit.parameters) > _MOST:
        yield "…", f"and {len(fit.parameters) - _MOST} parameters more"
    optima = _optima(fit)
    if len(optima) == 1:
        yield (
            "optimum",
            f"{_hessian(fit, optima[0])}, from {_count(len(optima[0].starts), 'start')}",
        )
    if fit.direction == "reverse" and "pareto_k" in fit.diagnostics and not batch:
        shape, size = (fit.diagnostics[each] for each in ("pareto_k", "effective_sample_size"))
        yield "as a proposal", f"Pareto k {shape:.2f}, {size:.0f} of 2000 draws effective"
    yield "solver", _effort(fit)


def _standard_errors(fit: Fit) -> dict[str, Tensor]:
    """Those of parameters that are single numbers, where they were fitted to data."""
    if "covariance" not in fit.diagnostics or not fit.diagnostics["covariance"].ndim:
        return {}
    parameters = fit.family.space.parameters
    sizes = [fit.parameters[name].numel() for name in parameters]
    pieces = fit.diagnostics["covariance"].diagonal().sqrt().split(sizes)
    return {
        name: piece[0] for name, piece in zip(parameters, pieces, strict=True) if len(piece) == 1
    }


def _headers(fit: Fit) -> tuple[str, ...]:
    return titled("optimum", fit.divergence.unit), "parameters", "Hessian", "starts"


def _optima(fit: Fit) -> Sequence[Optimum]:
    """The optima of a single fit; those of many would be a wall of numbers."""
    return () if fit.target.batch_shape else fit.optima


def _optima_rows(fit: Fit, optima: Sequence[Optimum]) -> list[list[object]]:
    return [
        [
            f"{each.value:.6g}",
            ", ".join(f"{name}={numbers_text(value)}" for name, value in each.parameters.items()),
            _hessian(fit, each),
            len(each.starts),
        ]
        for each in optima[:_MOST]
    ]


def _hessian(fit: Fit, optimum: Optimum) -> str:
    """What the signs of the Hessian's eigenvalues say of an optimum."""
    known = bool(fit.diagnostics["newton_decrement"].isfinite().all())
    if not known:
        return "not computed"
    if min(optimum.signature, default=1) < 0:
        return "saddle"
    flat = optimum.signature.count(0)
    return f"minimum, flat in {_count(flat, 'direction')}" if flat else "minimum"


def _converged(fit: Fit) -> int:
    """How many fits of a batch have reached a minimum."""
    return sum(bool(each) and min(each[0].signature, default=1) >= 0 for each in fit.optima)


def _worst(divergence: Estimate) -> str:
    """The largest divergence of a batch, and whose it is."""
    values = divergence.value.detach().cpu()
    place = torch.unravel_index(values.nan_to_num(torch.inf).argmax(), values.shape)
    index = ", ".join(str(int(each)) for each in place)
    return f"{with_unit(f'{float(values[place]):.6g}', divergence.unit)}, of fit [{index}]"


def _effort(fit: Fit) -> str:
    steps, starts = int(fit.history.step[-1]), fit.paths.loss.shape[1]
    return (
        f"{fit.solver}: {_count(steps, 'step')} from {_count(starts, 'start')}, "
        f"{_count(fit.evaluations, 'evaluation')}, {float(fit.history.seconds[-1]):.2g} s"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
