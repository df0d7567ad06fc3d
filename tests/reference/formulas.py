"""The divergences of the catalogue as formulas of two densities, written down anew in mpmath.

f-divergences integrate q f(u), u = p / q, in the form that is never negative, f(u) - f'(1)(u - 1),
which has the same integral. The others are functions of integrals of powers of p and q.
"""

from __future__ import annotations

from collections.abc import Callable

from mpmath import mp, mpf

from tests.reference.lattice import Lattice
from tests.reference.line import Line
from tests.reference.panels import NotConverged, ridders

Two = Line | Lattice
Side = mpf | None
VANISHED = mpf(-(10**30))


def exp(log: Side) -> mpf:
    """A density from its logarithm, 0 below any number that matters."""
    return mpf(0) if log is None or log < VANISHED else mp.exp(log)


def remainder(log_p: Side, log_q: Side) -> mpf:
    """p log(p / q) - p + q, where q is positive or p is 0."""
    p, q = exp(log_p), exp(log_q)
    return (p * (log_p - log_q) if p else p) - p + q


def kl(two: Two) -> mpf:
    return two.integral(remainder)


def reverse_kl(two: Two) -> mpf:
    return two.integral(lambda log_p, log_q: remainder(log_q, log_p))


def jeffreys(two: Two) -> mpf:
    return two.integral(
        lambda log_p, log_q: (
            (exp(log_p) - exp(log_q)) * (log_p - log_q) if log_p is not None else mpf(0)
        )
    )


def of_mixture(log_p: Side, log_q: Side, weight: mpf) -> mpf:
    """p log(p / m) - p + m with m = (1 - weight) p + weight q."""
    p, q = exp(log_p), exp(log_q)
    m = (1 - weight) * p + weight * q
    return (p * (log_p - mp.log(m)) if p else p) - p + m


def jensen_shannon(two: Two, weight: mpf) -> mpf:
    return two.integral(
        lambda log_p, log_q: (
            (1 - weight) * of_mixture(log_p, log_q, weight)
            + weight * of_mixture(log_q, log_p, 1 - weight)
        )
    )


def skew_kl(two: Two, weight: mpf) -> mpf:
    return two.integral(lambda log_p, log_q: of_mixture(log_p, log_q, weight))


def total_variation(two: Two) -> mpf:
    return two.integral(lambda log_p, log_q: abs(exp(log_p) - exp(log_q)) / 2, mpf(0))


def hockey_stick(two: Two, gamma: mpf) -> mpf:
    return two.integral(
        lambda log_p, log_q: max(exp(log_p) - gamma * exp(log_q), mpf(0)), mp.log(gamma)
    )


def triangular(two: Two) -> mpf:
    def integrand(log_p: Side, log_q: Side) -> mpf:
        p, q = exp(log_p), exp(log_q)
        return (p - q) ** 2 / (p + q) if p + q else mpf(0)

    return two.integral(integrand)


def power(log_p: Side, log_q: Side, alpha: mpf) -> mpf:
    """p^alpha q^(1 - alpha), 0 where either vanishes."""
    if log_p is None or log_q is None:
        return mpf(0)
    return exp(alpha * log_p + (1 - alpha) * log_q)


def power_integral(two: Two, alpha: mpf) -> tuple[mpf, mpf]:
    """H and log I of I = int p^alpha q^(1 - alpha) = 1 + alpha (alpha - 1) H, alpha not 0 or 1."""
    scale = alpha * (alpha - 1)

    def gap(log_p: Side, log_q: Side) -> mpf:
        mean = alpha * exp(log_p) + (1 - alpha) * exp(log_q)
        return (power(log_p, log_q, alpha) - mean) / scale

    h = two.integral(gap)
    if abs(scale * h) < 0.5:
        return h, mp.log1p(scale * h)
    log_of = mp.log(two.integral(lambda log_p, log_q: power(log_p, log_q, alpha)))
    return (mp.expm1(log_of) / scale if scale > 0 else h), log_of


def alpha(two: Two, order: mpf) -> mpf:
    if order == 0:
        return reverse_kl(two)
    return kl(two) if order == 1 else power_integral(two, order)[0]


def tsallis(two: Two, order: mpf) -> mpf:
    return order * alpha(two, order)


def renyi(two: Two, order: mpf) -> mpf:
    if order == 1:
        return kl(two)
    if mp.isinf(order):
        return two.greatest(lambda x, y: log_ratio(two, x, y))
    return power_integral(two, order)[1] / (order - 1)


