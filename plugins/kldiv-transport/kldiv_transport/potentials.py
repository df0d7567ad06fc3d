r"""The optimal potentials of entropic transport, to rounding, for any weight of the entropy.

Of the potential g of one side follows the best one of the other,

.. math:: f_i = -\epsilon \log \sum_j w_j\,e^{(g_j - C_{ij}) / \epsilon},

and with it the plan :math:`P_{ij} = v_i w_j e^{(f_i + g_j - C_{ij}) / \epsilon}`, whose rows have
the right sums. In g alone the value :math:`\langle f, v\rangle + \langle g, w\rangle` is concave;
its slope is what the columns of the plan miss, and

.. math:: \epsilon H = \operatorname{diag}(P^\top 1) - P^\top \operatorname{diag}(v)^{-1} P

its curvature. So Newton's method settles in some steps what updates in turn, Sinkhorn's, take
thousands for where costs are many times :math:`\epsilon`. Both are alternated while
:math:`\epsilon` falls from the largest cost: what is nearly settled at one level is a start for
the next one, also where points are so far apart that they hardly interact.

Between a sample and itself both potentials are the same, and the mean of one and of the best that
follows it is an update of both: close to the optimum it halves, at least, what they miss, however
small :math:`\epsilon` is, as the kernel :math:`e^{-C / \epsilon}` is positive definite.

References:
    A Sinkhorn-Newton Method for Entropic Optimal Transport (Brauer, Clason, Lorenz and Wirth,
    2017), section 3, arXiv:1710.06635.
    Interpolating between Optimal Transport and MMD using Sinkhorn Divergences (Feydy, Séjourné,
    Vialard, Amari, Trouvé and Peyré, 2019), arXiv:1810.08278.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from torch import Tensor

__all__ = ["distinct", "missing", "potential", "soft"]

_FALL = 3.0  # of epsilon from level to level,
_TURNS = 2  # at each of which both sides are updated so often
_STEPS = 500
_CLOSE = 1e-7  # of the mass: what columns may miss; values miss the square of that;
_NEARLY = 1e-3  # at the levels before the last
_RIDGE = (0.1, 1e-12)  # for each part of the mass that is missed, and at least
_RISE = 1e-4  # of what the slope promises
_SHORTEST = 1e-9  # of a step
_EPS = torch.finfo(torch.float64).eps


def soft(cost: Tensor, other: Tensor, weights: Tensor, epsilon: float) -> Tensor:
    """The best potential of the rows of a cost, given that of its columns and their weights."""
    inner = (other - cost).div_(epsilon).add_(weights.log())
    return -epsilon * inner.logsumexp(1)


def distinct(points: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The points that differ and have weight, with the weights of all that are equal."""
    places, number = points.unique(dim=0, return_inverse=True)
    total = torch.zeros_like(places[:, 0]).index_add_(0, number, weights)
    return places[total > 0], total[total > 0]


def potential(cost: Tensor, v: Tensor, w: Tensor, epsilon: float, *, same: bool) -> Tensor:
    r"""The potential of the columns that makes the value largest.

    Arguments:
        cost: With shape :math:`(N, M)`.
        v: The weights of the rows, positive, with shape :math:`(N)`.
        w: Those of the columns, with shape :math:`(M)`.
        epsilon: The weight of the entropy.
        same: Whether rows and columns are the same.
    """
    g = torch.zeros_like(w)
    for level in _falling(float(cost.max()), epsilon):
        for _ in range(_TURNS):
            f = soft(cost, g, w, level)
            g = (f + g) / 2 if same else soft(cost.mT, f, v, level)
        if not same:
            g = _newton(cost, v, w, g, level, _NEARLY)
    return _newton(cost, v, w, g, epsilon, _CLOSE)


def missing(cost: Tensor, v: Tensor, w: Tensor, g: Tensor, epsilon: float) -> Tensor:
    """What the columns of the plan miss of their weights."""
    return w - _plan(cost, v, w, g, epsilon)[0].sum(0)


def _falling(largest: float, epsilon: float) -> Iterator[float]:
    """From the largest cost down to epsilon."""
    level = largest
    while level > epsilon:
        yield level
        level /= _FALL
    yield epsilon


def _plan(cost: Tensor, v: Tensor, w: Tensor, g: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """The plan at a potential, and the value."""
    f = soft(cost, g, w, epsilon)
    plan = ((f.unsqueeze(1) + g - cost) / epsilon).exp_() * v.unsqueeze(1) * w
    return plan, f @ v + g @ w


def _newton(cost: Tensor, v: Tensor, w: Tensor, g: Tensor, epsilon: float, close: float) -> Tensor:
    """The best potential from one close by, or the best that rounding allows to see."""
    plan, value = _plan(cost, v, w, g, epsilon)
    for _ in range(_STEPS):
        slope = w - plan.sum(0)
        missed = float(slope.abs().sum())
        if missed <= close:
            break
        step = epsilon * _solved(plan, v, w, slope, missed)
        length, rounding = 1.0, 8 * _EPS * float(value.abs())
        while length > _SHORTEST:
            moved, there = _plan(cost, v, w, g + length * step, epsilon)
            if there >= value + _RISE * length * (step @ slope) - rounding:
                break
            length /= 2
        else:
            break
        g, plan, value = g + length * step, moved, there
    return g


def _solved(plan: Tensor, v: Tensor, w: Tensor, slope: Tensor, missed: float) -> Tensor:
    """The slope through the curvature, which has a ridge as places far apart hardly interact."""
    curvature = -(plan.mT @ (plan / v.unsqueeze(1)))
    curvature.fill_diagonal_(0.0)
    own = -curvature.sum(0)
    curvature += w.unsqueeze(1) * w  # potentials are free to a constant
    ridge = max(_RIDGE[0] * missed, _RIDGE[1])
    while True:
        root, failed = torch.linalg.cholesky_ex(curvature + (own + ridge * w).diag())
        if not failed:
            return torch.cholesky_solve(slope.unsqueeze(1), root).squeeze(1)
        ridge *= 100
