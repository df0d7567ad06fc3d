r"""What is known of the ends of a descent where an objective may have kinks.

At a kink no gradient vanishes: ends on a slope are moved, the lowest first, to where touching
planes leave nothing to be gained (:mod:`kldiv.solvers.touching_planes`). And where a divergence
has kinks its Hessian and gradient may vanish on plateaus, or on the way to infinity, so that a
minimum is only what rises all around.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from torch import Tensor

from kldiv.definitions.target import DistributionTarget
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.solvers.endpoints import endpoints
from kldiv.solvers.groups import distinct_rows, together
from kldiv.solvers.objective import Objective
from kldiv.solvers.run import Run
from kldiv.solvers.touching_planes import NOTICED, RADII, Place, lowest_near, ways

__all__ = ["LEFT", "at_kinks", "endless", "has_kinks", "moved_to_kinks", "rises"]

LEFT = 1e-6
"""What may be left to be gained at a kink, relative to 1 + the objective."""

_PARAMETERS, _PLACES, _ROWS, _ROUNDS = 6, 6, 3, 4
_AFAR = (0.5, 1.0, 2.0, 4.0)  # in real parameters: a factor of 50 in a scale
_LEVEL = 1e-5  # a change, relative to 1 + the objective, that is not much


def has_kinks(objective: Objective) -> bool:
    """Whether the integrand has kinks: the objective may have them too."""
    return bool(getattr(objective.divergence, "kinks", ()))


def at_kinks(objective: Objective, run: Run) -> Run:
    """The same run, with what is known of its ends, those on slopes moved to kinks.

    Of one that lies where the objective does not bend it tells along which parameters that is so.

    Arguments:
        objective: An objective without noise.
        run: Where the starts ended.
    """
    run = _without_plateaus(objective, run)
    if objective.kept.blurs:
        blur = objective.kept.blur(objective.problem(run.theta)) / objective.unit
        return replace(run, excess=2 * blur)  # each of two ends may be wrong by as much
    if run.theta.ndim > 2 or run.theta.shape[-1] > _PARAMETERS or objective.sampled:
        return run
    ends = endpoints(objective, run)
    settled, lowest = ends.settled, run.loss.nan_to_num(torch.inf).argmin()
    if bool(settled[lowest]):
        level = bool((ends.signature[lowest] == 0).any())
        if level:
            return replace(run, endless=endless(objective, run.theta[lowest]))
        if not has_kinks(objective):
            return run
    if not _may_have_kinks(objective):
        return run
    run = moved_to_kinks(objective, run, settled)
    ends = endpoints(objective, run)
    if ends.settled.any() or not has_kinks(objective):
        return run
    return replace(run, endless=endless(objective, ends.pick(run.theta)))


def _may_have_kinks(objective: Objective) -> bool:
    """Whether there may be kinks that its nodes are cut at: not in a plane, nor of draws."""
    if not objective.by_quadrature:
        return not objective.sampled
    sharp = any(each.sharp for each in landmarks(DistributionTarget(objective.member)))
    return objective.target.event_shape.numel() == 1 and (sharp or has_kinks(objective))


def _without_plateaus(objective: Objective, run: Run) -> Run:
    """The run with what its Hessians say, but for ends that no rise surrounds."""
    ends = endpoints(objective, run)
    left, signs = ends.decrement, ends.signature
    if has_kinks(objective) and bool(ends.settled.any()):
        flat = ends.settled & ~_each_rises(objective, run.theta, run.loss)
        left = torch.where(flat, torch.inf, left)
        signs = torch.where(flat.unsqueeze(-1), 0, signs)
    return replace(run, decrement=left, signature=signs)


def _each_rises(objective: Objective, theta: Tensor, loss: Tensor) -> Tensor:
    """The same as below, once of ends that are equal."""
    if theta.ndim > 2:
        return rises(objective, theta, loss)
    rows, home = distinct_rows(theta)
    return rises(objective, theta[rows], loss[rows])[home]


@torch.no_grad()
def rises(objective: Objective, theta: Tensor, loss: Tensor) -> Tensor:
    r"""Whether an objective is higher all around by more than its error, or 0 already.

    Arguments:
        objective: A divergence of densities, with kinks.
        theta: Real vectors, with shape :math:`(S, *, P)`.
        loss: The objective there, with shape :math:`(S, *)`.
    """
    least = objective.resolution * (1 + loss.abs())
    looks = RADII[0] * ways(theta)
    offsets = (1 + theta.abs()) * looks.reshape(len(looks), *(1,) * (theta.ndim - 1), -1)
    shared = objective.kept.shared  # then what it is wrong by hardly differs so near
    noticed = NOTICED * least * (RADII[0] if shared else 1.0)
    error = torch.zeros_like(loss) if shared else _error(objective, theta, loss)
    higher = objective(theta + offsets) > loss + torch.maximum(noticed, error)
    found: Tensor = higher.all(0) | (loss.abs() <= least)
    return found


def moved_to_kinks(objective: Objective, run: Run, settled: Tensor) -> Run:
    r"""The same run, its ends on slopes moved to the kinks where they are minima.

    Of ends that came together the lowest is moved, and the others go where it went; those beside a
    known minimum stay.

    Arguments:
        objective: An objective of one problem, without noise.
        run: Where the starts ended.
        settled: Which ends are known to be minima, with shape :math:`(S)`.

    Returns:
        A run that says in ``kink`` what may be left to be gained at ends that are minima at kinks.
    """
    theta, loss, gradient = (each.clone() for each in (run.theta, run.loss, run.gradient))
    ends, kink = endpoints(objective, run), torch.full_like(loss, torch.nan)
    sloping = ~settled & loss.isfinite() & ~ends.flat
    for rows in _places(theta, loss, settled, sloping)[:_PLACES]:
        found = _kink_near(objective, theta[rows[:_ROWS]], loss[rows])
        if found is not None:
            theta[rows], kink[rows] = found[0].theta, found[1]
            values, slopes = objective.value_and_gradient(found[0].theta.unsqueeze(0))
            loss[rows], gradient[rows] = values[0], slopes[0]
    told = kink.isfinite()
    run = replace(run, theta=theta, loss=loss, gradient=gradient, kink=kink)
    return replace(
        run,
        decrement=torch.where(told, (2 * kink).sqrt(), ends.decrement),
        signature=torch.where(told.unsqueeze(-1), 1, ends.signature),
    )


def _places(theta: Tensor, loss: Tensor, settled: Tensor, sloping: Tensor) -> list[Tensor]:
    """Sloping rows that ended together, the lowest first, and none beside a settled one."""
    rows = (settled | sloping).nonzero().squeeze(-1)
    if not len(rows):
        return []
    rows = rows[loss[rows].argsort()]
    groups = together(theta[rows], loss[rows])
    found = [rows[groups == number] for number in range(int(groups.max()) + 1)]
    return [each for each in found if not bool(settled[each].any())]


def _kink_near(objective: Objective, theta: Tensor, loss: Tensor) -> tuple[Place, float] | None:
    """The minimum at a kink near the first of some points that is near one, and what is left.

    A search that does not come to rest goes on from where it is: valleys may be long.
    """
    for row, value in zip(theta, loss.tolist(), strict=False):
        error = float(_error(objective, row, loss.new_tensor(value)))
        least, place = LEFT * (1 + abs(value)), Place(row, value)
        for _ in range(_ROUNDS if error <= least else 0):
            found, left = lowest_near(objective, place, error)
            if left <= least:
                return found, left
            if found.loss >= place.loss - NOTICED * objective.resolution * (1 + abs(value)):
                break
            place = found
    return None


def _error(objective: Objective, theta: Tensor, loss: Tensor) -> Tensor:
    """What an objective may be wrong by at real vectors: nothing, as an average over data."""
    if not objective.by_quadrature:
        return torch.zeros_like(loss)
    found = objective.estimate(theta)
    return (found.value / objective.unit - loss).abs() + found.error / objective.unit


@torch.no_grad()
def endless(objective: Objective, theta: Tensor) -> tuple[str, ...]:
    r"""The parameters along which the objective neither rises nor falls by much, as far as seen.

    Arguments:
        objective: A divergence of densities.
        theta: A real vector, with shape :math:`(P)`.
    """
    axes = torch.eye(len(theta), dtype=theta.dtype, device=theta.device)
    level, value = torch.cat([axes, -axes]), objective(theta.unsqueeze(0))
    for step in _AFAR:
        if not len(level):
            return ()
        change = (objective(theta + step * level) - value).abs()
        level = level[change <= _LEVEL * (1 + value.abs())]
    ends = theta, theta + _AFAR[-1] * level
    here, there = (objective.family.space.constrain(each) for each in ends)
    return tuple(name for name in here if not torch.allclose(here[name], there[name]))
