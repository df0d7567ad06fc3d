r"""What can be seen of a fit: where to look, the densities there, the integrand, the way of q.

A *scene* is a grid with the target on it. On a line it holds every point between the tails of p
and q, for counts every point with mass, on a plane a mesh. Samples have no density: on a line
their histogram stands for it, on a plane their points do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution

from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import box, unwrap
from kldiv.definitions.target import DistributionTarget, Target
from kldiv.errors import InvalidArgument
from kldiv.estimators import Problem, Quadrature, Sum
from kldiv.estimators.integrals.landmarks import landmarks
from kldiv.estimators.integrals.layout import domain_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kldiv.results import Fit, History

__all__ = ["Scene", "members", "scene_of", "way_of"]

REACH = {1: 4.5, 2: 3.2}  # scales of a landmark that are shown, by the number of dimensions
START_REACH = 2.0  # and of the first member, for it is only passed
POINTS = {1: 601, 2: 141}
NEGLIGIBLE = 1e-4  # of the peak: counts below it at the ends are left out
BINS = 40
ENOUGH = 100_000  # samples, to see where they lie


@dataclass(frozen=True)
class Scene:
    r"""A grid, and the target on it.

    Arguments:
        kind: ``"line"``, ``"counts"``, ``"plane"``, or ``"none"`` where there is nothing to see.
        fit: The fit.
        points: The grid, with shape :math:`(N)`, or :math:`(N, N, 2)` with rows along the second
            coordinate.
        log_p: The target's log density there, normalised where that was asked for; ``None`` for
            samples.
    """

    kind: str
    fit: Fit
    points: Tensor
    log_p: Tensor | None

    @property
    def x(self) -> NDArray[np.float64]:
        """The points of a line, or the columns of a plane."""
        return _array(self.points[0, :, 0] if self.kind == "plane" else self.points.flatten())

    @property
    def y(self) -> NDArray[np.float64]:
        """The rows of a plane."""
        return _array(self.points[:, 0, 1])

    @property
    def p(self) -> NDArray[np.float64] | None:
        """The target's density."""
        return None if self.log_p is None else _array(self.log_p.exp())

    def q(self, member: Distribution) -> NDArray[np.float64]:
        r"""The density of a member, or of many, with shape :math:`(*, N)`."""
        return _array(self._log_q(member).exp())

    def integrand(self, member: Distribution) -> NDArray[np.float64] | None:
        """What the divergence integrates over x; ``None`` where it is not an integral."""
        if self.log_p is None or not isinstance(self.fit.objective, IntegralDivergence):
            return None
        log_q = self._log_q(member)
        sides = (self.log_p, log_q) if self.fit.direction == "forward" else (log_q, self.log_p)
        if self.fit.objective.name == "kl":
            first, second = sides
            values = first.exp() * (first - second)
            values = torch.where(first.isneginf(), 0.0, values)
        else:
            values = self.fit.objective.integrands(*sides)[0]
        return _array(torch.where(values.isfinite(), values, torch.nan))

    def _log_q(self, member: Distribution) -> Tensor:
        target = DistributionTarget(member)
        batch, event = member.batch_shape, member.event_shape
        lifted = self.points.reshape(-1, *(1,) * len(batch), *event)
        with torch.no_grad():
            values = target.log_prob(lifted.expand(-1, *batch, *event))
        grid = self.points.shape[: self.points.ndim - len(event)]
        return values.movedim(0, -1).reshape(*batch, *grid)


def scene_of(fit: Fit, *, start: bool = False) -> Scene:
    """Where to look at a fit.

    Arguments:
        fit: The fit.
        start: Whether the first member should be seen too.

    Raises:
        InvalidArgument: If it is a fit of many targets.
    """
    batch = tuple(fit.target.batch_shape)
    if batch:
        raise InvalidArgument(
            f"this is a fit of {fit.target.batch_shape.numel()} targets, of batch shape {batch}, "
            "and a picture shows one; fit the target that you want to see on its own"
        )
    kind = _kind(fit)
    if kind == "none":
        return Scene(kind, fit, torch.zeros(0), None)
    shown = [DistributionTarget(fit.q)]
    shown += [DistributionTarget(members(fit, fit.history, [0])[0])] if start else []
    points = _counts(fit) if kind == "counts" else _grid(fit.target, shown)
    points = points.to(fit.target.device)
    log_p = None if isinstance(fit.target, SampleTarget) else _log_density(fit.target, points)
    return Scene(kind, fit, points, log_p)


