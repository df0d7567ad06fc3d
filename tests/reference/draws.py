"""The pairs of the reference, drawn at random from a fixed seed, in groups.

A group is one divergence between two families; its cases become one batch. Cases are *usual*;
*close* (relative changes of 1e-6 to 1e-3 of parameters between 0.1 and 1000); *far* (modes up to
1e3, scales up to 1e6 apart); *extreme* (parameters between 1e-3 and 1e3, densities infinite at
their ends). Supports that differ and infinite divergences come with the families.
"""

from __future__ import annotations

import math
import struct

from random import Random

from tests.reference.kinds import PARAMETERS, Group

Value = float | list


def case(group: Group, rng: Random) -> tuple[str, dict[str, Value], dict[str, Value]]:
    """A stratum and the parameters of p and of q."""
    same = group.p == group.q
    strata = ["usual"] * 7 + ["close"] * 5 * same + ["far"] * 4 + ["extreme"] * 4
    stratum = rng.choice(strata)
    p = parameters(group, group.p, stratum, rng)
    if stratum == "close":
        q = nearby(group, p, rng)
    else:
        q = parameters(group, group.q, stratum, rng)
        share(group, p, q, rng)
    return stratum, exact(p, group.precision), exact(q, group.precision)


def share(group: Group, p: dict, q: dict, rng: Random) -> None:
    """Makes the supports of p and q agree, or one hold the other, more often than chance would."""
    if group.p == group.q == "Binomial":
        q["total_count"] = p["total_count"] if group.number % 2 else q["total_count"]
    if group.p == group.q == "Pareto" and rng.random() < 0.6:
        q["scale"] = p["scale"] * rng.choice([1.0, 0.5])
    if group.p == group.q == "Uniform" and rng.random() < 0.6:
        q["low"], q["high"] = p["low"] - rng.choice([0.0, 1.0]), p["high"] + rng.random()
    if (
        "Uniform" in (group.p, group.q)
        and group.p != group.q
        and {group.p, group.q} & {"Beta", "Kumaraswamy"}
    ):
        (p if group.p == "Uniform" else q).update(low=0.0, high=1.0)


def parameters(group: Group, family: str, stratum: str, rng: Random) -> dict[str, Value]:
    """Random parameters of a family."""
    if family in ("MixtureSameFamily", "Categorical"):
        return of_parts(group, family, stratum, rng)
    if family == "Uniform":
        low = location(stratum, rng)
        return {"low": low, "high": low + positive(stratum, rng)}
    drawn = {name: number(family, name, stratum, rng) for name in PARAMETERS[family]}
    if family == "Binomial":
        drawn["total_count"] = float(5 * group.size if group.number % 3 else rng.randint(1, 30))
    return drawn


def number(family: str, name: str, stratum: str, rng: Random) -> float:
    """A random parameter."""
    if family == "LogNormal":
        wide = stratum in ("far", "extreme")
        if name == "loc":
            return rng.uniform(-10, 10) if wide else rng.gauss(0, 1)
        return log_uniform(rng, *((0.03, 5) if wide else (0.3, 2)))
    if name == "loc":
        return rng.uniform(-3, 3) if family == "VonMises" else location(stratum, rng)
    if name == "probs":
        return probability(family, stratum, rng)
    if family == "Poisson":
        return log_uniform(rng, *{"usual": (0.3, 20)}.get(stratum, (1e-3, 1e3)))
    if name in ("scale", "rate"):
        return positive(stratum, rng)
    if name == "total_count":
        return log_uniform(rng, 0.5, 30)
    ranges = {"usual": (0.6, 8), "close": (0.1, 1000), "far": (0.2, 50), "extreme": (0.05, 1000)}
    return log_uniform(rng, *ranges[stratum])


