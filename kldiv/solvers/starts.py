"""The first point of each way: given by name, or found where the target has mass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral

import torch

from torch import Tensor
from torch.distributions.constraints import real

from kldiv.definitions.composed_support import support_of
from kldiv.definitions.divergence import FDivergence
from kldiv.definitions.family import Family, Place
from kldiv.definitions.numbers import broadcast
from kldiv.definitions.parameters import as_parameter
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import box, is_whole
from kldiv.definitions.target import DistributionTarget
from kldiv.definitions.units import is_measured, measured
from kldiv.errors import InvalidArgument, InvalidType, NotFinite, ShapeMismatch
from kldiv.estimators import Exact
from kldiv.estimators.integrands import Densities
from kldiv.solvers.arrays import Numbers, library_of
from kldiv.solvers.objective import Objective
from kldiv.solvers.places import draws, highest_mode, places

__all__ = ["Starts", "check_finite", "check_supports", "elsewhere", "first_place", "first_points"]

Starts = int | Mapping[str, object] | Sequence[Mapping[str, object]] | None
"""How many starts, or the starts themselves: parameters by name, or a sequence of these."""

_STARTS = 6
_WAY = 10  # steps at least to the target, of starts that are narrow
_FARTHER = (0.5, 2.0, 5.0)  # in real parameters, where no start is of use
_EACH = 16
_MANY = 64  # parameters: beyond, starts by chance are no nearer to anything


def first_points(objective: Objective, starts: Starts, *, single: bool) -> Tensor:
    r"""The starts as real vectors, with shape :math:`(S, *, P)`.

    Arguments:
        objective: What is to be made small.
        starts: What the caller of a fit said of them.
        single: Whether one start is enough where the caller said nothing.

    Raises:
        InvalidType: If ``starts`` is neither a number nor parameters by name.
        InvalidArgument: If there are none, or one does not fit the family.
        ShapeMismatch: If the batch shape of one is not that of the target.
    """
    if isinstance(starts, Mapping):
        starts = [starts]
    if starts is None or (isinstance(starts, Integral) and not isinstance(starts, bool)):
        wanted = None if starts is None else int(starts)
        vectors = _found(objective, wanted, single=single)
    else:
        vectors = _given(objective.family, starts)
    stacked = torch.stack([_expanded(each, objective.target.batch_shape) for each in vectors])
    return stacked.to(objective.target.device)


def first_place(objective: Objective, starts: Starts) -> Place | None:
    """The target as a whole, or its first mode, as wide as steps are to be long.

    Who gives starts means them to end nearby: they move no farther at once than they are wide, or
    than a part of the way to the target.
    """
    whole = objective.under.place or highest_mode(objective.target)
    if isinstance(starts, Mapping):
        starts = [starts]
    if whole is None or starts is None or isinstance(starts, Integral):
        return whole
    wide = torch.zeros_like(whole.variance)
    for theta in _given(objective.family, starts):
        member = objective.family.at(_expanded(theta, objective.target.batch_shape))
        try:
            away, own = (member.mean - whole.mean) / _WAY, member.variance
        except NotImplementedError:
            return whole
        wide = torch.maximum(wide, torch.maximum(away.square(), own).nan_to_num(torch.inf))
    return Place(whole.mean, torch.minimum(whole.variance, wide.detach()))


def check_finite(objective: Objective, loss: Numbers) -> None:
    r"""Raises unless some start of each problem has a finite objective.

    Arguments:
        objective: What is to be made small.
        loss: It at the starts, with shape :math:`(S, *)`.

    Raises:
        NotFinite: If it is finite at none of them.
    """
    if not library_of(loss).isfinite(loss).any(0).all():
        cause = objective.choice.failure
        why = "the supports may not fit" if cause is None else str(cause)
        raise NotFinite(
            f"{objective.divergence} between {objective.target!r} and {objective.family!r} is not "
            f"finite at any start ({loss.flatten()[0].item()}): {why}; try the other direction, "
            "another family or other starts"
        ) from cause


@torch.no_grad()
def check_supports(objective: Objective) -> None:
    """Raises where supports alone make a divergence infinite, of any member: no integral is tried.

    Arguments:
        objective: What is to be made small.

    Raises:
        NotFinite: If all members reach beyond the target, or the target beyond them, and that is
            infinite. Families whose supports move are not looked at.
    """
    family, data = objective.family, isinstance(objective.target, SampleTarget)
    if data or not family.batched or not isinstance(objective.divergence, FDivergence):
        return
    if is_whole(objective.target.support) and is_whole(support_of(objective.member) or real):
        return
    member = family.at(family.present().unsqueeze(0).to(objective.target.device))
    ends = box(DistributionTarget(member).support)
    if ends is None or ends.lower.ndim or ends.upper.ndim:
        return
    problem = objective.problem()
    nothing = torch.zeros((), dtype=torch.float64, device=objective.target.device)
    if bool(Densities(problem, nothing, nothing, nothing, measures=False).forced().all()):
        check_finite(objective, torch.full((1, *problem.batch_shape), torch.inf))


@torch.no_grad()
def elsewhere(objective: Objective, starts: Tensor) -> Tensor | None:
    r"""Starts by chance with a finite objective, where it is at none of those that were found.

    Near those it may be infinite for ever: a power of a density is not integrable beside a pole,
    nor is the square of one density over another that has lighter tails.

    Arguments:
        objective: What is to be made small.
        starts: The starts that were found, with shape :math:`(S, *, P)`.

    Returns:
        The best of some ever farther from 0 and from the first of them, with the same shape;
        ``None`` where some problem has none, or had one.
    """
    size = starts.shape[-1]
    if size > _MANY or not objective.family.batched or objective.stochastic:
        return None
    if bool(objective(starts).isfinite().any(0).all()):
        return None
    generator = torch.Generator().manual_seed(objective.seed % 2**63)
    batch = (len(_FARTHER), _EACH, *starts.shape[1:])
    noise = torch.randn(batch, generator=generator, dtype=starts.dtype).to(starts.device)
    noise *= starts.new_tensor(_FARTHER).reshape(-1, *(1,) * starts.ndim)
    points = torch.cat([noise, starts[0] + noise]).flatten(0, 1)
    loss = objective(points).nan_to_num(torch.inf, torch.inf, torch.inf)
    best = loss.argsort(dim=0)[: len(starts)]
    if bool(loss.take_along_dim(best, 0)[0].isinf().any()):
        return None
    return points.take_along_dim(best.unsqueeze(-1), 0)


def _expanded(start: Tensor, batch: torch.Size) -> Tensor:
    try:
        return start.expand((*batch, start.shape[-1]))
    except RuntimeError as error:
        raise ShapeMismatch(
            f"a start must have the batch shape of the target, {tuple(batch)}, got "
            f"{tuple(start.shape[:-1])}; several starts are a sequence of parameters by name"
        ) from error


def _given(family: Family, starts: object) -> list[Tensor]:
    if not (isinstance(starts, Sequence) and all(isinstance(each, Mapping) for each in starts)):
        raise InvalidType(
            f"starts must be a number, parameters by name or a sequence of these, got {starts!r}"
        )
    if not starts:
        raise InvalidArgument("starts must not be empty")
    return [
        family.space.unconstrain(
            {name: as_parameter(f"start {name!r}", value) for name, value in each.items()}
        )
        for each in starts
    ]


def _found(objective: Objective, wanted: int | None, *, single: bool) -> list[Tensor]:
    """A start for each place where the target has mass, then others around the first."""
    if wanted is not None and wanted < 1:
        raise InvalidArgument(f"starts must be positive, got {wanted}")
    family, target = objective.family, objective.target
    plain = type(family).starts is Family.starts  # one for each place, without points
    points = None if plain else draws(target, objective.seed)
    first_only = plain and single and wanted is None
    found = places(target, objective.under.place, first_only=first_only)
    near, known = _nearest(objective, found[0]), family.starts(found, points)
    best = family.optimum(target) if objective.forward else None
    known = [*near, *known] if best is None else [best, *near, *known]
    vectors = [family.space.unconstrain(_inside(family, each), check=False) for each in known]
    single, many = single or not family.batched, family.space.size > _MANY
    count = wanted or (1 if single else len(near) or 1 if many else max(_STARTS, len(vectors)))
    if len(vectors) < count:
        vectors += _scattered(objective, vectors[0], count)
    return vectors[:count]


def _nearest(objective: Objective, place: Place) -> list[dict[str, Tensor]]:
    """Members that a family knows to be nearest to a normal vector, where it is measured so."""
    search = getattr(objective.family, "nearest_to_normal", None)
    if search is None or not isinstance(objective.estimator(), Exact):
        return []
    return list(search(place, forward=objective.forward))


def _inside(family: Family, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A start; one that breaks a constraint is of no use and begins at 0 in the real space."""
    parameters = family.space.parameters
    if all(
        values[name].isfinite().all() and parameter.constraint.check(values[name]).all()
        for name, parameter in parameters.items()
    ):
        return {name: values[name] for name in parameters}
    shapes = [
        values[name].shape[: values[name].ndim - len(parameter.shape)]
        for name, parameter in parameters.items()
    ]
    theta = torch.zeros((*broadcast(*shapes), family.space.size), dtype=torch.float64)
    return family.space.constrain(theta)


def _scattered(objective: Objective, first: Tensor, count: int) -> list[Tensor]:
    """Starts by chance about the first, as far from it as the target is wide."""
    family, place = objective.family, objective.under.place
    units = family if place is None or is_measured(family) else measured(family, place)
    generator = torch.Generator().manual_seed(objective.seed % 2**63)
    noise = torch.randn(count, *first.shape, generator=generator, dtype=first.dtype)
    noise *= min(1.0, (_MANY / first.shape[-1]) ** 0.5)  # lest matrices become singular
    if units is family:
        return list(first + noise.to(first.device))
    middle = units.space.unconstrain(family.space.constrain(first), check=False)
    values = units.space.constrain(middle + noise.to(first.device))
    return list(family.space.unconstrain(values, check=False))
