"""For each law of targets one that is wrong in that and in nothing else."""

from __future__ import annotations

import random

import torch

from torch.distributions import Exponential, Gamma, MultivariateNormal, Normal, constraints

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import Target

__all__ = ["WRONG_TARGETS"]

UNIT = Normal(torch.tensor(0.0).double(), torch.tensor(1.0).double())
BOX = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())


def strays(shape):
    """Draws of an exponential distribution, one in a thousand of which is negative."""
    draws = Exponential(torch.tensor(1.0).double()).sample(shape)
    return torch.where(torch.rand(shape) < 1e-3, -draws, draws)


def of_squares(x):
    """It takes the rows of a square of points for coordinates."""
    square = x.ndim == 2
    return -(x.square().mean(0).expand(x.shape) if square else x.square()) / 2


class Heavy(Normal):
    """Its density has a mass of more than 1."""

    def log_prob(self, value):
        return super().log_prob(value) + 0.05


class Narrow(Normal):
    """Its draws are a tenth too close together."""

    def sample(self, sample_shape=()):
        return 0.9 * super().sample(torch.Size(sample_shape))


def hidden(shape):
    """Draws that follow a generator of their own."""
    draws = [random.gauss(0, 1) for _ in range(shape.numel())]
    return torch.tensor(draws, dtype=torch.float64).reshape(shape)


def stored(shape):
    """The same draws for every seed."""
    return UNIT.icdf((torch.arange(shape.numel()).double() + 0.5) / shape.numel()).reshape(shape)


def detached(x):
    """No gradient passes where x is positive."""
    value = UNIT.log_prob(x)
    return torch.where(x > 0, value.detach(), value)


class Unweighted(SampleTarget):
    """Its weights sum to 2."""

    def __init__(self):
        super().__init__([1.0, 2.0])
        self.weights = torch.ones(2).double()


class SkewedBox:
    """Draws of which one coordinate is too wide, in three dimensions."""

    def __call__(self, shape):
        return BOX.sample(shape) * torch.tensor([1.0, 1.0, 1.2])


def rate(shape):
    """Draws of a gamma distribution that takes its rate for its scale."""
    return Gamma(torch.tensor(2.0).double(), torch.tensor(0.5).double()).sample(shape)


WRONG_TARGETS = {
    "support": [Target(lambda x: -x, support=constraints.positive, sample=strays)],
    "points": [Target(of_squares, sample=UNIT.sample)],
    "mass": [Heavy(0.0, 1.0)],
    "sampler": [
        Narrow(0.0, 1.0),
        Target(BOX.log_prob, event_shape=(3,), sample=SkewedBox()),
        Target(
            Gamma(torch.tensor(2.0).double(), torch.tensor(2.0).double()).log_prob,
            support=constraints.positive,
            sample=rate,
        ),
    ],
    "seed": [Target(UNIT.log_prob, sample=hidden), Target(UNIT.log_prob, sample=stored)],
    "gradient": [Target(detached, sample=UNIT.sample)],
    "data": [Unweighted()],
}
