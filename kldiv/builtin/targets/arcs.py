r"""Arcs of circles seen through normal noise: a ring, and two moons.

A point of an arc is :math:`x = c + R u + w z` with a direction :math:`u` on the circle that has a
von Mises distribution about :math:`e`, and :math:`z \sim N(0, I)`. Integrating over the direction
leaves a Bessel function, so that the density is known exactly, with its normaliser, and smooth:

.. math:: p(c + y) = \frac{1}{2 \pi w^2} \exp\Bigl(-\frac{\lVert y \rVert^2 + R^2}{2 w^2}\Bigr)
    \frac{I_0(\lVert R y / w^2 + \kappa e \rVert)}{I_0(\kappa)}.

It is computed without cancellation: with :math:`m = R \lVert y \rVert / w^2` and :math:`\rho` for
the norm,

.. math:: \rho - \kappa - m = -\frac{2 \kappa\,(m - R y^\top e / w^2)}{\rho + \kappa + m}.
"""

from __future__ import annotations

import math

import torch

from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    MixtureSameFamily,
    VonMises,
    constraints,
)
from torch.types import _size

from kldiv.builtin.checks import check_positive, check_together

__all__ = ["Arc", "ring", "two_moons"]

_TINY = 1e-300
_EVEN = 1e-8  # a concentration below which a circle is as good as evenly covered


def ring(radius: object = 3.0, width: object = 0.5) -> Arc:
    r"""A circle in the plane, seen through normal noise.

    .. math:: p(x) = \frac{1}{2 \pi w^2}
        \exp\Bigl(-\frac{\lVert x \rVert^2 + R^2}{2 w^2}\Bigr)\,
        I_0\Bigl(\frac{R \lVert x \rVert}{w^2}\Bigr)

    It has no single mode but a circle of them: a normal distribution must cover the hole or choose
    a place on the rim, and no place is better than another. The distance from the centre has
    Rice's distribution. It is normalised and drawn from exactly, with mean 0 and covariance
    :math:`(R^2 / 2 + w^2) I`. The hole closes at :math:`R = \sqrt2\,w`: smaller rings have their
    mode in the centre, and are normal in the limit. A w of 0 would leave a circle, without a
    density.

    Arguments:
        radius: The radius R, positive, with shape :math:`(*)`.
        width: The standard deviation w of the noise, positive, with shape :math:`(*)`.

    Returns:
        A distribution with batch shape :math:`(*)` and event shape (2).

    Raises:
        InvalidArgument: If a number is not positive, or the shapes do not broadcast.

    References:
        Mathematical Analysis of Random Noise (Rice, 1945), equation 3.10-11,
        doi:10.1002/j.1538-7305.1945.tb00453.x.
    """
    middle, noise = check_together(
        radius=check_positive("radius", radius), width=check_positive("width", width)
    )
    zero = torch.zeros_like(middle)
    return Arc(middle, noise, zero, zero, torch.stack([zero, zero], -1))


def two_moons(
    radius: float = 1.0, width: float = 0.15, concentration: float = 3.0
) -> MixtureSameFamily:
    r"""Two moons in the plane that reach into each other, of equal weight.

    .. math:: x = c_k + R u + w z, \qquad k \in \{1, 2\}, \quad u \sim
        \operatorname{vonMises}(\pm \tfrac\pi2, \kappa), \quad z \sim N(0, I)

    with centres :math:`c_1 = (0, 0)` and :math:`c_2 = (R, R/2)`: the first moon bends upwards, the
    second downwards. They are scikit-learn's ``make_moons``, the data on which normalizing flows
    are shown, but for the angle: there it is uniform on half of the circle, here it has a von
    Mises distribution, so that the density is smooth and known exactly, with its normaliser. Mean
    and covariance are known, draws exact. The smaller :math:`\kappa`, the longer the moons, up to
    two rings at 0; a large one leaves two normals.

    Arguments:
        radius: The radius R of both moons, positive.
        width: The standard deviation w of the noise, positive.
        concentration: The concentration :math:`\kappa` of the angles, positive; long moons have a
            small one.

    Returns:
        A distribution with event shape (2).

    Raises:
        InvalidArgument: If a number is not positive.

    References:
        Scikit-learn: Machine Learning in Python (Pedregosa et al., 2011),
        https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_moons.html.
    """
    size = check_positive("radius", radius, dimensions=0)
    noise = check_positive("width", width, dimensions=0)
    focus = check_positive("concentration", concentration, dimensions=0)
    upright = math.pi * torch.tensor([0.5, -0.5]).to(size)
    centre = size * torch.tensor([[0.0, 0.0], [1.0, 0.5]]).to(size)
    even = Categorical(torch.tensor([0.5, 0.5]).to(size))
    moons = Arc(size.expand(2), noise.expand(2), focus.expand(2), upright, centre)
    return MixtureSameFamily(even, moons)


