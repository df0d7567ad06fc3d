r"""The objective of data in chunks: a sum over them, of which one is in memory at once.

The gradient is added up chunk by chunk too. To a caller who derives the sum it is handed over as
:math:`L + g^\top(\theta - \theta_0)`, which at :math:`\theta_0 = \theta` has the value L and the
gradient g.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from torch import Tensor

from kldiv.definitions.sample_target import SampleTarget
from kldiv.solvers.objective import Objective

__all__ = ["ChunkedObjective"]


class ChunkedObjective(Objective):
    """The cross-entropy of a :class:`kldiv.definitions.chunked_target.ChunkedTarget`."""

    target: SampleTarget

    def __call__(self, theta: Tensor) -> Tensor:
        r"""The divergence at real vectors :math:`(S, *, P)`, with shape :math:`(S, *)`."""

        def loss(part: Objective, values: Mapping[str, Tensor]) -> Tensor:
            return part(values["theta"])

        return self._summed(loss, {"theta": theta}, theta.shape[:-1])

    def of_parameters(self, parameters: Mapping[str, Tensor], batch: torch.Size) -> Tensor:
        r"""The divergence at constrained parameters that share a batch shape, with that shape."""

        def loss(part: Objective, values: Mapping[str, Tensor]) -> Tensor:
            return part.of_parameters(values, batch)

        return self._summed(loss, parameters, batch)

    def _summed(
        self,
        loss: Callable[[Objective, Mapping[str, Tensor]], Tensor],
        at: Mapping[str, Tensor],
        batch: torch.Size,
    ) -> Tensor:
        derived = torch.is_grad_enabled() and any(each.requires_grad for each in at.values())
        leaves = {name: each.detach().requires_grad_(derived) for name, each in at.items()}
        slopes = {name: torch.zeros_like(each) for name, each in leaves.items()}
        total = torch.zeros(batch, dtype=torch.float64, device=self.target.device)
        for points, weights in self.target.chunks():
            part = self._of_chunk(points)
            value = weights.sum() * loss(part, leaves)
            total = total + value.detach()
            self.evaluations += part.evaluations
            if derived:
                finite = torch.where(value.isfinite(), value, 0.0).sum()
                found = torch.autograd.grad(finite, list(leaves.values()), allow_unused=True)
                for name, slope in zip(leaves, found, strict=True):
                    slopes[name] += 0.0 if slope is None else slope
        if not derived:
            return total
        moved = [slopes[name] * (each - each.detach()) for name, each in at.items()]
        return total + torch.stack([each.reshape(*batch, -1).sum(-1) for each in moved]).sum(0)

    def _of_chunk(self, points: Tensor) -> Objective:
        return Objective(
            SampleTarget(points),
            self.family,
            self.divergence,
            forward=self.forward,
            estimator=self.choice.asked,
            seed=self.seed,
        )
