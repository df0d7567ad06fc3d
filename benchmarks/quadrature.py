"""What the quadrature rung costs beside scipy: evaluations of log densities, and time.

    python -m benchmarks.quadrature

*Evaluations.* Fifty integrals on lines of all kinds, in several divergences. Every program is
given the same integrand of x on the same domain, asked for ten digits, and told nothing else; a
point costs one log density of p and one of q. scipy is counted where it reaches nine digits of
the best value known, as the rung does in all. *Time.* A batch of 10,000 pairs at once beside a
loop over `scipy.integrate.quad`, whose integrand is written in two ways: for this pair with
functions of `math`, and as anybody would who has the distributions, with `scipy.stats`.
"""

from __future__ import annotations

import math
import statistics
import warnings

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.integrate
import scipy.stats
import torch

from torch.distributions import (
    Beta,
    Categorical,
    Cauchy,
    Distribution,
    Exponential,
    Gamma,
    Gumbel,
    HalfNormal,
    InverseGamma,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    Normal,
    Pareto,
    StudentT,
    Uniform,
    VonMises,
    Weibull,
)

import kldiv

from benchmarks.timing import in_turns
from kldiv.definitions.support import coordinate_ends
from kldiv.resolving import as_divergence, as_target

__all__ = ["main"]

_RTOL = 1e-10
_ENOUGH = 1e-9
_FARTHEST = 1e150  # where the integrand is taken to be 0, and squares are still numbers
_LOOP = 50  # pairs that are timed of the loop


def number(value: float) -> torch.Tensor:
    """A number in double precision."""
    return torch.tensor(value, dtype=torch.float64)


def of(kind: type[Distribution], *parameters: float) -> Distribution:
    """A distribution in double precision."""
    return kind(*map(number, parameters))


def mixture(loc: list[float], scale: list[float]) -> Distribution:
    """Normals of equal weight."""
    components = Normal(number(loc), number(scale))
    return MixtureSameFamily(Categorical(torch.ones(len(loc), dtype=torch.float64)), components)


PAIRS = (
    (of(Normal, 0, 1), of(Normal, 1, 1.5)),
    (of(Normal, 3, 0.1), of(Normal, 0, 2)),
    (of(Normal, 0, 1), of(Normal, 1000, 1)),
    (of(Normal, 0, 1e-3), of(Normal, 0, 1e3)),
    (of(StudentT, 3, 0, 1), of(StudentT, 5, 1, 2)),
    (of(StudentT, 4, 0, 1), of(Normal, 0, 2)),
    (of(Normal, 0, 1), of(Cauchy, 0, 1)),
    (of(Cauchy, 0, 1), of(Cauchy, 1, 2)),
    (of(Laplace, 0, 1), of(Laplace, 1, 2)),
    (of(Laplace, 0, 1), of(Normal, 0.5, 2)),
    (of(Gumbel, 0, 1), of(Gumbel, 1, 2)),
    (of(Gumbel, 0, 2), of(Normal, 0, 3)),
    (mixture([-3, 3], [1, 0.5]), of(Normal, 0, 3)),
    (mixture([-40, 3, 90], [5, 0.1, 9]), mixture([-40, 90], [5, 9])),
    (of(Gamma, 3, 1), of(Gamma, 2, 2)),
    (of(Gamma, 0.3, 1), of(Gamma, 2, 2)),
    (of(Gamma, 50, 1), of(LogNormal, 4, 0.2)),
    (of(LogNormal, 0, 1), of(LogNormal, 1, 2)),
    (of(Weibull, 1, 2), of(Weibull, 2, 1.5)),
    (of(InverseGamma, 3, 1), of(InverseGamma, 4, 2)),
    (of(Exponential, 1), of(Exponential, 2.5)),
    (of(HalfNormal, 1), of(Exponential, 1)),
    (of(Pareto, 1, 3), of(Pareto, 1, 2)),
    (of(Beta, 3, 2), of(Beta, 2, 2)),
    (of(Beta, 0.5, 0.5), of(Beta, 2, 3)),
    (of(VonMises, 0.5, 2), of(VonMises, -1, 5)),
    (of(Uniform, 0, 2), of(Normal, 1, 2)),
)
DIVERGENCES = ("kl", "jensen_shannon", "total_variation", "squared_hellinger")


