r"""A ring in the plane, and any slice of it.

In polar coordinates the radius has the density :math:`r\,N(r; R, w^2)` on positive numbers, up to a
factor. Its integrals :math:`J_n = \int_0^\infty r^n N(r; R, w^2)\,dr` obey, by parts,

.. math:: J_0 = \Phi(R/w), \quad J_1 = R J_0 + w \varphi(R/w), \quad
    J_n = R J_{n-1} + (n - 1)\,w^2 J_{n-2}.
"""

from __future__ import annotations

import math

import torch

from torch import Tensor
from torch.distributions import Distribution, constraints

from kldiv.builtin.checks import check_positive, check_together
from kldiv.builtin.rejection import accepted

__all__ = ["Ring", "ring"]

_RAYLEIGH = math.sqrt(2 / math.pi)  # the mass of |t| under a standard normal law
_LEAST = 1e-300


def ring(radius: object = 3.0, width: object = 0.5) -> Ring:
    r"""A ring in the plane, of which the distance from the centre is normal.

    .. math:: p(x) = \frac1Z \exp\Bigl(-\frac{(\lVert x \rVert - R)^2}{2 w^2}\Bigr), \qquad
        Z = (2 \pi)^{3/2} w\,\bigl(R\,\Phi(R/w) + w\,\varphi(R/w)\bigr)

    It has no mode but a circle of them: a normal distribution must cover the hole or choose a
    place on the rim, and no place is better than another.

    Arguments:
        radius: The radius R, positive, with shape :math:`(*)`.
        width: The standard deviation w across the rim, positive, with shape :math:`(*)`.

    Returns:
        A distribution with batch shape :math:`(*)` and event shape (2).

    Raises:
        InvalidArgument: If a number is not positive, or the shapes do not broadcast.

    References:
        Variational Inference with Normalizing Flows (Rezende and Mohamed, 2015), table 1, the
        first factor of U_1, arXiv:1505.05770.
    """
    middle, deviation = check_together(
        radius=check_positive("radius", radius), width=check_positive("width", width)
    )
    return Ring(middle, deviation)


class Ring(Distribution):
    """The distribution of :func:`ring`, with parameters of one shape."""

    arg_constraints = {"radius": constraints.positive, "width": constraints.positive}  # noqa: RUF012
    support = constraints.real_vector

    def __init__(self, radius: Tensor, width: Tensor) -> None:
        self.radius, self.width = radius, width
        super().__init__(radius.shape, torch.Size([2]))

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> Ring:
        """The same distribution with a larger batch shape."""
        return Ring(self.radius.expand(batch_shape), self.width.expand(batch_shape))

    def log_prob(self, x: Tensor) -> Tensor:
        """The log density."""
        across = (torch.linalg.vector_norm(x, dim=-1) - self.radius) / self.width
        first = self._moments()[1]
        log_mass = 1.5 * math.log(2 * math.pi) + self.width.log() + first.log()
        return -across.square() / 2 - log_mass

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Independent points."""
        shape = torch.Size(sample_shape) + self.batch_shape
        with torch.no_grad():
            radius = self.radius + self.width * self._across(shape)
            angle = 2 * math.pi * torch.rand(shape).to(radius)
            return torch.stack([radius * angle.cos(), radius * angle.sin()], -1)

    @property
    def mean(self) -> Tensor:
        """The centre."""
        return torch.zeros_like(self.variance)

    @property
    def variance(self) -> Tensor:
        """Half of the mean squared radius for each coordinate."""
        moments = self._moments()
        return (moments[3] / moments[1] / 2).unsqueeze(-1).expand(*self.batch_shape, 2)

    @property
    def covariance_matrix(self) -> Tensor:
        """A multiple of the identity."""
        return torch.diag_embed(self.variance)

    def _moments(self) -> list[Tensor]:
        """The integrals J of the module, from 0 to 3."""
        found = [torch.special.ndtr(self.radius / self.width)]
        found.append(self.radius * found[0] + self.width * _normal(self.radius / self.width))
        for order in (1, 2):
            found.append(self.radius * found[-1] + order * self.width.square() * found[-2])
        return found

    def _across(self, shape: torch.Size) -> Tensor:
        r"""How many widths t beyond the radius, of density :math:`(R/w + t)\,\varphi(t)`.

        By rejection from :math:`(R/w + |t|)\,\varphi(t)`, a normal and a two-sided Rayleigh law.
        """
        inwards = (self.radius / self.width).expand(shape).flatten()

        def propose(waiting: Tensor) -> tuple[Tensor, Tensor]:
            room = inwards[waiting]
            sign, height, choice = torch.rand((3, len(waiting))).to(room)
            normal = torch.randn(len(waiting)).to(room)
            rayleigh = (-2 * height.clamp_min(_LEAST).log()).sqrt()
            rayleigh = torch.where(sign < 0.5, -rayleigh, rayleigh)
            t = torch.where(choice * (room + _RAYLEIGH) < room, normal, rayleigh)
            return t, (room + t) / (room + t.abs())

        return accepted(propose, len(inwards)).reshape(shape)


def _normal(x: Tensor) -> Tensor:
    """The standard normal density."""
    return (-x.square() / 2).exp() / math.sqrt(2 * math.pi)
