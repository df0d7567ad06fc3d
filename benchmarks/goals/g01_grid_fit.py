"""G1: an isotropic normal onto a correlated one, against 25 gradient steps on 4 000 000 points."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.comparison import Goal, Record, called, no_more, ratio
from benchmarks.problems.lines import COVARIANCE, plane_excess
from benchmarks.problems.shared import Array

__all__ = ["GOAL", "on_grid"]

DIRECTIONS = ("forward", "reverse")
POINTS = 4_000_000


def kldiv_side(_: float) -> Iterator[Record]:
    """One fit in each direction."""
    import torch

    from torch.distributions import MultivariateNormal

    from benchmarks.own import record_of

    target = MultivariateNormal(torch.zeros(2).double(), torch.from_numpy(COVARIANCE))
    for direction in DIRECTIONS:

        def excess(mean: Array, scale: Array, forward: bool = direction == "forward") -> float:
            return plane_excess(mean, float(scale.ravel()[0]) ** 2, forward=forward)

        record = record_of(target, "isotropic_normal", excess, tolerance=1e-6, direction=direction)
        record.pop("fit")
        yield {"case": direction, "method": "kldiv", **record}


def grid_loss(points, density, mean, variance, *, forward):  # noqa: ANN001, ANN202
    """The loss of the experiment this project began with, in its own steps."""
    import torch

    from torch.distributions import MultivariateNormal

    log_q = MultivariateNormal(mean, torch.eye(2) * variance).log_prob(points)
    q, reference = (density, log_q) if forward else (log_q.exp(), density)
    usable = ~((q == 0) | reference.isinf())
    q = q[usable]
    return (q * (q.log() - reference[usable])).sum()


def on_grid() -> Iterator[tuple[str, Any, Any, Any]]:
    """The experiment in each direction: its loss, and the mean and the variance it begins at."""
    import torch

    from scipy.stats import multivariate_normal

    axis = np.mgrid[-5:5:0.005, -5:5:0.005].reshape(2, -1).T
    density = torch.tensor(multivariate_normal.pdf(axis, np.zeros(2), COVARIANCE)).float()
    points = torch.tensor(axis).float()
    for direction in DIRECTIONS:
        forward = direction == "forward"
        known = density if forward else density.log()
        mean = torch.tensor([0.3, -0.2], requires_grad=True)
        variance = torch.tensor(1.0, requires_grad=True)
        yield direction, partial(grid_loss, points, known, forward=forward), mean, variance


def torch_side(_: float) -> Iterator[Record]:
    """25 steps of gradient descent on the grid."""
    import torch

    for direction, loss, mean, variance in on_grid():

        def run(loss=loss, mean=mean, variance=variance) -> None:  # noqa: ANN001
            optimizer = torch.optim.SGD([mean, variance], lr=5e-6)
            for _ in range(25):
                optimizer.zero_grad()
                loss(mean, variance).backward()
                optimizer.step()

        seconds, _none = called(run)
        found = mean.detach().numpy(), float(variance.detach())
        excess = plane_excess(*found, forward=direction == "forward")
        yield {
            "case": direction,
            "method": "25 steps of SGD on the grid",
            "seconds": seconds,
            "evaluations": 25 * POINTS,
            "excess": excess,
        }


GOAL = Goal(
    "G1",
    "Seed 000, from densities to 1e-6 nats, against its script of 25 steps",
    {"kldiv": kldiv_side, "torch": torch_side},
    [
        claim
        for direction in DIRECTIONS
        for claim in (
            ratio(direction, "25 steps", 500, prototype="about 1300"),
            no_more(direction, "excess", 1e-6),
        )
    ],
    "a call finds its places, checks its end by a Hessian and estimates the value afresh.",
)
