"""What an estimator is given: a divergence between two sides, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch

from torch import Tensor

from kldiv.definitions.divergence import Divergence
from kldiv.definitions.numbers import broadcast
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import Interval, box, unwrap
from kldiv.definitions.target import Target
from kldiv.definitions.target_ends import ends_of, lattice_of
from kldiv.errors import InvalidArgument, ShapeMismatch, SupportMismatch
from kldiv.estimate import Estimate

__all__ = ["Estimator", "Problem"]


@dataclass(frozen=True)
class Problem:
    r"""The divergence :math:`D(p \parallel q)` to be estimated.

    Arguments:
        divergence: The divergence.
        p: The first side.
        q: The second side.
        seed: What all randomness follows.
        batch_shape: The shape of the result, derived from both sides.
        notes: What estimators have found out about it, lest they ask twice.

    Raises:
        ShapeMismatch: If the event shapes differ or the batch shapes do not broadcast.
        SupportMismatch: If one side is discrete and the other continuous.
        InvalidArgument: If the two sides live on different devices.
    """

    divergence: Divergence
    p: Target
    q: Target
    seed: int = 0
    batch_shape: torch.Size = field(init=False)
    notes: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        p, q = self.p, self.q
        if p.event_shape != q.event_shape:
            raise ShapeMismatch(
                f"p and q must have the same event shape, got {tuple(p.event_shape)} for "
                f"p = {p!r} and {tuple(q.event_shape)} for q = {q!r}; points are of shape (N) for "
                "scalars and (N, D) for vectors, Independent(base, 1) makes vectors of a batch"
            )
        if p.device != q.device:
            raise InvalidArgument(
                f"p is on device {p.device} and q on {q.device}; move one of them with .to(device)"
            )
        object.__setattr__(self, "batch_shape", _broadcast(p.batch_shape, q.batch_shape))
        _check_kinds(p, q)

    @property
    def event_shape(self) -> torch.Size:
        """The shape of one point."""
        return self.p.event_shape

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the result."""
        return torch.promote_types(self.p.dtype, self.q.dtype)

    @property
    def why_infinite(self) -> str:
        """What an infinite value comes from."""
        if self.discrete or self.p.support != self.q.support:
            return "one side has mass where the other has none"
        return "the integral diverges: one density falls too fast for the other"

    def uncovered(self) -> tuple[Tensor, Tensor]:
        r"""Whether p reaches beyond the ends of q, and q beyond p's, with shape :math:`(*)`."""
        ends = [_ends(side, self.batch_shape) for side in (self.p, self.q)]
        p, q = ends
        if p is None or q is None:
            nowhere = torch.zeros(self.batch_shape, dtype=torch.bool, device=self.p.device)
            return nowhere, nowhere
        beyond_q = (p.lower < q.lower) | (p.upper > q.upper)
        beyond_p = (q.lower < p.lower) | (q.upper > p.upper)
        return beyond_q.any(-1), beyond_p.any(-1)

    @property
    def discrete(self) -> bool:
        """Whether the sides are discrete."""
        return _discrete(self.p)


@runtime_checkable
class Estimator(Protocol):
    """One way to compute a divergence."""

    @property
    def name(self) -> str:
        """The name that ``estimator=`` takes and ``Estimate.method`` shows."""

    def why_not(self, problem: Problem) -> str | None:
        """``None`` where it applies, else the reason in one sentence; computes nothing."""

    def estimate(self, problem: Problem) -> Estimate:
        """The estimate, in float64."""


def _check_kinds(p: Target, q: Target) -> None:
    """Raises unless both sides are discrete or both continuous; data are as they are used."""
    for data, name, other in ((p, "p", q), (q, "q", p)):
        if isinstance(data, SampleTarget):
            whole = isinstance(other, SampleTarget) or not _discrete(other)
            if not whole and not data.whole:
                first = float(data.points[data.points != data.points.round()][0])
                raise SupportMismatch(
                    f"{name} = {data!r} holds {first:g}, which {other!r} cannot draw; if {name} "
                    "holds probabilities, make it torch.distributions.Categorical(probs=...)"
                )
            return
    if _discrete(p) != _discrete(q):
        kinds = ("discrete", "continuous") if _discrete(p) else ("continuous", "discrete")
        raise SupportMismatch(
            f"p = {p!r} is {kinds[0]} and q = {q!r} is {kinds[1]}: they share no densities; "
            "compare two discrete or two continuous distributions"
        )


def _ends(side: Target, batch: torch.Size) -> Interval | None:
    if _discrete(side) and not side.event_shape:
        found = lattice_of(side)
        if found is None:
            return None
        lower, upper = (end.expand(batch).unsqueeze(-1) for end in (found.lower, found.upper))
        return Interval(lower, upper)
    if box(side.support) is None:
        return None
    return ends_of(side, batch)


def _broadcast(first: torch.Size, second: torch.Size) -> torch.Size:
    if first == second or not second:
        return first
    if not first:
        return second
    try:
        shape: torch.Size = broadcast(first, second)
    except RuntimeError as error:
        raise ShapeMismatch(
            f"the batch shapes of p and q must broadcast, got {tuple(first)} and {tuple(second)}"
        ) from error
    return shape


def _discrete(target: Target) -> bool:
    return bool(unwrap(target.support).is_discrete)
