r"""The lowest point near another, and what may be left to be gained there, kinks or not.

Around a point :math:`\theta` the objective f is looked at in many directions, within radii from
:math:`10^{-2}` to :math:`10^{-6}`. The planes that touch it at those points bound it from below as
far as it is convex there, and their maximum is least, within the radius r, at the solution of a
linear program: a place to go to, and a bound :math:`\Delta_r` on what is to be gained within r. A
convex function that falls by G within a distance R falls by at least :math:`G r / R` within r, so

.. math:: f(\theta) - \min_{|\theta' - \theta| \leq R} f(\theta') \leq \Delta_r R / r,

which goes to 0 with r at a minimum, kink or not, and is the slope times R elsewhere. Convexity is
not known. So no point looked at may be lower, in whatever direction and at whatever radius: axes,
directions in which the gradients differ most, and some drawn at random; and at the largest radius
all must be higher, lest a plateau be taken for a minimum; and no plane may pass well above the
place, as they do about a pit that is narrower than the radius.

References:
    A Robust Gradient Sampling Algorithm for Nonsmooth, Nonconvex Optimization (Burke, Lewis and
    Overton, 2005), section 2, doi:10.1137/030601296.

    The Cutting-Plane Method for Solving Convex Programs (Kelley, 1960), section 2,
    doi:10.1137/0108053.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.solvers.objective import Objective

__all__ = ["NOTICED", "RADII", "Place", "lowest_near", "ways"]

RADII = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""How far is looked, in each real parameter, relative."""

NOTICED = 10.0
"""By how many resolutions of the objective a value must be higher to be so."""

_PIT = 0.5  # of how far an objective rises
_REACH = 0.1  # within which what is left to be gained is bounded
_MOVES = 12  # at a radius
_STRIDES = 2.0 ** torch.arange(1, 8)  # of a move: a valley with kinks on its sides may be long
_RANDOM = 4  # directions for each parameter, both ways


@dataclass(frozen=True)
class Place:
    """A point in units of its parameters, with the objective there."""

    theta: Tensor
    loss: float


@dataclass(frozen=True)
class Around:
    """Points around a place, the objective there and its gradient in these units."""

    offsets: Tensor
    losses: Tensor
    slopes: Tensor


@torch.no_grad()
def lowest_near(objective: Objective, place: Place, error: float) -> tuple[Place, float]:
    """The lowest place near another, and what may be left to be gained there.

    That is infinite where it is no minimum, or the search does not come to rest.

    Arguments:
        objective: An objective of one problem, without noise.
        place: Where to begin.
        error: What the objective may be wrong by there.
    """
    looks, left = ways(place.theta), torch.inf
    for radius in RADII:
        objective(place.theta)  # nodes for it alone serve all around it
        for _ in range(_MOVES):
            around = _around(objective, place, radius * looks)
            looks = _turned(looks, around.slopes)
            lower, _ = _lower(objective, place, around, radius)
            if lower is None:
                break
            place = lower
        else:  # it is far from any minimum
            return place, torch.inf
    rounding = objective.resolution * (1 + abs(place.loss))
    noticed = max(NOTICED * rounding, error)
    for radius in RADII:
        around = _around(objective, place, radius * looks)
        lower, left = _lower(objective, place, around, radius)
        least = noticed if radius == RADII[0] else -noticed
        if lower is not None or not bool((around.losses > place.loss + least).all()):
            return place, torch.inf
        if _is_pit(around, place.loss, noticed):
            return place, torch.inf
    return place, max(left * _REACH / RADII[-1], rounding, error)


def _is_pit(around: Around, loss: float, noticed: float) -> bool:
    """Whether planes that touch an objective around a place pass well above it.

    Where an objective is convex none does; about a place that is deeper than the points around it
    let expect, they say nothing of what is left to be gained.
    """
    heights = around.losses - loss
    above = heights - (around.slopes * around.offsets).sum(-1)
    return bool((above > _PIT * heights + noticed).any())


def _lower(
    objective: Objective, place: Place, around: Around, radius: float
) -> tuple[Place | None, float]:
    """A lower place within a radius, and what planes leave to be gained there."""
    offset, left = _least(around, place.loss, radius)
    if not left < torch.inf:
        return None, left
    unit = 1 + place.theta.abs()
    theta = place.theta + unit * offset
    value = float(objective.value_and_gradient(theta.unsqueeze(0))[0][0])
    best = int(around.losses.argmin())
    if float(around.losses[best]) < value:
        theta, value = place.theta + unit * around.offsets[best], float(around.losses[best])
    least = max(1e-3 * objective.resolution * (1 + abs(place.loss)), 1e-3 * left)
    if value >= place.loss - least:
        return None, left
    return _farther(objective, place, Place(theta, value)), left


def _farther(objective: Objective, place: Place, lower: Place) -> Place:
    """The lowest place on the way from one to a lower one, and on beyond it."""
    way = place.theta + _STRIDES.to(place.theta).unsqueeze(-1) * (lower.theta - place.theta)
    values = objective(way).nan_to_num(torch.inf)
    best = int(values.argmin())
    if float(values[best]) >= lower.loss:
        return lower
    return Place(way[best], float(values[best]))


def _least(around: Around, loss: float, radius: float) -> tuple[Tensor, float]:
    """Where the greatest of the touching planes is least within a radius, and how much lower."""
    from scipy.optimize import linprog  # scipy takes long to import

    size = around.offsets.shape[-1]
    heights = (around.losses - loss) / radius - (around.slopes * around.offsets).sum(-1) / radius
    if not bool(heights.isfinite().all() and around.slopes.isfinite().all()):
        return torch.zeros_like(around.offsets[0]), torch.inf
    planes = torch.cat([around.slopes, -torch.ones_like(around.slopes[:, :1])], 1)
    found = linprog(
        [0.0] * size + [1.0],
        A_ub=planes.cpu().numpy(),
        b_ub=-heights.cpu().numpy(),
        bounds=[(-1.0, 1.0)] * size + [(None, None)],
    )
    if found.x is None:
        return torch.zeros_like(around.offsets[0]), torch.inf
    offset = radius * torch.as_tensor(found.x[:-1]).to(around.offsets)
    return offset, -radius * float(found.x[-1])


def _around(objective: Objective, place: Place, offsets: Tensor) -> Around:
    unit = 1 + place.theta.abs()
    losses, slopes = objective.value_and_gradient(place.theta + unit * offsets)
    return Around(offsets, losses, slopes * unit)


def ways(theta: Tensor) -> Tensor:
    """Directions of length about 1: each axis twice, and others, all of them both ways.

    Arguments:
        theta: Real vectors, with shape :math:`(*, P)`.

    Returns:
        Directions, with shape :math:`(K, P)`.
    """
    size = theta.shape[-1]
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(_RANDOM * size, size, generator=generator, dtype=torch.float64)
    axes = torch.eye(size, dtype=torch.float64)
    half = torch.cat([axes, axes, drawn / drawn.norm(dim=-1, keepdim=True)]).to(theta)
    return torch.cat([half, -half])


def _turned(looks: Tensor, slopes: Tensor) -> Tensor:
    """The same directions, the second axes turned to where slopes differ most and least."""
    size = looks.shape[-1]
    if not bool(slopes.isfinite().all()):
        return looks
    _, axes = torch.linalg.eigh(slopes.T.cov().reshape(size, size))
    half = looks[: len(looks) // 2].clone()
    half[size : 2 * size] = axes.T
    return torch.cat([half, -half])
