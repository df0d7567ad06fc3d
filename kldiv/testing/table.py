"""The pairs that laws are tried on unless others are given."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Gamma,
    Geometric,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    Uniform,
)

from kldiv.testing.pair import Pair, Side

__all__ = ["normal_mixture", "normal_vector", "pairs"]


def pairs() -> tuple[Pair, ...]:
    """The pairs, always the same: on few points, on integers, on the line, in the plane.

    Some are close and some far apart; some are infinite at an end, some have heavy tails, and
    some have mass where the other has none.

    Example:
        >>> [pair.name for pair in pairs()][:3]
        ['coins', 'dice', 'dice with zeros']
    """
    return (*_discrete(), *_continuous(), *_with_edges())


def normal_mixture(weights: Tensor, loc: Tensor, scale: Tensor) -> MixtureSameFamily:
    r"""Mixtures of normals, of parameters with shape :math:`(*, K)`; weights of any sum."""
    return MixtureSameFamily(Categorical(weights), Normal(loc, scale))


def normal_vector(loc: Tensor, root: Tensor) -> MultivariateNormal:
    r"""Normals of covariance :math:`A A^\top`, for any invertible matrix A."""
    return MultivariateNormal(loc, root @ root.mT)


def _discrete() -> tuple[Pair, ...]:
    return (
        Pair(
            "coins",
            Side(Bernoulli, probs=[0.5, 0.3, 0.02]),
            Side(Bernoulli, probs=[0.7, 0.31, 0.6]),
            interior=True,
            bounded=True,
        ),
        Pair(
            "dice",
            Side(Categorical, probs=[[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], _EVEN]),
            Side(Categorical, probs=[[0.4, 0.3, 0.2, 0.1], [0.25, 0.5, 0.05, 0.2], _NEARLY_EVEN]),
            interior=True,
            bounded=True,
        ),
        Pair(
            "dice with zeros",
            Side(
                Categorical, probs=[[0.5, 0.5, 0, 0], [0.2, 0.3, 0.5, 0], _EVEN, [0.5, 0.5, 0, 0]]
            ),
            Side(Categorical, probs=[[0, 0, 0.3, 0.7], _EVEN, [0, 0.1, 0, 0.9], [0.2, 0.8, 0, 0]]),
        ),
        Pair(
            "counts",
            Side(Poisson, rate=[2.3, 4.0, 90.0]),
            Side(Poisson, rate=[3.1, 4.04, 110.0]),
            interior=True,
        ),
        Pair("waiting and counts", Side(Geometric, probs=[0.3]), Side(Poisson, rate=[2.0])),
    )


def _continuous() -> tuple[Pair, ...]:
    return (
        Pair(
            "normals",
            Side(Normal, loc=[0.4, 1.0, 0.0, -0.5], scale=[1.1, 1.0, 1.0, 0.8]),
            Side(Normal, loc=[-0.7, 1.01, 12.0, 0.6], scale=[1.6, 1.02, 0.9, 2.5]),
            interior=True,
        ),
        Pair(
            "mixtures",
            Side(normal_mixture, weights=[[0.4, 0.6]], loc=[[-1.0, 1.5]], scale=[[0.6, 0.8]]),
            Side(normal_mixture, weights=[[0.7, 0.3]], loc=[[-1.0, 1.5]], scale=[[0.6, 0.8]]),
            interior=True,
            bounded=True,
        ),
        Pair(
            "gammas",
            Side(Gamma, concentration=[2.5, 0.6, 50.0], rate=[1.5, 1.0, 10.0]),
            Side(Gamma, concentration=[2.9, 0.7, 52.0], rate=[1.2, 1.3, 10.1]),
            interior=True,
        ),
        Pair(
            "betas",
            Side(Beta, concentration1=[1.5, 0.8], concentration0=[2.0, 0.9]),
            Side(Beta, concentration1=[1.7, 0.9], concentration0=[1.8, 0.95]),
            interior=True,
        ),
        Pair(
            "heavy tails",
            Side(StudentT, df=[5.0, 1.0], loc=[0.4, 0.0], scale=[1.2, 1.0]),
            Side(Normal, loc=[-0.7, 0.0], scale=[1.6, 1.0]),
        ),
        Pair(
            "planes",
            Side(normal_vector, loc=[[0.3, -0.2]], root=[[[0.9, 0.1], [-0.5, 0.7]]]),
            Side(normal_vector, loc=[[-0.1, 0.4]], root=[[[1.2, 0.0], [0.0, 1.3]]]),
        ),
    )


def _with_edges() -> tuple[Pair, ...]:
    return (
        Pair(
            "intervals",
            Side(Uniform, low=[0.0, 0.0, 0.5, 0.0], high=[1.0, 2.0, 1.0, 1.0]),
            Side(Uniform, low=[2.0, 0.5, 0.0, 0.3], high=[3.0, 1.0, 2.0, 1.6]),
        ),
    )


_EVEN = [0.25, 0.25, 0.25, 0.25]
_NEARLY_EVEN = [0.26, 0.24, 0.257, 0.243]
