"""Laws of structure: what happens to a divergence when x is mapped, mixed or put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch

from torch import Tensor
from torch.distributions import (
    AffineTransform,
    Categorical,
    Distribution,
    ExpTransform,
    Independent,
    Normal,
    Transform,
    TransformedDistribution,
)

from kldiv.definitions.divergence import Divergence, FDivergence
from kldiv.testing.law import (
    ROUNDING,
    Check,
    Subject,
    agree,
    at_most,
    claimed,
    law,
    on_faces,
    scatter,
)
from kldiv.testing.pair import Pair

__all__ = [
    "additivity",
    "data_processing",
    "duality",
    "invariance",
    "joint_convexity",
    "scaling",
    "terms",
]

_WEIGHTS = (0.1, 0.5, 0.8)
_CHANGES: tuple[Transform, ...] = (
    ExpTransform(),
    AffineTransform(3.0, -0.25),
)
_LARGE = 300.0
_LONGER = 4.0  # numbers, in a shorter unit


def _movable(pair: Pair) -> bool:
    return pair.on_faces or _of_normals(pair)


def _of_normals(pair: Pair) -> bool:
    return pair.p.make is Normal and pair.q.make is Normal


@law(claimed("monotone"), on_faces)
def data_processing(subject: Subject, pair: Pair) -> Iterator[Check]:
    r""":math:`D(Kp \parallel Kq) \leq D(p \parallel q)` for every map K, where ``monotone``.

    K merges neighbouring faces of a die, or turns each face into the next one with some
    probability. Whoever sees less of x tells p and q apart less well.
    """
    whole = subject.on(pair)
    p, q = pair.p.parameters["probs"], pair.q.parameters["probs"]
    for name, kernel in _kernels(p.shape[-1]).items():
        coarse = subject.of(Categorical(p @ kernel), Categorical(q @ kernel))
        holds = at_most(coarse.value, whole.value, scatter(coarse) + scatter(whole))
        yield Check(holds, {"D(p‖q)": whole.value, f"D(Kp‖Kq), K {name}": coarse.value})


def _kernels(faces: int) -> dict[str, Tensor]:
    """Matrices of transition: each row sums to 1."""
    same = torch.eye(faces, dtype=torch.float64)
    return {
        "merges neighbours": torch.nn.functional.one_hot(torch.arange(faces) // 2).double(),
        "forgets all but the first": torch.nn.functional.one_hot(same[0].long()).double(),
        "turns to the next with probability 0.3": 0.7 * same + 0.3 * same.roll(1, 0),
    }


@law(claimed("jointly_convex"), on_faces)
def joint_convexity(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""A mixture of pairs is no further apart than the pairs are, where ``jointly_convex``.

    .. math:: D((1 - w)\,p_1 + w\,p_2 \parallel (1 - w)\,q_1 + w\,q_2)
        \leq (1 - w)\,D(p_1 \parallel q_1) + w\,D(p_2 \parallel q_2)
    """
    other = Pair(pair.name, pair.p.rolled(), pair.q.rolled())
    first, second = subject.on(pair), subject.on(other)
    for w in _WEIGHTS:
        p, q = (
            Categorical((1 - w) * a.parameters["probs"] + w * b.parameters["probs"])
            for a, b in ((pair.p, other.p), (pair.q, other.q))
        )
        mixed = subject.of(p, q)
        mean = (1 - w) * first.value + w * second.value
        slack = scatter(mixed) + scatter(first) + scatter(second)
        yield Check(
            at_most(mixed.value, mean, slack),
            {"D of the mixtures": mixed.value, "mean of D": mean, "w": torch.tensor(w)},
        )


@law(claimed("invariant"), _movable)
def invariance(subject: Subject, pair: Pair) -> Iterator[Check]:
    r""":math:`D(Tp \parallel Tq) = D(p \parallel q)` for every bijection T, where ``invariant``.

    For normals T is :math:`e^x`, and a change of unit and of direction; for dice it gives the
    faces other numbers.
    """
    there = subject.on(pair)
    for name, p, q in _moved(pair):
        moved = subject.by_definition(p, q)
        holds = agree(there.value, moved.value, scatter(there) + scatter(moved))
        yield Check(holds, {"D(p‖q)": there.value, f"D(Tp‖Tq), T {name}": moved.value})


def _moved(pair: Pair) -> Iterator[tuple[str, Distribution, Distribution]]:
    """Both sides after each bijection."""
    if pair.on_faces:
        p, q = pair.p.parameters["probs"], pair.q.parameters["probs"]
        yield "numbers the faces anew", Categorical(p.flip(-1)), Categorical(q.flip(-1))
        return
    for change in _CHANGES:
        first, second = (TransformedDistribution(each, [change]) for each in pair.members())
        yield type(change).__name__, first, second


def _has_no_degree(divergence: Divergence) -> str | None:
    return None if divergence.degree_in_x(1) else "its degree in x is 0"


