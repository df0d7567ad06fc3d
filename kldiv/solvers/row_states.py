"""Where the rows of Newton's method stand, and where they are to rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from torch import Tensor

from kldiv.solvers.arrays import (
    Numbers,
    as_array,
    as_single,
    as_tensor,
    at_hand,
    library_of,
    taken,
)

__all__ = ["Rest", "State"]


@dataclass
class State:
    r"""Where R rows stand, in tensors or in arrays of numpy.

    Arguments:
        loc: The means, with shape :math:`(R, D)`.
        root: The factors L, with shape :math:`(R, D, D)`.
        loss: The divergences, with shape :math:`(R)`.
        gap: How far those are off that every other node gives, with shape :math:`(R)`.
        gradient: In the chart, with shape :math:`(R, P)`.
        hessian: In the chart, with shape :math:`(R, P, P)`.
        damping: What the next step adds to the Hessian, infinite where a row rests, with shape
            :math:`(R)`.
        reach: How many times as long as a first step the next one may be, with shape :math:`(R)`.
    """

    loc: Numbers
    root: Numbers
    loss: Numbers
    gap: Numbers
    gradient: Numbers
    hessian: Numbers
    damping: Numbers
    reach: Numbers

    @staticmethod
    def unseen(loc: Tensor, root: Tensor, size: int) -> State:
        """Rows of P parameters where nothing is known yet; in arrays on a processor."""
        mean, factor = at_hand(loc), at_hand(root)
        zeros, count = loc.new_zeros if isinstance(mean, Tensor) else np.zeros, len(mean)
        unknown, pulls = (
            zeros(count) + torch.inf,
            (zeros((count, size)), zeros((count, size, size))),
        )
        return State(mean, factor, unknown, unknown + 0, *pulls, zeros(count), zeros(count) + 1)

    def pick(self, index: Numbers) -> State:
        """The state of some rows."""
        return State(*(taken(each, index) for each in self._parts()))

    def put(self, index: Numbers, other: State) -> None:
        """Sets the state of some rows, which may be all of them in their order."""
        if len(index) == len(self.loss):
            vars(self).update(vars(other))
            return
        for mine, new in zip(self._parts(), other._parts(), strict=True):
            if mine is not new:
                mine[index] = new

    def single(self) -> State:
        """The state in single precision, means seen from where they are."""
        loc, *others = map(as_single, self._parts())
        return State(loc * 0, *others)

    def arrays(self) -> State:
        """The same in arrays of numpy."""
        return State(*map(as_array, self._parts()))

    def tensors(self) -> State:
        """The same in tensors."""
        return State(*map(as_tensor, self._parts()))

    def _parts(self) -> tuple[Numbers, ...]:
        where = self.loc, self.root, self.loss, self.gap
        return *where, self.gradient, self.hessian, self.damping, self.reach


@dataclass(frozen=True)
class Rest:
    """Where R rows are to rest.

    Arguments:
        tolerance: In nats to be gained, with shape :math:`(R)`.
        widest: How broad a member may be whose target its nodes still see, with shape
            :math:`(R)`.
    """

    tolerance: Numbers
    widest: Numbers

    @staticmethod
    def below(tolerance: float, like: Numbers) -> Rest:
        """The same tolerance for all, however broad they are."""
        library = library_of(like)
        return Rest(library.full_like(like, tolerance), library.full_like(like, torch.inf))

    def pick(self, index: Numbers) -> Rest:
        """Those of some rows."""
        return Rest(taken(self.tolerance, index), taken(self.widest, index))
