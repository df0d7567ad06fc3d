"""G2: the same fit on the experiment's own grid of 4 000 000 points."""

from __future__ import annotations

import statistics

from collections.abc import Iterator

import numpy as np

from benchmarks.comparison import Goal, Record, called, median_seconds, no_more, ratio
from benchmarks.goals.g01_grid_fit import POINTS, on_grid
from benchmarks.problems.lines import COVARIANCE, plane_excess

__all__ = ["GOAL"]


def kldiv_side(_: float) -> Iterator[Record]:
    """A fit of the density on the grid, given as an array; nothing is known of it before."""
    from scipy.stats import multivariate_normal

    import kldiv

    axis = np.arange(-5, 5, 0.005)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)
    density = multivariate_normal.pdf(points, np.zeros(2), COVARIANCE)

    steps: list[float] = []

    def fitted() -> kldiv.Fit:
        made, target = called(lambda: kldiv.Target.on_grid((axis, axis), density))
        found = kldiv.fit(target, "isotropic_normal")
        steps.append(made + float(found.history.seconds[-1]))
        return found

    values = fitted().parameters
    variance = float(values["scale"].square().mean())
    yield {
        "case": "forward",
        "method": "kldiv",
        "seconds": median_seconds(fitted, 3),
        "stay": statistics.median(steps),  # the last step is the answer
        "evaluations": density.size,
        "excess": plane_excess(values["loc"].numpy(), variance, forward=True),
    }


def torch_side(_: float) -> Iterator[Record]:
    """One step of the experiment: a value and its gradient."""
    for direction, loss, mean, variance in on_grid():

        def step(loss=loss, mean=mean, variance=variance) -> None:  # noqa: ANN001
            loss(mean, variance).backward()

        one = median_seconds(step, 3)
        yield {
            "case": direction,
            "method": "25 steps of SGD",
            "seconds": 25 * one,
            "one_step": one,
            "evaluations": 25 * POINTS,
        }


GOAL = Goal(
    "G2",
    "Seed 000 on its own 4e6 grid: a whole fit against its 25 steps",
    {"kldiv": kldiv_side, "torch": torch_side},
    [
        ratio(
            "forward",
            "25 steps",
            100,
            own="stay",
            text="forward: 25 steps, seconds / kldiv, stay",
            prototype="30 to 58 a step, 6 steps for 25",
        ),
        ratio("forward", "25 steps", 100, text="forward: 25 steps, seconds / kldiv, whole call"),
        no_more("forward", "excess", 1e-4, text="forward: excess of kldiv (the grid is coarse)"),
    ],
    "more is compared than the goal asks, a whole call with steps alone: a density on a grid is "
    "taken as its interpolant, whose moments and entropy are summed in float64, once, with a "
    "bound; more than half of the time goes into the 16 million logarithms of the entropy, which "
    "a fit's value takes and its optimum does not. In reverse a normal is infinitely far from "
    "what ends.",
)
