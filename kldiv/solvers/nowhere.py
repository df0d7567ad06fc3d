"""Where to begin where nothing is known of a target."""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import constraints

from kldiv.definitions.place import Place
from kldiv.definitions.support import is_whole, unwrap
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument

__all__ = ["nowhere"]

_SEEN = 8  # points about 0
_HALVINGS = 12
_ABSURD = 1e6  # nats for each coordinate: a normal a thousand times as narrow falls by less


def nowhere(target: Target) -> Place:
    """The whole space as far as nothing is known of the target.

    A simplex evenly; else about 0, with the variance 1 or, where that is absurd, the largest that
    is not.
    """
    shape = (*target.batch_shape, *target.event_shape)
    if isinstance(unwrap(target.support), type(constraints.simplex)):
        ones, parts = torch.ones(shape, dtype=torch.float64), shape[-1]
        return Place(ones / parts, ones * (parts - 1) / (parts**2 * (parts + 1)))
    width = _width(target).reshape((*target.batch_shape, *(1,) * len(target.event_shape)))
    variance = width.to(target.device).square().expand(shape)
    return Place(torch.zeros_like(variance), variance.clone())


def _width(target: Target) -> Tensor:
    """The largest of 1, 1/2, 1/4, ... that is a fair scale to begin with, 1 where none is.

    A density that overflows, or falls by a factor that is astronomical, within few deviations of 0
    tells a fit nothing. Densities that are 0 there look alike; from where they are not, a fit
    sees as it widens that its divergence is infinite.
    """
    batch, event = target.batch_shape, target.event_shape
    found = torch.full(batch, torch.nan, dtype=torch.float64)
    if not is_whole(target.support):
        return torch.ones_like(found)
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(_SEEN, *(1,) * len(batch), *event, generator=generator, dtype=torch.float64)
    for halvings in range(_HALVINGS):
        x = 2.0**-halvings * torch.cat([torch.zeros_like(z[:1]), z]).to(target.device)
        try:
            logs = target.log_prob(x.expand(-1, *batch, *event)).double().cpu()
        except InvalidArgument:  # it is NaN
            continue
        fair = (logs[0] - logs).amax(0) <= _ABSURD * event.numel()
        found = torch.where(fair & found.isnan(), 2.0**-halvings, found)
        if not bool(found.isnan().any()):
            break
    return found.nan_to_num(1.0)
