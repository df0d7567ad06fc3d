"""Arrays that are given once, kept in a temporary file, from which they are read again."""

from __future__ import annotations

import tempfile
import weakref

from collections.abc import Iterator

import numpy as np

from torch import Tensor

from kldiv.definitions.numbers import as_numbers

__all__ = ["Spooled"]


class Spooled:
    """What an iterator such as a generator gives, to be iterated over as often as it is needed.

    One array is in memory at a time. The file has no name, and is gone with the last reference.

    Arguments:
        source: The iterator, which is read to its end.

    Raises:
        InvalidType: If it gives what is no array of real numbers.
        OSError: If the file system is full.
    """

    def __init__(self, source: Iterator[object]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the object)
        weakref.finalize(self, self._file.close)
        self._count = 0
        for chunk in source:
            points: Tensor = as_numbers("chunk", chunk)
            np.save(self._file, points.detach().cpu().numpy(), allow_pickle=False)
            self._count += 1
        self._file.flush()

    def __iter__(self) -> Iterator[np.ndarray]:
        """The arrays in their order; several iterations do not disturb each other."""
        place = 0
        for _ in range(self._count):
            self._file.seek(place)
            chunk = np.load(self._file, allow_pickle=False)
            place = self._file.tell()
            yield chunk
