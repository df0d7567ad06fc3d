r"""Rubin's eight schools: a posterior in ten dimensions of which everything is known.

Given the scale :math:`\tau` of the effects the model is linear and normal. What is left is one
integral over :math:`t = \log \tau`, here by the trapezium rule on a smooth density that falls
exponentially at both ends: so the evidence, exact draws and the moments are at hand.
"""

from __future__ import annotations

import math

from functools import cached_property

import torch

from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.types import _size

from kldiv.errors import InvalidType

__all__ = ["EightSchools", "eight_schools"]

_EFFECTS = (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0)
_ERRORS = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)
_PRIOR = 5.0  # of the mean, and of the scale
_GRID = (-32.0, 14.0, 4601)  # of log tau
_NARROW = 115.0  # of a logarithm: the square of its exponential is still a number


def eight_schools(centered: bool = False) -> EightSchools:
    r"""The posterior of the eight schools: effects of coaching, and how they are spread.

    .. math:: y_j \sim N(\theta_j, \sigma_j^2), \quad \theta_j \sim N(\mu, \tau^2), \quad
        \mu \sim N(0, 5^2), \quad \tau \sim \operatorname{Cauchy}^+(0, 5)

    Eight schools reported effects :math:`y_j` with standard errors :math:`\sigma_j`. A point is
    :math:`(\mu, \log \tau, \eta_1, \dots, \eta_8)` with :math:`\theta_j = \mu + \tau \eta_j`, or
    with ``centered=True`` :math:`(\mu, \log \tau, \theta_1, \dots, \theta_8)`, in which the
    posterior is a funnel: as :math:`\tau` falls the effects are pressed onto :math:`\mu`. It is
    normalised: the evidence, draws, means and covariances take no more than one integral over
    :math:`\log \tau`. The data hardly bound :math:`\tau` from below, so that the density has
    an exponential tail in :math:`-\log \tau`.

    Arguments:
        centered: Whether the effects themselves are the coordinates.

    Returns:
        A distribution with event shape (10).

    Raises:
        InvalidType: If ``centered`` is no boolean.

    References:
        Estimation in parallel randomized experiments (Rubin, 1981), table 1,
        doi:10.3102/10769986006004377. Bayesian Data Analysis (Gelman et al., 2013), section 5.5,
        http://www.stat.columbia.edu/~gelman/book/; the priors are those of its Stan program.
    """
    if not isinstance(centered, bool):
        raise InvalidType(f"centered must be True or False, got {centered!r}")
    return EightSchools(centered=centered)


