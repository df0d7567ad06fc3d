"""Random pairs of mixtures of normals, and their divergences by Gauss-Legendre panels.

The panels are cut about every component on its own scale and halved until that makes no
difference. Nothing is shared with the rules of the library.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from torch.distributions import Categorical, MixtureSameFamily, Normal

__all__ = ["INTEGRANDS", "mixtures", "reference"]

F64 = torch.float64
Array = np.ndarray
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
STEPS = np.concatenate([np.arange(0, 12, 0.5), 12 * 1.5 ** np.arange(0, 8)])

Formula = Callable[[Array, Array], Array]

INTEGRANDS: dict[str, Formula] = {
    "kl": lambda p, q: np.exp(p) * (p - q) - np.exp(p) + np.exp(q),
    "jeffreys": lambda p, q: (np.exp(p) - np.exp(q)) * (p - q),
    "squared_hellinger": lambda p, q: (np.exp(p / 2) - np.exp(q / 2)) ** 2 / 2,
    "tsallis(alpha=0.7)": lambda p, q: (
        (0.7 * np.exp(p) + 0.3 * np.exp(q) - np.exp(0.7 * p + 0.3 * q)) / 0.3
    ),
    "squared_l2": lambda p, q: (np.exp(p) - np.exp(q)) ** 2,
}


def mixtures(
    generator: torch.Generator, count: int, components: int, spread: float, low: float
) -> MixtureSameFamily:
    """Random mixtures of normals, whose scales go down to e to a power."""
    shape = (count, components)
    weights = torch.rand(shape, dtype=F64, generator=generator).square() + 1e-3
    centres = spread * torch.randn(shape, dtype=F64, generator=generator)
    scales = (low + (1 - low) * torch.rand(shape, dtype=F64, generator=generator)).exp()
    return MixtureSameFamily(Categorical(weights), Normal(centres, scales))


def reference(p: MixtureSameFamily, q: MixtureSameFamily, divergence: str) -> Array:
    """The divergence of each element of a batch."""
    pairs = zip(_rows(p), _rows(q), strict=True)
    return np.array([_of_one(*pair, INTEGRANDS[divergence]) for pair in pairs])


def _rows(mixture: MixtureSameFamily) -> list[tuple[Array, ...]]:
    """Weights, centres and scales of the components of each element."""
    normals = mixture.component_distribution
    rows = mixture.mixture_distribution.probs, normals.loc, normals.scale
    return list(zip(*(row.numpy() for row in rows), strict=True))


def _of_one(p: tuple[Array, ...], q: tuple[Array, ...], integrand: Formula) -> float:
    centres, scales = (np.concatenate(each) for each in zip(p[1:], q[1:], strict=True))
    edges = np.unique(centres + scales * np.concatenate([-STEPS, STEPS])[:, None])
    return _integral(
        lambda x: integrand(_log_density(p, x), _log_density(q, x)), edges[:-1], edges[1:]
    )


def _integral(function: Callable[[Array], Array], lower: Array, upper: Array) -> float:
    """Panels are halved until that makes no difference: a kink is no polynomial."""
    known, whole = 0.0, _panels(function, lower, upper)
    size = np.abs(whole).sum()
    while len(lower):
        middle = (lower + upper) / 2
        left, right = _panels(function, lower, middle), _panels(function, middle, upper)
        open_ = (np.abs(left + right - whole) > 1e-16 * size) & (upper - lower > 1e-9)
        known += (left + right)[~open_].sum()
        lower, upper = (
            np.concatenate([a[open_], b[open_]]) for a, b in ((lower, middle), (middle, upper))
        )
        whole = np.concatenate([left[open_], right[open_]])
    return float(known)


def _panels(function: Callable[[Array], Array], lower: Array, upper: Array) -> Array:
    half = (upper - lower)[:, None] / 2
    return (function(lower[:, None] + half * (1 + NODES)) * half * WEIGHTS).sum(1)


def _log_density(mixture: tuple[Array, ...], x: Array) -> Array:
    parts = [
        np.log(w / (s * np.sqrt(2 * np.pi))) - ((x - c) / s) ** 2 / 2
        for w, c, s in zip(*mixture, strict=True)
    ]
    return np.logaddexp.reduce(parts)
