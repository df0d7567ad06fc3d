"""Wasserstein's distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

import kldiv

from kldiv_transport.coupling import coupled, coupled_in_space, root
from kldiv_transport.quantiles import Quantiles

__all__ = ["Wasserstein"]


@dataclass(frozen=True)
class Wasserstein(kldiv.SampleDivergence):
    r"""Wasserstein's distance :math:`W_r`, the r-th root of the cost of transport.

    .. math:: W_r(p, q) = \Bigl(\min_\pi \mathbb E_\pi \|x - y\|^r\Bigr)^{1/r}, \qquad
        W_r^r = \int_0^1 |F^{-1}(u) - G^{-1}(u)|^r\,du \text{ on a line,}

    over the couplings :math:`\pi` of p and q. It is a metric, in the units of x, not in nats, and
    infinite where a moment of order r is that the other side does not share.

    On a line it is exact between samples, weighted or not, by sorting; between distributions it is
    an integral of quantile functions, or of distribution functions inverted, with an error.
    Between normal distributions of any dimension order 2 has a closed form. In the plane two
    samples are coupled exactly by linear programming; beyond, samples of any size are too far
    apart: take ``sliced_wasserstein`` or ``sinkhorn``.

    Arguments:
        order: The order :math:`r \geq 1`.

    Raises:
        kldiv.InvalidArgument: If the order is less than 1, or samples have more than two
            coordinates.

    References:
        Computational Optimal Transport (Peyré and Cuturi, 2019), equation 2.15 and proposition
        2.17, arXiv:1803.00567.
    """

    order: float = 1.0

    unit = "units of x"
    symmetric = True
    metric = True
    draws: ClassVar[int] = 1000
    estimators: ClassVar[tuple[Any, ...]] = (Quantiles(),)

    def __post_init__(self) -> None:
        if not 1 <= self.order < float("inf"):
            raise kldiv.InvalidArgument(f"order must be at least 1 and finite, got {self.order}")

    @property
    def expected_failures(self) -> dict[str, str]:
        """What is known not to hold."""
        if self.order == 1:
            return {}
        return {
            "precision": "between lattices it is a root, whose slope at equal sides is infinite"
        }

    def degree_in_x(self, size: int) -> float:
        """It grows as distances do."""
        return 1.0

    def compare(
        self, points_p: Tensor, weights_p: Tensor, points_q: Tensor, weights_q: Tensor
    ) -> Tensor:
        """The power r of the distance of two samples."""
        x, y = (points.reshape(len(points), -1) for points in (points_p, points_q))
        if x.shape[-1] > 2:
            raise kldiv.InvalidArgument(
                f"samples in {x.shape[-1]} dimensions do not show {self} of what they are drawn "
                "from; sliced_wasserstein and sinkhorn do not suffer from dimensions as much"
            )
        if x.shape[-1] == 2:
            return coupled_in_space(x, weights_p, y, weights_q, self.order)
        return coupled(x.mT, weights_p, y.mT, weights_q, self.order).squeeze(0)

    def combine(self, value: Tensor) -> Tensor:
        """The distance, in the units of the points."""
        return root(value, self.order)