def members(fit: Fit, path: History, steps: list[int]) -> list[Distribution]:
    """The members of a family at some steps of a path, those of all starts in each."""
    with torch.no_grad():
        values = {name: each[steps] for name, each in path.parameters.items()}
        theta = fit.family.space.unconstrain(values, check=False)
        return [fit.family.at(each) for each in theta]


def way_of(fit: Fit, path: History, steps: list[int]) -> NDArray[np.float64] | None:
    r"""The means of members along a path, with shape :math:`(T, *, E)`; ``None`` if unknown."""
    try:
        means = [member.mean for member in members(fit, path, steps)]
    except (NotImplementedError, RuntimeError):
        return None
    return _array(torch.stack(means))


def _kind(fit: Fit) -> str:
    support = unwrap(DistributionTarget(fit.q).support)
    size = tuple(fit.q.event_shape)
    if support.is_discrete:
        return "counts" if not size else "none"
    if size not in ((), (1,), (2,)) or box(fit.target.support) is None:
        return "none"
    return "plane" if size == (2,) else "line"


def _counts(fit: Fit) -> Tensor:
    """The points with mass: from the first to the last that is not negligible."""
    q = DistributionTarget(fit.q)
    if isinstance(fit.target, SampleTarget):
        points = torch.arange(float(fit.target.points.min()), float(fit.target.points.max()) + 1)
        return points.double()
    points = Sum().nodes(Problem(fit.objective, fit.target, q, 0))[0].sort().values
    log_mass = torch.maximum(fit.target.log_prob(points), q.log_prob(points))
    seen = (log_mass - log_mass.max()).exp() > NEGLIGIBLE
    first, last = points[seen][[0, -1]].tolist()
    return torch.arange(first, last + 1, dtype=torch.float64)


def _grid(target: Target, shown: list[DistributionTarget]) -> Tensor:
    """Between the tails of the target and of the last member; the first is given less room."""
    dimensions = target.event_shape.numel()
    reach = [REACH[dimensions]] * 2 + [START_REACH]
    spans = [_span(side, r) for side, r in zip([target, *shown], reach, strict=False)]
    low = torch.stack([span[0] for span in spans[:2]]).amin(0)
    high = torch.stack([span[1] for span in spans[:2]]).amax(0)
    width = high - low
    for far_low, far_high in spans[2:]:  # a start that is far away must not dwarf the rest
        low, high = (
            torch.minimum(low, far_low.maximum(low - width)),
            torch.maximum(high, far_high.minimum(high + width)),
        )
    axes = [
        torch.linspace(float(a), float(b), POINTS[dimensions], dtype=torch.float64)
        for a, b in zip(low, high, strict=True)
    ]
    if dimensions == 1:
        return axes[0].unsqueeze(-1) if target.event_shape else axes[0]
    x, y = torch.meshgrid(axes[0], axes[1], indexing="xy")
    return torch.stack([x, y], -1)


def _span(target: Target, reach: float) -> tuple[Tensor, Tensor]:
    """The ends of what has mass, for each coordinate."""
    if isinstance(target, SampleTarget):
        some = target.points[:: max(1, len(target.points) // ENOUGH)]
        points = some.double().reshape(len(some), -1)
        low, high = points.quantile(0.001, 0), points.quantile(0.999, 0)
        room = 0.1 * (high - low)
        return low - room, high + room
    ends = domain_of(target, target)
    places = landmarks(target)
    low = torch.stack([place.centre - reach * place.scale for place in places]).amin(0)
    high = torch.stack([place.centre + reach * place.scale for place in places]).amax(0)
    # just inside of an end, where the density may be infinite
    inner = 1e-3 * (high - low)
    low = torch.maximum(low, ends.lower + inner).detach()
    return low, torch.minimum(high, ends.upper - inner).detach()


def _log_density(target: Target, points: Tensor) -> Tensor:
    with torch.no_grad():
        log_p = target.log_prob(points.reshape(-1, *target.event_shape))
        if not (target.normalized or not target.normalize):
            discrete = unwrap(target.support).is_discrete
            mass, _ = (Sum() if discrete else Quadrature()).mass(target)
            log_p = log_p - mass.log()
    return log_p.reshape(points.shape[: points.ndim - len(target.event_shape)])


def _array(values: Tensor) -> NDArray[np.float64]:
    return np.asarray(values.detach().cpu().double().numpy())
