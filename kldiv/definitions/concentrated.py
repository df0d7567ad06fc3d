r"""Log densities of gamma, inverse gamma and beta distributions, also of large concentrations.

The textbook forms subtract numbers as large as :math:`k \log k` and lose as many digits. With the
probabilities of counts, which are as exact for real numbers,

.. math::
    \text{gamma} \quad & \operatorname{Poisson}(k; \beta x)\, \frac kx \\
    \text{inverse gamma} \quad & \operatorname{Poisson}(k; \beta / x)\, \frac kx \\
    \text{beta} \quad & \operatorname{Binomial}(a; a + b, x)\, \frac{a b}{(a + b)\, x (1 - x)}

nothing is lost. Where no concentration is large the forms of torch are kept, which are shorter.

References:
    Fast and Accurate Computation of Binomial Probabilities (Loader, 2000), section 4.
"""

from __future__ import annotations

from typing import Any

import torch

from torch import Tensor

from kldiv.definitions.counts import log_binomial, log_poisson

__all__ = ["log_beta", "log_gamma", "log_inverse_gamma"]

_LARGE = 1e3  # from here on a textbook form loses four digits


def log_gamma(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    """The log density of a gamma distribution, with shape :math:`(N, *)`."""
    k = distribution.concentration
    if not bool((k > _LARGE).any()):
        usual: Tensor = distribution.log_prob(x)
        return usual
    safe = torch.where(x > 0, x, 1.0)
    found = log_poisson(k, distribution.rate * safe) + k.log() - safe.log()
    return torch.where(x > 0, found, -torch.inf)


def log_inverse_gamma(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401
    """The log density of an inverse gamma distribution, with shape :math:`(N, *)`."""
    k, rate = distribution.concentration, distribution.rate
    if not bool((k > _LARGE).any()):
        usual: Tensor = k * rate.log() - k.lgamma() - (k + 1) * x.log() - rate / x
        return usual
    found: Tensor = log_poisson(k, rate / x) + k.log() - x.log()
    return found


def log_beta(distribution: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (torch has no types)
    """The log density of a beta distribution, with shape :math:`(N, *)`."""
    a, b = distribution.concentration1, distribution.concentration0
    if not bool((a + b > _LARGE).any()):
        usual: Tensor = distribution.log_prob(x)
        return usual
    odds = a.log() + b.log() - (a + b).log()
    found: Tensor = log_binomial(a, a + b, x, 1 - x) + odds - x.log() - (-x).log1p()
    return found
