r"""A density known at the points of a grid, linear in between and zero outside.

Inside a cell with corners :math:`c` it is

.. math:: f(x) = \sum_c f_c \prod_k h_{c_k}(x_k)

with the hat functions h of the corners along each axis. Hence masses and moments are sums over the
grid, weighted by the integrals of :math:`h`, :math:`x h` and :math:`x^2 h`; and along an axis of a
cell the distribution function is a parabola, inverted in closed form.

The density is interpolated, not its logarithm: it may vanish, its mass is that of the trapezium
rule by which users know it, and nothing about it needs an approximation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product

import torch

from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from kldiv.blocks import Array
from kldiv.definitions.grid_entropy import integral_of_f_log_f, order_and_bound

__all__ = ["GridDensity"]


class GridDensity(Distribution):
    r"""A piecewise linear density of mass 1; piecewise multilinear, for vectors.

    Arguments:
        axes: The coordinates along each axis, increasing: d vectors of lengths
            :math:`G_1, \dots, G_d`.
        density: The values there, with shape :math:`(*, G_1, \dots, G_d)`, which are divided by
            their :attr:`mass`.
        vector: Whether points are vectors; otherwise there is a single axis.
    """

    arg_constraints: Mapping[str, Constraint] = {}  # type: ignore[assignment]

    def __init__(self, axes: Sequence[Tensor], density: Tensor, *, vector: bool) -> None:
        self.axes = tuple(axis.to(density.device) for axis in axes)
        self.density = density
        self._known: dict[str, Tensor] = {}
        batch = density.shape[: density.ndim - len(axes)]
        super().__init__(batch, torch.Size([len(axes)] if vector else []), validate_args=False)

    @cached_property
    def support(self) -> Constraint:
        """The smallest box of cells outside of which the density vanishes."""
        ends = [self._ends(number) for number in range(len(self.axes))]
        lower, upper = (self._as_event(list(each)) for each in zip(*ends, strict=True))
        box = constraints.interval(lower, upper)
        return constraints.independent(box, 1) if self.event_shape else box

    @property
    def cuts(self) -> tuple[Tensor, ...]:
        """Points whose coordinates are those at which the density has kinks."""
        longest = max(len(axis) for axis in self.axes)
        padded = [axis[torch.arange(longest).clamp_max(len(axis) - 1)] for axis in self.axes]
        return tuple(self._as_event([axis.double() for axis in padded]))

    @property
    def mass(self) -> Tensor:
        """The integral of the values as they were given."""
        return self._integral([0] * len(self.axes))

    @property
    def mean(self) -> Tensor:
        """The mean."""
        mass = self.mass
        means = [
            _middle(axis) + self._integral(_powers(self.axes, number)) / mass
            for number, axis in enumerate(self.axes)
        ]
        return self._as_event(means)

    @property
    def variance(self) -> Tensor:
        """The variance of each coordinate."""
        spread: Tensor = self.covariance_matrix.diagonal(dim1=-2, dim2=-1)
        return spread if self.event_shape else spread.squeeze(-1)

    @property
    def covariance_matrix(self) -> Tensor:
        r"""The covariance of the coordinates, with shape :math:`(*, d, d)`."""
        numbers, mass = range(len(self.axes)), self.mass
        first = torch.stack([self._integral(_powers(self.axes, i)) for i in numbers], -1)
        pairs = [_powers(self.axes, i, j) for i, j in product(numbers, numbers)]
        second = torch.stack([self._integral(powers) for powers in pairs], -1)
        first, second = first / mass.unsqueeze(-1), second / mass.unsqueeze(-1)
        matrix: Tensor = second.unflatten(-1, (len(numbers), -1))
        return matrix - first.unsqueeze(-1) * first.unsqueeze(-2)

    def entropy(self) -> Tensor:
        """The entropy in nats, but for :meth:`entropy_error`."""
        return self._once("entropy", self._entropy)

    def entropy_error(self) -> Tensor:
        """A bound on the error of the entropy."""
        return self._once("bound", self._bounds)[1]

    def _entropy(self) -> Tensor:
        orders = self._once("bound", self._bounds)[0].flatten().int().tolist()
        found = [
            integral_of_f_log_f(*each, order)
            for order, each in zip(orders, self._arrays(), strict=True)
        ]
        return self.mass.log() - self._as_batch(found) / self.mass

    def _bounds(self) -> Tensor:
        found = [order_and_bound(*each) for each in self._arrays()]
        orders, bounds = (self._as_batch(each) for each in zip(*found, strict=True))
        return torch.stack([orders, bounds / self.mass])

    def _arrays(self) -> Iterator[tuple[list[Array], Array, float]]:
        """The grid of each density of the batch, and its mass."""
        axes = [axis.double().cpu().numpy() for axis in self.axes]
        shape = self.density.shape[len(self.batch_shape) :]
        all_values = self.density.detach().cpu().numpy().reshape(-1, *shape)
        for values, mass in zip(all_values, self.mass.flatten().tolist(), strict=True):
            yield axes, values, mass

    def _as_batch(self, numbers: Sequence[float]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float64).reshape(self.batch_shape).to(self.mass)

    def _once(self, name: str, function: Callable[[], Tensor]) -> Tensor:
        """What is computed of these values once, out of sight of who copies the tensors."""
        if self.density.requires_grad:
            return function()
        if self._known.get("of") is not self.density:
            self._known = {"of": self.density}
        if name not in self._known:
            self._known[name] = function()
        return self._known[name]

    def log_prob(self, value: Tensor) -> Tensor:
        r"""The log density, ``-inf`` where it vanishes, of points of shape :math:`(N, *, E)`."""
        x = value.double().unbind(-1) if self.event_shape else (value.double(),)
        axes = [axis.double() for axis in self.axes]
        cells = [
            (torch.searchsorted(axis, each.detach().contiguous()) - 1).clamp(0, len(axis) - 2)
            for each, axis in zip(x, axes, strict=True)
        ]
        found = self._corners(cells)
        inside = torch.ones_like(found[..., 0], dtype=torch.bool)
        for each, cell, axis in zip(x, cells, axes, strict=True):
            found = _between(found, (each - axis[cell]) / (axis[cell + 1] - axis[cell]))
            inside = inside & (each >= axis[0]) & (each <= axis[-1])
        density = found.squeeze(-1)
        positive = inside & (density > 0)
        return torch.where(positive, torch.where(positive, density, 1.0).log(), -torch.inf) - (
            self.mass.log()
        )

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Points drawn by inverting the distribution function: first a cell, then inside of it."""
        with torch.no_grad():
            cells = self._drawn_cells(sample_shape)
            corners = self._corners(cells)
            x = []
            for cell, axis in zip(cells, (axis.double() for axis in self.axes), strict=True):
                low, high = corners.unflatten(-1, (2, -1)).sum(-1).unbind(-1)
                share = _inverse(torch.rand_like(low), low, high)
                corners = _between(corners, share)
                x.append(axis[cell] + share * (axis[cell + 1] - axis[cell]))
        return self._as_event(x)

    def _drawn_cells(self, sample_shape: Sequence[int]) -> list[Tensor]:
        """The cells that points fall into, along each axis, with shape (sample_shape, *)."""
        sizes = [len(axis) - 1 for axis in self.axes]
        batch = self.batch_shape
        masses = self.density.double()
        for number, axis in enumerate(self.axes, len(batch)):
            pairs = masses.narrow(number, 0, len(axis) - 1) + masses.narrow(
                number, 1, len(axis) - 1
            )
            width = axis.double().diff()
            masses = pairs * width.reshape(-1, *(1,) * (len(self.axes) + len(batch) - number - 1))
        edges = masses.reshape(batch.numel(), -1).cumsum(-1)
        count = torch.Size(sample_shape).numel()
        chance = torch.rand(batch.numel(), count, dtype=edges.dtype, device=edges.device)
        found = torch.searchsorted(edges, chance * edges[:, -1:]).clamp_max(edges.shape[-1] - 1)
        drawn = found.T.reshape(*sample_shape, *batch)
        cells = []
        for size in reversed(sizes):  # torch.unravel_index imports sympy
            cells.append(drawn % size)
            drawn = drawn // size
        return cells[::-1]

    def _corners(self, cells: Sequence[Tensor]) -> Tensor:
        r"""The values at the corners of cells, with shape :math:`(N, *, 2^d)`."""
        sizes = [len(axis) for axis in self.axes]
        flat = torch.zeros((), dtype=torch.long, device=self.density.device)
        for cell, size in zip(cells, sizes, strict=True):
            flat = flat * size + cell
        steps = torch.zeros(1, dtype=torch.long, device=flat.device)
        for size in sizes:
            steps = (steps.unsqueeze(-1) * size + torch.arange(2, device=flat.device)).flatten()
        batch = self.batch_shape
        first = torch.arange(batch.numel(), device=flat.device).reshape(batch)
        index = (flat + first * self.density[(0,) * len(batch)].numel()).unsqueeze(-1) + steps
        return self.density.flatten()[index].double()

    def _ends(self, number: int) -> tuple[Tensor, Tensor]:
        """The first and the last coordinate of an axis next to which there is mass."""
        axis, dimensions = self.axes[number].double(), len(self.axes)
        others = [each - dimensions for each in range(dimensions) if each != number]
        positive = (self.density.amax(others) if others else self.density) > 0
        first = positive.int().argmax(-1)
        last = len(axis) - 1 - positive.flip(-1).int().argmax(-1)
        return axis[(first - 1).clamp_min(0)], axis[(last + 1).clamp_max(len(axis) - 1)]

    def _integral(self, powers: Sequence[int]) -> Tensor:
        """The integral of the values times a power of each coordinate, taken from its middle."""
        found = self._once("integrals", self._integrals)
        for power in reversed(powers):
            found = found[..., power]
        return found

    def _integrals(self) -> Tensor:
        r"""All of them up to the squares, with shape :math:`(*, 3, \dots, 3)`."""
        total = self.density.double()
        for axis in reversed(self.axes):  # the last one that is left, whose integrals come first
            weights = _hat_integrals(axis.double() - _middle(axis))
            total = (total @ weights.mT).movedim(-1, len(self.batch_shape))
        return total

    def _as_event(self, columns: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(columns), -1) if self.event_shape else columns[0]

    def __repr__(self) -> str:
        spans = " x ".join(f"[{float(axis[0]):g}, {float(axis[-1]):g}]" for axis in self.axes)
        sizes = " x ".join(str(len(axis)) for axis in self.axes)
        return f"GridDensity({sizes} points on {spans})"


