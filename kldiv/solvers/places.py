"""Where to begin: the target as a whole and each of its modes, by mean and variance."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor
from torch.distributions import (
    Dirichlet,
    Distribution,
    Independent,
    MixtureSameFamily,
    Multinomial,
    OneHotCategorical,
    VonMises,
)

from kldiv.definitions.place import Place
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import is_box, unwrap
from kldiv.definitions.target import Target
from kldiv.definitions.target_ends import lattice_of
from kldiv.estimators import Quadrature, Sum
from kldiv.estimators.integrals.landmarks import Landmark, landmarks
from kldiv.estimators.summation.peaks import peaks
from kldiv.solvers.nowhere import nowhere

__all__ = ["draws", "exact_place", "highest_mode", "places", "rung_for", "whole_place"]

Expectations = Callable[[Callable[[Tensor], tuple[Tensor, ...]]], Tensor | None]

_DRAWS = 512
_GAPS = 8 * torch.finfo(torch.float64).eps


@torch.no_grad()
def whole_place(target: Target, expectations: Expectations) -> Place | None:
    """Mean and variance of the whole target, with its batch; ``None`` where they are unknown.

    Arguments:
        target: The target.
        expectations: What gives its mass and its integrals of statistics, or ``None``.
    """
    return exact_place(target) or _numerical(target, expectations) or _by_coordinates(target)


def places(target: Target, whole: Place | None, *, first_only: bool = False) -> list[Place]:
    """The whole target, then its modes where it has several; each with the target's batch.

    Arguments:
        target: The target.
        whole: What :func:`whole_place` says of it.
        first_only: Whether the first of them is enough.
    """
    if whole is not None and first_only:
        return [whole]
    with torch.no_grad():
        modes = _modes(target)
        if whole is None:
            return modes or [nowhere(target)]
        return [whole, *(modes if len(modes) > 1 else [])]


@torch.no_grad()
def highest_mode(target: Target) -> Place | None:
    """The first mode of a target, for one that has no moments; ``None`` where none is known."""
    return next(iter(_modes(target)), None)


def exact_place(target: Target) -> Place | None:
    """Mean and covariance of the whole target, where they are known exactly."""
    if isinstance(target, SampleTarget):
        return _of_samples(target)
    if target.distribution is None:
        return None
    moments = _moments(target.distribution)
    if moments is None:
        return None
    mean, covariance = moments
    vector = bool(target.event_shape)
    variance = covariance.diagonal(dim1=-2, dim2=-1) if vector else covariance
    alone = unwrap(target.support).is_discrete  # one number may have all the mass
    wide = variance >= 0 if alone else variance > 0
    if not (mean.isfinite().all() and variance.isfinite().all() and wide.all()):
        return None
    return Place(mean, variance, covariance if vector else None)


def rung_for(target: Target) -> Sum | Quadrature | None:
    """What integrates statistics under a density, or ``None`` where only sampling is left."""
    if unwrap(target.support).is_discrete and not target.event_shape:
        return Sum()
    if is_box(target.support) and target.event_shape.numel() <= 2:
        return Quadrature()
    return None


def draws(target: Target, seed: int) -> Tensor | None:
    """A few points from the target, where it can be sampled."""
    if isinstance(target, SampleTarget):
        return _spread_over(target).double()
    return target.sample(torch.Size([_DRAWS]), seed) if target.has_sampler else None


def _spread_over(target: SampleTarget) -> Tensor:
    """Some of the points, as many of a stretch as it has weight."""
    count = min(_DRAWS, len(target.points))
    shares = torch.linspace(0, 1, count, dtype=torch.float64)
    edges = target.weights.cumsum(0)
    index = torch.searchsorted(edges, shares.to(edges.device)).clamp_max(len(edges) - 1)
    return target.points[index]


def _of_samples(target: SampleTarget) -> Place:
    """In one pass, from the mean of the points that are held: they may be some of many."""
    size = target.event_shape.numel()
    origin = target.weights @ target.points.double().reshape(-1, size)

    def statistics(x: Tensor) -> tuple[Tensor, ...]:
        moved = x.reshape(-1, size) - origin
        return moved, moved.unsqueeze(-1) * moved.unsqueeze(-2)

    shift, second = target.mean(statistics)
    mean, covariance = origin + shift, second - shift.unsqueeze(-1) * shift
    if not target.event_shape:
        return Place(mean.squeeze(-1), covariance.squeeze())
    return Place(mean, covariance.diagonal(), covariance)


def _moments(distribution: Distribution) -> tuple[Tensor, Tensor] | None:
    """Mean and covariance (variance, for scalars) of a torch distribution."""
    if isinstance(distribution, VonMises):  # its mean and variance are those of a circle
        return None
    if isinstance(distribution, MixtureSameFamily):
        parts = _moments(distribution.component_distribution)
        if parts is None:
            return None
        means, covariances = parts
        vector = len(distribution.event_shape)
        weights = distribution.mixture_distribution.probs
        mean = (weights.reshape(*weights.shape, *(1,) * vector) * means).sum(-1 - vector)
        centred = means - mean.unsqueeze(-1 - vector)
        spread = centred.unsqueeze(-1) * centred.unsqueeze(-2) if vector else centred.square()
        total = weights.reshape(*weights.shape, *(1,) * (2 * vector)) * (covariances + spread)
        return mean, total.sum(-1 - 2 * vector)
    if isinstance(distribution, Independent) and len(distribution.event_shape) == 1:
        base = _moments(distribution.base_dist)
        return None if base is None else (base[0], torch.diag_embed(base[1]))
    try:
        mean, variance = distribution.mean, distribution.variance
    except (NotImplementedError, AttributeError):
        return None
    if not distribution.event_shape:
        return mean, variance
    covariance = _covariance(distribution, mean) if len(distribution.event_shape) == 1 else None
    return None if covariance is None else (mean, covariance)


def _covariance(distribution: Distribution, mean: Tensor) -> Tensor | None:
    r"""The covariance of vectors, ``None`` where it is not known.

    Shares with mean m of a total n have :math:`\operatorname{diag}(m) - m m^\top / n`, less in a
    Dirichlet distribution, by the factor :math:`1 / (1 + \sum_i \alpha_i)`.
    """
    if not isinstance(distribution, Dirichlet | OneHotCategorical | Multinomial):
        return getattr(distribution, "covariance_matrix", None)
    outer = mean.unsqueeze(-1) * mean.unsqueeze(-2)
    matrix = torch.diag_embed(mean) - outer / getattr(distribution, "total_count", 1)
    if isinstance(distribution, Dirichlet):
        return matrix / (1 + distribution.concentration.sum(-1))[..., None, None]
    return matrix


def _numerical(target: Target, expectations: Expectations) -> Place | None:
    r"""The same by sums or quadrature, in at most two dimensions.

    From a place c with mass :math:`\operatorname{Var} X = E (X - c)^2 - (E X - c)^2` loses no
    digits where a target is narrow and far from 0.
    """
    if rung_for(target) is None:
        return None
    size, vector, origin = target.event_shape.numel(), bool(target.event_shape), _origin(target)

    def statistics(x: Tensor) -> tuple[Tensor, ...]:
        moved = x - origin
        columns = moved.unbind(-1) if vector else (moved,)
        return *columns, *(one * other for one in columns for other in columns)

    totals = expectations(statistics)
    if totals is None:
        return None
    mass, *rest = totals
    moments = torch.stack([each / mass for each in rest], -1)
    shift, second = moments[..., :size], moments[..., size:].unflatten(-1, (size, size))
    covariance = second - shift.unsqueeze(-1) * shift.unsqueeze(-2)
    variance = covariance.diagonal(dim1=-2, dim2=-1)
    if not (shift.isfinite().all() and variance.isfinite().all() and (variance > 0).all()):
        return None
    if vector:
        return Place(origin + shift, variance, covariance)
    return Place(origin + shift.squeeze(-1), variance.squeeze(-1))


def _origin(target: Target) -> Tensor:
    """A place with mass, with the batch of the target; 0 for counts."""
    if unwrap(target.support).is_discrete:
        return torch.zeros((), dtype=torch.float64)
    centre = landmarks(target)[0].centre.detach().nan_to_num(0.0, 0.0, 0.0)
    return centre if target.event_shape else centre.squeeze(-1)


def _by_coordinates(target: Target) -> Place | None:
    """Mean and variances as the distribution states them, where no more is known."""
    stated = target.distribution
    try:
        mean, variance = getattr(stated, "mean", None), getattr(stated, "variance", None)
    except NotImplementedError:
        return None
    if mean is None or variance is None or len(target.event_shape) != 1:
        return None
    usable = mean.isfinite().all() and variance.isfinite().all() and (variance > 0).all()
    return Place(mean, variance) if usable else None


def _modes(target: Target) -> list[Place]:
    if isinstance(target, SampleTarget):
        return []
    if unwrap(target.support).is_discrete:
        return _modes_of_counts(target)
    if not is_box(target.support) or (
        target.distribution is None and target.event_shape.numel() > 2
    ):
        return []
    found = [each for each in landmarks(target) if _resolved(each)]
    if target.event_shape:
        return [Place(each.centre, each.scale.square()) for each in found]
    return _on_the_line(found)


def _on_the_line(found: list[Landmark]) -> list[Place]:
    return [Place(each.centre.squeeze(-1), each.scale.square().squeeze(-1)) for each in found]


def _modes_of_counts(target: Target) -> list[Place]:
    """Its components; of a bare log density the highest integers about, from the first on."""
    ends = None if target.event_shape else lattice_of(target)
    if ends is None or not bool(ends.lower.isfinite().all()):
        return []
    if target.distribution is not None:
        return _on_the_line(landmarks(target))
    first = ends.lower.detach().expand(target.batch_shape)
    tops, widths = peaks(target, first, 1, ends.upper - first + 1)
    centres = first + torch.where(tops > 0, tops, widths / 2)  # at the first, all lies beyond
    both = torch.stack([centres, widths.square()], 1).unique(dim=0)
    return [Place(*each) for each in both.unbind(0)]


def _resolved(mode: Landmark) -> bool:
    """Whether a mode is wider than the gaps between numbers there, whose rounding makes modes."""
    return bool((mode.scale > _GAPS * mode.centre.abs()).all(-1).any())
