"""Normal vectors whose correlations come from a few common factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch

from torch import Tensor
from torch.distributions import Distribution, LowRankMultivariateNormal, constraints

from kldiv.builtin.checks import check_number
from kldiv.builtin.families.factor_analysis import nearest_factors
from kldiv.definitions.family import Family
from kldiv.definitions.parameters import Parameter, as_parameter
from kldiv.definitions.place import Place
from kldiv.errors import InvalidArgument

__all__ = ["LowRankNormal"]

_COMMON = 0.9  # of the variance along the widest axes, at a start
_NEAREST, _MANY = 5, 128  # members that are near a normal vector of not too many coordinates


class LowRankNormal(Family):
    r"""Normal vectors whose covariance is a diagonal and a matrix of low rank.

    .. math:: q = N(\mu, W W^\top + \operatorname{diag}(d))

    With D coordinates and rank r, ``cov_factor`` W has shape (D, r) and ``cov_diag`` d shape (D):
    a factor analysis, with D(r + 2) numbers instead of D(D + 3)/2. A rotation of the columns of W
    leaves the distribution as it is, so that of W only :math:`W W^\top` is determined. It is no
    exponential family: the optimum of the forward KL has the mean of the target, the rest is
    searched, for a normal target by factor analysis from many starts; there may be several minima,
    and variances that go to 0. At W = 0 the coordinates are independent, from r = D - 1 on it is
    every normal distribution. Closed forms between members are those of ``full_normal``.

    Arguments:
        rank: The number r of common factors.
        size: The number D of coordinates; ``None`` takes it from the target.
        fixed: ``loc``, ``cov_factor`` or ``cov_diag``, to hold them fixed.

    Raises:
        InvalidArgument: If the rank is not a positive integer.

    References:
        Gaussian variational approximation with a factor covariance structure (Ong, Nott and
        Smith, 2018), section 3, doi:10.1080/10618600.2017.1390472.
    """

    name = "low_rank_normal"
    event_dims = 1
    sized = True

    def __init__(self, *, rank: int = 1, size: int | None = None, **fixed: object) -> None:
        number = check_number("rank", rank, low=1)
        if not number.is_integer():
            raise InvalidArgument(f"rank must be an integer, got {rank!r}")
        self.rank = int(number)
        if "cov_factor" in fixed:
            size = size or _rows(as_parameter("cov_factor", fixed["cov_factor"]), self.rank)
        super().__init__(size=size, **fixed)

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """A vector, a matrix of some columns and positive variances."""
        return {
            "loc": Parameter(constraints.real, (size,)),
            "cov_factor": Parameter(constraints.real, (size, self.rank)),
            "cov_diag": Parameter(constraints.positive, (size,)),
        }

    def distribution(self, **parameters: Tensor) -> Distribution:
        """A normal vector with that covariance."""
        return LowRankMultivariateNormal(
            parameters["loc"], parameters["cov_factor"], parameters["cov_diag"]
        )

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and variances, its factors along the widest axes."""
        values, vectors = torch.linalg.eigh(place.matrix)
        shares = (_COMMON * values[..., -self.rank :]).clamp_min(0).sqrt()
        factor = vectors[..., -self.rank :] * shares.unsqueeze(-2)
        missing = self.rank - factor.shape[-1]
        if missing > 0:
            factor = torch.nn.functional.pad(factor, (0, missing))
        common = factor.square().sum(-1)
        start = {
            "loc": place.mean,
            "cov_factor": factor,
            "cov_diag": torch.maximum(place.variance - common, (1 - _COMMON) * place.variance),
        }
        return {name: value for name, value in start.items() if name not in self.fixed}

    def nearest_to_normal(self, place: Place, *, forward: bool) -> list[dict[str, Tensor]]:
        """The members nearest by ``kl`` to the normal vector of a place, the best first.

        Arguments:
            place: Where it is.
            forward: Whether the divergence is from that vector, else it is to it.
        """
        if place.mean.shape[-1] > _MANY or self.fixed.keys() & {"cov_factor", "cov_diag"}:
            return []
        found = nearest_factors(place.matrix, self.rank, forward=forward)
        pairs = zip(found.factor[:_NEAREST], found.variance[:_NEAREST], strict=True)
        near = [{"loc": place.mean, "cov_factor": w, "cov_diag": d} for w, d in pairs]
        return [{name: each[name] for name in each if name not in self.fixed} for each in near]

    def copy(self) -> Self:
        """A family of the same rank."""
        return type(self)(rank=self.rank, size=self.size, **self.fixed)

    def __repr__(self) -> str:
        held = [f"{name}=…" for name in self.fixed]
        return f"{self.name}({', '.join([f'rank={self.rank}', *held])})"


def _rows(factor: Tensor, rank: int) -> int:
    """The number of coordinates of a factor held fixed."""
    if factor.ndim < 2 or factor.shape[-1] != rank:
        raise InvalidArgument(
            f"cov_factor must have shape (D, {rank}) as rank is {rank}, got {tuple(factor.shape)}"
        )
    return int(factor.shape[-2])