class Arc(Distribution):
    r"""An arc of a circle, seen through normal noise.

    It is the distribution of :func:`ring`, and of each of :func:`two_moons`; its density is
    derived at the head of this module.

    Arguments:
        radius: The radius R, with shape :math:`(*)`.
        width: The standard deviation w of the noise, with shape :math:`(*)`.
        concentration: The concentration :math:`\kappa` of the angle, with shape :math:`(*)`; at 0
            the arc is the whole circle.
        direction: The mean angle, with shape :math:`(*)`.
        centre: The circle's centre, with shape :math:`(*, 2)`.
    """

    arg_constraints = {  # noqa: RUF012
        "radius": constraints.positive,
        "width": constraints.positive,
        "concentration": constraints.nonnegative,
        "direction": constraints.real,
        "centre": constraints.real_vector,
    }
    support = constraints.real_vector
    has_rsample = False

    def __init__(
        self,
        radius: Tensor,
        width: Tensor,
        concentration: Tensor,
        direction: Tensor,
        centre: Tensor,
    ) -> None:
        self.radius, self.width, self.concentration = radius, width, concentration
        self.direction, self.centre = direction, centre
        super().__init__(radius.shape, torch.Size([2]))

    def expand(self, batch_shape: _size, _instance: object = None) -> Arc:
        """The same distribution with a larger batch shape."""
        shape = torch.Size(batch_shape)
        return Arc(
            self.radius.expand(shape),
            self.width.expand(shape),
            self.concentration.expand(shape),
            self.direction.expand(shape),
            self.centre.expand(*shape, 2),
        )

    def log_prob(self, x: Tensor) -> Tensor:
        """The log density."""
        k, square = self.concentration, self.width.square()
        y = x - self.centre
        distance = torch.linalg.vector_norm(y, dim=-1)
        pull = (self.radius / square).unsqueeze(-1) * y
        m = self.radius / square * distance
        rho = torch.linalg.vector_norm(pull + k.unsqueeze(-1) * self._axis, dim=-1)
        short = (m - (pull * self._axis).sum(-1)) / (rho + k + m).clamp_min(_TINY)
        off_rim = (distance - self.radius) / self.width
        bessel = torch.special.i0e(rho).log() - torch.special.i0e(k).log()
        log_density: Tensor = bessel - off_rim.square() / 2 - 2 * k * short
        return log_density - (2 * math.pi * square).log()

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Independent points."""
        shape = torch.Size(sample_shape)
        with torch.no_grad():
            focus = self.concentration.clamp_min(_EVEN)
            angle = self.direction + VonMises(torch.zeros_like(focus), focus).sample(shape)
            noise = torch.randn((*angle.shape, 2)).to(angle)
            circle = torch.stack([angle.cos(), angle.sin()], -1)
            noise = self.width.unsqueeze(-1) * noise + self.centre
            points: Tensor = self.radius.unsqueeze(-1) * circle + noise
            return points

    @property
    def mean(self) -> Tensor:
        """From the centre towards the middle of the arc."""
        length = torch.special.i1e(self.concentration) / torch.special.i0e(self.concentration)
        towards: Tensor = (self.radius * length).unsqueeze(-1) * self._axis
        return towards + self.centre

    @property
    def variance(self) -> Tensor:
        """That of each coordinate."""
        return self.covariance_matrix.diagonal(dim1=-2, dim2=-1)

    @property
    def covariance_matrix(self) -> Tensor:
        """That of the direction, along the arc's axis and across it, and that of the noise."""
        k = self.concentration.clamp_min(_EVEN)
        first = torch.special.i1e(k) / torch.special.i0e(k)
        across = first / k
        along = 1 - across - first.square()
        square = self.radius.square()
        outer = self._axis.unsqueeze(-1) * self._axis.unsqueeze(-2)
        own = (square * across + self.width.square())[..., None, None]
        extra = (square * (along - across))[..., None, None]
        matrix: Tensor = own * torch.eye(2).to(outer) + extra * outer
        return matrix

    @property
    def _axis(self) -> Tensor:
        """The unit vector to the middle of the arc."""
        return torch.stack([self.direction.cos(), self.direction.sin()], -1)