def location(stratum: str, rng: Random) -> float:
    """A random place."""
    if stratum == "far":
        return rng.choice([-1, 1]) * log_uniform(rng, 10, 1000)
    unit = log_uniform(rng, 1e-3, 1e3) if stratum == "extreme" else 1
    return float(f"{rng.gauss(0, 2) * unit:.5g}")


def positive(stratum: str, rng: Random) -> float:
    """A random scale."""
    return log_uniform(rng, *{"usual": (0.3, 3), "close": (0.1, 1000)}.get(stratum, (1e-3, 1e3)))


def probability(family: str, stratum: str, rng: Random) -> float:
    """A random probability, 0 and 1 included where a coin may have them."""
    if stratum == "extreme":
        if family in ("Bernoulli", "Binomial") and rng.random() < 0.3:
            return float(rng.randint(0, 1))
        odds = log_uniform(rng, 5e-3, 1e3 if family != "NegativeBinomial" else 20)
        return odds / (1 + odds)
    return rng.uniform(0.05, 0.95 if family != "NegativeBinomial" else 0.85)


def of_parts(group: Group, family: str, stratum: str, rng: Random) -> dict[str, Value]:
    """Random weights, exact multiples of 2^-20 that sum to 1, and components for them."""
    size, total = group.size, 2**20
    if family == "MixtureSameFamily":
        size = 2 + group.size % 2
    shares = [log_uniform(rng, 0.05, 1) for _ in range(size)]
    if stratum == "extreme" and family == "Categorical":
        shares[rng.randrange(size)] = rng.choice([0.0, 1e-3])
    weights = [math.floor(total * share / sum(shares)) / total for share in shares]
    weights[weights.index(max(weights))] += 1 - sum(weights)
    if family == "Categorical":
        return {"probs": weights}
    loc = [location(stratum, rng) for _ in range(size)]
    scale = [positive("usual" if stratum == "close" else stratum, rng) for _ in range(size)]
    return {"weights": weights, "loc": loc, "scale": scale}


def nearby(group: Group, p: dict[str, Value], rng: Random) -> dict[str, Value]:
    """Parameters near those of p: relative changes of 1e-6 to 1e-3, now and then none."""
    if rng.random() < 0.06:
        return dict(p)
    change = log_uniform(rng, 1e-6 if group.precision == "float64" else 1e-5, 1e-3)
    q: dict[str, Value] = {}
    for name, value in p.items():
        if name in ("weights", "total_count"):
            q[name] = value
        elif isinstance(value, list):
            q[name] = (
                moved(value, change, group.precision)
                if name == "probs"
                else [v * (1 + change * rng.uniform(-1, 1)) for v in value]
            )
        elif name in ("loc", "low", "high"):
            unit = p.get("scale", 1.0) if name == "loc" else p["high"] - p["low"]
            q[name] = value + change * unit * rng.uniform(0, 1) * (-1 if name == "low" else 1)
        else:
            q[name] = value * (1 + change * rng.uniform(-1, 1))
            q[name] = min(q[name], 0.999) if name == "probs" else q[name]
    return q


def moved(weights: list[float], change: float, precision: str) -> list[float]:
    """Probabilities with a little moved from the greatest to the next, still exact."""
    total = 2**24 if precision == "float32" else 2**40
    order = sorted(range(len(weights)), key=weights.__getitem__)
    shift = math.ceil(change * weights[order[-2]] * total) / total
    return [w + shift * ((i == order[-2]) - (i == order[-1])) for i, w in enumerate(weights)]


def log_uniform(rng: Random, low: float, high: float) -> float:
    """A number whose logarithm is uniform, of few digits."""
    return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.5g}")


def exact(drawn: dict[str, Value], precision: str) -> dict[str, Value]:
    """The parameters rounded to numbers of the precision."""

    def rounded(value: Value) -> Value:
        if isinstance(value, list):
            return [rounded(each) for each in value]
        return struct.unpack("f", struct.pack("f", value))[0] if precision == "float32" else value

    return {name: rounded(value) for name, value in drawn.items()}
