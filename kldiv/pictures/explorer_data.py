r"""What an explorer shows: parameters, densities, and the levels of its map, validated once.

The densities come in one of two forms, both sampled by the caller's own library. An array that
broadcasts to :math:`(N_y, N_x, N)`, y and x being the two parameters and :math:`N` the points,
holds any density and keeps the size it has: one that does not depend on the parameters has shape
:math:`(N)`. A `LocationScale` holds one standard density :math:`\varphi` and stands for

.. math:: q(t) = \frac{1}{\sigma}\, \varphi\!\left(\frac{t - \mu}{\sigma}\right),

the first parameter being the location and the second the scale.
"""

from __future__ import annotations

import math
import re

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kldiv.errors import InvalidArgument, InvalidType, ShapeMismatch

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Densities", "LocationScale", "Parameter", "as_array", "ceiling", "iso_levels"]

ENTRIES_ALLOWED = 120_000
SHARES = (0.015, 0.04, 0.08, 0.15, 0.25, 0.4, 0.55, 0.7, 0.85, 0.93, 0.98)
RESERVED_NAMES = frozenset({"value", "mounted", "theme"})


@dataclass(frozen=True, eq=False)
class Parameter:
    """A parameter of the explored family and the grid of values it takes.

    Arguments:
        name: A lower-case word; the page bears its value as the attribute ``data-<name>``.
        values: The grid, increasing, with shape :math:`(N_x)` or :math:`(N_y)`.
        symbol: How it is written, such as ``"μ"``; the name by default.
    """

    name: str
    values: ArrayLike
    symbol: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", self.name) or self.name in RESERVED_NAMES:
            raise InvalidArgument(
                f"name is {self.name!r}; a parameter's name is a lower-case word other than "
                f"{', '.join(sorted(RESERVED_NAMES))}; put its sign in symbol"
            )
        values = as_array(f"values of {self.name!r}", self.values)
        if values.ndim != 1 or len(values) < 2:
            raise ShapeMismatch(
                f"values of {self.name!r} have shape {values.shape}; give a line of at least two"
            )
        if not np.isfinite(values).all() or (np.diff(values) <= 0).any():
            raise InvalidArgument(
                f"values of {self.name!r} must be finite and increasing; sort them, once each"
            )
        values[np.abs(values) < 1e-9 * np.ptp(values)] = 0.0  # a linspace's −1e-16 is meant as 0
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "symbol", self.symbol or self.name)

    @property
    def grid(self) -> NDArray[np.float64]:
        """The values as an array."""
        return np.asarray(self.values)

    def nearest(self, value: float) -> int:
        """The place of the grid value nearest to a value."""
        return int(np.abs(self.grid - value).argmin())


