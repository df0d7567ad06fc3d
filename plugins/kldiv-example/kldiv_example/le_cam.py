"""Le Cam's divergence."""

from torch import Tensor

import kldiv

__all__ = ["LeCam"]


class LeCam(kldiv.FDivergence):
    r"""Le Cam's divergence, at most 1.

    .. math:: D(p, q) = \tfrac12 \int \frac{(p - q)^2}{p + q} \,dx
    """

    unit = ""
    symmetric = True
    upper_bound = 1.0

    def generator(self, log_u: Tensor) -> Tensor:
        r"""The convex function of :math:`u = p/q`, given :math:`\log u`."""
        u = log_u.exp()
        return (u - 1).square() / (2 * (u + 1))
