"""Targets on integers: a coin and a Poisson count."""

from __future__ import annotations

from torch.distributions import Bernoulli, Poisson

from kldiv.builtin.checks import check_numbers, check_positive
from kldiv.errors import InvalidArgument

__all__ = ["coin", "poisson"]


def coin(probs: object = 0.5) -> Bernoulli:
    r"""A coin that shows heads, 1, with a probability, and tails, 0, otherwise.

    .. math:: p(1) = \text{probs}, \qquad p(0) = 1 - \text{probs}

    It is the simplest target there is: divergences from it come from sums of two terms and can be
    checked by hand. Its mean is ``probs``, its variance ``probs * (1 - probs)``. At 0 and 1 it
    always shows the same side: the reverse KL is then infinite for a q that shows the other.

    Arguments:
        probs: The probability of heads, from 0 to 1, with shape :math:`(*)`.

    Returns:
        A Bernoulli distribution with batch shape :math:`(*)`.

    Raises:
        InvalidArgument: If a probability is not between 0 and 1.

    References:
        Univariate Discrete Distributions (Johnson, Kemp and Kotz, 2005), chapter 3.

    Example:
        >>> coin(0.7).mean
        tensor(0.7000, dtype=torch.float64)
    """
    heads = check_numbers("probs", probs)
    if not ((heads >= 0) & (heads <= 1)).all():
        raise InvalidArgument(f"probs must be between 0 and 1, got {probs!r}")
    return Bernoulli(heads)


def poisson(rate: object = 3.0) -> Poisson:
    r"""A Poisson count of a rate, which is its mean and its variance.

    .. math:: p(k) = \text{rate}^k e^{-\text{rate}} / k!, \qquad k = 0, 1, \dots

    It has no end, and lighter tails than a geometric distribution: a divergence from it is a sum
    without a last term. At a small rate it is nearly always 0, at a large one nearly normal.

    Arguments:
        rate: The rate, positive, with shape :math:`(*)`.

    Returns:
        A Poisson distribution with batch shape :math:`(*)`.

    Raises:
        InvalidArgument: If a rate is not positive.

    References:
        Univariate Discrete Distributions (Johnson, Kemp and Kotz, 2005), chapter 4.
    """
    return Poisson(check_positive("rate", rate))
