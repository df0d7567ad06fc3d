"""Targets that are normal given one of their coordinates, for tests of what comes of that."""

import torch

import kldiv

F64 = torch.float64


def hierarchy(size, coordinate, *, seed=0, unit=1.0, along=lambda t: -t.square() / 2, more=None):
    """Others about a curve, as wide as the coordinate says, and correlated; any density along."""
    generator = torch.Generator().manual_seed(seed)
    widths, slopes, middle = 0.5 * torch.randn(3, size - 1, generator=generator, dtype=F64)
    mixed = 0.3 * torch.randn(size - 1, size - 1, generator=generator, dtype=F64)
    others = [axis for axis in range(size) if axis != coordinate]

    def log_density(x):
        t = x[..., coordinate] / unit
        away = x[..., others] - middle - slopes * t.unsqueeze(-1).sin()
        inner = (away.square() * (widths * t.unsqueeze(-1)).exp()).sum(-1)
        value = along(t) - inner / 2 - (away @ mixed).square().sum(-1) / 2
        return value if more is None else value + more(x)

    return kldiv.Target(log_density, event_shape=(size,))


def funnel(size=10):
    """Neal's: the first coordinate is the logarithm of the others' variance."""

    def log_density(x):
        neck, rest = x[..., 0], x[..., 1:].square().sum(-1)
        return -neck.square() / 18 - (size - 1) * neck / 2 - rest * (-neck).exp() / 2

    return kldiv.Target(log_density, event_shape=(size,))


def funnel_energy(loc, root):
    """The mean of its log density under a normal vector, in closed form."""
    covariance = root @ root.mT
    variance, mixed = covariance[0, 0], covariance[0, 1:]
    squares = (loc[1:] - mixed).square() + covariance.diagonal()[1:]
    rest = squares.sum() * (variance / 2 - loc[0]).exp() / 2
    return -(loc[0].square() + variance) / 18 - (len(loc) - 1) * loc[0] / 2 - rest
