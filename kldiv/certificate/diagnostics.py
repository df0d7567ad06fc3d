"""Numbers by name, of which the dear ones are computed when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch

from torch import Tensor

from kldiv.errors import KldivError

__all__ = ["Diagnostics"]


class Diagnostics(Mapping[str, Tensor]):
    """A read-only mapping from names to tensors.

    Arguments:
        known: The numbers that are known.
        later: What computes the others. One that cannot be computed is NaN.
    """

    def __init__(
        self, known: Mapping[str, Tensor], later: Mapping[str, Callable[[], Tensor]]
    ) -> None:
        self._known, self._later = dict(known), dict(later)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._known:
            self._known[name] = _computed(self._later[name])
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._known, **self._later})

    def __len__(self) -> int:
        return len({**self._known, **self._later})

    def __repr__(self) -> str:
        return repr(dict(self))


def _computed(function: Callable[[], Tensor]) -> Tensor:
    try:
        return function()
    except (KldivError, NotImplementedError, ValueError):  # torch's own at wrong parameters
        return torch.tensor(torch.nan, dtype=torch.float64)
