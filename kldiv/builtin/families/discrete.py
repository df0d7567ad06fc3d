"""Families on integers: Bernoulli, categorical, Poisson, geometric and binomial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import torch

from torch import Tensor
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Binomial as TorchBinomial
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Distribution, constraints
from torch.distributions import Geometric as TorchGeometric
from torch.distributions import Poisson as TorchPoisson

from kldiv.builtin.checks import check_number
from kldiv.builtin.families.elementary import TINY, Elementary
from kldiv.definitions.family import Family
from kldiv.definitions.parameters import Parameter
from kldiv.definitions.place import Place
from kldiv.errors import InvalidArgument

__all__ = ["Bernoulli", "Binomial", "Categorical", "Geometric", "Poisson"]


class _ByMean(Elementary):
    """An exponential family of one parameter, of which the mean is the sufficient statistic."""

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """X itself."""
        return (x.double(),)

    def from_mean(self, mean: Tensor) -> dict[str, Tensor]:
        """The parameter at which the mean is a given one."""
        raise NotImplementedError(f"{type(self).__name__} must define from_mean(mean)")

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The parameter at which the mean is that of the target."""
        return self.from_mean(means[0])

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The member of the place's mean."""
        return self.free(self.from_mean(place.mean))


class Bernoulli(_ByMean):
    r"""Bernoulli distributions on 0 and 1, with the probability of 1.

    .. math:: q(1) = \text{probs}, \qquad q(0) = 1 - \text{probs}

    The optimum of the forward KL has the mean of the target. Divergences between members come from
    sums of two terms. At ``probs`` 0 or 1 one number is left, and the forward KL is infinite for a
    target that takes the other.

    Arguments:
        fixed: ``probs``, from 0 to 1, to hold it fixed.

    References:
        Univariate Discrete Distributions (Johnson, Kemp and Kotz, 2005), chapter 3.
    """

    name = "bernoulli"
    distribution_class = TorchBernoulli
    scalars: ClassVar = {"probs": constraints.unit_interval}

    def from_mean(self, mean: Tensor) -> dict[str, Tensor]:
        """The mean is the probability."""
        return {"probs": mean.clamp(0, 1)}


class Poisson(_ByMean):
    r"""Poisson distributions of counts, with their rate.

    .. math:: q(k) = \text{rate}^k e^{-\text{rate}} / k!, \qquad k = 0, 1, \dots

    The optimum of the forward KL has the mean of the target, whatever its variance, which here is
    the mean as well. Rényi's divergences of finite order between members, Chernoff's and all their
    functions are known in closed form. Towards a rate of 0 nothing but 0 is left; at large rates
    it is nearly normal.

    Arguments:
        fixed: ``rate``, positive, to hold it fixed.

    References:
        Univariate Discrete Distributions (Johnson, Kemp and Kotz, 2005), chapter 4.
    """

    name = "poisson"
    distribution_class = TorchPoisson
    scalars: ClassVar = {"rate": constraints.positive}

    def from_mean(self, mean: Tensor) -> dict[str, Tensor]:
        """The mean is the rate."""
        return {"rate": mean.clamp_min(TINY)}


class Geometric(_ByMean):
    r"""Geometric distributions: how many failures there are before the first success.

    .. math:: q(k) = (1 - \text{probs})^k\, \text{probs}, \qquad k = 0, 1, \dots

    The optimum of the forward KL has the mean of the target, :math:`(1 - \text{probs}) /
    \text{probs}`; it is infinite where there is no mean. Divergences between members that are
    functions of powers of the two, Rényi's of finite order and Chernoff's among them, are known in
    closed form. Counts begin at 0: a success at once is no failure. At ``probs`` 1 there is
    nothing else, towards 0 all counts become equally likely.

    Arguments:
        fixed: ``probs``, the probability of success, to hold it fixed.

    References:
        Univariate Discrete Distributions (Johnson, Kemp and Kotz, 2005), chapter 5.
    """

    name = "geometric"
    distribution_class = TorchGeometric
    scalars: ClassVar = {"probs": constraints.unit_interval}

    def from_mean(self, mean: Tensor) -> dict[str, Tensor]:
        """The mean is ``(1 - probs) / probs``."""
        return {"probs": 1 / (1 + mean.clamp_min(0))}


