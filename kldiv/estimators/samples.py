r"""The samples rung: data against a density, and data against data.

Data against a density have what :mod:`kldiv.estimators.crossing` says.

Between two data sets a divergence that is defined on samples is computed as it stands, and one of
densities that bijections leave alone is estimated from the log ratio of the two densities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from torch import Tensor

from kldiv.closed_form import Rule
from kldiv.definitions.divergence import IntegralDivergence
from kldiv.definitions.sample_divergence import DrawnDivergence
from kldiv.definitions.sample_target import SampleTarget
from kldiv.errors import NotAvailable
from kldiv.estimate import Estimate
from kldiv.estimators.exact import Exact
from kldiv.estimators.ladder import Ladder
from kldiv.estimators.options import check_count
from kldiv.estimators.problem import Problem
from kldiv.estimators.quadrature import Quadrature
from kldiv.estimators.sums import Sum
from kldiv.lazy import deferred
from kldiv.rulebook import Rulebook

if TYPE_CHECKING:
    from kldiv.estimators.crossing import Crossing
    from kldiv.estimators.two_samples.comparison import Comparison
    from kldiv.estimators.two_samples.drawing import Cube
    from kldiv.estimators.two_samples.lots import Lot
    from kldiv.estimators.two_samples.pooled import Pool

__all__ = ["Samples"]

_crossing_of = deferred("kldiv.estimators.crossing:crossing_of")
_why_not_crossed = deferred("kldiv.estimators.crossing:why_not_crossed")
_compare = deferred("kldiv.estimators.two_samples.comparison:compare")
_kl_by_neighbours = deferred("kldiv.estimators.two_samples.by_neighbours:kl_by_neighbours")
_learnt = deferred("kldiv.estimators.two_samples.comparison:LogRatios.learnt")
_held = deferred("kldiv.estimators.two_samples.drawing:held")
_independent = deferred("kldiv.estimators.two_samples.drawing:independent")
_lots = deferred("kldiv.estimators.two_samples.drawing:lots")
_why_not_drawn = deferred("kldiv.estimators.two_samples.drawing:why_not_drawn")
_pool_of = deferred("kldiv.estimators.two_samples.pooled:Pool")
_with_halves = deferred("kldiv.estimators.two_samples.halves:with_halves")

_FEWEST = 20
_FEWEST_NEIGHBOURS = 3
_SEEN = 5  # dimensions, of which few points show the tails;
_EACH = 12  # points for each dimension show them in more
_MOST_COORDINATES = 50


@dataclass(frozen=True)
class Samples:
    r"""Divergences from data, weighted or not.

    Data against a density have divergences up to a constant: for ``kl`` the cross-entropy, and
    ``density_power``, ``gamma``, ``squared_l2`` and ``cauchy_schwarz``. Data against data
    has every divergence that bijections leave alone (Kullback-Leibler, Rényi, all f-divergences),
    by learning the ratio of densities, without gradients. Every :class:`kldiv.SampleDivergence`
    is had of data and of distributions, with gradients in the points and, where draws can move
    with them, in the parameters.

    Arguments:
        points: How many points to draw of a distribution that is compared as a sample; ``None``
            leaves it to the divergence.
        neighbours: ``None`` learns the ratio of densities. A number has ``kl`` between data and
            data by the distances to as many nearest neighbours: in a fraction of the time and
            with a wider error.
        rules: The closed forms to choose from for integrals of powers of q.

    Raises:
        InvalidType: If ``points`` or ``neighbours`` is no integer.
        InvalidArgument: If ``points`` is less than 20, or ``neighbours`` less than 3.
    """

    points: int | None = None
    neighbours: int | None = None
    rules: tuple[Rule, ...] | Rulebook = ()

    name = "samples"

    def __post_init__(self) -> None:
        if self.points is not None:
            check_count("points", self.points, _FEWEST)
        if self.neighbours is not None:
            check_count("neighbours", self.neighbours, _FEWEST_NEIGHBOURS)

    def why_not(self, problem: Problem) -> str | None:
        """Two samples, or p is one and q a normalised density."""
        reason: str | None
        if self.neighbours is not None:
            return _why_not_near(problem, self.neighbours)
        if isinstance(problem.divergence, DrawnDivergence):
            reason = _why_not_drawn(problem)
            return reason
        sampled = [isinstance(side, SampleTarget) for side in (problem.p, problem.q)]
        if all(sampled):
            return _why_not_compared(problem)
        if sampled[0]:
            reason = _why_not_crossed(problem, self._integrator)
            return reason
        if sampled[1]:
            return (
                "q is a sample; only p may be one against a density, as nothing else is known up "
                "to a constant; give points drawn from p to compare two samples"
            )
        return f"p = {problem.p!r} is no sample"

    def estimate(self, problem: Problem) -> Estimate:
        """The divergence, of data and a density up to a constant."""
        p, q = problem.p, problem.q
        if isinstance(problem.divergence, DrawnDivergence):
            return self._drawn(problem)
        if not isinstance(p, SampleTarget):
            raise NotAvailable(f"p = {p!r} is no sample")
        if isinstance(q, SampleTarget):
            return self._compared(problem, p, q)
        crossing: Crossing | None = _crossing_of(problem.divergence)
        if crossing is None:
            raise NotAvailable(f"{problem.divergence} needs the density of p")
        return crossing.in_units_of(p).estimate(problem, p, self._integrator)

    @property
    def _integrator(self) -> Ladder:
        return Ladder((Exact(self.rules), Sum(), Quadrature()))

    def value(self, problem: Problem) -> Tensor:
        """The divergence of draws that stand still and move with parameters: a fit's objective."""
        if not isinstance(problem.divergence, DrawnDivergence):
            return self.estimate(problem).value
        statistic = _statistic(problem)
        found = [
            statistic(*(argument for lot in each for argument in lot.arguments))
            for each in self._lots(problem, _held)
        ]
        return problem.divergence.combine(torch.stack(found).reshape(problem.batch_shape))

    def _compared(self, problem: Problem, p: SampleTarget, q: SampleTarget) -> Estimate:
        found = self._comparison(problem, p, q)
        value, error, stderr = (
            torch.tensor(number, dtype=torch.float64, device=p.device)
            for number in (found.value, found.error, found.stderr)
        )
        reason, size = "", problem.event_shape.numel()
        if size > _SEEN and min(_worth(p), _worth(q)) < _EACH * size:
            error = torch.full_like(error, torch.inf)
            reason = f"so few points do not show the tails in {size} dimensions"
        return Estimate(value, error, self.name, stderr, p.number + q.number, reason)

    def _comparison(self, problem: Problem, p: SampleTarget, q: SampleTarget) -> Comparison:
        if self.neighbours is not None:
            by_neighbours: Comparison = _kl_by_neighbours(
                _flat(p.points), _flat(q.points), self.neighbours
            )
            return by_neighbours
        if not isinstance(problem.divergence, IntegralDivergence):
            raise NotAvailable(
                f"{problem.divergence} is no function of the ratio of two densities"
            )
        pool = _pool(p, q, problem.seed)
        found: Comparison = _compare(problem.divergence, pool, _learnt(pool))
        return found

    def _drawn(self, problem: Problem) -> Estimate:
        every, statistic = self._lots(problem, _independent), _statistic(problem)
        divergence: DrawnDivergence = problem.divergence  # type: ignore[assignment]
        weightings, halved = divergence.weightings, divergence.halved
        found = [
            _with_halves(statistic, each, problem.seed, weightings=weightings, halved=halved)
            for each in every
        ]
        value, error, stderr = (
            torch.stack(each).reshape(problem.batch_shape) for each in zip(*found, strict=True)
        )
        count = sum(len(lot.weights) for lot in every[0])
        error, stderr = (
            _moved(divergence.combine, value.detach(), each) for each in (error, stderr)
        )
        return Estimate(divergence.combine(value), error, self.name, stderr, count)

    def _lots(self, problem: Problem, cube: Cube) -> list[tuple[Lot, ...]]:
        count = self.points or problem.divergence.draws  # type: ignore[attr-defined]
        found: list[tuple[Lot, ...]] = _lots(problem, count, cube)
        return found


