"""Normal families: scalars, and vectors of equal, of separate and of correlated scales."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, constraints
from torch.distributions import LogNormal as TorchLogNormal
from torch.distributions import Normal as TorchNormal

from kldiv.builtin.families.elementary import TINY, Elementary, log_inside, log_ratio_inside
from kldiv.definitions.family import Family
from kldiv.definitions.parameters import Measured, Parameter
from kldiv.definitions.place import Means, Place

__all__ = ["DiagonalNormal", "FullNormal", "IsotropicNormal", "LogNormal", "Normal"]


class Normal(Elementary):
    r"""Normal distributions of a scalar, with mean ``loc`` and standard deviation ``scale``.

    .. math:: q(x) = \frac{1}{\sqrt{2 \pi}\,\sigma}
        \exp\Bigl(-\frac{(x - \mu)^2}{2 \sigma^2}\Bigr)

    The only optimum of the forward KL has the mean and the variance of the target; it is infinite
    where there is no variance, as for Cauchy's. Between members all divergences are known in
    closed form but those of the mixture of the two, such as ``jensen_shannon`` and ``triangular``,
    and of an excess of mass, such as ``total_variation``. Towards ``scale`` 0 a point is left.

    Arguments:
        fixed: ``loc`` or ``scale``, to hold them fixed.

    References:
        Continuous Univariate Distributions, volume 1 (Johnson, Kotz and Balakrishnan, 1994),
        chapter 13.
    """

    name = "normal"
    matches_moments = True
    distribution_class = TorchNormal
    scalars: ClassVar = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """X and its square."""
        return x, x.square()

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """Mean and variance are those of the target."""
        mean, square = means
        return {"loc": mean, "scale": (square - mean.square()).sqrt()}


class LogNormal(Elementary):
    r"""Lognormal distributions: the logarithm is normal, of mean ``loc`` and deviation ``scale``.

    .. math:: q(x) = \frac{1}{\sqrt{2 \pi}\,\sigma x}
        \exp\Bigl(-\frac{(\log x - \mu)^2}{2 \sigma^2}\Bigr), \qquad x > 0

    The optimum of the forward KL has the mean and the variance of the target's logarithm; it is
    infinite for a target with mass at 0 or below. Divergences that bijections leave alone are
    those of the logarithms, which are normal, and known in closed form where those are. All
    moments exist, the mean :math:`e^{\mu + \sigma^2 / 2}` among them, but the tail is heavier than
    any exponential one; at 0 the density vanishes with all its derivatives.

    Arguments:
        fixed: ``loc`` or ``scale``, to hold them fixed.

    References:
        Continuous Univariate Distributions, volume 1 (Johnson, Kotz and Balakrishnan, 1994),
        chapter 14.
    """

    name = "lognormal"
    distribution_class = TorchLogNormal
    scalars: ClassVar = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """Log x and its square."""
        log_x = log_inside(x)
        return log_x, log_x.square()

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """Mean and variance of the logarithm are those of the target."""
        mean, square = means
        return {"loc": mean, "scale": (square - mean.square()).sqrt()}

    def from_means(self, mean: Means, about: Tensor) -> dict[str, Tensor]:
        """By logarithms of ratios to the place, whose variance loses no digits."""

        def statistics(x: Tensor) -> tuple[Tensor, ...]:
            log_ratio = log_ratio_inside(x, about)
            return log_ratio, log_ratio.square()

        moved, square = mean(statistics)
        return {"loc": about.log() + moved, "scale": (square - moved.square()).sqrt()}

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and variance."""
        mean = place.mean.clamp_min(TINY)
        square = (place.variance / mean.square()).log1p()
        return self.free({"loc": mean.log() - square / 2, "scale": square.sqrt()})


class _NormalVectors(Family):
    """A family of vectors whose first two moments determine the optimum of the forward KL."""

    event_dims = 1
    sized = True
    matches_moments = True


