"""What sums over nodes of a normal err by, from sums over other nodes between them."""

from __future__ import annotations

from collections.abc import Sequence

from kldiv.solvers.arrays import Numbers, library_of
from kldiv.solvers.newton_rows import Rows, losses
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_tables import Tables
from kldiv.solvers.row_states import State

__all__ = ["between_nodes"]


def between_nodes(
    rows: Rows, chart: NormalChart, state: State, others: Sequence[Tables]
) -> tuple[Numbers, Numbers]:
    r"""The divergences of rows once more, and how far several sums for them are apart.

    The errors of three sums are as far apart as the real parts of three roots of unity, of which
    at least two differ by more than each is off. Those of two are opposite to each other: they
    are apart by twice what each is off, and their mean is off by about the square of it, so that
    it is no further off than they are apart unless a phase is right to as many digits. The mean
    of the sums is the sum over all their nodes.

    Arguments:
        rows: What they are fitted to.
        chart: The chart.
        state: Where they stand, with the first sums.
        others: The nodes at both thirds between those of the first sums, or those in the middle.

    Returns:
        Both with shape :math:`(R)`.
    """
    found = [losses(rows, chart, each, state.loc, state.root) for each in others]
    library = library_of(state.loss)
    sums = library.stack([state.loss, *found])
    return sums.mean(0), library.amax(sums, 0) - library.amin(sums, 0)
