"""Normal vectors bent out of shape by a bijection of volume one or of known volume."""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import (
    Independent,
    Normal,
    Transform,
    TransformedDistribution,
    constraints,
)
from torch.types import _size

from kldiv.builtin.checks import check_number, check_numbers, check_positive, check_together
from kldiv.errors import InvalidArgument

__all__ = ["Banana", "Funnel", "banana", "funnel"]

_FAR = 1e100  # of a coordinate: its square is still a number
_NARROW = 115.0  # of a logarithm: where a funnel is narrower it holds no mass


def banana(curvature: object = 0.5, scale: object = 2.0) -> Banana:
    r"""A normal vector of the plane, twisted along a parabola.

    .. math:: x_1 = s z_1, \qquad x_2 = z_2 - b\,(x_1^2 - s^2), \qquad z \sim N(0, I)

    The twist keeps areas, so that the density is normalised, and draws are exact. Its mean is 0
    and its coordinates are uncorrelated, with variances :math:`s^2` and :math:`1 + 2 b^2 s^4`,
    as strongly as one depends on the other: a normal q that matches its moments covers the hollow
    of the banana too. At b = 0 it is normal; the larger b s, the steeper and thinner its arms.

    Arguments:
        curvature: The curvature b, with shape :math:`(*)`; 0 is a normal distribution.
        scale: The standard deviation s of the first coordinate, positive, with shape :math:`(*)`.

    Returns:
        A distribution with batch shape :math:`(*)` and event shape (2).

    Raises:
        InvalidArgument: If a scale is not positive, or the shapes do not broadcast.

    References:
        Adaptive proposal distribution for random walk Metropolis algorithm (Haario, Saksman and
        Tamminen, 1999), section 3.2, doi:10.1007/s001800050022; there s is 10 and b 0.03 or 0.1.

    Example:
        >>> banana().covariance_matrix
        tensor([[4., 0.],
                [0., 9.]], dtype=torch.float64)
    """
    bend, width = check_together(
        curvature=check_numbers("curvature", curvature), scale=check_positive("scale", scale)
    )
    return Banana(bend, width)


def funnel(dimension: int = 2, scale: object = 3.0) -> Funnel:
    r"""Neal's funnel: the first coordinate is the logarithm of the variance of the others.

    .. math:: v \sim N(0, s^2), \qquad x_i \mid v \sim N(0, e^v), \quad i = 1, \dots, D - 1

    In its neck the scale is many times smaller than in its mouth, as in posteriors of
    hierarchical models: no one step size suits both. It is normalised and drawn from exactly. Its
    mean is 0, its coordinates are uncorrelated, and the variance of each :math:`x_i` is
    :math:`e^{s^2 / 2}`, which rare draws from the mouth make up. A small s leaves a normal.

    Arguments:
        dimension: The number D of coordinates, v first; Neal's has 10.
        scale: The standard deviation s of v, positive, with shape :math:`(*)`.

    Returns:
        A distribution with batch shape :math:`(*)` and event shape (D).

    Raises:
        InvalidArgument: If the dimension is no integer of at least 2, or a scale not positive.

    References:
        Slice sampling (Neal, 2003), section 8, doi:10.1214/aos/1056562461.
    """
    number = check_number("dimension", dimension, low=2)
    if not number.is_integer():
        raise InvalidArgument(f"dimension must be an integer, got {dimension!r}")
    return Funnel(int(number), check_positive("scale", scale))


class Banana(TransformedDistribution):
    """The distribution of :func:`banana`, with parameters of one shape."""

    arg_constraints = {"curvature": constraints.real, "scale": constraints.positive}  # noqa: RUF012

    def __init__(self, curvature: Tensor, scale: Tensor) -> None:
        self.curvature, self.scale = curvature, scale
        scales = torch.stack([scale, torch.ones_like(scale)], -1)
        super().__init__(
            Independent(Normal(torch.zeros_like(scales), scales), 1),
            [_Twist(curvature, scale)],
        )

    def expand(self, batch_shape: _size, _instance: object = None) -> Banana:
        """The same distribution with a larger batch shape."""
        return Banana(self.curvature.expand(batch_shape), self.scale.expand(batch_shape))

    @property
    def mean(self) -> Tensor:
        """It is 0."""
        return torch.zeros_like(self.variance)

    @property
    def variance(self) -> Tensor:
        """That of the first coordinate is as it was, that of the second grows by the twist's."""
        square = self.scale.square()
        return torch.stack([square, 1 + 2 * (self.curvature * square).square()], -1)

    @property
    def covariance_matrix(self) -> Tensor:
        """A diagonal matrix."""
        return torch.diag_embed(self.variance)


class Funnel(TransformedDistribution):
    """The distribution of :func:`funnel`."""

    arg_constraints = {"scale": constraints.positive}  # noqa: RUF012

    def __init__(self, dimension: int, scale: Tensor) -> None:
        self.dimension, self.scale = dimension, scale
        rest = torch.ones_like(scale).unsqueeze(-1).expand(*scale.shape, dimension - 1)
        scales = torch.cat([scale.unsqueeze(-1), rest], -1)
        super().__init__(
            Independent(Normal(torch.zeros_like(scales), scales), 1),
            [_Widen()],
        )

    def expand(self, batch_shape: _size, _instance: object = None) -> Funnel:
        """The same distribution with a larger batch shape."""
        return Funnel(self.dimension, self.scale.expand(batch_shape))

    @property
    def mean(self) -> Tensor:
        """It is 0."""
        return torch.zeros_like(self.variance)

    @property
    def variance(self) -> Tensor:
        """That of v, and for the others the mean of a lognormal."""
        square = self.scale.square().unsqueeze(-1)
        rest = (square / 2).exp().expand(*self.scale.shape, self.dimension - 1)
        return torch.cat([square, rest], -1)

    @property
    def covariance_matrix(self) -> Tensor:
        """A diagonal matrix."""
        return torch.diag_embed(self.variance)


class _OfVectors(Transform):
    """A bijection of vectors."""

    bijective = True
    domain = codomain = constraints.real_vector


class _Twist(_OfVectors):
    """From a normal vector to a banana: the second coordinate falls with the square of the first.

    Arguments:
        curvature: By how much.
        scale: The first coordinate's standard deviation.
    """

    def __init__(self, curvature: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.curvature, self.scale = curvature, scale

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Twist)
            and bool((self.curvature == other.curvature).all())
            and bool((self.scale == other.scale).all())
        )

    __hash__ = None  # type: ignore[assignment]

    def _call(self, x: Tensor) -> Tensor:
        return self._moved(x, -1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._moved(y, 1.0)

    def _moved(self, points: Tensor, sign: float) -> Tensor:
        first, second = points.unbind(-1)
        drop = self.curvature * (first.square() - self.scale.square())
        moved = torch.broadcast_tensors(first, (second + sign * drop).clamp(-_FAR, _FAR))
        return torch.stack(moved, -1)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """A twist keeps areas."""
        return torch.zeros_like(x[..., 0])


class _Widen(_OfVectors):
    """From a normal vector to a funnel: the others are multiplied by a power of the first."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Widen)

    __hash__ = None  # type: ignore[assignment]

    def _call(self, x: Tensor) -> Tensor:
        first, rest = x[..., :1], x[..., 1:]
        return torch.cat([first, (first / 2).exp() * rest], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        first, rest = y[..., :1], y[..., 1:]
        return torch.cat([first, (-first / 2).clamp_max(_NARROW).exp() * rest], -1)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Half of v for each of the others."""
        return x[..., 0] * (x.shape[-1] - 1) / 2
