"""Uniform distributions on an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from torch import Tensor
from torch.distributions import Uniform as TorchUniform
from torch.distributions import constraints

from kldiv.builtin.families.elementary import TINY, Elementary
from kldiv.definitions.parameters import ParameterSpace
from kldiv.definitions.place import Place
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.support import Interval, box
from kldiv.definitions.target import Target
from kldiv.definitions.target_ends import ends_of
from kldiv.errors import InvalidArgument

__all__ = ["Uniform"]

_ROUNDING = 64 * torch.finfo(torch.float64).eps  # of two ends by way of middle and width


class Uniform(Elementary):
    r"""Uniform distributions on the interval from ``low`` to ``high``.

    .. math:: q(x) = \frac1{b - a}, \qquad a \leq x \leq b

    ``low`` is a and ``high`` is b. The forward KL is finite only where the interval covers the
    target, and then :math:`-H(p) + \log(b - a)`. So its optimum is the smallest interval that
    does, wider by rounding, for data from the least number to the greatest; there is none where
    that is infinite. By the reverse KL the interval keeps inside. Between members ``kl`` is known
    in closed form.

    Arguments:
        fixed: ``low`` or ``high``, to hold them fixed.

    Raises:
        InvalidArgument: If both are given and ``low`` is not below ``high``.

    References:
        Continuous Univariate Distributions, volume 2 (Johnson, Kotz and Balakrishnan, 1995),
        chapter 26.
    """

    name = "uniform"
    may_be_fixed = frozenset({"low", "high"})
    distribution_class = TorchUniform
    scalars: ClassVar = {"low": constraints.real, "high": constraints.real}

    def __init__(self, *, size: int | None = None, **fixed: object) -> None:
        super().__init__(size=size, **fixed)
        if len(self.fixed) == 2 and not (self.fixed["low"] < self.fixed["high"]).all():
            raise InvalidArgument(
                f"low must be below high, got {fixed['low']!r} and {fixed['high']!r}"
            )

    @property
    def space(self) -> ParameterSpace:
        """The middle and the logarithm of the width, or a distance from the end held fixed."""
        return _Ends(super().space.parameters, self.fixed)

    def optimum(self, target: Target) -> dict[str, Tensor] | None:
        """The smallest interval that covers a target, if it is bounded."""
        ends = _reach(target)
        if ends is None or not (ends.lower.isfinite() & ends.upper.isfinite()).all():
            return None
        share = _ROUNDING + torch.finfo(target.dtype).eps
        slack = share * torch.maximum(ends.lower.abs(), ends.upper.abs())
        return self.free({"low": ends.lower - slack, "high": ends.upper + slack})

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean and variance."""
        half = (3 * place.variance).sqrt()
        return self._between(place.mean - half, place.mean + half)

    def starts(self, places: Sequence[Place], points: Tensor | None) -> list[dict[str, Tensor]]:
        """The places as they are, and the middle half of the points, which none lies outside."""
        found = super().starts(places, points)
        if points is None or len(points) < 4:
            return found
        quarters = points.quantile(points.new_tensor([0.25, 0.75]), dim=0)
        return [*found, self._between(*quarters)]

    def _between(self, low: Tensor, high: Tensor) -> dict[str, Tensor]:
        """An interval, as wide where one of its ends is held fixed."""
        width = (high - low).clamp_min(TINY)
        if "low" in self.fixed:
            high = torch.maximum(high, self.fixed["low"] + width)
        if "high" in self.fixed:
            low = torch.minimum(low, self.fixed["high"] - width)
        return self.free({"low": low, "high": high})


@dataclass(frozen=True)
class _Ends(ParameterSpace):
    """Two ends in their order, of which some may be held fixed, in the unit of the free ones."""

    held: Mapping[str, Tensor]

    def constrain(self, theta: Tensor) -> dict[str, Tensor]:
        """The free ends."""
        if not self.parameters:
            return {}
        width, held = theta[..., -1].exp(), self._held_in_units()
        if "low" in held:
            ends = {"high": held["low"] + width}
        elif "high" in held:
            ends = {"low": held["high"] - width}
        else:
            ends = {"low": theta[..., 0] - width / 2, "high": theta[..., 0] + width / 2}
        return {
            name: self.parameters[name].constrain(end.unsqueeze(-1)) for name, end in ends.items()
        }

    def unconstrain(self, values: Mapping[str, Tensor], *, check: bool = True) -> Tensor:
        """The vector behind the free ends.

        Raises:
            InvalidArgument: If the lower end is not below the upper one.
        """
        plain = super().unconstrain(values, check=check)
        if not self.parameters:
            return plain
        both = {**values, **self.held}
        if not (both["low"] < both["high"]).all():
            raise InvalidArgument(
                f"low must be below high, got {both['low'].tolist()} and {both['high'].tolist()}"
            )
        held = self._held_in_units()
        low, high = held.get("low", plain[..., 0]), held.get("high", plain[..., -1])
        log_width = (high - low).log()
        return torch.stack([log_width] if held else [(low + high) / 2, log_width], -1)

    def _held_in_units(self) -> dict[str, Tensor]:
        """The end held fixed as a real number of the free one, which is where it is measured."""
        free = next(iter(self.parameters.values()))
        return {name: free.unconstrain(end).squeeze(-1) for name, end in self.held.items()}


def _reach(target: Target) -> Interval | None:
    """From where to where a target has mass."""
    if isinstance(target, SampleTarget):
        return Interval(*target.ends)
    if box(target.support) is None:
        return None
    ends = ends_of(target)
    return Interval(ends.lower.squeeze(-1), ends.upper.squeeze(-1))
