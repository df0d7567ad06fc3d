"""The squared maximum mean discrepancy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

import kldiv

from kldiv_kernels.kernels import KERNELS, check_kernel
from kldiv_kernels.pair_sums import means

__all__ = ["MMD"]


@dataclass(frozen=True)
class MMD(kldiv.SampleDivergence):
    r"""The squared maximum mean discrepancy, the distance of mean embeddings by a kernel k.

    .. math:: \mathrm{MMD}^2(p, q) = \mathbb E\,k(x, x') + \mathbb E\,k(y, y')
        - 2\,\mathbb E\,k(x, y), \qquad x, x' \sim p,\ y, y' \sim q,

    with :math:`k(x, y) = \varphi(\|x - y\|^2 / h^2)`: ``gaussian`` :math:`e^{-r^2 / 2 h^2}`,
    ``laplace`` :math:`e^{-r / h}`, ``inverse_multiquadric`` :math:`(1 + r^2 / h^2)^{-1/2}`. It has
    no unit and is at most 2, and 0 for equal distributions only. With the Gaussian kernel it is
    exact between normal distributions and their mixtures, of any dimension; else samples are
    compared, weighted or not, at a cost of all pairs.

    Arguments:
        kernel: The name of the kernel.
        bandwidth: The length h, in the units of x.
        biased: Whether a point counts as a pair with itself. Then it is not negative (a
            V-statistic) and for N points too large by about 1/N; else it is right in the mean (a
            U-statistic) and may be negative.

    Raises:
        kldiv.InvalidArgument: If the kernel is unknown or the bandwidth not positive.

    References:
        A Kernel Two-Sample Test (Gretton, Borgwardt, Rasch, Schölkopf and Smola, 2012), lemma 6,
        equations 3 and 5, https://jmlr.org/papers/v13/gretton12a.html.
    """

    kernel: str = "gaussian"
    bandwidth: float = 1.0
    biased: bool = True

    unit = ""
    symmetric = True
    jointly_convex = True
    upper_bound = 2.0
    draws: ClassVar[int] = 1000
    weightings = True

    def __post_init__(self) -> None:
        check_kernel(self.kernel, self.bandwidth, KERNELS)

    def compare(
        self, points_p: Tensor, weights_p: Tensor, points_q: Tensor, weights_q: Tensor
    ) -> Tensor:
        """The squared discrepancy of two samples, for each weighting."""
        x, y = (
            points.reshape(len(points), -1) / self.bandwidth for points in (points_p, points_q)
        )
        pairs = (x, weights_p), (y, weights_q)
        found = means(KERNELS[self.kernel], *pairs, at_zero=1.0, biased=self.biased)
        return found.squared_distance
