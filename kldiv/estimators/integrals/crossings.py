"""Where a function along lines crosses zero: integrands with kinks are cut there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch

from torch import Tensor

__all__ = ["crossings", "touches", "zero_within"]

Function = Callable[[Tensor, Tensor], Tensor]

_STEPS = 40
_TURNS = 8  # of a search for a crossing that neighbours on one side do not show
_CLOSE = 1e-9  # an integral over a cell feels the square of how far its cut is off a kink


def crossings(
    function: Function, w: Tensor, values: Tensor, levels: Iterable[float]
) -> tuple[Tensor, Tensor]:
    r"""Where a function takes one of some values between neighbouring nodes.

    Arguments:
        function: From coordinates and lines, both of shape :math:`(C)`, to values.
        w: Nodes, with shape :math:`(N, M)`.
        values: The values there.
        levels: The values that are looked for.

    Returns:
        The places, and their lines, with shape :math:`(C)`.
    """

    def above(level: float) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda u, line: function(u, line) - level

    found = [_zeros(above(level), w, values - level) for level in levels]
    return torch.cat([place for place, _ in found]), torch.cat([line for _, line in found])


def _zeros(function: Function, w: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    changes = (values[:-1].sign() * values[1:].sign() < 0) & values[:-1].isfinite()
    changes = changes & values[1:].isfinite()
    zero_row, zero_column = (values == 0).nonzero(as_tuple=True)
    row, column = changes.nonzero(as_tuple=True)
    low, high = w[row, column], w[row + 1, column]
    at_low, at_high = values[row, column], values[row + 1, column]
    brackets = [(low, high, at_low, at_high, column), *_about_touches(function, w, values)]
    low, high, at_low, at_high, column = (torch.cat(each) for each in zip(*brackets, strict=True))
    found = zero_within(lambda u: function(u, column), (low, high), (at_low, at_high))
    return torch.cat([found, w[zero_row, zero_column]]), torch.cat([column, zero_column])


def zero_within(
    function: Callable[[Tensor], Tensor],
    ends: tuple[Tensor, Tensor],
    values: tuple[Tensor, Tensor],
    *,
    relative: float = 0.0,
) -> Tensor:
    """A zero within each bracket, by the Illinois variant of regula falsi, which never leaves it.

    Arguments:
        function: From places to values.
        ends: Both ends of the brackets, of any shape.
        values: The function there, of both signs.
        relative: How much less close a place may be for each unit that it is off 0.

    References:
        A Modified Regula Falsi Method for Computing the Root of an Equation (Dowell and Jarratt,
        1971), doi:10.1007/BF01934364.
    """
    (low, high), (at_low, at_high) = ends, values
    for _ in range(_STEPS if high.numel() else 0):
        trial = (low * at_high - high * at_low) / (at_high - at_low)
        trial = torch.where((trial - low) * (trial - high) < 0, trial, (low + high) / 2)
        found = function(trial)
        same = found.sign() == at_high.sign()
        low, at_low = torch.where(same, low, high), torch.where(same, at_low / 2, at_high)
        step = (trial - high).abs()
        high, at_high = trial, found
        if bool(((step < _CLOSE * (1 + relative * trial.abs())) | (found == 0)).all()):
            break
    return high


def _about_touches(function: Function, w: Tensor, values: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Brackets before and after places at which a function crosses zero and comes back."""
    row, column = touches(w, values)[0].nonzero(as_tuple=True)
    places, heights = (
        torch.stack([each[row + k, column] for k in range(3)]) for each in (w, values)
    )
    for _ in range(_TURNS):
        near, vertex = (each.squeeze(0) for each in touches(places, heights))
        places, heights = places[:, near], heights[:, near]
        vertex, column = vertex[near], column[near]
        if not len(column):
            return
        at = function(vertex, column)
        crossed = at.sign() * heights[1].sign() < 0
        for end in (0, 2):
            ends = places[end], vertex, heights[end], at, column
            yield tuple(each[crossed] for each in ends)
        places, heights = _closer(places, heights, vertex, torch.where(crossed, torch.nan, at))


def _closer(places: Tensor, heights: Tensor, middle: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Of three neighbours and a place between them those about the one nearest to zero."""
    places, order = torch.cat([places, middle.unsqueeze(0)]).sort(0)
    heights = torch.cat([heights, at.unsqueeze(0)]).gather(0, order)
    first = (heights[1].abs() > heights[2].abs()).long()
    chosen = torch.stack([first, first + 1, first + 2])
    return places.gather(0, chosen), heights.gather(0, chosen)


def touches(w: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    r"""Where a function that keeps its sign at nodes may lose it between them.

    Parabolas through three neighbours, of which the middle one is nearest to 0, reach it or nearly
    do.

    Arguments:
        w: Nodes in ascending order, with shape :math:`(N, *)`.
        values: The function there.

    Returns:
        At which of the nodes between others, with shape :math:`(N - 2, *)`, and the vertices of
        the parabolas.
    """
    before, here, after = values[:-2], values[1:-1], values[2:]
    left, right = w[1:-1] - w[:-2], w[2:] - w[1:-1]
    first, second = (here - before) / left, (after - here) / right
    bend = (second - first) / (left + right)
    slope = (first * right + second * left) / (left + right)
    shift = -slope / (2 * bend)
    away = (here + slope * shift / 2) * here.sign()
    near = (here.abs() < before.abs()) & (here.abs() <= after.abs()) & (away < here.abs() / 2)
    alike = (before.sign() == here.sign()) & (here.sign() == after.sign())
    near = near & alike & (bend * here > 0) & (shift > -left) & (shift < right)
    return near, w[1:-1] + torch.where(near, shift, 0.0)
