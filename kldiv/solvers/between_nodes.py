"""What sums over nodes of a normal err by, from sums over other nodes between them."""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.solvers.newton_rows import Rows, evaluate
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_tables import Tables
from kldiv.solvers.row_states import State

__all__ = ["between_nodes"]


def between_nodes(
    rows: Rows, chart: NormalChart, state: State, thirds: tuple[Tables, Tables]
) -> tuple[Tensor, Tensor]:
    r"""The divergences of rows once more, and how far three sums for them are apart.

    Their errors are as far apart as the real parts of three roots of unity, of which at least two
    differ by more than each is off. The mean of the three is the sum over all their nodes.

    Arguments:
        rows: What they are fitted to.
        chart: The chart.
        state: Where they stand, with the first sums.
        thirds: The nodes at both thirds between those of the first sums.

    Returns:
        Both with shape :math:`(R)`.
    """
    found = [evaluate(rows, chart, each, state.loc, state.root).loss for each in thirds]
    sums = torch.stack([state.loss, *found])
    return sums.mean(0), sums.amax(0) - sums.amin(0)
