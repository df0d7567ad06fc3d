"""Which integrals of a rule's members are infinite, though sums over nodes are finite.

Nodes end somewhere, and what a sum over them is where the integral diverges says nothing but where
they end: other nodes give another sum, and the embedded rule never agrees. What the ends of a line
tell when nodes are laid holds for the same members on the same nodes, and for those beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from torch import Tensor

__all__ = ["DivergentIntegrals"]

_BESIDE = 1e-2  # of 1 + |log q| at each node: farther off a member may have finite integrals


@dataclass(frozen=True)
class DivergentIntegrals:
    r"""What is known of the members that a rule was made for.

    Arguments:
        which: The integrals that diverge, with shape :math:`(K, *)`.
        log_q: The log density of these members at the nodes, with shape :math:`(N, *)`.
    """

    which: Tensor
    log_q: Tensor

    def widened(self, extra: int) -> DivergentIntegrals:
        """The same for members with more batch dimensions in front."""
        return DivergentIntegrals(
            *(
                each.reshape(len(each), *(1,) * extra, *each.shape[1:])
                for each in vars(self).values()
            )
        )

    def told(self, integrals: Sequence[Tensor]) -> list[Tensor]:
        """Sums over nodes, infinite where the integral is."""
        pairs = zip(self.which, integrals, strict=True)
        return [torch.where(infinite, torch.inf, integral) for infinite, integral in pairs]

    def held(self, log_q: Tensor) -> Tensor:
        """The log density of members at the nodes, without slopes where an integral diverges.

        The divergence does not depend on them there, while the slopes of an integrand may be
        beyond all numbers.
        """
        return torch.where(self.which.any(0), log_q.detach(), log_q)

    def doubted(self, unseen: Tensor, gaps: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
        r"""Both doubts, none where it is still known that an integral diverges.

        Where members have moved, so that their integrals may not diverge any more, the first of
        them is infinite.

        Arguments:
            unseen: What is not seen else, with shape :math:`(*)`.
            gaps: What is seen roughly else, likewise.
            log_q: The log density of members at the nodes, with shape :math:`(N, *)`.
        """
        beside = (log_q - self.log_q).abs() <= _BESIDE * (1 + self.log_q.abs())
        same = (beside | (log_q == self.log_q)).all(0)
        infinite = self.which.any(0)
        known = torch.where(same, 0.0, torch.inf)
        return torch.where(infinite, known, unseen), torch.where(infinite, 0.0, gaps)
