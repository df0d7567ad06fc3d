"""What is known of the built-in divergences together: inequalities and identities."""

from __future__ import annotations

import math

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch

from torch import Tensor

from kldiv.definitions.divergence import Divergence
from kldiv.estimate import Estimate
from kldiv.resolving import as_divergence
from kldiv.testing.law import Check, Subject, agree, at_most, law, scatter
from kldiv.testing.pair import Pair

__all__ = ["INEQUALITIES", "Inequality", "inequalities"]

Sides = Callable[..., tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Inequality:
    """One number made of divergences of a pair is at most, or exactly, another one.

    Arguments:
        text: What it says.
        of: The divergences, in the order in which ``sides`` takes their values.
        sides: The two numbers, the smaller first.
        equal: Whether they are the same.
    """

    text: str
    of: tuple[str, ...]
    sides: Sides
    equal: bool = False

    def check(self, found: list[Estimate]) -> Check:
        """Whether it holds for values, each of which may be off by its error."""
        values = [each.value for each in found]
        smaller, larger = self.sides(*values)
        slack = torch.zeros_like(smaller)
        for index, each in enumerate(found):
            moved = list(values)
            moved[index] = each.value + torch.where(each.value.isfinite(), scatter(each), 0.0)
            for side, other in zip((smaller, larger), self.sides(*moved), strict=True):
                slack = slack + torch.where(side == other, 0.0, (side - other).abs())
        relation = agree if self.equal else at_most
        return Check(relation(smaller, larger, slack), {self.text: smaller, "right side": larger})


def _known(divergence: Divergence) -> str | None:
    return None if _about(divergence) else "nothing is known of it and others"


def _of_few_ratios(pair: Pair) -> bool:
    """What is known concerns how p / q is distributed, and few points have it in any way."""
    return pair.bounded or pair.on_faces


@law(_known, _of_few_ratios)
def inequalities(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""A divergence that bears the name of a known one obeys what is known of that and others.

    Such as Pinsker's inequality :math:`V^2 \leq D / 2`, that of Bretagnolle and Huber
    :math:`V^2 \leq 1 - e^{-D}`, :math:`H^2 \leq V \leq \sqrt2\,H` and
    :math:`D \leq \ln(1 + \chi^2)`.

    References:
        On Choosing and Bounding Probability Metrics (Gibbs and Su, 2002), arXiv:math/0209021.
        f-Divergence Inequalities (Sason and Verdú, 2016), doi:10.1109/TIT.2016.2603151.
    """
    for inequality in _about(subject.divergence):
        divergences = [
            subject.divergence if str(each) == str(subject.divergence) else each
            for each in map(as_divergence, inequality.of)
        ]
        yield inequality.check([subject.on(pair, each) for each in divergences])


def _about(divergence: Divergence) -> list[Inequality]:
    """The inequalities in which a divergence takes part."""
    return [
        each
        for each in INEQUALITIES
        if str(divergence) in (str(as_divergence(spec)) for spec in each.of)
    ]


def _same(text: str, of: tuple[str, str], factor: float = 1.0) -> Inequality:
    return Inequality(text, of, lambda a, b: (a, factor * b), equal=True)


def _ordered(*of: str) -> list[Inequality]:
    return [
        Inequality(f"{first} ≤ {second}", (first, second), lambda a, b: (a, b))
        for first, second in pairwise(of)
    ]


INEQUALITIES: tuple[Inequality, ...] = (
    Inequality("V ≤ √(D/2)", ("total_variation", "kl"), lambda v, d: (v, (d / 2).sqrt())),
    Inequality(
        "V ≤ √(1 - exp(-D))", ("total_variation", "kl"), lambda v, d: (v, (-(-d).expm1()).sqrt())
    ),
    Inequality("H² ≤ V", ("squared_hellinger", "total_variation"), lambda h, v: (h, v)),
    Inequality("V ≤ √2 H", ("total_variation", "hellinger"), lambda v, h: (v, math.sqrt(2) * h)),
    Inequality(
        "V ≤ H √(2 - H²)",
        ("total_variation", "hellinger"),
        lambda v, h: (v, h * (2 - h * h).sqrt()),
    ),
    Inequality(
        "JS ≤ ln 2 V", ("jensen_shannon", "total_variation"), lambda j, v: (j, math.log(2) * v)
    ),
    Inequality("D ≤ ln(1 + χ²)", ("kl", "chi2"), lambda d, x: (d, x.log1p())),
    Inequality("4 V² ≤ χ²", ("total_variation", "chi2"), lambda v, x: (4 * v * v, x)),
    Inequality(
        "4 V² ≤ Neyman's χ²", ("total_variation", "neyman_chi2"), lambda v, x: (4 * v * v, x)
    ),
    Inequality("2 V² ≤ Δ", ("total_variation", "triangular"), lambda v, t: (2 * v * v, t)),
    Inequality("Δ ≤ 2 V", ("triangular", "total_variation"), lambda t, v: (t, 2 * v)),
    Inequality("2 H² ≤ Δ", ("squared_hellinger", "triangular"), lambda h, t: (2 * h, t)),
    Inequality("Δ ≤ 4 H²", ("triangular", "squared_hellinger"), lambda t, h: (t, 4 * h)),
    Inequality("Δ/4 ≤ JS", ("triangular", "jensen_shannon"), lambda t, j: (t / 4, j)),
    Inequality(
        "JS ≤ ln 2 Δ/2", ("jensen_shannon", "triangular"), lambda j, t: (j, math.log(2) / 2 * t)
    ),
    Inequality("skewed D ≤ w D", ("skew_kl(weight=0.3)", "kl"), lambda s, d: (s, 0.3 * d)),
    Inequality("E_γ ≤ V", ("hockey_stick(gamma=1.7)", "total_variation"), lambda e, v: (e, v)),
    *_ordered("renyi(alpha=0)", "renyi(alpha=0.3)", "renyi(alpha=0.5)", "kl", "renyi(alpha=2)"),
    *_ordered("renyi(alpha=2)", "renyi(alpha=inf)"),
    *_ordered("bhattacharyya", "chernoff", "kl", "jeffreys"),
    _same("R_1 = D", ("renyi(alpha=1)", "kl")),
    _same("R_½ = 2 B", ("renyi(alpha=0.5)", "bhattacharyya"), 2.0),
    _same("T_2 = χ²", ("tsallis(alpha=2)", "chi2")),
    _same("T_½ = 2 H²", ("tsallis(alpha=0.5)", "squared_hellinger"), 2.0),
    _same("A_1 = D", ("alpha(alpha=1)", "kl")),
    _same("A_½ = 4 H²", ("alpha(alpha=0.5)", "squared_hellinger"), 4.0),
    _same("A_2 = χ²/2", ("alpha(alpha=2)", "chi2"), 0.5),
    _same("A_-1 = Neyman's χ²/2", ("alpha(alpha=-1)", "neyman_chi2"), 0.5),
    _same("E_1 = V", ("hockey_stick", "total_variation")),
    _same("skewed D at 1 = D", ("skew_kl(weight=1)", "kl")),
    _same("density power at 0 = D", ("density_power(beta=0)", "kl")),
    _same("density power at 1 = L2²", ("density_power(beta=1)", "squared_l2")),
    _same("γ at 0 = D", ("gamma(gamma=0)", "kl")),
    _same("γ at 1 = CS", ("gamma(gamma=1)", "cauchy_schwarz")),
    Inequality(
        "H² = 1 - exp(-B)",
        ("squared_hellinger", "bhattacharyya"),
        lambda h, b: (h, -(-b).expm1()),
        equal=True,
    ),
    Inequality("H = √H²", ("hellinger", "squared_hellinger"), lambda h, s: (h * h, s), equal=True),
    Inequality(
        "cosine = 1 - exp(-CS)",
        ("cosine", "cauchy_schwarz"),
        lambda c, s: (c, -(-s).expm1()),
        equal=True,
    ),
    Inequality(
        "R_2 = ln(1 + χ²)", ("renyi(alpha=2)", "chi2"), lambda r, x: (r, x.log1p()), equal=True
    ),
)