@dataclass(frozen=True, eq=False)
class LocationScale:
    r"""A density known through its standard form, moved and stretched by the two parameters.

    Arguments:
        points: Increasing points, wide enough that the standard density is 0 beyond them.
        density: The standard density :math:`\varphi` there, of the same shape.
    """

    points: ArrayLike
    density: ArrayLike

    def __post_init__(self) -> None:
        points, density = as_array("points", self.points), as_array("density", self.density)
        if points.ndim != 1 or points.shape != density.shape:
            raise ShapeMismatch(
                f"points have shape {points.shape} and density {density.shape}; "
                "give two lines of one length"
            )
        if not np.isfinite(points).all() or (np.diff(points) <= 0).any():
            raise InvalidArgument("points must be finite and increasing; sort them")
        _check_density("density", density)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "density", density)

    def at(self, points: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
        """The density at some points, for location x and scale y."""
        standard = np.asarray(self.points), np.asarray(self.density)
        return np.asarray(np.interp((points - x) / y, *standard, left=0.0, right=0.0) / y)


@dataclass(frozen=True, eq=False)
class Densities:
    """The densities of p and q that an explorer draws.

    Arguments:
        points: Where they are drawn, with shape :math:`(N)`.
        p: The target: its density at the points, or an array that broadcasts to
            :math:`(N_y, N_x, N)`, or a `LocationScale`.
        q: The approximation, in the same forms.
        discrete: Whether these are probabilities of single points, drawn as stems.
    """

    points: ArrayLike
    p: ArrayLike | LocationScale
    q: ArrayLike | LocationScale
    discrete: bool = False

    def __post_init__(self) -> None:
        points = as_array("points", self.points)
        if points.ndim != 1 or len(points) < 2 or not np.isfinite(points).all():
            raise InvalidArgument(
                f"points have shape {points.shape}; give a line of at least two finite ones"
            )
        object.__setattr__(self, "points", points)
        for name in ("p", "q"):
            density = getattr(self, name)
            if not isinstance(density, LocationScale):
                density = as_array(name, density)
                _check_density(name, density)
                object.__setattr__(self, name, np.atleast_1d(density))

    def check(self, x: Parameter, y: Parameter) -> None:
        """Refuses densities that do not fit the parameters, or a page too heavy to load."""
        full = (len(y.grid), len(x.grid), len(np.asarray(self.points)))
        for name in ("p", "q"):
            density = getattr(self, name)
            if isinstance(density, LocationScale):
                if y.grid[0] <= 0:
                    raise InvalidArgument(
                        f"{y.name!r} starts at {y.grid[0]:g}; as the scale of {name} it must be "
                        "positive: start its grid above 0"
                    )
                continue
            if density.ndim > 3 or not _broadcasts(density.shape, full):
                raise ShapeMismatch(
                    f"{name} has shape {density.shape}, which does not broadcast to {full}: "
                    f"({y.name}, {x.name}, points)"
                )
            if density.size > ENTRIES_ALLOWED:
                raise InvalidArgument(
                    f"{name} has {density.size} entries, more than the {ENTRIES_ALLOWED} a page "
                    "carries; thin out the points, or give a LocationScale"
                )

    def at(
        self, name: str, x: Parameter, y: Parameter, place: tuple[int, int]
    ) -> NDArray[np.float64]:
        """The density named p or q at the points, for the parameters at a place (column, row)."""
        density, points = getattr(self, name), np.asarray(self.points)
        if isinstance(density, LocationScale):
            return density.at(points, float(x.grid[place[0]]), float(y.grid[place[1]]))
        full = np.broadcast_to(density, (len(y.grid), len(x.grid), len(points)))
        return np.asarray(full[place[1], place[0]])

    def peak(self, y: Parameter) -> float:
        """The highest density that p or q takes for any parameters."""
        heights = [
            float(np.max(density.density)) / float(y.grid[0])
            if isinstance(density, LocationScale)
            else float(np.max(density))
            for density in (self.p, self.q)
        ]
        return max(heights) or 1.0


def as_array(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """A float64 array of numbers that came as an array, as lists, or as a tensor."""
    detach = getattr(value, "detach", None)
    try:
        return np.array(detach().cpu().numpy() if detach else value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidType(
            f"{name} is a {type(value).__name__} that is no array of numbers; "
            "give an array, a tensor (an Estimate's .value) or nested lists"
        ) from error


def iso_levels(table: NDArray[np.float64]) -> list[float]:
    """Round levels for the map: one digit each and bands of like area, or else even steps.

    Divergences often span decades, with most of the map at a few large values; levels at
    quantiles show the hollow around the optimum and the slopes alike.
    """
    finite = table[np.isfinite(table)]
    low, high = float(finite.min()), float(finite.max())
    if high <= low:
        return []
    if low >= 0 and high > 8 * float(np.quantile(finite, SHARES[0])):
        rounded = {float(f"{value:.0e}") for value in np.quantile(finite, SHARES)}
        return sorted(level for level in rounded if max(low, high / 500) < level < high)
    step = _round_up((high - low) / 9)
    multiples = range(math.floor(low / step), math.ceil(high / step) + 1)
    hair = 1e-6 * step  # so that a level on the border, but for rounding, is left out
    return [float(f"{k * step:.6g}") for k in multiples if low + hair < k * step < high - hair]


def ceiling(table: NDArray[np.float64]) -> float:
    """The top of the slices' axis, above nine in ten values: one axis for all, so they compare."""
    finite = table[np.isfinite(table)]
    high = float(finite.max())
    if high <= 0:
        return high + 1.0
    return min(_round_up(float(np.quantile(finite, 0.9))) or high, high)


def _round_up(value: float) -> float:
    """The least of 1, 1.5, 2, 3, 5 times a power of ten that is not below a value."""
    if value <= 0:
        return 0.0
    decade = 10.0 ** math.floor(math.log10(value))
    steps = [multiple * decade for multiple in (1, 1.5, 2, 3, 5, 10)]
    return next(step for step in steps if step >= value * (1 - 1e-12))


def _check_density(name: str, density: NDArray[np.float64]) -> None:
    if density.size == 0 or not np.isfinite(density).all() or density.min() < 0:
        raise InvalidArgument(f"{name} must be finite densities, none negative; is it log_prob?")


def _broadcasts(shape: tuple[int, ...], full: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, full) == full
    except ValueError:
        return False
