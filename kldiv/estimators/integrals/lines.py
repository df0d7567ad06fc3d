"""Integrands on many lines at once, and what is known of them at their nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from torch import Tensor

from kldiv.estimators.integrals.budgets import Budget

__all__ = ["Integrals", "LineIntegrand", "Nodes", "Places", "Sample", "rounding_of_places"]

_EPS = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Places:
    r"""Points of some lines.

    Arguments:
        x: The points, strictly inside their line, with shape :math:`(N, C)`.
        log_slope: :math:`\log dx/dw`, with shape :math:`(N, C)`.
        log_distance: The logarithm of the distance from the nearer end; of that from the centre,
            on a line without.
        shift: How much larger that logarithm became as x was rounded.
    """

    x: Tensor
    log_slope: Tensor
    log_distance: Tensor
    shift: Tensor

    @property
    def exact(self) -> Tensor:
        """Where the rounding of x is accounted for: beside an end."""
        return self.shift != 0


@dataclass(frozen=True)
class Sample:
    r"""Integrands at nodes, as densities in w.

    Arguments:
        values: With shape :math:`(k, N, C)`.
        noise: The rounding in them, likewise; 0 where it was not asked for.
        places: The nodes.
        logs: The log densities that they were made of, each with shape :math:`(N, C)`.
        log_ratio: Their difference, where the integrands have poles beside its real values.
    """

    values: Tensor
    noise: Tensor
    places: Places
    logs: tuple[Tensor, ...] = ()
    log_ratio: Tensor | None = None

    def after(self, count: int) -> Sample:
        """The same without the first nodes; with its noise."""
        return Sample(
            self.values[:, count:],
            self.noise[:, count:],
            Places(*(each[count:] for each in vars(self.places).values())),
            tuple(log[count:] for log in self.logs),
            None if self.log_ratio is None else self.log_ratio[count:],
        )


class LineIntegrand(Protocol):
    """k integrands on M lines."""

    @property
    def budget(self) -> Budget:
        """What their integrals may cost."""

    def __call__(self, w: Tensor, line: Tensor | None, *, noise: bool) -> Sample:
        """The integrands at nodes of shape (N, C), of the lines (C); of all where ``None``."""


@dataclass(frozen=True)
class Nodes:
    r"""Nodes and weights in w of some lines.

    Arguments:
        line: The lines, with shape :math:`(C)`.
        w: With shape :math:`(N, C)`.
        weights: Likewise.
        coarse: The weights of the embedded rule that checks the first, likewise.
    """

    line: Tensor
    w: Tensor
    weights: Tensor
    coarse: Tensor

    def pick(self, which: Tensor) -> Nodes:
        """Those of some of the lines."""
        return Nodes(*(each[..., which] for each in vars(self).values()))


@dataclass(frozen=True)
class Integrals:
    r"""The integrals over some lines, their errors, and the part of these that is rounding.

    All have shape :math:`(k, C)`.
    """

    values: Tensor
    errors: Tensor
    floors: Tensor


def rounding_of_places(values: Tensor, places: Places) -> Tensor:
    """What the rounding of x does to integrals, of shape (k, C), from neighbouring nodes.

    It moves a node by eps |x| / 2 and so changes an integral by as much of its variation.
    """
    if values.shape[1] < 2:
        return torch.zeros_like(values[:, 0])
    loose = (_EPS / 2) * places.x.abs() * (-places.log_slope).exp()
    loose = torch.where(places.exact, 0.0, loose).clamp_max(1.0)
    change = torch.nan_to_num(values.diff(dim=1).abs(), nan=0.0, posinf=0.0)
    return (change * torch.maximum(loose[1:], loose[:-1])).sum(1)
