"""Bures' divergence: the squared distance of transport between normal distributions."""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
)

import kldiv

__all__ = ["Bures", "bures", "mean_and_root"]


class Bures(kldiv.Divergence):
    r"""Bures' divergence, :math:`W_2^2` between normal distributions.

    .. math:: D(p, q) = \|\mu - \nu\|^2 + \operatorname{tr}\Bigl(
        \Sigma + \Lambda - 2 (\Sigma^{1/2} \Lambda \Sigma^{1/2})^{1/2}\Bigr)

    It is the square of Wasserstein's distance of order 2, in squared units of x, and smooth where
    p and q are equal, where the distance itself has a kink: fit with this one. There is nothing
    of it but the closed form, for ``Normal``, independent normals, ``MultivariateNormal`` and
    ``LowRankMultivariateNormal`` of any dimension; covariances may be nearly singular.

    References:
        On the Bures-Wasserstein distance between positive definite matrices (Bhatia, Jain and
        Lim, 2019), equation 1 and theorem 1, arXiv:1712.01504.
    """

    unit = "squared units of x"
    symmetric = True
    additive = True

    def degree_in_x(self, size: int) -> float:
        """It grows as squared distances do."""
        return 2.0


def bures(p: Distribution, q: Distribution, divergence: object) -> Tensor:
    r"""The divergence between two normal distributions, with shape :math:`(*)`.

    With :math:`\Sigma = A A^\top`, :math:`\Lambda = B B^\top` and U the orthogonal matrix that
    makes :math:`\|A - B U\|` smallest, the polar factor of :math:`B^\top A`, it is

    .. math:: \|\mu - \nu\|^2 + \|A - B U\|_F^2 .

    This subtracts no large numbers. As U is best, it may be held fixed in the gradient, which
    thereby exists at equal and at singular covariances.
    """
    (loc_p, a), (loc_q, b) = mean_and_root(p), mean_and_root(q)
    with torch.no_grad():
        left, _, right = torch.linalg.svd(b.mT @ a, full_matrices=False)
        turn = left @ right
    return (loc_p - loc_q).square().sum(-1) + (a - b @ turn).square().sum((-2, -1))


def mean_and_root(normal: Distribution) -> tuple[Tensor, Tensor]:
    r"""The mean :math:`(*, D)` of a normal and a square root :math:`(*, D, K)` of its covariance.

    All roots of normals of one dimension have :math:`K = 2 D` columns.
    """
    if isinstance(normal, Normal):
        return normal.loc.unsqueeze(-1), _padded(normal.scale.unsqueeze(-1).unsqueeze(-1))
    if isinstance(normal, MultivariateNormal):
        return normal.loc, _padded(normal.scale_tril)
    if isinstance(normal, LowRankMultivariateNormal):
        diagonal = torch.diag_embed(normal.cov_diag.sqrt())
        return normal.loc, _padded(torch.cat([diagonal, normal.cov_factor], -1))
    if isinstance(normal, Independent) and isinstance(normal.base_dist, Normal):
        base, event = normal.base_dist, len(normal.event_shape)
        if event == 1:
            return base.loc, _padded(torch.diag_embed(base.scale))
    raise kldiv.NotAvailable(f"{normal!r} is no normal distribution of numbers or vectors")


def _padded(matrix: Tensor) -> Tensor:
    rows, columns = matrix.shape[-2:]
    return torch.nn.functional.pad(matrix, (0, 2 * rows - columns))
