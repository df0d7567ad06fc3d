"""Pairs of normals in the plane in float32, of many kinds, and their divergences."""

import itertools

import torch

from torch.distributions import MultivariateNormal

from kldiv.builtin.closed_forms.normal_vectors import kl_of_vectors

COUNT = 1 << 15

KINDS = list(
    itertools.product(
        (0.0, 0.3, 3.0),  # the spread of the logarithms of scales
        (0.0, 0.3, 30.0),  # of the entry below them
        (1.0, 1e-2, 1e-6, 0.0),  # how far the pairs are apart
        (1.0, 1e-25, 1e36),  # the unit
        (1.0, 1e-3, 1e12),  # how many times as wide p is
    )
)


def pairs(spread, low, gap, unit, wide, count=COUNT):
    """The means of p and of q, and their factors."""
    generator = torch.Generator().manual_seed(0)
    scale, mean = torch.randn(2, 2, count, 2, generator=generator, dtype=torch.float64)
    root = torch.diag_embed((spread * scale).exp())
    root[..., 1, 0] = low * torch.randn(2, count, generator=generator, dtype=torch.float64)
    for each in (root, mean):
        each[0] = each[1] + gap * (each[0] - each[1])
        each *= unit
    root[0] *= wide
    largest = torch.finfo(torch.float32).max
    return [each.clamp(-largest, largest).float() for each in (*mean, *root)]


def truth(sides):
    """The divergences in float64, and their errors."""
    mean, centre, own, other = (each.double() for each in sides)
    p = MultivariateNormal(mean, scale_tril=own, validate_args=False)
    return kl_of_vectors(p, MultivariateNormal(centre, scale_tril=other, validate_args=False))
