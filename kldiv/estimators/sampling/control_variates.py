r"""Means of replicates, freed from what a quantity of known mean tells of their noise.

Let :math:`h_r` be the mean of an integrand over replicate r, and :math:`c_r` that of a quantity
whose expectation is 0. Then :math:`h_r - \beta_r c_r` has the expectation of :math:`h_r` for
every :math:`\beta_r` that does not depend on the replicate. Here it is the slope of the
regression of h on c over the *other* replicates, so that the mean

.. math:: \frac1R \sum_r (h_r - \beta_r c_r) = \sum_s w_s h_s

is unbiased, and its weights depend on c alone: they serve every integrand, and its gradient.

A slope serves between the controls that it was found from. Where one of them lies far from all
others, or 0 far from all of them, it would be used elsewhere: there all replicates weigh the same.
The second is a finding of its own. The mean of c is known: one that misses 0 by many of its
standard errors says that no replicate met something rare, such as a jump between two points of a
net, and that their spread is too small.

References:
    Control Variates for Quasi-Monte Carlo (Hickernell, Lemieux and Owen, 2005), section 3,
    doi:10.1214/088342304000000468.
    Safe and Effective Importance Sampling (Owen and Zhou, 2000), section 3,
    doi:10.1080/01621459.2000.10473909.
"""

from __future__ import annotations

import torch

from torch import Tensor

__all__ = ["adjusted", "is_lumped", "is_strained", "weights_of"]

_NOISE = 1e-26  # controls are shares of a mass: they vary by more than rounding, or not at all
_FEWEST = 8  # replicates of which a slope can be told
_FAR = 6.0  # standard deviations: a control so far from the others has a slope of its own
_APART = 12.0  # median deviations, about 8 standard ones of a normal law
_STRAINED = 5.0  # standard errors, by which a mean that is 0 is off in none of 10 000 cases
_SMALL = 8.0  # over the degrees of freedom: how much wider both are for few replicates


@torch.no_grad()
def is_strained(controls: Tensor) -> Tensor:
    r"""Whether the mean of the controls misses 0 by more than their spread explains.

    Arguments:
        controls: The means :math:`c_r`, with shape :math:`(R, *)`.
    """
    count, middle = controls.shape[0], controls.mean(0)
    explained = (controls - middle).square().sum(0) / (count * (count - 1))
    return middle.square() > (_widened(_STRAINED, count) ** 2 * explained).clamp_min(_NOISE)


@torch.no_grad()
def is_lumped(controls: Tensor) -> Tensor:
    r"""Whether some controls lie apart from most: what replicates meet is a matter of luck.

    Then what one kind of luck does is taken out by the slope, and of another kind, which none of
    the replicates had, the spread that is left says nothing.

    Arguments:
        controls: The means :math:`c_r`, with shape :math:`(R, *)`.
    """
    apart = (controls - controls.median(0).values).abs()
    most = _widened(_APART, controls.shape[0]) * apart.median(0).values
    return apart.amax(0) > most.clamp_min(_NOISE**0.5)


def weights_of(controls: Tensor) -> Tensor:
    r"""The weights of replicates, which sum to 1.

    Arguments:
        controls: The means :math:`c_r`, with shape :math:`(R, *)`.
    """
    count = controls.shape[0]
    middle, spread = _others(controls)
    shares = torch.where(spread > 0, controls / torch.where(spread > 0, spread, 1.0), 0.0)
    if count < _FEWEST:
        shares = torch.zeros_like(shares)
    whole, moved = shares.sum(0) - shares, (shares * middle).sum(0) - shares * middle
    return (1 - whole * controls + moved) / count


def adjusted(means: Tensor, controls: Tensor) -> Tensor:
    r"""The values :math:`h_r - \beta_r c_r`, with shape :math:`(k, R, *)`.

    Arguments:
        means: The means :math:`h_r` of k integrands, with shape :math:`(k, R, *)`.
        controls: The means :math:`c_r`, with shape :math:`(R, *)`.
    """
    if controls.shape[0] < _FEWEST:
        return means
    middle, spread = _others(controls)
    centred = controls - controls.mean(0)
    own = controls - middle
    share = 1 - 1 / controls.shape[0]
    together = (means * centred).sum(1, keepdim=True)
    together = together - (means - _mean_of_others(means, 1)) * own * share
    slope = torch.where(spread > 0, together / torch.where(spread > 0, spread, 1.0), 0.0)
    return means - slope * controls


def _others(values: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of the other replicates, and the sum of their squared deviations from it.

    The sum is 0 where no slope can be told by it.
    """
    middle, count = _mean_of_others(values), values.shape[0]
    total = (values - values.mean(0)).square().sum(0)
    spread = total - (values - middle).square() * (1 - 1 / count)
    far = (values - middle).square() * (count - 2) > _widened(_FAR, count) ** 2 * spread
    used = (spread > (1e-12 * total).clamp_min(_NOISE)) & ~far.any(0) & ~is_strained(values)
    return middle, torch.where(used, spread, 0.0)


def _widened(limit: float, count: int) -> float:
    """A number of standard deviations as it is for so few values."""
    return limit * (1 + _SMALL / max(count - 2, 1))


def _mean_of_others(values: Tensor, axis: int = 0) -> Tensor:
    return (values.sum(axis, keepdim=True) - values) / (values.shape[axis] - 1)
