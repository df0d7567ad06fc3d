"""A formula for one divergence between two types of distributions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.distributions import Distribution

from kldiv.definitions.divergence import Divergence

__all__ = ["ClosedForm"]


@dataclass(frozen=True)
class ClosedForm:
    r"""A closed form of a divergence between two types of distributions.

    Plugins offer them through the hook ``kldiv_closed_forms``.

    Arguments:
        divergence: The class of the divergence.
        type_p: The type of p; subclasses count.
        type_q: The type of q; subclasses count.
        function: Called as ``function(p, q, divergence)`` with float64 distributions; returns the
            divergence in nats, with shape :math:`(*)`, differentiable in both, or
            ``NotImplemented`` where it does not cover these two.
    """

    divergence: type[Divergence]
    type_p: type[Distribution]
    type_q: type[Distribution]
    function: Callable[..., Tensor]

    def covers(self, divergence: Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether the types fit."""
        return (
            type(divergence) is self.divergence
            and isinstance(p, self.type_p)
            and isinstance(q, self.type_q)
        )
