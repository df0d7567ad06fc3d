"""Points from the sides of a problem, in independent replicates."""

from __future__ import annotations

import math
import warnings

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.randomness import as_seed
from kldiv.definitions.target import Target
from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling.quasi_random import AT_ONCE, cube_map, sobol_blocks

__all__ = ["Plan", "draw", "draws"]


@dataclass(frozen=True)
class Plan:
    """How many replicates of how many points are drawn from one side.

    Arguments:
        replicates: The number R of replicates.
        size: The number n of points of each, a power of 2.
    """

    replicates: int
    size: int

    @staticmethod
    def of(count: int, least: int) -> Plan:
        """At most so many points, in replicates that are at least so many, less than twice."""
        size = 1
        while 2 * size * least <= count:
            size *= 2
        return Plan(min(count // size, 2 * least - 1), size)

    @property
    def count(self) -> int:
        """The number of points."""
        return self.replicates * self.size


def draw(side: Target, problem: Problem, plan: Plan, seed: int) -> Tensor:
    r"""Points from a side for every element of the problem's batch, with shape (R n, *, E).

    They come from randomised nets where the side is a map of the unit cube, else from its sampler.
    """
    return torch.cat(tuple(draws(side, problem, plan, seed)))


def draws(side: Target, problem: Problem, plan: Plan, seed: int) -> Iterator[Tensor]:
    """The same points in blocks, of which few at a time are in memory."""
    shape = (*problem.batch_shape, *problem.event_shape)
    found = cube_map(side.distribution)
    if found is None or found.moving or side.device.type != "cpu":
        most, later = max(1, AT_ONCE // math.prod(shape)), torch.Generator().manual_seed(seed)
        for first in range(0, plan.count, most):
            own = as_seed(later) if first else seed
            yield _sampled(side, problem, min(most, plan.count - first), own)
        return
    cubes = sobol_blocks(
        plan.size, (plan.replicates, *problem.batch_shape, found.dimensions), seed
    )
    for cube in cubes:
        with torch.no_grad():
            points = found.transport(cube)
        yield points.expand(len(cube), *shape)


@torch.no_grad()
def _sampled(side: Target, problem: Problem, count: int, seed: int) -> Tensor:
    """Independent draws; a side whose batch is smaller draws for each element of the larger."""
    shape = (*problem.batch_shape, *problem.event_shape)
    missing = len(problem.batch_shape) - len(side.batch_shape)
    repeats = torch.Size(
        wanted if missing > axis or side.batch_shape[axis - missing] != wanted else 1
        for axis, wanted in enumerate(problem.batch_shape)
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Singular sample detected")  # torch draws it anew
        points = side.sample(torch.Size([count, *repeats]), seed)
    if missing == 0 and repeats.numel() == 1:
        return points.reshape(count, *shape)
    own = (1,) * missing + tuple(side.batch_shape)
    axes = [axis for pair in range(len(own)) for axis in (1 + pair, 1 + len(own) + pair)]
    points = points.reshape(count, *repeats, *own, *problem.event_shape)
    rest = range(1 + 2 * len(own), points.ndim)
    return points.permute(0, *axes, *rest).reshape(count, *shape)
