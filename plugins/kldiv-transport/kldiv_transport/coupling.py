r"""The best coupling of two samples: on a line by sorting, in the plane by linear programming.

On a line the best coupling for every order :math:`r \geq 1` is the monotone one. With F and G the
distribution functions of two weighted samples, whose quantile functions are steps,

.. math:: W_r^r = \int_0^1 |F^{-1}(u) - G^{-1}(u)|^r\,du
    = \sum_k (u_k - u_{k-1})\,|x_{i(k)} - y_{j(k)}|^r,

where the :math:`u_k` are the cumulative weights of both in order. Of order 1 it is also the area
:math:`\int |F - G|\,dx`.

References:
    Computational Optimal Transport (Peyré and Cuturi, 2019), sections 2.6 and 3.5,
    arXiv:1803.00567.
"""

from __future__ import annotations

import numpy as np
import torch

from torch import Tensor

__all__ = ["coupled", "coupled_in_space", "root"]

_MOST = 10_000_000  # steps of the simplex method


def coupled(x: Tensor, v: Tensor, y: Tensor, w: Tensor, order: float) -> Tensor:
    r"""The smallest mean of :math:`|x - y|^r` over couplings of points on lines.

    Arguments:
        x: The points of the first sample on K lines, with shape :math:`(K, N)`.
        v: Their weights, which sum to 1, with shape :math:`(N)`.
        y: The points of the second sample, with shape :math:`(K, M)`.
        w: Their weights, with shape :math:`(M)`.
        order: The order :math:`r \geq 1`.

    Returns:
        The power :math:`W_r^r` on each line, with shape :math:`(K)`, differentiable in all.
    """
    if len(v) == len(w) and _equal(v) and _equal(w):
        return (_sorted(x) - _sorted(y)).abs().pow(order).mean(-1)
    if order == 1:
        return _area(x, v, y, w)
    (x, steps_x), (y, steps_y) = _steps(x, v), _steps(y, w)
    levels = torch.cat([steps_x, steps_y], -1).sort(-1)[0]
    widths = levels.diff(dim=-1, prepend=torch.zeros_like(levels[:, :1]))
    gap = _quantiles(x, steps_x, levels) - _quantiles(y, steps_y, levels)
    return (widths * gap.abs().pow(order)).sum(-1)


def coupled_in_space(x: Tensor, v: Tensor, y: Tensor, w: Tensor, order: float) -> Tensor:
    r"""The smallest mean of :math:`\|x - y\|^r` over couplings, by the network simplex method.

    Arguments:
        x: The points of the first sample, with shape :math:`(N, D)`.
        v: Their weights, with shape :math:`(N)`.
        y: The points of the second, with shape :math:`(M, D)`.
        w: Their weights, with shape :math:`(M)`.
        order: The order r.

    Returns:
        The power :math:`W_r^r`, with shape :math:`()`, differentiable in all.
    """
    cost = (x.unsqueeze(1) - y).square().sum(-1)
    if order != 2:
        cost = root(cost, 2 / order)
    import ot  # it takes long to import

    value: Tensor = ot.emd2(v.contiguous(), w.contiguous(), cost.contiguous(), numItermax=_MOST)
    return value


def root(value: Tensor, order: float) -> Tensor:
    """The root of a number that is not negative; where it is 0 its gradient is 0."""
    positive = value > 0
    return torch.where(positive, torch.where(positive, value, 1.0).pow(1 / order), 0.0)


def _sorted(x: Tensor) -> Tensor:
    """The points in order; where no gradients are asked for by numpy, which is far quicker."""
    if x.requires_grad or x.device.type != "cpu":
        return x.sort(-1)[0]
    return torch.from_numpy(np.sort(x.numpy(), -1))


def _equal(weights: Tensor) -> bool:
    """Whether all weights are the same, and nobody asks for their gradient."""
    return not weights.requires_grad and bool((weights == weights[0]).all())


def _area(x: Tensor, v: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The area between two distribution functions."""
    points, order = torch.cat([x, y], -1).sort(-1)
    gap = torch.cat([v, -w])[order].cumsum(-1)[:, :-1]
    return (gap.abs() * points.diff(dim=-1)).sum(-1)


def _steps(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The points in order, and the levels up to which each is the quantile."""
    x, order = x.sort(-1)
    levels = weights[order].cumsum(-1)
    return x, levels / levels[:, -1:]


def _quantiles(x: Tensor, steps: Tensor, levels: Tensor) -> Tensor:
    """The quantiles below each level."""
    place = torch.searchsorted(steps.detach().contiguous(), levels.detach().contiguous())
    return x.gather(-1, place.clamp_max(x.shape[-1] - 1))