class EightSchools(Distribution):
    """The distribution of :func:`eight_schools`.

    Arguments:
        centered: Whether the effects themselves are the coordinates.
    """

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real_vector

    def __init__(self, *, centered: bool = False) -> None:
        self.centered = centered
        self.effects = torch.tensor(_EFFECTS, dtype=torch.float64)
        self.errors = torch.tensor(_ERRORS, dtype=torch.float64)
        super().__init__(torch.Size(), torch.Size([2 + len(_EFFECTS)]))

    def log_prob(self, x: Tensor) -> Tensor:
        """The log density, that of the data included and its integral taken off."""
        mu, log_tau, rest = x[..., 0], x[..., 1], x[..., 2:]
        spread = log_tau.clamp(-_NARROW, _NARROW).exp().unsqueeze(-1)
        if self.centered:
            eta, theta = (rest - mu.unsqueeze(-1)) / spread, rest
            stretch = -len(_EFFECTS) * log_tau
        else:
            eta, theta = rest, mu.unsqueeze(-1) + spread * rest
            stretch = torch.zeros_like(log_tau)
        joint = _normal((self.effects - theta) / self.errors) - self.errors.log()
        joint = (joint + _normal(eta)).sum(-1) + stretch
        return (
            joint + _normal(mu / _PRIOR) - math.log(_PRIOR) + _prior(log_tau) - self.log_evidence
        )

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Independent draws: of log tau, of the mean given it, of the effects given both."""
        shape = torch.Size(sample_shape)
        with torch.no_grad():
            log_tau = self._draw_log_tau(shape)
            mean, variance = self._mean_given(log_tau)
            mu = mean + variance.sqrt() * torch.randn(shape).to(mean)
            tau = log_tau.exp().unsqueeze(-1)
            total = self.errors.square() + tau.square()
            pull = tau * (self.effects - mu.unsqueeze(-1)) / total
            noise = torch.randn((*shape, len(_EFFECTS))).to(mean)
            eta = pull + self.errors / total.sqrt() * noise
            rest = mu.unsqueeze(-1) + tau * eta if self.centered else eta
            return torch.cat([mu.unsqueeze(-1), log_tau.unsqueeze(-1), rest], -1)

    @cached_property
    def log_evidence(self) -> Tensor:
        """The logarithm of the density of the data."""
        log_tau, log_joint = self._marginal
        return log_joint.logsumexp(0) + (log_tau[1] - log_tau[0]).log()

    @property
    def mean(self) -> Tensor:
        """The posterior means."""
        return self._first_two[0]

    @property
    def variance(self) -> Tensor:
        """The posterior variances."""
        return self.covariance_matrix.diagonal()

    @property
    def covariance_matrix(self) -> Tensor:
        """The posterior covariances."""
        return self._first_two[1]

    @cached_property
    def _marginal(self) -> tuple[Tensor, Tensor]:
        """A grid of log tau, and the log density of it and the data."""
        low, high, number = _GRID
        log_tau = torch.linspace(low, high, number, dtype=torch.float64)
        mean, variance = self._mean_given(log_tau)
        total = (self.errors.square() + (2 * log_tau).exp().unsqueeze(-1)).sqrt()
        likelihood = _normal((self.effects - mean.unsqueeze(-1)) / total) - total.log()
        prior = _normal(mean / _PRIOR) - math.log(_PRIOR)  # at mu = mean, of which the density is
        height = -0.5 * (2 * math.pi * variance).log()  # that of the peak of a normal
        return log_tau, likelihood.sum(-1) + prior - height + _prior(log_tau)

    @cached_property
    def _first_two(self) -> tuple[Tensor, Tensor]:
        """Mean and covariance: those given log tau, and the spread of the former over it."""
        log_tau, log_joint = self._marginal
        weight = log_joint.softmax(0)
        means, covariances = self._given(log_tau)
        mean = weight @ means
        off = means - mean
        within = (weight.reshape(-1, 1, 1) * covariances).sum(0)
        return mean, within + (weight.unsqueeze(-1) * off).mT @ off

    def _given(self, log_tau: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and covariance of a point given log tau."""
        mean, variance = self._mean_given(log_tau)
        tau = log_tau.exp().unsqueeze(-1)
        total = self.errors.square() + tau.square()
        slope = -tau / total  # of the mean of eta in mu
        shares = self.errors.square() / total
        if self.centered:
            slope, shares = 1 + tau * slope, tau.square() * shares
            rest = mean.unsqueeze(-1) + tau.square() / total * (self.effects - mean.unsqueeze(-1))
        else:
            rest = tau * (self.effects - mean.unsqueeze(-1)) / total
        zero, one = torch.zeros_like(tau), torch.ones_like(tau)
        means = torch.cat([mean.unsqueeze(-1), log_tau.unsqueeze(-1), rest], -1)
        along = torch.cat([one, zero, slope], -1) * variance.sqrt().unsqueeze(-1)
        own = torch.diag_embed(torch.cat([zero, zero, shares], -1))
        return means, along.unsqueeze(-1) * along.unsqueeze(-2) + own

    def _mean_given(self, log_tau: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of mu given log tau."""
        precision = 1 / (self.errors.square() + (2 * log_tau).exp().unsqueeze(-1))
        total = precision.sum(-1) + 1 / _PRIOR**2
        return (precision * self.effects).sum(-1) / total, 1 / total

    def _draw_log_tau(self, shape: torch.Size) -> Tensor:
        """By inverting the distribution function, linear between the points of the grid."""
        log_tau, log_joint = self._marginal
        below = log_joint.softmax(0).cumsum(0)
        share = torch.rand(shape).to(below)
        upper = torch.searchsorted(below, share).clamp(1, len(below) - 1)
        low, high = below[upper - 1], below[upper]
        step = log_tau[1] - log_tau[0]
        return log_tau[upper - 1] + step * ((share - low) / (high - low) + 0.5)


def _normal(z: Tensor) -> Tensor:
    """The standard normal log density."""
    return -z.square() / 2 - math.log(2 * math.pi) / 2


def _prior(log_tau: Tensor) -> Tensor:
    """The log density of the logarithm of a half-Cauchy scale."""
    ratio = log_tau - math.log(_PRIOR)
    return math.log(2 / math.pi) + ratio - torch.nn.functional.softplus(2 * ratio)