def log_ratio(two: Two, x: mpf, y: mpf) -> mpf:
    """log(p / q), minus infinity where p vanishes or both do."""
    log_p, log_q = two.logs(x, y)
    if log_p is None or log_q is None:
        return mpf("-inf")
    return log_p - log_q


def chi2(two: Two) -> mpf:
    return 2 * alpha(two, mpf(2))


def neyman_chi2(two: Two) -> mpf:
    return 2 * alpha(two, mpf(-1))


def squared_hellinger(two: Two) -> mpf:
    return alpha(two, mpf(1) / 2) / 4


def hellinger(two: Two) -> mpf:
    return mp.sqrt(squared_hellinger(two))


def bhattacharyya(two: Two) -> mpf:
    return -power_integral(two, mpf(1) / 2)[1]


def chernoff(two: Two) -> mpf:
    """The greatest -log int p^a q^(1 - a): where its slope in a is 0, to twelve digits.

    The value is then right to twenty, since it is stationary there; that it is the greatest is
    checked on both sides.
    """

    def slope(order: mpf) -> mpf:
        def integrand(log_p: Side, log_q: Side) -> mpf:
            if log_p is None or log_q is None:
                return mpf(0)
            return power(log_p, log_q, order) * (log_p - log_q)

        return two.integral(integrand) / mp.exp(power_integral(two, order)[1])

    order = ridders(slope, mpf(10) ** -6, 1 - mpf(10) ** -6)
    aside = mpf(10) ** -7
    value, *others = (-power_integral(two, order + by)[1] for by in (0, -aside, aside))
    if max(others) > value:
        raise NotConverged(f"order {mp.nstr(order, 15)} is not the best")
    return value


def squared_l2(two: Two) -> mpf:
    return two.integral(lambda log_p, log_q: (exp(log_p) - exp(log_q)) ** 2)


def density_power(two: Two, beta: mpf) -> mpf:
    def integrand(log_p: Side, log_q: Side) -> mpf:
        p, q = exp(log_p), exp(log_q)
        return q ** (1 + beta) - (1 + 1 / beta) * p * q**beta + p ** (1 + beta) / beta

    return two.integral(integrand)


def gamma(two: Two, order: mpf) -> mpf:
    """Of three integrals, whose tolerance must leave digits where they cancel."""
    of_p = two.integral(lambda log_p, _: exp(log_p) ** (1 + order))
    of_q = two.integral(lambda _, log_q: exp(log_q) ** (1 + order))
    cross = two.integral(
        lambda log_p, log_q: mpf(0) if None in (log_p, log_q) else exp(log_p + order * log_q)
    )
    if cross == 0:
        return mpf("inf")
    first = mp.log(of_p) / (order * (1 + order))
    return first - mp.log(cross) / order + mp.log(of_q) / (1 + order)


def cauchy_schwarz(two: Two) -> mpf:
    return gamma(two, mpf(1))


def cosine(two: Two) -> mpf:
    return -mp.expm1(-cauchy_schwarz(two))


def fisher(two: Two) -> mpf:
    def integrand(x: mpf, y: mpf) -> mpf:
        log_p, _ = two.logs(x, y)
        if log_p is None:
            return mpf(0)
        return exp(log_p) * (two.p.score(x, y) - two.q.score(x, y)) ** 2

    return two.integral_of(integrand)


FORMULAS: dict[str, Callable[..., mpf]] = {
    "kl": kl,
    "jeffreys": jeffreys,
    "jensen_shannon": jensen_shannon,
    "skew_kl": skew_kl,
    "total_variation": total_variation,
    "hockey_stick": hockey_stick,
    "triangular": triangular,
    "squared_hellinger": squared_hellinger,
    "hellinger": hellinger,
    "bhattacharyya": bhattacharyya,
    "chi2": chi2,
    "neyman_chi2": neyman_chi2,
    "alpha": alpha,
    "tsallis": tsallis,
    "renyi": renyi,
    "chernoff": chernoff,
    "squared_l2": squared_l2,
    "density_power": density_power,
    "gamma": gamma,
    "cauchy_schwarz": cauchy_schwarz,
    "cosine": cosine,
    "fisher": fisher,
}
CANCELLING = ("gamma", "cauchy_schwarz", "cosine")
