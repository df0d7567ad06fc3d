r"""Few points with the first two moments of a normal vector, and what gradients there tell.

In up to 64 dimensions these are the 2D points :math:`z = \pm \sqrt D\, e_i`, in more the D + 1
corners of a simplex,

.. math:: z_0 = -1, \qquad z_i = \sqrt{D + 1}\, e_i + \tfrac1D \bigl(1 - \sqrt{D + 1}\bigr);

fewer gradients do not determine a normal vector of which nothing is known. Neither takes a
product of matrices.

References:
    A New Extension of the Kalman Filter to Nonlinear Systems (Julier and Uhlmann, 1997),
    doi:10.1117/12.280797.
    Reduced Sigma Point Filters for the Propagation of Means and Covariances Through Nonlinear
    Transformations (Julier and Uhlmann, 2002), doi:10.1109/ACC.2002.1023128.
"""

from __future__ import annotations

import torch

from torch import Tensor

__all__ = ["may_be_linear", "means_of", "points_around"]

_FEW = 64  # dimensions, of which the points are in pairs
_BENT = 1e-4  # of the largest gradient: far more than rounding bends a line


def points_around(loc: Tensor, root: Tensor) -> Tensor:
    r"""The points :math:`\mu + L z`, with shape :math:`(K, *, D)`.

    Arguments:
        loc: The mean, with shape :math:`(*, D)`.
        root: The factor L, with shape :math:`(*, D, D)`.
    """
    size = loc.shape[-1]
    columns = root.movedim(-1, 0)
    if size <= _FEW:
        steps = size**0.5 * columns
        return torch.cat([loc + steps, loc - steps])
    along, aside = _simplex(size)
    diagonal = root.sum(-1)
    return torch.cat([(loc - diagonal).unsqueeze(0), along * columns + (loc + aside * diagonal)])


def means_of(slopes: Tensor) -> tuple[Tensor, Tensor]:
    r"""The mean of gradients g, and that of :math:`g z^\top`, of shape :math:`(*, D, D)`.

    Arguments:
        slopes: The gradients at the points, with shape :math:`(K, *, D)`.
    """
    size, mean = slopes.shape[-1], slopes.mean(0)
    if size <= _FEW:
        ahead, behind = slopes.chunk(2)
        return mean, (ahead - behind).movedim(0, -1) / (2 * size**0.5)
    along, aside = _simplex(size)
    common = (aside * slopes[1:].sum(0) - slopes[0]) / (size + 1)
    columns = slopes[1:].movedim(0, -1)
    return mean, torch.add(common.unsqueeze(-1), columns, alpha=along / (size + 1))


def may_be_linear(slopes: Tensor) -> bool:
    """Whether gradients may be a linear function: then those of a pair sum to twice the middle's.

    Arguments:
        slopes: The gradients at the points, with shape :math:`(K, *, D)`.
    """
    if slopes.shape[-1] > _FEW:
        return True
    ahead, behind = slopes.chunk(2)
    sums = ahead + behind
    spread = sums.amax(0) - sums.amin(0)
    return bool((spread <= _BENT * slopes.abs().amax(0)).all())


def _simplex(size: int) -> tuple[float, float]:
    """How far a corner is along its own axis, and along all others."""
    along = (size + 1) ** 0.5
    return along, (1 - along) / size
