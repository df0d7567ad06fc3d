r"""Means of replicates, freed from what a quantity of known mean tells of their noise.

Let :math:`h_r` be the mean of an integrand over replicate r, and :math:`c_r` that of a quantity
whose expectation is 0. Then :math:`h_r - \beta_r c_r` has the expectation of :math:`h_r` for
every :math:`\beta_r` that does not depend on the replicate. Here it is the slope of the
regression of h on c over the *other* replicates, so that the mean

.. math:: \frac1R \sum_r (h_r - \beta_r c_r) = \sum_s w_s h_s

is unbiased, and its weights depend on c alone: they serve every integrand, and its gradient.

References:
    Control Variates for Quasi-Monte Carlo (Hickernell, Lemieux and Owen, 2005), section 3,
    doi:10.1214/088342304000000468.
    Safe and Effective Importance Sampling (Owen and Zhou, 2000), section 3,
    doi:10.1080/01621459.2000.10473909.
"""

from __future__ import annotations

import torch

from torch import Tensor

__all__ = ["adjusted", "weights_of"]

_NOISE = 1e-26  # controls are shares of a mass: they vary by more than rounding, or not at all
_FEWEST = 8  # replicates of which a slope can be told


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
    r"""The values :math:`h_r - \beta_r c_r`, with shape :math:`(R, *)`.

    Arguments:
        means: The means :math:`h_r`, with shape :math:`(R, *)`.
        controls: The means :math:`c_r`, with shape :math:`(R, *)`.
    """
    if means.shape[0] < _FEWEST:
        return means
    middle, spread = _others(controls)
    centred = controls - controls.mean(0)
    own = controls - middle
    together = (means * centred).sum(0) - (means - _mean_of_others(means)) * own * (
        1 - 1 / means.shape[0]
    )
    slope = torch.where(spread > 0, together / torch.where(spread > 0, spread, 1.0), 0.0)
    return means - slope * controls


def _others(values: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of the other replicates, and the sum of their squared deviations from it."""
    middle = _mean_of_others(values)
    total = (values - values.mean(0)).square().sum(0)
    spread = total - (values - middle).square() * (1 - 1 / values.shape[0])
    return middle, torch.where(spread > (1e-12 * total).clamp_min(_NOISE), spread, 0.0)


def _mean_of_others(values: Tensor) -> Tensor:
    return (values.sum(0) - values) / (values.shape[0] - 1)
