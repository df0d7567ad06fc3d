"""The kernel Stein discrepancy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

import kldiv

from kldiv_kernels.kernels import SMOOTH, check_kernel

__all__ = ["KernelStein"]


@dataclass(frozen=True)
class KernelStein(kldiv.SampleScoreDivergence):
    r"""The squared kernel Stein discrepancy of samples from the score of a density.

    .. math:: D(p \parallel q) &= \mathbb E_{x, x' \sim p}\,u(x, x'), \\
        u(x, x') &= k\,s \cdot s' + s \cdot \nabla_{x'} k + s' \cdot \nabla_x k
            + \operatorname{tr} \nabla_x \nabla_{x'} k, \qquad s = \nabla \log q(x)

    with :math:`k(x, x') = \varphi(\|x - x'\|^2 / h^2)`: ``inverse_multiquadric``
    :math:`(1 + r^2 / h^2)^{-1/2}`, which sees a sample that does not converge, or ``gaussian``
    :math:`e^{-r^2 / 2 h^2}`. Only the score of q is used, so that q may be unnormalised, and no
    points of q are needed: p is a sample, or drawn from. q must have a smooth density on the whole
    space. It has inverse squared units of x, and is blind to the weights of modes far apart.

    Arguments:
        kernel: The name of the kernel.
        bandwidth: The length h, in the units of x.
        biased: Whether a point counts as a pair with itself: then it is not negative, else right
            in the mean.

    Raises:
        kldiv.InvalidArgument: If the kernel is unknown or the bandwidth not positive.

    References:
        A Kernelized Stein Discrepancy for Goodness-of-fit Tests (Liu, Lee and Jordan, 2016),
        theorem 3.6, arXiv:1602.03253.
        Measuring Sample Quality with Kernels (Gorham and Mackey, 2017), theorem 8,
        arXiv:1703.01717.
    """

    kernel: str = "inverse_multiquadric"
    bandwidth: float = 1.0
    biased: bool = True

    unit = "inverse squared units of x"
    draws: ClassVar[int] = 1000
    weightings = True

    def __post_init__(self) -> None:
        check_kernel(self.kernel, self.bandwidth, SMOOTH)

    def compare(self, points: Tensor, weights: Tensor, scores: Tensor) -> Tensor:
        """The squared discrepancy of a sample, for each weighting."""
        x = points.reshape(len(points), -1) / self.bandwidth
        s = scores * self.bandwidth
        size, along = x.square().sum(-1), (x * s).sum(-1)
        squares = (size.unsqueeze(1) + size - 2 * x @ x.mT).clamp_min(0.0)
        value, slope, bend = SMOOTH[self.kernel](squares)
        cross = s @ x.mT
        gap = along.unsqueeze(1) + along - cross - cross.mT  # (s - s') · (x - x')
        steins = value * (s @ s.mT) - 2 * slope * gap
        steins = steins - 2 * x.shape[-1] * slope - 4 * squares * bend
        total = (weights @ steins * weights).sum(-1)
        if not self.biased:
            alone = weights.square()
            total = (total - alone @ steins.diagonal()) / (1 - alone.sum(-1))
        return total / self.bandwidth**2
