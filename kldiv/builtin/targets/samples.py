"""Data as a target: numbers as they are, or in a file."""

from __future__ import annotations

import os

from pathlib import Path

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor

from kldiv.definitions.numbers import as_numbers
from kldiv.definitions.sample_target import SampleTarget
from kldiv.errors import InvalidArgument, ShapeMismatch

__all__ = ["samples"]

_SEPARATORS = {".csv": ",", ".txt": None}


def samples(values: object, weights: object = None) -> SampleTarget:
    r"""Data, weighted or not: numbers, or a file of them.

    .. math:: p = \sum_i w_i\, \delta_{x_i} \Big/ \sum_i w_i

    There is no density. The forward KL of a q with one is known up to a constant, the average of
    :math:`-\log q` over the data, so that to fit with it is maximum likelihood. Many divergences
    can be estimated from two samples, with errors that fall as :math:`1 / \sqrt N` at best. New
    draws cannot be had, nor what needs a density, as the squared L2 distance.

    A file is ``.npy``, or text with one sample a line: ``.csv`` with commas, ``.txt`` with blanks
    between the coordinates. A first line that is no numbers is taken for a heading.

    Arguments:
        values: The data, with shape :math:`(N)` or :math:`(N, D)`, or the path of a file.
        weights: A weight for each sample, not negative; equal where omitted.

    Returns:
        The data as a target.

    Raises:
        InvalidArgument: If there is no such file, it is not of these kinds, or holds something
            else than finite numbers; if there are no samples; or if the weights do not fit.

    References:
        Maximum Likelihood Estimation of Misspecified Models (White, 1982).

    Example:
        >>> samples([1.0, 2.0, 4.0])
        3 samples of event shape ()
    """
    path = isinstance(values, str | os.PathLike)
    points = _read(Path(values)) if path else as_numbers("values", values)  # type: ignore[arg-type]
    if points.ndim not in (1, 2):
        raise ShapeMismatch(f"values must have shape (N) or (N, D), got {tuple(points.shape)}")
    return SampleTarget(points, weights)


def _read(path: Path) -> Tensor:
    """The numbers of a file."""
    if not path.is_file():
        raise InvalidArgument(f"values must be data or the path of a file, no file {str(path)!r}")
    kind = path.suffix.lower()
    if kind != ".npy" and kind not in _SEPARATORS:
        known = ", ".join((".npy", *_SEPARATORS))
        raise InvalidArgument(f"values must be a file of kind {known}, got {str(path)!r}")
    try:
        table = np.load(path, allow_pickle=False) if kind == ".npy" else _text(path)
    except ValueError as error:
        raise InvalidArgument(f"{str(path)!r} cannot be read as numbers: {error}") from error
    if table.size == 0:
        raise InvalidArgument(f"{str(path)!r} holds no samples")
    if not (np.issubdtype(table.dtype, np.number) and np.isfinite(table).all()):
        raise InvalidArgument(f"{str(path)!r} must hold finite numbers, without gaps or NaN")
    return torch.from_numpy(table.astype(np.float64))


def _text(path: Path) -> NDArray[np.float64]:
    """The table of a text file, one column as a vector."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    separator = _SEPARATORS[path.suffix.lower()]
    rows = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if rows and not _is_numbers(rows[0], separator):
        rows = rows[1:]
    if not rows:
        return np.empty(0)
    table = np.loadtxt(rows, delimiter=separator, ndmin=2)
    return table[:, 0] if table.shape[1] == 1 else table


def _is_numbers(line: str, separator: str | None) -> bool:
    """Whether every entry of a line is a number."""
    try:
        for entry in line.split(separator):
            float(entry)
    except ValueError:
        return False
    return True
