"""Fits that nothing was tuned on, each beside the optimum that brute force finds.

    python -m benchmarks.unseen [WORD ...]     # only those with these words in their names
    python -m benchmarks.unseen 2/4            # only the second of four parts

A fit is right where its value is within 1e-6 of the lowest and its parameters are within 1e-4 of
those of a lowest one; an optimum is missed where more than 1 % of brute force's descents end there
and the fit does not list it; *falsely converged* is a fit that says so where it stands on a slope.
Every fit that is not right, or misses an optimum, or is right and does not know it, is a line.
"""

from __future__ import annotations

import math
import sys
import time
import warnings

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from scipy import stats
from torch.distributions import (
    Beta,
    Categorical,
    Exponential,
    Gamma,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    Weibull,
)

import kldiv

from benchmarks.problems.brute_families import by_sums, double, likeliest, nearest_vector
from benchmarks.problems.brute_force import Optimum, normal_on_a_line
from benchmarks.problems.shared import Array

__all__ = ["Case", "Judgement", "cases", "judged", "main", "summary"]

VALUE, PARAMETERS, BASIN, NEAR = 1e-6, 1e-4, 0.01, 1e-3


@dataclass(frozen=True)
class Case:
    """A fit, and what finds its optima by other means, ``closer`` from where the fit ended."""

    name: str
    target: object
    family: str
    truth: Callable[[], list[Optimum]]
    divergence: str = "kl"
    direction: str = "forward"
    closer: Callable[[dict[str, torch.Tensor]], list[Optimum]] | None = None


def cases() -> Iterator[Case]:
    """All problems, always the same."""
    yield from _reverse_on_lines()
    yield from _orders_on_lines()
    yield from _others_on_lines()
    yield from _exponential_families()
    yield from _normal_vectors()
    yield from _data()


def _bumps(seed: int, far: float, equal: bool) -> tuple[Array, Array, Array]:
    """Weights, means and scales of two bumps, near or far, equal or not."""
    random = np.random.default_rng(seed)
    first = 0.5 if equal else random.uniform(0.2, 0.8)
    center, half = random.normal(0, 2), far * random.uniform(0.4, 0.6)
    scales = np.ones(2) if equal else random.uniform(0.5, 1.5, 2)
    return np.array([first, 1 - first]), center + np.array([-half, half]), scales


def _brute(parts: tuple[Array, Array, Array], divergence: str, **options: object):  # noqa: ANN202
    """Target, family and the search of a case."""
    weights, means, scales = parts
    mean = float(weights @ means)
    spread = math.sqrt(float(weights @ (scales**2 + means**2)) - mean**2)

    def log_density(x: Array) -> Array:
        away = (x[:, None] - means) / scales
        logs = np.log(weights / scales) - 0.5 * away**2 - 0.5 * math.log(2 * math.pi)
        return np.logaddexp(logs[:, 0], logs[:, 1])

    find = partial(normal_on_a_line, log_density, mean, spread, divergence, **options)

    def closer(end: dict[str, torch.Tensor]) -> list[Optimum]:
        return find(start=np.array([float(end["loc"]), math.log(float(end["scale"]))]))

    known = [double(each) for each in parts]
    target = MixtureSameFamily(Categorical(known[0]), Normal(known[1], known[2]))
    sought = {"truth": partial(find, least=float(scales.min())), "closer": closer}
    return {"target": target, "family": "normal", **sought}


def _reverse_on_lines() -> Iterator[Case]:
    for index in range(32):
        far, equal = (1.5, 3.0, 6.0, 12.0)[index % 4], index % 8 < 4
        parts = _bumps(index, far, equal)
        kind = f"{'equal' if equal else 'unequal'} bumps, {far:g} apart"
        name = f"reverse kl, {kind}, {index}"
        found = _brute(parts, "reverse kl")
        yield Case(name, direction="reverse", **found)


