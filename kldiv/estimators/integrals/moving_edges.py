r"""Points that move with the edges of the supports: gradients get their boundary terms.

Let :math:`e_1(\theta) < \dots < e_n(\theta)` be the edges. Between two of them a point keeps its
share of the way,

.. math:: x(\theta) = e_k + s\,(e_{k+1} - e_k), \qquad
    s = \frac{x - e_k}{e_{k+1} - e_k} \text{ held fixed},

and beyond the outermost one it keeps its distance. At the present parameters nothing changes;
differentiating the sum over the moving points gives Leibniz' rule.
"""

from __future__ import annotations

import torch

from torch import Tensor

__all__ = ["move_with_edges"]


def move_with_edges(x: Tensor, edges: list[Tensor]) -> tuple[Tensor, Tensor]:
    r"""The same points, attached to the edges, and :math:`|\partial x(\theta) / \partial x|`.

    Arguments:
        x: Points, with shape :math:`(N, *)`.
        edges: Edges, in any order, each with shape :math:`(*)`; infinite ones do not move.

    Returns:
        Points and factors (all 1), with shape :math:`(N, *)`; differentiable in the edges.
    """
    ordered = torch.stack(edges).sort(dim=0).values
    fixed = ordered.detach()
    index = (x.unsqueeze(0) > fixed.unsqueeze(1)).sum(0)
    count = fixed.shape[0]
    below, above = (index - 1).clamp_min(0), index.clamp_max(count - 1)
    low, high = _at(ordered, below), _at(ordered, above)
    has_low = (index > 0) & low.isfinite()
    has_high = (index < count) & high.isfinite()
    low, high = torch.where(has_low, low, 0.0), torch.where(has_high, high, 0.0)
    low_fixed, high_fixed = low.detach(), high.detach()
    between = has_low & has_high & (high_fixed > low_fixed)
    width = torch.where(between, high_fixed - low_fixed, 1.0)
    stretch = torch.where(between, (high - low) / width, 1.0)
    anchor, anchor_fixed = (
        torch.where(has_low, low, high),
        torch.where(has_low, low_fixed, high_fixed),
    )
    return anchor + (x - anchor_fixed) * stretch, stretch


def _at(ordered: Tensor, index: Tensor) -> Tensor:
    return torch.gather(ordered, 0, index)