class IsotropicNormal(_NormalVectors):
    r"""Normal vectors with one standard deviation in all directions.

    .. math:: q = N(\mu, \sigma^2 I)

    The optimum of the forward KL has the mean of the target, and as variance the mean of its
    covariance's eigenvalues; that of the reverse KL onto a normal target has their harmonic mean,
    which one narrow direction makes small. Closed forms and limits are those of ``normal``.

    Arguments:
        size: The number of coordinates; ``None`` takes it from the target.
        fixed: ``loc``, a vector, or ``scale``, a number, to hold them fixed.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 10.1.2.
    """

    name = "isotropic_normal"

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """A vector and one scale."""
        return {
            "loc": Parameter(constraints.real, (size,)),
            "scale": Parameter(constraints.positive),
        }

    def distribution(self, **parameters: Tensor) -> Distribution:
        """Independent normal coordinates of one scale."""
        loc, scale = parameters["loc"], parameters["scale"]
        return Independent(TorchNormal(loc, scale.unsqueeze(-1).expand(loc.shape)), 1)

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """Each coordinate, and the squared length."""
        return *x.unbind(-1), x.square().sum(-1)

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The mean, and the mean of the coordinates' variances."""
        loc = torch.stack(means[:-1], -1)
        variance = (means[-1] - loc.square().sum(-1)) / loc.shape[-1]
        return {"loc": loc, "scale": variance.sqrt()}

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and mean variance."""
        values = {"loc": place.mean, "scale": place.variance.mean(-1).sqrt()}
        return {name: value for name, value in values.items() if name not in self.fixed}


class DiagonalNormal(_NormalVectors):
    r"""Normal vectors with independent coordinates, each with a standard deviation of its own.

    .. math:: q = N(\mu, \operatorname{diag}(\sigma^2))

    The optimum of the forward KL has the mean and the variances :math:`\Sigma_{ii}` of the target;
    that of the reverse KL onto a normal target has the variances :math:`1 / (\Sigma^{-1})_{ii}`,
    too small where coordinates are correlated. Closed forms and limits are those of ``normal``.

    Arguments:
        size: The number of coordinates; ``None`` takes it from the target.
        fixed: ``loc`` or ``scale``, vectors, to hold them fixed.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 10.1.2.
    """

    name = "diagonal_normal"

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """A mean and a scale for each coordinate."""
        return {
            "loc": Parameter(constraints.real, (size,)),
            "scale": Parameter(constraints.positive, (size,)),
        }

    def distribution(self, **parameters: Tensor) -> Distribution:
        """Independent normal coordinates."""
        return Independent(TorchNormal(parameters["loc"], parameters["scale"]), 1)

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """Each coordinate, and the square of each."""
        return *x.unbind(-1), *x.square().unbind(-1)

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The mean and the variance of each coordinate."""
        half = len(means) // 2
        loc, square = torch.stack(means[:half], -1), torch.stack(means[half:], -1)
        return {"loc": loc, "scale": (square - loc.square()).sqrt()}


class FullNormal(_NormalVectors):
    r"""Normal vectors with any covariance matrix.

    .. math:: q(x) = \frac{1}{\sqrt{(2 \pi)^D \det \Sigma}}
        \exp\Bigl(-\tfrac12 (x - \mu)^\top \Sigma^{-1} (x - \mu)\Bigr)

    With D coordinates it has D(D + 3)/2 numbers. The only optimum of the forward KL has the mean
    and the covariance of the target; there is none for up to D points of data, of which the
    covariance is singular. Closed forms and limits are those of ``normal``.

    Arguments:
        size: The number D of coordinates; ``None`` takes it from the target.
        fixed: ``loc``, a vector, or ``covariance_matrix``, to hold them fixed.

    References:
        Continuous Multivariate Distributions, volume 1 (Kotz, Balakrishnan and Johnson, 2000),
        chapter 45.
    """

    name = "full_normal"
    distribution_class = MultivariateNormal

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """A vector and a positive definite matrix."""
        return {
            "loc": Parameter(constraints.real, (size,)),
            "covariance_matrix": Parameter(constraints.positive_definite, (size, size)),
        }

    def distribution(self, **parameters: Tensor) -> Distribution:
        """A normal vector."""
        return MultivariateNormal(parameters["loc"], parameters["covariance_matrix"])

    def at(self, theta: Tensor) -> Distribution:
        """The members by the factors of their covariances, which the real vectors hold."""
        if self.fixed:
            return super().at(theta)
        size = self.size or 1
        loc, entries = theta.tensor_split([size], -1)
        factor = Parameter(constraints.lower_cholesky, (size, size)).constrain(entries)
        its = self.space.parameters["loc"]
        if isinstance(its, Measured):
            loc, factor = its.constrain(loc), its.unit.unsqueeze(-1) * factor
        return MultivariateNormal(loc, scale_tril=factor)

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """Each coordinate, and the product of each pair."""
        rows, columns = torch.tril_indices(x.shape[-1], x.shape[-1], device=x.device)
        return *x.unbind(-1), *(x[..., rows] * x[..., columns]).unbind(-1)

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The mean and the covariance of the target."""
        size = self.size or 1
        loc, products = torch.stack(means[:size], -1), torch.stack(means[size:], -1)
        rows, columns = torch.tril_indices(size, size, device=loc.device)
        second = loc.new_zeros(*loc.shape, size)
        second[..., rows, columns] = products
        second[..., columns, rows] = products
        return {
            "loc": loc,
            "covariance_matrix": second - loc.unsqueeze(-1) * loc.unsqueeze(-2),
        }
