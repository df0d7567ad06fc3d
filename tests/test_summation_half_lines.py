"""Half-lines are cut into runs that cover every integer once."""

import math

import pytest
import torch

from kldiv.estimators.summation.half_lines import HalfLine, Runs, join
from kldiv.estimators.summation.integer_rules import LEVELS


def row(*values):
    return torch.tensor(values, dtype=torch.float64)


def line(count=math.inf, *, edges=(), centre=0.0, scale=1e9, dense=1, direction=1):
    return HalfLine(
        row(5.0), direction, row(count), tuple(map(row, edges)), row([centre]), row([scale]), dense
    )


def covered(found, runs):
    """Every integer that the runs stand for, in order."""
    spans = [
        range(int(start), int(start + length))
        for start, length in zip(runs.start[:, 0], runs.length[:, 0], strict=True)
    ]
    return sorted(k for span in spans for k in span)


@pytest.mark.parametrize(
    "options",
    [{}, {"edges": (100.0, 777.0)}, {"centre": 300.0, "scale": 2.0}, {"dense": 128}],
)
def test_every_integer_is_in_one_run(options):
    found = line(**options)
    assert covered(found, found.runs(0, 6)) == list(range(1024))


def test_runs_end_with_the_half_line():
    found = line(count=700.0, edges=(333.0,))
    runs = found.runs(0, 6)
    assert covered(found, runs)[:700] == list(range(700))
    points, weights, _ = found.nodes(runs)
    assert float(weights.sum()) == pytest.approx(700, rel=1e-13)
    assert float(points[weights > 0].max()) == 5 + 699
    for edge in (333.0, 700.0):
        across = (runs.start < edge) & (runs.start + runs.length > edge)
        assert (runs.level[across] == 0).all()


def test_runs_are_short_near_landmarks_and_among_the_first():
    found = line(centre=40_000.0, scale=10.0, dense=64)
    runs = found.runs(0, found.reach(12.0))
    near = (runs.start <= 40_000) & (runs.start + runs.length > 40_000)
    assert float(runs.length[near].max()) <= 40
    assert (runs.level[runs.start < 64] == 0).all()
    assert runs.level.shape[0] < 60


def test_the_reach_holds_all_landmarks_and_stays_among_exact_integers():
    assert line(centre=100.0, scale=1.0).reach(12.0) == 3  # 112 < 128
    assert line(centre=120.0, scale=1.0).reach(12.0) == 4
    assert line(count=20.0, centre=120.0).reach(12.0) == 1
    assert line(centre=1e40, scale=1.0).reach(12.0) == LEVELS - 1


def test_nodes_run_in_the_direction_of_the_half_line():
    found = line(direction=-1)
    points, weights, _ = found.nodes(found.runs(0, 0))
    assert points[0, :, 0].tolist() == [5.0 - i for i in range(16)]
    assert (weights == 1).all()


def test_halves_and_joins_keep_empty_runs_empty():
    runs = Runs(row([0.0], [16.0]), row([-1.0], [1.0]))
    halves = runs.halves()
    assert halves.level.flatten().tolist() == [-1, 0, -1, 0]
    assert halves.start.flatten().tolist() == [0, 16, 8, 32]
    assert float(join(runs, halves).length.sum()) == 64
    assert float(runs.emptied(runs.start > 0).length.sum()) == 0