def _orders_on_lines() -> Iterator[Case]:
    for index in range(32):
        order = (0.1, 0.3, 0.5, 0.8, 1.3, 2.0, 4.0, 10.0)[index % 8]
        far = (1.5, 3.0, 5.0, 8.0)[index // 8]
        parts = _bumps(100 + index, far, index % 2 == 0)
        name = f"order {order:g}, bumps {far:g} apart, {index}"
        found = _brute(parts, "alpha", order=order)
        yield Case(name, divergence=f"alpha(alpha={order})", **found)


def _others_on_lines() -> Iterator[Case]:
    names = (
        "jensen_shannon",
        "squared_hellinger",
        "chi2",
        "total_variation",
        "squared_l2",
        "cosine",
    )
    for index in range(24):
        divergence, far = names[index % 6], (1.5, 3.0, 6.0, 10.0)[index // 6]
        parts = _bumps(200 + index, far, index % 2 == 0)
        name = f"{divergence}, bumps {far:g} apart, {index}"
        found = _brute(parts, divergence)
        yield Case(name, divergence=divergence, **found)


def _exponential_families() -> Iterator[Case]:
    one = double(1.0)
    targets = {
        "gamma": (LogNormal(0.3 * one, 0.5), Weibull(2 * one, 1.7), Gamma(2.5 * one, 0.7)),
        "lognormal": (Gamma(2.5 * one, 0.7), Weibull(2 * one, 1.7), Exponential(0.5 * one)),
        "weibull": (Gamma(2.5 * one, 0.7), LogNormal(0.3 * one, 0.4), Exponential(0.5 * one)),
        "beta": (Beta(0.8 * one, 2.0), Beta(4 * one, 3.0)),
        "laplace": (Normal(one, 2.0), StudentT(5 * one, one, 2.0)),
        "student_t": (Laplace(one, 1.5), StudentT(6 * one, one, 2.0)),
        "poisson": (Poisson(3.3 * one),),
        "geometric": (Poisson(3.3 * one),),
    }
    for family, group in targets.items():
        for index, target in enumerate(group):
            name = f"{family} to {type(target).__name__}, {index}"
            yield Case(name, target, family, by_sums(target, family))


def _normal_vectors() -> Iterator[Case]:
    for size in (2, 10, 50):
        for index in range(3):
            random = np.random.default_rng(300 + size + index)
            factor = random.standard_normal((size, 2 + index))
            matrix = factor @ factor.T + np.diag(random.uniform(0.3, 1.5, size))
            mean = random.standard_normal(size)
            target = MultivariateNormal(double(mean), double(matrix))
            for family, direction in (
                ("diagonal_normal", "reverse"),
                ("diagonal_normal", "forward"),
                ("low_rank_normal(rank=1)", "reverse"),
            ):
                name = f"{direction} {family}, d = {size}, {index}"
                truth = nearest_vector(mean, matrix, family, direction)
                yield Case(name, target, family, truth, direction=direction)


def _data() -> Iterator[Case]:
    laws = {
        "normal": stats.t(df=6, loc=1, scale=2),
        "laplace": stats.norm(loc=-1, scale=3),
        "student_t": stats.t(df=3, loc=2, scale=0.5),
        "gamma": stats.lognorm(s=0.6),
        "lognormal": stats.gamma(a=2.0),
        "weibull": stats.gamma(a=2.0),
        "beta": stats.beta(a=2.0, b=5.0),
    }
    for family, law in laws.items():
        for count in (61, 401, 3001):  # odd, so that there is one median
            random = np.random.default_rng(count)
            points = law.rvs(size=count, random_state=random)
            name = f"{family} to {count} points"
            yield Case(name, double(points), family, likeliest(points, family))


@dataclass(frozen=True)
class Judgement:
    """What is to be said of a fit.

    Arguments:
        right: Whether it is the global optimum.
        local: Whether it is another optimum.
        converged: Whether it says that it converged.
        missed: The optima with a basin that it does not list.
        numbers: Its value and the lowest, and how far its parameters are off.
    """

    right: bool
    local: bool
    converged: bool
    missed: list[Optimum]
    numbers: str

    @property
    def false(self) -> bool:
        """Whether it says that it converged and is at no optimum."""
        return self.converged and not (self.right or self.local)

    @property
    def words(self) -> str:
        """The same in words."""
        place = "right" if self.right else "another optimum" if self.local else "no optimum"
        told = "converged" if self.converged else "not converged"
        return ", ".join([place, told, *(["an optimum missed"] if self.missed else [])])


def judged(case: Case) -> Judgement:
    """A fit beside the optima that brute force finds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truths = case.truth()
        fit = kldiv.fit(case.target, case.family, case.divergence, direction=case.direction)
        value = float(fit.divergence)
        if case.closer and value < truths[0].value - VALUE:  # where no descent has ended
            truths = sorted([*case.closer(fit.parameters), *truths], key=lambda each: each.value)
    best = truths[0].value
    room = VALUE * (1 + abs(best))
    lowest_ones = [each for each in truths if each.value <= best + room]
    apart = min(_apart(fit.parameters, each.parameters) for each in lowest_ones)
    listed = [each.parameters for each in fit.optima] or [{}]
    return Judgement(
        right=abs(value - best) <= room and apart <= PARAMETERS,
        local=min(_apart(fit.parameters, each.parameters) for each in truths) <= NEAR,
        converged=fit.converged,
        missed=[
            each
            for each in truths
            if each.share > BASIN and min(_apart(own, each.parameters) for own in listed) > NEAR
        ],
        numbers=f"value {value:.9g}, lowest {best:.9g}, parameters {apart:.1e} apart",
    )


def _apart(found: dict[str, torch.Tensor], known: dict[str, Array]) -> float:
    """The largest distance of parameters that both know, relative where they are large."""
    if not found:
        return math.inf
    pairs = [(found[name].detach().numpy(), value) for name, value in known.items()]
    return max(float(np.max(np.abs(a - b) / (1 + np.abs(b)))) for a, b in pairs)


def main(words: list[str]) -> list[Judgement]:
    """Prints every fit that is not simply right, and shares."""
    part, parts = next((map(int, word.split("/")) for word in words if "/" in word), (1, 1))
    words = [word for word in words if "/" not in word]
    found = []
    for number, case in enumerate(cases()):
        if number % parts == part - 1 and all(word in case.name for word in words):
            began = time.perf_counter()
            each = judged(case)
            found.append(each)
            if not each.right or not each.converged or each.missed:
                taken = time.perf_counter() - began
                print(f"{case.name}: {each.words}; {each.numbers}; {taken:.1f} s", flush=True)
                print("".join(f"    missed {missed}\n" for missed in each.missed), end="")
    print(summary(found))
    return found


def summary(found: list[Judgement]) -> str:
    """How many are right, miss an optimum, or say falsely that they converged."""
    right = [each for each in found if each.right]
    share = len(right) / max(len(found), 1)
    doubted = sum(not each.converged for each in right)
    missed = sum(bool(each.missed) for each in found)
    false = sum(each.false for each in found)
    return (
        f"{len(found)} fits: right {len(right)} ({share:.1%}), of these not converged {doubted}; "
        f"missed an optimum {missed}; falsely converged {false}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
