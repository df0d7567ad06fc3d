r"""When a descent has settled: its objective no longer falls, and shorter steps do not help.

Steps are looked at in windows of n. A window's mean :math:`m_k`, with the standard error
:math:`s_k` of n independent losses, is compared with the best of those before it. Where

.. math:: m_{\text{best}} - m_k \leq 2 \sqrt{s_{\text{best}}^2 + s_k^2}

no progress is seen: the steps are too long for what is left to be gained, or nothing is. They are
shortened, and when that has been done often enough the descent has settled.
"""

from __future__ import annotations

import math

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from torch import Tensor

__all__ = ["Settling"]


@dataclass
class Settling:
    """Shortens an optimizer's steps where they lead nowhere any more.

    Arguments:
        groups: The optimizer's groups of parameters, of which the rates ``lr`` are changed.
        window: How many steps are compared with as many.
        factor: By what a rate is multiplied.
        times: How often it is, before the descent has settled.
    """

    groups: Sequence[dict[str, object]]
    window: int = 50
    factor: float = 0.4
    times: int = 5
    seen: list[Tensor] = field(default_factory=list)
    best: tuple[float, float] = (math.inf, 0.0)
    shortened: int = 0

    def look(self, loss: Tensor) -> bool:
        """Takes note of the loss of a step, and says whether the descent has settled."""
        self.seen.append(loss.detach())
        if len(self.seen) < self.window:
            return False
        losses = torch.stack(self.seen).reshape(self.window, -1).sum(-1)
        self.seen.clear()
        mean, error = float(losses.mean()), float(losses.std()) / math.sqrt(self.window)
        lowest, its_error = self.best
        if not mean < lowest - 2 * math.hypot(error, its_error):
            self.shortened += 1
            for group in self.groups:
                group["lr"] = self.factor * group["lr"]  # type: ignore[operator]
        if mean < lowest:
            self.best = mean, error
        return self.shortened > self.times
