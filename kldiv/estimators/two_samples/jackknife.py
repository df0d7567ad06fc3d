r"""The error of a function of two samples, by leaving out a group of points at a time.

With :math:`\theta` the value of both samples and :math:`\theta_g` that without the g-th of G
groups of each,

.. math:: \text{stderr}^2 = \frac{G - 1}{G} \sum_g (\theta_g - \bar\theta)^2, \qquad
    \text{bias} = (G - 1)(\bar\theta - \theta).

References:
    The Jackknife and Bootstrap (Shao and Tu, 1995), section 2.3.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from torch import Tensor

from kldiv.definitions.sample_target import SampleTarget
from kldiv.errors import InvalidType

__all__ = ["jackknife"]

Statistic = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

_GROUPS = 20
_CONFIDENCE = 3.3  # Student's t of 19 degrees at 99.6 %


def jackknife(
    statistic: Statistic, p: SampleTarget, q: SampleTarget, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The value of a statistic of two weighted samples, its error and its standard error."""
    groups = min(_GROUPS, len(p.points), len(q.points))
    generator = torch.Generator().manual_seed(seed % 2**63)
    labels = [
        (torch.randperm(len(side.points), generator=generator) % groups).to(side.device)
        for side in (p, q)
    ]
    with torch.no_grad():
        value = _value(statistic, p, q)
        without = torch.stack(
            [
                _value(statistic, _without(p, labels[0] == group), _without(q, labels[1] == group))
                for group in range(groups)
            ]
        )
    stderr = ((groups - 1) / groups * (without - without.mean()).square().sum()).sqrt()
    bias = (groups - 1) * (without.mean() - value)
    return value, _CONFIDENCE * stderr + bias.abs(), stderr


def _without(side: SampleTarget, group: Tensor) -> SampleTarget:
    return SampleTarget(side.points[~group], side.weights[~group])


def _value(statistic: Statistic, p: SampleTarget, q: SampleTarget) -> Tensor:
    value = statistic(p.points.double(), p.weights, q.points.double(), q.weights)
    if not isinstance(value, Tensor) or value.shape != ():
        raise InvalidType(f"compare must return a tensor with shape (), got {value!r}")
    return value.double()
