"""What a file cannot hold, known by its description, until it is given back.

Each of these raises one clear error when it is asked for more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Never

import torch

from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from kldiv.definitions.divergence import Divergence, OfAdditive
from kldiv.definitions.family import Family
from kldiv.definitions.parameters import Parameter
from kldiv.definitions.target import Target
from kldiv.errors import NotAvailable

__all__ = ["MissingDistribution", "MissingDivergence", "MissingFamily", "MissingTarget"]


def _refuse(what: str, shown: str) -> Never:
    raise NotAvailable(
        f"the {what} {shown} could not be kept in the file, which holds no code; "
        f"give it back: kldiv.load_fit(path, {what}=...)"
    )


class MissingTarget(Target):
    """A target of which the shapes and the description are known.

    Arguments:
        shown: How it described itself.
        batch_shape: Its batch shape.
        event_shape: The shape of a point.
        dtype: The floating type of results.
    """

    def __init__(
        self,
        shown: str,
        batch_shape: Sequence[int],
        event_shape: Sequence[int],
        dtype: torch.dtype,
    ) -> None:
        super().__init__(lambda x: _refuse("target", shown), event_shape=tuple(event_shape))
        self._shown, self._batch, self._dtype = shown, torch.Size(batch_shape), dtype

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape of what is missing."""
        return self._batch

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of what is missing."""
        return self._dtype

    @property
    def device(self) -> torch.device:
        """Where the file was read."""
        return torch.device("cpu")

    def __repr__(self) -> str:
        return self._shown


class MissingFamily(Family):
    """A family of which the description is known, and the real vector behind its parameters.

    Arguments:
        shown: How it described itself.
    """

    def __init__(self, shown: str) -> None:
        nn.Module.__init__(self)
        self._shown, self.fixed, self.size = shown, {}, None
        self.unconstrained = None

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """Refuses: what the parameters are is not known."""
        _refuse("family", self._shown)

    def __repr__(self) -> str:
        return self._shown


class MissingDistribution(Distribution):
    """A member of a family that is missing, and of no class of torch.

    Arguments:
        batch_shape: Its batch shape.
        event_shape: The shape of a point.
    """

    arg_constraints: Mapping[str, Constraint] = {}  # type: ignore[assignment]

    def __init__(self, batch_shape: Sequence[int], event_shape: Sequence[int]) -> None:
        super().__init__(torch.Size(batch_shape), torch.Size(event_shape), validate_args=False)

    @property
    def support(self) -> Constraint:
        """The whole space, for want of knowledge."""
        return constraints.independent(constraints.real, len(self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Refuses."""
        _refuse("family", "of this distribution")

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Refuses."""
        _refuse("family", "of this distribution")

    def __repr__(self) -> str:
        return f"MissingDistribution(event_shape={tuple(self.event_shape)})"


class MissingDivergence(Divergence):
    """A divergence of which the description is known.

    Arguments:
        shown: How it described itself.
    """

    def __init__(self, shown: str) -> None:
        self._shown = shown

    @property
    def name(self) -> str:
        """How it described itself."""
        return self._shown

    @property
    def estimators(self) -> tuple[Any, ...]:  # type: ignore[override]
        """Refuses: they are asked for wherever a divergence is to be had."""
        _refuse("divergence", self._shown)

    def of_additive(self) -> OfAdditive | None:
        """Refuses."""
        _refuse("divergence", self._shown)