def _why_not_compared(problem: Problem) -> str | None:
    divergence = problem.divergence
    if not divergence.invariant:
        return (
            f"{divergence} compares values of densities, of which two samples tell only the "
            "ratio; those that bijections leave alone, such as kl or squared_hellinger, can be had"
        )
    if not isinstance(divergence, IntegralDivergence):
        return f"{divergence} is no integral of a function of the ratio of the densities"
    for name, side in (("p", problem.p), ("q", problem.q)):
        if isinstance(side, SampleTarget) and _worth(side) < _FEWEST:
            return (
                f"{divergence} cannot compare two samples this small: {name} is worth "
                f"{_worth(side):.3g} points of equal weight, and it takes {_FEWEST}; if these are "
                "probabilities, make them torch.distributions.Categorical"
            )
    if problem.event_shape.numel() > _MOST_COORDINATES:
        return (
            f"a point has {problem.event_shape.numel()} coordinates, and ratios of densities are "
            f"learnt in at most {_MOST_COORDINATES}; project the points first"
        )
    return None


def _why_not_near(problem: Problem, neighbours: int) -> str | None:
    if problem.divergence.name != "kl":
        return (
            f"nearest neighbours give kl, not {problem.divergence}; kldiv.Samples() without them "
            "has others"
        )
    for name, side in (("p", problem.p), ("q", problem.q)):
        if not isinstance(side, SampleTarget):
            return f"{name} = {side!r} is no sample, and neighbours are those of two samples"
        if _worth(side) < side.number:
            return f"the points of {name} weigh differently, and neighbours are counted"
        if side.number < neighbours + 2:
            return (
                f"{neighbours} neighbours take {neighbours + 2} points, {name} has {side.number}"
            )
    return None


def _worth(side: SampleTarget) -> float:
    """How many points of equal weight a sample is worth, without rounding errors."""
    return round(1 / float(side.weights.square().sum()), 6)


def _pool(p: SampleTarget, q: SampleTarget, seed: int) -> Pool:
    points = [_flat(side.points)[side.weights.cpu().numpy() > 0] for side in (p, q)]
    weights = [side.weights.cpu().numpy() for side in (p, q)]
    weights = [each[each > 0] for each in weights]
    counts = [len(each) for each in weights]
    pool: Pool = _pool_of(
        np.concatenate(points),
        np.repeat([True, False], counts),
        np.concatenate(weights) * (sum(counts) / 2),
        seed,
    )
    return pool


def _flat(points: Tensor) -> np.ndarray:
    flat: np.ndarray = points.detach().cpu().double().reshape(len(points), -1).numpy()
    return flat


def _moved(combine: Callable[[Tensor], Tensor], value: Tensor, error: Tensor) -> Tensor:
    """How far a function moves where its argument moves by an error, up or down."""
    middle = combine(value)
    return torch.maximum(combine(value + error) - middle, middle - combine(value - error))


def _statistic(problem: Problem) -> Callable[..., Tensor]:
    statistic: Callable[..., Tensor] = problem.divergence.compare  # type: ignore[attr-defined]
    return statistic
