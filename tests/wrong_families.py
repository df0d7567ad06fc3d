"""For each law of families one that is wrong in that and in nothing else."""

from __future__ import annotations

import torch

from torch.distributions import Exponential, Normal, biject_to, constraints
from torch.distributions.transforms import ExpTransform

from kldiv.builtin.families.normal import Normal as TheNormal
from kldiv.definitions.family import Family
from kldiv.definitions.parameters import Parameter

__all__ = ["WRONG_FAMILIES", "Drifting"]


class Plain(Family):
    """Normal distributions without statistics, fitted step by step."""

    name = "plain"

    def declare(self, size):
        return {"loc": Parameter(constraints.real), "scale": Parameter(constraints.positive)}

    def distribution(self, **parameters):
        return Normal(**parameters)


class OneWay(ExpTransform):
    """An exponential whose inverse is not the logarithm."""

    def _inverse(self, y):
        return y.log() + 0.01

    def __call__(self, x):
        return x.exp()

    @property
    def inv(self):
        return self._inverse


class _Odd(type(constraints.positive)):
    """The positive numbers, with that bijection."""


ODD = _Odd(0.0)
biject_to.register(_Odd, lambda _: OneWay())


class NotBack(Plain):
    """Its scale does not come back from the real numbers."""

    def declare(self, size):
        return {"loc": Parameter(constraints.real), "scale": Parameter(ODD)}


class Mixing(Plain):
    """Of three members at once the last is the widest."""

    def distribution(self, loc, scale):
        return Normal(
            loc, scale * torch.tensor([1.0, 1.1, 1.2]) if scale.shape[:1] == (3,) else scale
        )


class Strays(Exponential):
    def sample(self, sample_shape=()):
        draws = super().sample(sample_shape)
        return torch.where(torch.rand(draws.shape) < 1e-3, -draws, draws)


class Straying(Plain):
    """One draw in a thousand is negative."""

    def declare(self, size):
        return {"rate": Parameter(constraints.positive)}

    def from_place(self, place):
        return {"rate": 1 / place.mean}

    def distribution(self, **parameters):
        return Strays(**parameters, validate_args=False)


class Heavy(Normal):
    def log_prob(self, value):
        return super().log_prob(value) + 0.05


class TooHeavy(Plain):
    """The mass of its members is more than 1."""

    def distribution(self, **parameters):
        return Heavy(**parameters)


class Narrow(Normal):
    def sample(self, sample_shape=()):
        return self.loc + 0.9 * (super().sample(sample_shape) - self.loc)


class TooNarrow(Plain):
    """Draws of its members are too close together."""

    def distribution(self, **parameters):
        return Narrow(**parameters)


class Detached(TheNormal):
    """Of its scale there is no gradient; its optimum is known by its statistics."""

    def distribution(self, loc, scale):
        return Normal(loc, scale.detach())


class Idle(Plain):
    """It has a parameter that does nothing."""

    def declare(self, size):
        return {**super().declare(size), "mood": Parameter(constraints.real)}

    def distribution(self, loc, scale, mood):
        return Normal(loc, scale + 0 * mood)


class Single(Plain):
    """It forgets that there may be many places."""

    def from_place(self, place):
        return {"loc": place.mean.mean(), "scale": place.variance.mean().sqrt()}


class Biased(TheNormal):
    """Its scale is that of a sample, of any number of points."""

    def from_statistics(self, *means):
        found = super().from_statistics(*means)
        return {**found, "scale": found["scale"] * 1.01}


class Stuck(Plain):
    """Its member in a fit is never narrower than 2."""

    def optimum(self, target):
        return {"loc": torch.zeros(()).double(), "scale": torch.tensor(2.0).double()}


class Drifting(Plain):
    """It does not tell by how much it is shifted, so that a file cannot know."""

    name = "drifting"
    shift = 0.0

    def __init__(self, *, shift=1.0, size=None, **fixed):
        self._shift = shift
        super().__init__(size=size, **fixed)

    def distribution(self, loc, scale):
        return Normal(loc + self._shift, scale)


WRONG_FAMILIES = {
    "round_trip": NotBack,
    "batch": Mixing,
    "support": Straying,
    "mass": TooHeavy,
    "sampler": TooNarrow,
    "gradient": Detached,
    "influence": Idle,
    "starts": Single,
    "matching": Biased,
    "recovery": Stuck,
    "saving": Drifting,
}
