r"""Rules in the plane for integrands with kinks, rounded off where the densities cross.

An f-divergence with a kink at :math:`u_0` has, up to what is smooth, the integrand :math:`J g_+`
with :math:`g = p - u_0 q`, which on a lattice of equal steps costs all the digits that smooth
integrands have. With :math:`r = \log(p / q) - \log u_0` and a length s, so that
:math:`y = r / s` is about the distance from the kink in units of a step, one adds

.. math:: J \frac g y M(y), \qquad
    M(y) = \varphi(y) - |y|\,\Phi(-|y|)
    - \varphi(y) \sum_{j=1}^{n-1} \frac{(-1)^{j-1}}{2^j j!} \mathrm{He}_{2j-2}(y),

which turns :math:`y_+` into its convolution with a kernel whose first :math:`2n - 1` moments
vanish. The sum is smooth, so that equal steps serve again, and the addition integrates to nothing
but for the order :math:`2n` in the length of a step. What orders differ by tells how much.

References:
    Regularization Techniques for Numerical Approximation of PDEs with Singularities (Tornberg and
    Engquist, 2003), section 2, doi:10.1023/A:1025332815267.
"""

from __future__ import annotations

import math

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import ClassVar

import torch

from torch import Tensor

from kldiv.definitions.divergence import FDivergence
from kldiv.definitions.target import Target
from kldiv.estimators.scores import score_of
from kldiv.solvers.rules import Summed
from kldiv.solvers.shared_rule import SharedRule
from kldiv.solvers.shared_scores import SharedScoreRule

__all__ = ["BLUR", "Jump", "RoundedRule", "jumps_of", "rounded"]

Jump = tuple[float, float]
"""The logarithm of a ratio u of densities, and by how much the slope of f jumps there."""

BLUR = 1e-5
"""By how much orders of rounding off may differ, relative to 1 + the divergence."""

_SURELY = 5.0  # times what orders differ by, the best of them is wrong by less
_WIDTH, _BENT = 0.9, 0.5  # steps
_ORDERS = 4, 3, 2
_LOWER = 0.3  # of what the lower two differ by: what the upper two may seem to by chance
_FAR = 9.0  # widths: beyond, nothing is added
_SMALL = 1e-5
_BESIDE = (1e-3, 2e-3)  # of a kink: where slopes are taken
_STRAIGHT = 1e-6


@dataclass(frozen=True, kw_only=True)
class RoundedRule(SharedScoreRule):
    r"""A rule for an f-divergence with kinks.

    Arguments:
        jumps: The kinks.
        basis: The steps of the lattice, as columns.
    """

    jumps: tuple[Jump, ...]
    basis: Tensor
    blur: ClassVar[float] = _SURELY * BLUR

    def judged(
        self, divergence: Summed, member: Target, *, forward: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""The divergence, and how many times too rough the rule is for it, of shape :math:`(*)`.

        It is too rough, too, where orders of rounding off differ by more than :data:`BLUR`.
        """
        extra = len(member.batch_shape) - (self.weights.ndim - 1)
        if extra > 0:
            return self._widened(extra).judged(divergence, member, forward=forward)
        values, log_q = SharedRule._values(self, divergence, member, forward=forward)
        added = self._added(member, log_q, forward=forward)
        values = (values[0] + added[0],)
        integrals = self._integrals(values)
        with torch.no_grad():
            unseen, gaps = self._doubts(values, integrals, log_q)
            upper, lower = (
                ((one - other) * self.weights).sum(0).abs() for one, other in pairwise(added)
            )
            apart = torch.maximum(upper, _LOWER * lower)
            gaps = torch.maximum(gaps, apart / (BLUR * (1 + integrals[0].abs())))
        return self._combined(divergence, integrals, forward=forward), unseen, gaps

    def _added(self, member: Target, log_q: Tensor, *, forward: bool) -> list[Tensor]:
        """What rounds off the kinks, in several orders."""
        with torch.no_grad():
            points = self.points.expand(-1, *member.batch_shape, *self.event_shape)
            slope = (score_of(member, points)[1] - self.score) @ self.basis
            width = self._width(slope.square().sum(-1))
        first, second = (self.log_p, log_q) if forward else (log_q, self.log_p)
        found = [torch.zeros_like(log_q) for _ in _ORDERS]
        for level, jump in self.jumps:
            log_ratio = first - second - level
            near = log_ratio.abs() < _FAR * width
            log_ratio = torch.where(near, log_ratio, 0.0)
            size = jump * (second + level).exp() * _growth(log_ratio)
            y = log_ratio / torch.where(near, width, 1.0)
            parts = _moments(y, _ORDERS)
            found = [
                total + torch.where(near, size * width * part, 0.0)
                for total, part in zip(found, parts, strict=True)
            ]
        return found

    def _width(self, rise: Tensor) -> Tensor:
        """How far kinks are rounded off in the log ratio, given the square of its rise a step.

        Where it does not rise, as at a saddle, it bends: about by what it rises in the mean, over
        the number of steps that the target is wide.
        """
        mass = self.log_p.exp() * self.weights
        bend = 4 * math.pi * _BENT**2 * mass.square().sum(0) * (rise * mass).sum(0)
        return _WIDTH * (rise + bend).sqrt()


def rounded(
    rule: SharedRule, target: Target, jumps: tuple[Jump, ...], basis: Tensor
) -> RoundedRule:
    """The same nodes for an f-divergence with kinks.

    Arguments:
        rule: The nodes.
        target: The target.
        jumps: The kinks.
        basis: The steps of the lattice, as columns.
    """
    own = {each.name: getattr(rule, each.name) for each in fields(rule)}
    score = score_of(target, rule.points)[1]
    return RoundedRule(**own, score=score, jumps=jumps, basis=basis)


@torch.no_grad()
def jumps_of(divergence: object) -> tuple[Jump, ...] | None:
    """The kinks of an f-divergence; ``None`` where more jumps there than the slope.

    Arguments:
        divergence: The divergence, which states where it has kinks.
    """
    if not isinstance(divergence, FDivergence):
        return None
    found = []
    for level in divergence.kinks:
        steps = torch.tensor([-_BESIDE[1], -_BESIDE[0], 0.0, *_BESIDE], dtype=torch.float64)
        values = divergence.generator(level + steps.log1p()) / math.exp(level)
        if not bool(values.isfinite().all()):
            return None
        slopes = values.diff() / steps.diff()
        bends = slopes[1] - slopes[0], slopes[3] - slopes[2]
        jump = float(slopes[2] - slopes[1])
        if any(abs(float(each)) > _STRAIGHT * abs(jump) for each in bends):
            return None
        found.append((level, jump))
    return tuple(found)


def _growth(log_ratio: Tensor) -> Tensor:
    """(e^r - 1) / r."""
    small = log_ratio.abs() < _SMALL
    apart = torch.where(small, 1.0, log_ratio)
    return torch.where(small, 1 + log_ratio / 2, apart.expm1() / apart)


def _moments(y: Tensor, orders: tuple[int, ...]) -> list[Tensor]:
    """The M of each order, which fall."""
    density = (-y.square() / 2).exp() / math.sqrt(2 * math.pi)
    total = density - y.abs() * torch.special.ndtr(-y.abs())
    found, hermite, before = {1: total}, torch.ones_like(y), torch.zeros_like(y)
    factor = 0.5
    for j in range(1, max(orders)):
        total = total - factor * density * hermite
        found[j + 1] = total
        for degree in (2 * j - 2, 2 * j - 1):
            hermite, before = y * hermite - degree * before, hermite
        factor *= -0.5 / (j + 1)
    return [found[order] for order in orders]
