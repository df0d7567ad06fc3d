"""Densities on the half line and on the unit interval, in mpmath."""

from __future__ import annotations

from mpmath import mp, mpf

from tests.reference.family import INFINITY, Family, Feature

ZERO = mpf(0)


def half_line(log_density, score, features, at_low, at_high, low=ZERO):
    features = tuple(Feature(*each, of_log=True) for each in features)
    return Family(log_density, score, low, INFINITY, features, at_low, at_high)


def gamma(concentration, rate):
    a = concentration
    constant = a * mp.log(rate) - mp.loggamma(a)
    return half_line(
        lambda x, _: constant + (a - 1) * mp.log(x) - rate * x,
        lambda x, _: (a - 1) / x - rate,
        [(mp.log(a / rate), min(mpf(1), 1 / mp.sqrt(a))), (-mp.log(rate), mpf(1))],
        {("log",): 1 - a},
        {("power", mpf(1)): -rate, ("log",): a - 1},
    )


def exponential(rate):
    return gamma(mpf(1), rate)


def half_normal(scale):
    constant = mp.log(2 / mp.pi) / 2 - mp.log(scale)
    return half_line(
        lambda x, _: constant - (x / scale) ** 2 / 2,
        lambda x, _: -x / scale**2,
        [(mp.log(scale), mpf(1))],
        {},
        {("power", mpf(2)): -1 / (2 * scale**2)},
    )


def weibull(scale, concentration):
    k = concentration
    constant = mp.log(k / scale)

    def log_density(x, _):
        z = mp.log(x / scale)
        return constant + (k - 1) * z - mp.exp(k * z)

    return half_line(
        log_density,
        lambda x, _: (k - 1) / x - k / x * (x / scale) ** k,
        [(mp.log(scale), 1 / k)],
        {("log",): 1 - k},
        {("power", k): -(scale**-k), ("log",): k - 1},
    )


def log_normal(loc, scale):
    constant = -mp.log(scale) - mp.log(2 * mp.pi) / 2

    def log_density(x, _):
        t = mp.log(x)
        return constant - t - ((t - loc) / scale) ** 2 / 2

    tail = {("log2",): -1 / (2 * scale**2)}
    return half_line(
        log_density,
        lambda x, _: -(1 + (mp.log(x) - loc) / scale**2) / x,
        [(loc, scale)],
        tail | {("log",): 1 - loc / scale**2},
        tail | {("log",): loc / scale**2 - 1},
    )


def inverse_gamma(concentration, rate):
    a = concentration
    constant = a * mp.log(rate) - mp.loggamma(a)
    return half_line(
        lambda x, _: constant - (a + 1) * mp.log(x) - rate / x,
        lambda x, _: rate / x**2 - (a + 1) / x,
        [(mp.log(rate / a), min(mpf(1), 1 / mp.sqrt(a))), (mp.log(rate), mpf(1))],
        {("power", mpf(1)): -rate, ("log",): a + 1},
        {("log",): -(a + 1)},
    )


def pareto(scale, alpha):
    constant = mp.log(alpha) + alpha * mp.log(scale)
    return half_line(
        lambda x, _: constant - (alpha + 1) * mp.log(x),
        lambda x, _: -(alpha + 1) / x,
        [(mp.log(scale), 1 / alpha)],
        {},
        {("log",): -(alpha + 1)},
        low=scale,
    )


def beta(concentration1, concentration0):
    a, b = concentration1, concentration0
    constant = mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b)
    mean = a / (a + b)
    width = mp.sqrt(mean * (1 - mean) / (a + b + 1))
    return Family(
        lambda x, y: constant + (a - 1) * mp.log(x) + (b - 1) * mp.log(y),
        lambda x, y: (a - 1) / x - (b - 1) / y,
        ZERO,
        mpf(1),
        (Feature(mean, width),),
        {("log",): 1 - a},
        {("log",): 1 - b},
    )


def kumaraswamy(concentration1, concentration0):
    a, b = concentration1, concentration0
    constant = mp.log(a * b)

    def rest(y):  # log(1 - x^a), exact near 1 too
        return mp.log(-mp.expm1(a * mp.log1p(-y)))

    def log_density(x, y):
        near_one = rest(y) if y < 0.5 else mp.log1p(-(x**a))
        return constant + (a - 1) * mp.log(x) + (b - 1) * near_one

    def score(x, y):
        complement = mp.exp(rest(y)) if y < 0.5 else 1 - x**a
        return (a - 1) / x - (b - 1) * a * x ** (a - 1) / complement

    median = mp.exp(mp.log(-mp.expm1(-mp.log(2) / b)) / a)
    above = mp.exp(mp.log(-mp.expm1(-mp.log(4) / b)) / a)
    return Family(
        log_density,
        score,
        ZERO,
        mpf(1),
        (Feature(median, abs(above - median)),),
        {("log",): 1 - a},
        {("log",): 1 - b},
    )
