"""The Sinkhorn divergence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from torch import Tensor

import kldiv

__all__ = ["Sinkhorn"]

_ITERATIONS = 20_000
_THRESHOLD = 1e-5  # of the marginals; values miss the square of that
_FALL = 3.0
_SETTLING = 15
_CLOSE = 1e-4  # of a value: what the marginals may leave of it


@dataclass(frozen=True)
class Sinkhorn(kldiv.SampleDivergence):
    r"""The Sinkhorn divergence: squared transport with its entropy, and without its bias.

    .. math:: S_\epsilon(p, q) &= T_\epsilon(p, q)
            - \tfrac12 T_\epsilon(p, p) - \tfrac12 T_\epsilon(q, q), \\
        T_\epsilon(p, q) &= \min_\pi \mathbb E_\pi \|x - y\|^2
            + \epsilon\,\mathrm{KL}(\pi \parallel p \otimes q)

    over the couplings :math:`\pi` of p and q. It is not negative, 0 for equal sides only, goes to
    :math:`W_2^2` as :math:`\epsilon \to 0` and to the squared distance of means as
    :math:`\epsilon \to \infty`. Like these it has squared units of x, and so has
    :math:`\epsilon`: with the length :math:`\sqrt\epsilon` transport is blurred. It is exact
    between normal distributions. Between samples its cost is that of some matrix-vector products
    of all pairs, more of them for smaller :math:`\epsilon`; there its gradient is that of the
    optimal potentials held fixed.

    Arguments:
        epsilon: The weight :math:`\epsilon > 0` of the entropy.

    Raises:
        kldiv.InvalidArgument: If epsilon is not positive.

    References:
        Interpolating between Optimal Transport and MMD using Sinkhorn Divergences (Feydy,
        Séjourné, Vialard, Amari, Trouvé and Peyré, 2019), equations 1 to 3 and theorem 1,
        arXiv:1810.08278.
    """

    epsilon: float = 1.0

    unit = "squared units of x"
    symmetric = True
    draws: ClassVar[int] = 400

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < float("inf"):
            raise kldiv.InvalidArgument(f"epsilon must be positive, got {self.epsilon}")

    def compare(
        self, points_p: Tensor, weights_p: Tensor, points_q: Tensor, weights_q: Tensor
    ) -> Tensor:
        """The divergence of two samples, in squared units of the points."""
        x, y = (points.reshape(len(points), -1) for points in (points_p, points_q))
        between = self._transport(x, weights_p, y, weights_q)
        within = self._transport(x, weights_p, x, weights_p)
        within = within + self._transport(y, weights_q, y, weights_q)
        return between - within / 2

    def _transport(self, x: Tensor, v: Tensor, y: Tensor, w: Tensor) -> Tensor:
        r"""The dual value of transport at the optimal potentials f and g.

        .. math:: \langle f, v\rangle + \langle g, w\rangle
            - \epsilon \sum_{ij} v_i w_j \bigl(e^{(f_i + g_j - C_{ij}) / \epsilon} - 1\bigr).

        It is stationary in the potentials, so that what they miss counts squared, and they are
        held fixed in the gradient.
        """
        cost = (x.unsqueeze(1) - y).square().sum(-1)
        f, g = self._potentials(cost.detach(), v.detach(), w.detach())
        plan = v.unsqueeze(1) * w * ((f.unsqueeze(1) + g - cost) / self.epsilon).exp()
        return f @ v + g @ w - self.epsilon * (plan.sum() - v.sum() * w.sum())

    def _potentials(self, cost: Tensor, v: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """The optimal potentials: epsilon falls to its value, then scalings settle the rest."""
        f, g = torch.zeros_like(v), torch.zeros_like(w)
        for epsilon in self._falling(float(cost.max())):
            f, g = (
                (f + _soft(cost, g, w, epsilon)) / 2,
                (g + _soft(cost.mT, f, v, epsilon)) / 2,
            )
        start = f + self.epsilon * v.log(), g + self.epsilon * w.log()
        import ot  # it takes long to import

        _, log = ot.bregman.sinkhorn_stabilized(
            *(each.cpu().numpy() for each in (v, w, cost)),
            self.epsilon,
            numItermax=_ITERATIONS,
            stopThr=_THRESHOLD * float(w.norm()),
            warmstart=[each.cpu().numpy() for each in start],
            warn=False,
            log=True,
        )
        g = torch.from_numpy(log["beta"]).to(w) - self.epsilon * w.log()
        f = _soft(cost, g, w, self.epsilon)
        self._check(cost, v, w, f, g)
        return f, g

    def _falling(self, largest: float) -> Iterator[float]:
        """From the largest cost to epsilon by steps, and there for a while."""
        epsilon = largest
        while epsilon > self.epsilon:
            yield epsilon
            epsilon /= _FALL
        yield from (self.epsilon,) * _SETTLING

    def _check(self, cost: Tensor, v: Tensor, w: Tensor, f: Tensor, g: Tensor) -> None:
        """Raises unless the marginals are met so closely that the value is."""
        got = (((f.unsqueeze(1) + g - cost) / self.epsilon).exp() * v.unsqueeze(1)).sum(0) * w
        missing = float(((got - w).abs() * (g - g.mean()).abs()).sum())
        if missing > _CLOSE * (self.epsilon + float(v @ cost @ w)):
            raise kldiv.NotFinite(
                f"{self} has not settled after {_ITERATIONS} steps for costs as large as "
                f"{float(cost.max()):.3g}; take a larger epsilon"
            )


def _soft(cost: Tensor, other: Tensor, weights: Tensor, epsilon: float) -> Tensor:
    """The best potential of one side, given that of the other."""
    inner = (other - cost).div_(epsilon).add_(weights.log())
    return -epsilon * inner.logsumexp(1)
