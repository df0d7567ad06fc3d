"""Pairs of categorical distributions with many categories, and what is true of them."""

from contextlib import contextmanager
from unittest import mock

import torch

from torch.distributions import Categorical

import kldiv

from kldiv import blocks
from kldiv.builtin.closed_forms import categories, large_side

COUNT = 3000
"""Categories that are many in small blocks."""

MANY = [
    "kl",
    "alpha(alpha=0)",
    "jensen_shannon(weight=0.2)",
    "squared_hellinger",
    "chi2",
    "neyman_chi2",
    "total_variation",
    "hockey_stick(gamma=1.5)",
    "triangular",
    "jeffreys",
    "skew_kl(weight=0.3)",
    "renyi(alpha=0.3)",
    "renyi(alpha=3)",
]
"""Divergences that sums over categories give."""


@contextmanager
def in_small_blocks():
    """Some thousand categories are many, and taken in blocks of some hundred."""
    with mock.patch.object(large_side, "LARGE", COUNT), mock.patch.object(blocks, "BLOCK", 400):
        yield


def pair(shape, gap, dtype=torch.float64, kind="logits"):
    """Two of random logits, so far apart."""
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    sides = first.to(dtype), (first + gap * second).to(dtype)
    if kind == "probs":
        sides = [side.softmax(-1) for side in sides]
    return [Categorical(**{kind: side}) for side in sides]


def by_the_book(p, q, divergence):
    """The divergence where no number of categories is large; both and it in float64."""
    sides = [
        Categorical(**{kind: getattr(side, kind).double()})
        for side in (p, q)
        for kind in (["probs"] if "probs" in vars(side) else ["logits"])
    ]
    with mock.patch.object(categories, "large_sides", return_value=None):
        return kldiv.divergence(*sides, divergence)