@law(_has_no_degree, _of_normals)
def scaling(subject: Subject, pair: Pair) -> Iterator[Check]:
    r""":math:`D(cX \parallel cY) = c^k D(X \parallel Y)`, with the k of ``degree_in_x``.

    Normals are seen in a unit that is a quarter as long.
    """
    sides = (
        Normal(_LONGER * each.loc, _LONGER * each.scale)
        for each in cast("tuple[Normal, Normal]", pair.members())
    )
    here, there = subject.on(pair), subject.by_definition(*sides)
    factor = _LONGER ** subject.divergence.degree_in_x(1)
    holds = agree(there.value, factor * here.value, scatter(there) + factor * scatter(here))
    yield Check(holds, {"D(X‖Y)": here.value, "D(4X‖4Y)": there.value})


@law(claimed("additive"), _movable)
def additivity(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""That of independent parts is the sum of the parts', where it claims to be ``additive``.

    .. math:: D(p_1 \otimes p_2 \parallel q_1 \otimes q_2)
        = D(p_1 \parallel q_1) + D(p_2 \parallel q_2)
    """
    other = Pair(pair.name, pair.p.rolled(), pair.q.rolled())
    parts = subject.on(pair), subject.on(other)
    joint = subject.by_definition(
        _together(pair.p.members(), other.p.members()),
        _together(pair.q.members(), other.q.members()),
    )
    total = parts[0].value + parts[1].value
    slack = scatter(joint) + scatter(parts[0]) + scatter(parts[1])
    yield Check(
        agree(joint.value, total, slack),
        {
            "D of both": joint.value,
            "D of the first": parts[0].value,
            "D of the second": parts[1].value,
        },
    )


def _together(first: Distribution, second: Distribution) -> Distribution:
    """Two independent parts: as one die, or as a vector."""
    if isinstance(first, Categorical) and isinstance(second, Categorical):
        joint = first.probs.unsqueeze(-1) * second.probs.unsqueeze(-2)
        return Categorical(joint.flatten(-2))
    loc, scale = (
        torch.stack([getattr(first, name), getattr(second, name)], -1) for name in ("loc", "scale")
    )
    return Independent(Normal(loc, scale), 1)


def _no_generator(divergence: Divergence) -> str | None:
    return None if isinstance(divergence, FDivergence) else "it has no generator"


def _bounded(pair: Pair) -> bool:
    return pair.bounded or pair.on_faces


@law(_no_generator, _bounded)
def duality(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""An f-divergence is what its generator says: exchanged sides, exchanged generator.

    .. math:: D_f(p \parallel q) = D_{f^*}(q \parallel p), \qquad f^*(u) = u\,f(1/u)

    The right side is made of ``generator`` alone, so an ``integrand`` that does not belong to it
    is found.
    """
    dual = _Dual(cast("FDivergence", subject.divergence))
    there, back = subject.on(pair), subject.on(pair.reversed(), dual)
    holds = agree(there.value, back.value, scatter(there) + scatter(back))
    yield Check(holds, {"D_f(p‖q)": there.value, "D_f*(q‖p)": back.value})


class _Dual(FDivergence):
    """The divergence of the dual generator."""

    def __init__(self, divergence: FDivergence) -> None:
        self.own = divergence
        self.at_zero = divergence.slope_at_infinity
        self.slope_at_infinity = divergence.at_zero

    def generator(self, log_u: Tensor) -> Tensor:
        """``u f(1/u)``, held fast where the ratio is beyond e^300."""
        near = log_u.clamp(-_LARGE, _LARGE)
        return near.exp() * self.own.generator(-near)

    def __str__(self) -> str:
        return f"dual of {self.own}"


def _no_terms(divergence: Divergence) -> str | None:
    stated = divergence.powers or divergence.logarithms
    return None if stated else "it states no powers or logarithms"


@law(_no_terms, on_faces)
def terms(subject: Subject, pair: Pair) -> Iterator[Check]:
    r"""It is the sum of the terms that ``powers``, or ``logarithms``, state.

    .. math:: D = \sum_k c_k \int p^{a_k} q^{b_k} dx \qquad\text{or}\qquad
        D = \sum_k c_k \log \int p^{a_k} q^{b_k} dx
    """
    divergence, found = subject.divergence, subject.on(pair)
    p, q = pair.p.parameters["probs"], pair.q.parameters["probs"]
    stated = divergence.powers or divergence.logarithms
    integrals = [_power_integral(p, q, a, b) for _, a, b in stated]
    if not divergence.powers:
        integrals = [each.log() for each in integrals]
    each = torch.stack([c * each for (c, _, _), each in zip(stated, integrals, strict=True)])
    total, sizes = each.sum(0), each.abs().sum(0)
    holds = agree(found.value, total, scatter(found) + ROUNDING * p.shape[-1] * sizes)
    yield Check(holds, {"D(p‖q)": found.value, "the sum of its terms": total})


def _power_integral(p: Tensor, q: Tensor, a: float, b: float) -> Tensor:
    """The sum of p^a q^b over the faces; one with no mass, of which it takes some, adds 0."""
    nothing = ((p == 0) & (a > 0)) | ((q == 0) & (b > 0))
    return torch.where(nothing, 0.0, p.pow(a) * q.pow(b)).sum(-1)
