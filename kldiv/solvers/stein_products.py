r"""The Hessian of a normal vector's divergence times steps, from gradients that are known.

At draws :math:`x = \mu + L z`, of which z has the mean 0 and the covariance 1 exactly,
:math:`\gamma = -L^\top \nabla \log p(x)` is a linear function and a remainder,
:math:`\gamma = \bar\gamma + A z + r`. By Stein's identity, as in
:mod:`kldiv.solvers.normal_charts`, its second derivatives are averages of first ones: for a step
:math:`(a, B)` with the velocity :math:`\xi = a + B z`

.. math:: \mathcal H\, (a, B) = \bigl(A a + E[w r],\; A B + \tfrac12 (A B^\top + B^\top A)
    + E[w r z^\top]\bigr), \qquad w = z^\top \xi - \operatorname{tr} B.

Only what r adds is blurred by few draws. The smallest eigenvalue is a concave function of a
matrix, so that a blurred Hessian has one that is too small on average: where it is positive, the
Hessian's is.

References:
    Estimation of the Mean of a Multivariate Normal Distribution (Stein, 1981), lemma 2,
    doi:10.1214/aos/1176345632.
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["SteinProducts"]


class SteinProducts:
    r"""The Hessian's products with steps.

    Arguments:
        slopes: The gradients :math:`\nabla \log p` at N draws, with shape
            :math:`(N, S, *, D)`.
        nodes: The z, with shape :math:`(N, D)`.
        root: The factors L, with shape :math:`(S, *, D, D)`, or their diagonals where members
            have no correlations, with shape :math:`(S, *, D)`.
    """

    def __init__(self, slopes: Tensor, nodes: Tensor, root: Tensor) -> None:
        self.nodes, self.apart = nodes, root.ndim == slopes.ndim - 1
        own = root.unsqueeze(-1) if self.apart else root.mT
        columns = slopes.movedim(0, -1)
        pulls = -own * columns if self.apart else -(own @ columns)
        bend = (pulls @ nodes) / len(nodes)
        self._rest = pulls - pulls.mean(-1, keepdim=True) - bend @ nodes.mT
        self.bend = (bend + bend.mT) / 2
        r"""The matrix A, with shape :math:`(S, *, D, D)`."""

    def times(self, shift: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        r"""The product with steps :math:`(a, B)`, both parts shaped like theirs.

        Arguments:
            shift: The a, with shape :math:`(S, *, D)`.
            change: The B, with shape :math:`(S, *, D, D)`, or their diagonals.
        """
        nodes, bend = self.nodes, self.bend
        diagonal = change if self.apart else change.diagonal(dim1=-2, dim2=-1)
        turned = nodes * change.unsqueeze(-2) if self.apart else nodes @ change.mT
        velocity = shift.unsqueeze(-2) + turned
        weights = (nodes * velocity).sum(-1).unsqueeze(-2) - diagonal.sum(-1)[..., None, None]
        weighted = self._rest * weights
        along = (bend @ shift.unsqueeze(-1)).squeeze(-1) + weighted.mean(-1)
        if self.apart:
            across = 2 * bend.diagonal(dim1=-2, dim2=-1) * change
            return along, across + (weighted * nodes.mT).mean(-1)
        across = bend @ change + (bend @ change.mT + change.mT @ bend) / 2
        return along, across + (weighted @ nodes) / len(nodes)
