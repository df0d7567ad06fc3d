"""Densities on the whole line, on an interval and on the circle, in mpmath."""

from __future__ import annotations

from mpmath import mp, mpf

from tests.reference.family import INFINITY, Family, Feature


def normal(loc, scale):
    constant = -mp.log(scale) - mp.log(2 * mp.pi) / 2
    tail = {("power", mpf(2)): -1 / (2 * scale**2)}
    return Family(
        lambda x, _: constant - ((x - loc) / scale) ** 2 / 2,
        lambda x, _: (loc - x) / scale**2,
        -INFINITY,
        INFINITY,
        (Feature(loc, scale),),
        tail | {("power", mpf(1)): -loc / scale**2},
        tail | {("power", mpf(1)): loc / scale**2},
    )


def student_t(df, loc, scale):
    half = (df + 1) / 2
    constant = mp.loggamma(half) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2 - mp.log(scale)
    unit = df * scale**2
    tail = {("log",): -(df + 1)}
    return Family(
        lambda x, _: constant - half * mp.log(1 + (x - loc) ** 2 / unit),
        lambda x, _: -2 * half * (x - loc) / (unit + (x - loc) ** 2),
        -INFINITY,
        INFINITY,
        (Feature(loc, scale), Feature(loc, scale * mp.sqrt(df))),
        tail,
        tail,
    )


def cauchy(loc, scale):
    return student_t(mpf(1), loc, scale)


def laplace(loc, scale):
    constant = -mp.log(2 * scale)
    tail = {("power", mpf(1)): -1 / scale}
    return Family(
        lambda x, _: constant - abs(x - loc) / scale,
        lambda x, _: (-1 if x > loc else 1) / scale,
        -INFINITY,
        INFINITY,
        (Feature(loc, scale),),
        tail,
        tail,
        kinks=(loc,),
    )


def gumbel(loc, scale):
    constant = -mp.log(scale)

    def log_density(x, _):
        z = (x - loc) / scale
        return constant - z - mp.exp(-z)

    return Family(
        log_density,
        lambda x, _: (mp.exp(-(x - loc) / scale) - 1) / scale,
        -INFINITY,
        INFINITY,
        (Feature(loc, scale),),
        {("exp", 1 / scale): -mp.exp(loc / scale), ("power", mpf(1)): 1 / scale},
        {("power", mpf(1)): -1 / scale},
    )


def normal_mixture(weights, loc, scale):
    parts = [normal(*each) for each in zip(loc, scale, strict=True)]

    def densities(x):
        return [w * mp.exp(part.log_density(x, x)) for w, part in zip(weights, parts, strict=True)]

    def score(x, _):
        each = densities(x)
        slopes = [d * part.score(x, x) for d, part in zip(each, parts, strict=True)]
        return sum(slopes) / sum(each)

    widest = max(range(len(parts)), key=lambda i: (scale[i], loc[i]))
    lowest = max(range(len(parts)), key=lambda i: (scale[i], -loc[i]))
    return Family(
        lambda x, _: mp.log(sum(densities(x))),
        score,
        -INFINITY,
        INFINITY,
        tuple(feature for part in parts for feature in part.features),
        parts[lowest].at_low,
        parts[widest].at_high,
    )


def uniform(low, high):
    constant = -mp.log(high - low)
    middle = Feature((low + high) / 2, (high - low) / 2)
    return Family(lambda x, _: constant, lambda x, _: mpf(0), low, high, (middle,))


def von_mises(loc, concentration):
    k = concentration
    constant = -mp.log(2 * mp.pi) - mp.log(mp.besseli(0, k))
    width = 1 / mp.sqrt(1 + k)
    return Family(
        lambda x, _: constant + k * mp.cos(x - loc),
        lambda x, _: -k * mp.sin(x - loc),
        -mp.pi,
        mp.pi,
        (Feature(loc, width),),
    )