def _between(corners: Tensor, share: Tensor) -> Tensor:
    """The values at a share of the way along the first axis of the corners that are left."""
    low, high = corners.unflatten(-1, (2, -1)).unbind(-2)
    found: Tensor = low + (high - low) * share.unsqueeze(-1)
    return found


def _inverse(chance: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Where the distribution function of a density from ``low`` at 0 to ``high`` at 1 is a chance.

    It solves low s + (high - low) s²/2 = chance (low + high)/2, without cancellation.
    """
    root = (low.square() + chance * (high.square() - low.square())).clamp_min(0).sqrt()
    return torch.where(low + root > 0, chance * (low + high) / (low + root), 0.0).clamp(0, 1)


def _hat_integrals(axis: Tensor) -> Tensor:
    r"""The integrals of :math:`x^k h_i(x)` for k to 2, with the hat function of each point i."""
    a, b = axis[:-1], axis[1:]
    half = (b - a) / 2
    left = (half, half * (2 * a + b) / 3, half * (3 * a * a + 2 * a * b + b * b) / 6)
    right = (half, half * (a + 2 * b) / 3, half * (a * a + 2 * a * b + 3 * b * b) / 6)
    zero = axis.new_zeros(3, 1)
    return torch.cat([torch.stack(left), zero], -1) + torch.cat([zero, torch.stack(right)], -1)


def _powers(axes: Sequence[Tensor], *numbers: int) -> list[int]:
    """How often each axis is among the numbers."""
    return [numbers.count(number) for number in range(len(axes))]


def _middle(axis: Tensor) -> Tensor:
    return (axis[0].double() + axis[-1].double()) / 2
