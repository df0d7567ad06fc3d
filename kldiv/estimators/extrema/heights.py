r"""The function whose supremum is sought, at points, and whether it rises without bound.

Far out the log densities are so large that their difference is rounding; such points are left
aside. What the function does beyond the last point that can be trusted is told from its rises
over the last two fifths of the way, which is a logarithm of the distance: a function that tends
to a limit rises much less over the second fifth than over the first, one that grows like a power,
a logarithm or a logarithm of a logarithm does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.definitions.target import Target
from kldiv.errors import NotAvailable
from kldiv.estimators.integrands import Densities

__all__ = ["Heights", "beyond_rays", "heights"]

_ROUNDING = 4 * torch.finfo(torch.float64).eps
_TRUSTED = 1e-6  # noise of a height, relative to 1 and to it
_SLOWING = 0.7  # the ratio of two rises below which there is a limit
_FLAT = 1e-9  # a rise that counts, relative to 1 and to the height


@dataclass(frozen=True)
class Heights:
    r"""The function at points, each with shape :math:`(N, *)`.

    Arguments:
        value: The function, ``-inf`` where p vanishes or the value cannot be trusted.
        noise: The rounding noise in it.
        without_p: Whether p vanishes.
    """

    value: Tensor
    noise: Tensor
    without_p: Tensor

    @property
    def secured(self) -> Tensor:
        """What the function is at least: of equal values the one of least noise is the best."""
        return self.value - self.noise


def heights(sides: Densities, x: Tensor) -> Heights:
    r"""The function at points of shape :math:`(N, *, E)`."""
    divergence = sides.problem.divergence
    if not isinstance(divergence, SupremumDivergence):
        raise NotAvailable(f"{divergence} is no supremum")
    log_p, log_q = torch.broadcast_tensors(
        sides.problem.p.log_prob(x) - sides.log_mass_p,
        sides.problem.q.log_prob(x) - sides.log_mass_q,
    )
    without_p = _without_p(sides.problem.p, x, log_p)
    both = log_p.isfinite() & log_q.isfinite()
    only_p = log_p.isfinite() & log_q.isneginf()
    safe_p, safe_q = torch.where(both, log_p, 0.0), torch.where(both, log_q, 0.0)
    value = divergence.height(safe_p, safe_q)
    noise = (_ROUNDING * (2 + safe_p.abs() + safe_q.abs())).detach()
    trusted = noise <= _TRUSTED * (1 + value.detach().abs())
    value = torch.where(both & trusted, value, -torch.inf)
    return Heights(torch.where(only_p, divergence.without_q, value), noise, without_p)


def _without_p(p: Target, x: Tensor, log_p: Tensor) -> Tensor:
    """Where p vanishes: a distribution states it, others show it."""
    if p.distribution is None:
        return log_p.isneginf()
    inside: Tensor = p.support.check(x)
    return ~inside.expand(log_p.shape)


def beyond_rays(found: Heights, rays: int) -> tuple[Tensor, Tensor]:
    r"""What lies beyond the ends of rays along which the function was evaluated.

    Arguments:
        found: The function at F steps outwards along R rays, with shape :math:`(F R, *)`.
        rays: The number R of rays.

    Returns:
        Whether it rises without bound along a ray, and the highest limit that it still rises to,
        both with shape :math:`(*)`.
    """
    value, noise, without_p = (each.unflatten(0, (-1, rays)) for each in vars(found).values())
    count = value.shape[0]
    steps = torch.arange(count, device=value.device).reshape(-1, *(1,) * (value.ndim - 1))
    usable = value > -torch.inf
    last = torch.where(usable, steps, -1).amax(0, keepdim=True)
    ends_here = without_p.gather(0, (last + 1).clamp_max(count - 1)) & (last < count - 1)
    places = [((last + 1) * share).long() - 1 for share in (0.6, 0.8, 1.0)]
    first, second, third = (value.gather(0, place.clamp_min(0)).squeeze(0) for place in places)
    early, late = second - first, third - second
    noise = noise.gather(0, last.clamp_min(0)).squeeze(0)
    rises = (late > _FLAT * (1 + third.abs()) + 10 * noise) & third.isfinite()
    rises = rises & (last.squeeze(0) > 8) & ~ends_here.squeeze(0)
    ratio = late / torch.where(early > 0, early, late)
    endless = rises & ~(ratio < _SLOWING)
    slowing = rises & ~endless
    rest = late * ratio / (1 - torch.where(slowing, ratio, 0.0))
    return endless.any(0), torch.where(slowing, third + rest, -torch.inf).amax(0)