@dataclass(frozen=True)
class Integral:
    """The integral of one divergence between one pair."""

    p: Distribution
    q: Distribution
    divergence: str

    def __str__(self) -> str:
        return f"{_label(self.p)} ‖ {_label(self.q)}, {self.divergence}"

    @property
    def ends(self) -> tuple[float, float]:
        """The domain, which holds both supports."""
        ends = [
            coordinate_ends(target.support, torch.Size(), torch.Size())
            for target in (as_target(self.p, "p"), as_target(self.q, "q"))
        ]
        return min(float(e.lower) for e in ends), max(float(e.upper) for e in ends)

    def integrand(self, counter: list[int]) -> Callable[[np.ndarray], np.ndarray]:
        """The integrand of x, which counts the points that it is asked for."""
        p, q = as_target(self.p, "p"), as_target(self.q, "q")
        divergence = as_divergence(self.divergence)
        inside = p.sample(torch.Size([1]), seed=0).squeeze(0)

        def at(x: np.ndarray) -> np.ndarray:
            points = torch.as_tensor(np.asarray(x), dtype=torch.float64)
            counter[0] += points.numel()
            far = points.abs() > _FARTHEST
            logs = (target.log_prob(torch.where(far, inside, points)) for target in (p, q))
            values = torch.where(far, 0.0, divergence.integrands(*logs)[0])
            return np.nan_to_num(values.numpy(), nan=0.0, posinf=0.0)

        return at

    def truth(self) -> float:
        """The best value known: the rung's own at the end of its digits."""
        precise = kldiv.Quadrature(max_evaluations=2_000_000)
        return float(kldiv.divergence(self.p, self.q, self.divergence, estimator=precise))


def integrals() -> list[Integral]:
    """Fifty of them: Kullback-Leibler between all pairs, the others in turn."""
    found = [Integral(p, q, "kl") for p, q in PAIRS]
    for index, (p, q) in enumerate(PAIRS):
        found.append(Integral(p, q, DIVERGENCES[1 + index % 3]))
    return [each for each in found if math.isfinite(each.truth())][:50]


def by_quad_vec(one: Integral) -> tuple[float, int]:
    """The value and the cost of `quad_vec`."""
    counter = [0]
    value = scipy.integrate.quad_vec(
        one.integrand(counter), *one.ends, epsabs=0, epsrel=_RTOL, limit=2000
    )[0]
    return float(value), counter[0]


def by_tanhsinh(one: Integral) -> tuple[float, int]:
    """The value and the cost of `tanhsinh`."""
    counter = [0]
    found = scipy.integrate.tanhsinh(one.integrand(counter), *one.ends, rtol=_RTOL, maxlevel=12)
    return float(found.integral), counter[0]


def by_kldiv(one: Integral) -> tuple[float, int]:
    """The value and the cost of the rung."""
    found = kldiv.divergence(one.p, one.q, one.divergence, estimator="quadrature")
    return float(found), found.evaluations