class Binomial(_ByMean):
    r"""Binomial distributions of the number of successes in a given number of trials.

    .. math:: q(k) = \binom{n}{k} \text{probs}^k (1 - \text{probs})^{n - k},
        \qquad k = 0, \dots, n

    The optimum of the forward KL has the mean of the target, and is infinite for one that goes
    beyond n. Between members of one n, Rényi's divergences, Chernoff's and their functions are
    n times, or follow from, those of a single trial. With many trials it is nearly normal, or
    nearly Poisson's where successes are rare.

    Arguments:
        total_count: The number of trials n, which is not fitted.
        size: Not used.
        fixed: ``probs``, from 0 to 1, to hold it fixed.

    Raises:
        InvalidArgument: If the number of trials is not a positive integer.

    References:
        Univariate Discrete Distributions (Johnson, Kemp and Kotz, 2005), chapter 3.
    """

    name = "binomial"
    distribution_class = TorchBinomial
    scalars: ClassVar = {"probs": constraints.unit_interval}

    def __init__(self, *, total_count: int, size: int | None = None, **fixed: object) -> None:
        number = check_number("total_count", total_count, low=1)
        if not number.is_integer():
            raise InvalidArgument(f"total_count must be an integer, got {total_count!r}")
        self.total_count = int(number)
        super().__init__(size=size, **fixed)

    def distribution(self, **parameters: Tensor) -> Distribution:
        """A binomial distribution of that number of trials."""
        return TorchBinomial(self.total_count, parameters["probs"])

    def from_mean(self, mean: Tensor) -> dict[str, Tensor]:
        """The mean is ``total_count * probs``."""
        return {"probs": (mean / self.total_count).clamp(0, 1)}

    def copy(self) -> Self:
        """A family of the same number of trials."""
        return type(self)(total_count=self.total_count, size=self.size, **self.fixed)


class Categorical(Family):
    r"""Categorical distributions on 0, 1, …, with the probability of each category.

    .. math:: q(k) = \text{probs}_k, \qquad k = 0, \dots, K - 1

    It holds every distribution of so many categories, so that the best fit is the target itself;
    for data, by the forward KL, the relative frequencies. Divergences between members come from
    finite sums. The forward KL is infinite where a category of the target has no probability.

    Arguments:
        size: The number of categories; ``None`` takes it from the target.
        fixed: ``probs``, which sum to 1, to hold them fixed.

    References:
        Discrete Multivariate Distributions (Johnson, Kotz and Balakrishnan, 1997), chapter 35.
    """

    name = "categorical"
    distribution_class = TorchCategorical
    sized = True

    def declare(self, size: int) -> Mapping[str, Parameter]:
        """Probabilities that sum to 1."""
        return {"probs": Parameter(constraints.simplex, (size,))}

    def distribution(self, **parameters: Tensor) -> Distribution:
        """A categorical distribution."""
        return TorchCategorical(parameters["probs"])

    def statistics(self, x: Tensor) -> tuple[Tensor, ...]:
        """An indicator for each category."""
        return tuple((x == category).double() for category in range(self.size or 1))

    def from_statistics(self, *means: Tensor) -> dict[str, Tensor]:
        """The probabilities are those of the target."""
        probs = torch.stack(means, -1).clamp_min(TINY)
        return {"probs": probs / probs.sum(-1, keepdim=True)}

    def from_place(self, place: Place) -> dict[str, Tensor]:
        """The same probability for each category."""
        if "probs" in self.fixed:
            return {}
        size = self.size or 1
        return {"probs": place.mean.new_full((*place.mean.shape, size), 1 / size)}
