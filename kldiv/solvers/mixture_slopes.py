r"""Mixtures of normal scalars under normal members: averages over nodes, written out.

For a member :math:`x = \mu + \sigma z` component j is seen at :math:`u_j = a_j + b_j z` standard
deviations, with :math:`a_j = (\mu - m_j) / s_j` and :math:`b_j = \sigma / s_j`, so that

.. math:: \log p(x) = \log \sum_j \frac{w_j}{s_j} \varphi(u_j), \qquad
    \gamma = -\sigma \frac{\mathrm d}{\mathrm d x} \log p(x) = \sum_j r_j(z)\, b_j (a_j + b_j z)

with the shares :math:`r_j` of the components. Averages of :math:`\gamma` times powers of z are
those of the shares: no slope is made at any node. Many small fits spend their time here.
"""

from __future__ import annotations

import math

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from torch.distributions import MixtureSameFamily, Normal

from kldiv.definitions.target import Target
from kldiv.solvers.arrays import Numbers, as_single, at_hand, library_of, taken
from kldiv.solvers.mixture_averages import averages

__all__ = ["MixtureSlopes", "mixture_slopes"]

_MOST = 16  # components
_HALF_LOG_TWO_PI = math.log(2 * math.pi) / 2


@dataclass(frozen=True)
class MixtureSlopes:
    r"""The components of B mixtures, the broadest of each last: above it no other rises for ever.

    Arguments:
        logs: The logarithms of the components' heights, with shape :math:`(m, B)`.
        loc: Their means, with shape :math:`(m, B)`.
        inverse: The inverses of their scales, with shape :math:`(m, B)`.
    """

    logs: Numbers
    loc: Numbers
    inverse: Numbers

    def pick(self, index: Numbers) -> MixtureSlopes:
        """Some of the mixtures."""
        return MixtureSlopes(*(taken(each, index, 1) for each in self._parts()))

    def single(self, loc: Numbers) -> MixtureSlopes:
        """The same in single precision, seen from a point of each mixture."""
        return MixtureSlopes(*map(as_single, (self.logs, self.loc - loc, self.inverse)))

    def averages(
        self, loc: Numbers, scale: Numbers, tables: Sequence[Numbers]
    ) -> tuple[Numbers, Numbers]:
        r"""The averages of :math:`\log p` and of :math:`\gamma, \dots, \gamma z^3` under members.

        Arguments:
            loc: The means, with shape :math:`(B)`.
            scale: The scales, with shape :math:`(B)`.
            tables: What is taken of the nodes of the standard normal, as for
                :func:`kldiv.solvers.mixture_averages.averages`.

        Returns:
            They, with shapes :math:`(2, B)`, by all nodes and by every other one, and
            :math:`(4, B)`.
        """
        return averages((*self._parts(), loc, scale), tables)

    def _parts(self) -> tuple[Numbers, ...]:
        return self.logs, self.loc, self.inverse


def mixture_slopes(target: Target) -> MixtureSlopes | None:
    """The components of a batch of targets; ``None`` where they are no such mixtures.

    They are in arrays of numpy where they are on a processor.
    """
    found = target.distribution
    if type(found) is Normal:
        loc, scale = found.loc.unsqueeze(-1), found.scale.unsqueeze(-1)
        logs = torch.zeros_like(loc)
    elif type(found) is MixtureSameFamily and type(found.component_distribution) is Normal:
        parts = found.component_distribution
        logs, loc, scale = found.mixture_distribution.logits, parts.loc, parts.scale
    else:
        return None
    count = loc.shape[-1]
    if count > _MOST:
        return None
    if count > 1:  # seen from the broadest, few of the others are so high as to overflow
        order = scale.argsort(-1)
        logs, loc, scale = (each.take_along_dim(order, -1) for each in (logs, loc, scale))
    rows = (at_hand(each.detach()).reshape(-1, count).T for each in (logs, loc, scale))
    logs, loc, scale = rows
    if bool((logs == -math.inf).any()):
        return None
    return MixtureSlopes(logs - library_of(scale).log(scale) - _HALF_LOG_TWO_PI, loc, 1 / scale)
