r"""Two moons in the plane: a ring of which only two opposite sides are lit.

The first of the four shapes on which normalizing flows were first shown,

.. math:: U_1(x) = \frac12 \Bigl(\frac{\lVert x \rVert - R}{w}\Bigr)^2
    - \log\Bigl(e^{-\frac12 (x_1 - R)^2 / s^2} + e^{-\frac12 (x_1 + R)^2 / s^2}\Bigr),

is the even mixture of two moons, one for each exponential in the brackets.
"""

from __future__ import annotations

import math

from functools import cached_property

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily, constraints

from kldiv.builtin.checks import check_positive
from kldiv.builtin.rejection import accepted
from kldiv.builtin.targets.ring import Ring
from kldiv.errors import InvalidArgument

__all__ = ["Moon", "two_moons"]

_REACH = 9.0  # widths to either side of the rim: what is beyond is below rounding
_THINNEST = 50.0  # the largest ratio of the whole to the spread


def two_moons(radius: float = 2.0, width: float = 0.4, spread: float = 0.6) -> MixtureSameFamily:
    r"""Two moons that face each other: a density with two bent modes.

    .. math:: p(x) = \frac1Z e^{-U_1(x)}, \quad
        U_1 = \frac12 \Bigl(\frac{\lVert x \rVert - R}{w}\Bigr)^2
        - \log\Bigl(e^{-\frac12 (x_1 - R)^2 / s^2} + e^{-\frac12 (x_1 + R)^2 / s^2}\Bigr)

    It is an even mixture of two moons, each normalised by quadrature to rounding and sampled by
    rejection from a ring.

    Arguments:
        radius: The distance R of the moons' middles from the centre, positive.
        width: The standard deviation w across a moon, positive.
        spread: The standard deviation s by which a moon reaches towards the centre, positive.

    Returns:
        A distribution with event shape (2).

    Raises:
        InvalidArgument: If a number is not positive, or the spread less than a fiftieth of the
            radius and nine widths.

    References:
        Variational Inference with Normalizing Flows (Rezende and Mohamed, 2015), table 1, U_1,
        arXiv:1505.05770; with these numbers.
    """
    sizes = [
        check_positive(name, value, dimensions=0)
        for name, value in (("radius", radius), ("width", width), ("spread", spread))
    ]
    if float(sizes[0] + _REACH * sizes[1]) > _THINNEST * float(sizes[2]):
        raise InvalidArgument(
            f"spread must be at least a fiftieth of radius + 9 width, got {spread!r}"
        )
    even = torch.ones(2, dtype=torch.float64) / 2
    return MixtureSameFamily(Categorical(even), Moon(*sizes))


class Moon(Distribution):
    r"""The two halves of :func:`two_moons`, to the right and to the left, as a batch.

    .. math:: p_\pm(x) \propto \exp\Bigl(-\frac{(\lVert x \rVert - R)^2}{2 w^2}
        - \frac{(x_1 \mp R)^2}{2 s^2}\Bigr)

    Arguments:
        radius: The number R.
        width: The number w.
        spread: The number s.
    """

    arg_constraints = {  # noqa: RUF012
        "radius": constraints.positive,
        "width": constraints.positive,
        "spread": constraints.positive,
    }
    support = constraints.real_vector

    def __init__(self, radius: Tensor, width: Tensor, spread: Tensor) -> None:
        self.radius, self.width, self.spread = radius, width, spread
        self.side = torch.tensor([1.0, -1.0]).to(radius)
        super().__init__(torch.Size([2]), torch.Size([2]))

    def log_prob(self, x: Tensor) -> Tensor:
        """The log density."""
        return self._height(x) - self._integrals[0].log()

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Points of a ring, drawn anew until each lies within its moon."""
        ring = Ring(self.radius, self.width)
        shape = torch.Size(sample_shape) + self.batch_shape
        with torch.no_grad():
            place = (self.radius * self.side).expand(shape).flatten()

            def propose(waiting: Tensor) -> tuple[Tensor, Tensor]:
                points = ring.sample(waiting.shape)
                off = (points[..., 0] - place[waiting]) / self.spread
                return points, (-off.square() / 2).exp()

            return accepted(propose, len(place)).reshape(*shape, 2)

    @property
    def mean(self) -> Tensor:
        """On the first axis, to either side."""
        first = self._integrals[1] / self._integrals[0]
        return torch.stack([self.side * first, 0 * self.side], -1)

    @property
    def variance(self) -> Tensor:
        """That of each coordinate."""
        mass, first, squares = self._integrals[0], self._integrals[1], self._integrals[2:]
        variance = torch.stack([squares[0] / mass - (first / mass).square(), squares[1] / mass])
        return variance.expand(2, 2)

    @property
    def covariance_matrix(self) -> Tensor:
        """A diagonal matrix: a moon is the same above and below the first axis."""
        return torch.diag_embed(self.variance)

    def _height(self, x: Tensor) -> Tensor:
        across = (torch.linalg.vector_norm(x, dim=-1) - self.radius) / self.width
        off = (x[..., 0] - self.radius * self.side) / self.spread
        return -(across.square() + off.square()) / 2

    @cached_property
    def _integrals(self) -> Tensor:
        r"""Of the right moon the integrals of :math:`1, x_1, x_1^2, x_2^2`.

        In polar coordinates: Gauss's rule along the radius, the trapezium rule around the circle.
        """
        far = self.radius + _REACH * self.width
        near = (self.radius - _REACH * self.width).clamp_min(0)
        around = 32 + math.ceil(9 * float(far / self.spread))
        along = 64 + math.ceil(9 * float((far - near) / self.spread))
        nodes, weights = (torch.from_numpy(each).to(far) for each in _gauss(along))
        radius = ((near + far) + (far - near) * nodes).unsqueeze(-1) / 2
        angle = torch.arange(around).to(far) * (2 * math.pi / around)
        x = torch.stack([radius * angle.cos(), radius * angle.sin()], -1)
        cells = radius * weights.unsqueeze(-1) * (far - near) * (math.pi / around)
        density = self._height(x.unsqueeze(-2))[..., 0].exp() * cells
        first, second = x.unbind(-1)
        values = (torch.ones_like(first), first, first.square(), second.square())
        return torch.stack([(density * value).sum() for value in values])


def _gauss(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights between -1 and 1."""
    nodes, weights = np.polynomial.legendre.leggauss(number)
    return nodes, weights