def evaluations() -> dict[str, dict[str, float]]:
    """Prints the table of evaluations and returns the ratios."""
    print(f"{'integral':62} {'kldiv':>7} {'quad_vec':>9} {'tanhsinh':>9}   (– : under 9 digits)")
    costs: dict[str, list[float]] = {"quad_vec": [], "tanhsinh": []}
    missed = dict.fromkeys(costs, 0)
    totals = dict.fromkeys(("kldiv", *costs), 0)
    for one in integrals():
        truth, (own, cost) = one.truth(), by_kldiv(one)
        cells = [f"{cost:7}" if abs(own - truth) <= _ENOUGH * abs(truth) else f"{'–':>7}"]
        totals["kldiv"] += cost
        for name, method in (("quad_vec", by_quad_vec), ("tanhsinh", by_tanhsinh)):
            value, theirs = method(one)
            reached = abs(value - truth) <= _ENOUGH * abs(truth)
            totals[name] += theirs
            missed[name] += not reached
            if reached:
                costs[name].append(theirs / cost)
            cells.append(f"{theirs if reached else '–':>9}")
        print(f"{one!s:62} {' '.join(cells)}")
    results = {}
    for name, ratios in costs.items():
        results[name] = {
            "missed": missed[name],
            "least": min(ratios),
            "median": statistics.median(ratios),
            "greatest": max(ratios),
            "all": totals[name] / totals["kldiv"],
        }
        print(
            f"{name} / kldiv where it reaches 9 digits: {results[name]['least']:.2g} at least, "
            f"{results[name]['median']:.2g} median, {results[name]['greatest']:.2g} at most; "
            f"{missed[name]} of {len(ratios) + missed[name]} missed; "
            f"all together {results[name]['all']:.2g}"
        )
    return results


def by_math(m: float, s: float, n: float, t: float) -> Callable[[float], float]:
    """The integrand of Kullback-Leibler between two normals, as plain as it gets."""
    exp, half = math.exp, 0.5
    constant_p = -math.log(s) - half * math.log(2 * math.pi)
    constant_q = -math.log(t) - half * math.log(2 * math.pi)

    def integrand(x: float) -> float:
        a, b = (x - m) / s, (x - n) / t
        log_p, log_q = constant_p - half * a * a, constant_q - half * b * b
        return exp(log_p) * (log_p - log_q)

    return integrand


def by_stats(m: float, s: float, n: float, t: float) -> Callable[[float], float]:
    """The same with frozen distributions."""
    p, q = scipy.stats.norm(m, s), scipy.stats.norm(n, t)
    return lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x))


def loop(make: Callable[..., Callable[[float], float]], pairs: list[list[float]]) -> None:
    """One integral after the other."""
    for pair in pairs:
        scipy.integrate.quad(make(*pair), -np.inf, np.inf, epsabs=0, epsrel=_RTOL)


def batch() -> dict[str, float]:
    """Prints how long 10,000 pairs take, and returns the ratios."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(10_000, generator=generator, dtype=torch.float64)
    parameters = draw(), (draw() / 2).exp(), draw(), (draw() / 2).exp()
    p, q = Normal(*parameters[:2]), Normal(*parameters[2:])
    few = torch.stack(parameters, -1)[:_LOOP].tolist()
    results = {}
    for name, make, count in (("math", by_math, _LOOP), ("scipy.stats", by_stats, 5)):
        pairs = few[:count]
        timed = in_turns(
            lambda: kldiv.divergence(p, q, estimator="quadrature"),
            lambda make=make, pairs=pairs: loop(make, pairs),
            calls=(1, 1),
        )
        theirs = timed.theirs * 10_000 / count
        results[name] = theirs / timed.ours
        print(
            f"10,000 pairs of normals: {timed.ours:.2f} s at once, {theirs:.1f} s by quad with "
            f"{name}: {results[name]:.0f} times as long"
        )
    return results


def _label(distribution: Distribution) -> str:
    if isinstance(distribution, MixtureSameFamily):
        return f"mixture of {len(distribution.mixture_distribution.probs)}"
    parameters = [getattr(distribution, name) for name in distribution.arg_constraints]
    shown = ", ".join(f"{float(each):g}" for each in parameters if each.ndim == 0)
    return f"{type(distribution).__name__}({shown})"


def main() -> dict[str, object]:
    """Prints both tables and returns their numbers."""
    torch.set_num_threads(1)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return {"evaluations": evaluations(), "batch": batch()}


if __name__ == "__main__":
    main()
