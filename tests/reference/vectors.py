"""Divergences between distributions of vectors and matrices, from closed forms in mpmath.

Everything is a function of three things: the Kullback-Leibler divergences, the logarithms of the
power integrals int p^a q^(1 - a), and the integrals of p^2, p q and q^2. They are closed for
normals and follow from the normaliser for exponential families; of independent parts they add.
An f-divergence that is no function of them is had where the ratio p / q depends on one coordinate
only: two normals of one covariance, or products that differ in one factor.

References:
    Rényi Divergence Measures for Commonly Used Univariate Continuous Distributions (Gil, Alajaji
    and Linder, 2013), for normals and exponential families.
    The Multivariate Normal Distribution's Kullback-Leibler Divergence (Kullback, 1959), chapter 9.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from mpmath import mp, mpf

from tests.reference import finiteness
from tests.reference.densities import FAMILIES
from tests.reference.families_on_line import normal
from tests.reference.family import INFINITY
from tests.reference.formulas import FORMULAS, power_integral
from tests.reference.line import Line
from tests.reference.panels import NotConverged, Plan
from tests.reference.planes import Plane

MOST_POINTS = 50_000


class Vectors(ABC):
    """Two distributions of vectors, and what closed forms need of them."""

    line: Line | None = None
    """Two densities on the line with the same ratio, where there are such."""

    @abstractmethod
    def kl(self) -> mpf:
        """The Kullback-Leibler divergence of p from q."""

    @abstractmethod
    def log_power(self, alpha: mpf) -> mpf:
        """The logarithm of int p^alpha q^(1 - alpha)."""

    @abstractmethod
    def swapped(self) -> Vectors:
        """The same with p and q exchanged."""

    def log_products(self) -> tuple[mpf, mpf, mpf]:
        """The logarithms of the integrals of p^2, p q and q^2."""
        raise NotImplementedError

    def fisher(self) -> mpf:
        """The Fisher divergence."""
        raise NotImplementedError


class Normals(Vectors):
    """Two multivariate normals."""

    def __init__(self, p: tuple, q: tuple, plan: Plan) -> None:
        self.p, self.q, self.plan = p, q, plan
        (self.mean_p, self.cov_p), (self.mean_q, self.cov_q) = (
            (mp.matrix(loc), mp.matrix(cov)) for loc, cov in (p, q)
        )
        self.gap = self.mean_p - self.mean_q
        self.precise_p, self.precise_q = mp.inverse(self.cov_p), mp.inverse(self.cov_q)
        if self.cov_p == self.cov_q:
            distance = mp.sqrt(quadratic(self.precise_p, self.gap))
            self.line = Line(normal(mpf(0), mpf(1)), normal(distance, mpf(1)), plan)

    def swapped(self) -> Normals:
        return Normals(self.q, self.p, self.plan)

    def kl(self) -> mpf:
        relative = self.precise_q * self.cov_p
        d = self.cov_p.rows
        half = trace(relative) - d - mp.log(mp.det(relative)) + quadratic(self.precise_q, self.gap)
        return half / 2

    def log_power(self, alpha: mpf) -> mpf:
        precise = alpha * self.precise_p + (1 - alpha) * self.precise_q
        if not positive_definite(precise):
            return INFINITY
        mixed = alpha * self.cov_q + (1 - alpha) * self.cov_p
        logs = [mp.log(mp.det(each)) for each in (self.cov_p, self.cov_q, mixed)]
        half = (1 - alpha) * logs[0] + alpha * logs[1] - logs[2]
        return (half - alpha * (1 - alpha) * quadratic(mp.inverse(mixed), self.gap)) / 2

    def log_products(self) -> tuple[mpf, mpf, mpf]:
        zero = 0 * self.gap
        return (
            log_normal_at(zero, 2 * self.cov_p),
            log_normal_at(self.gap, self.cov_p + self.cov_q),
            log_normal_at(zero, 2 * self.cov_q),
        )

    def fisher(self) -> mpf:
        change = self.precise_q - self.precise_p
        shift = self.precise_q * self.gap
        return trace(change * self.cov_p * change) + (shift.T * shift)[0]


class Products(Vectors):
    """Two products of independent densities on the line."""

    def __init__(self, name: str, p: tuple, q: tuple, plan: Plan) -> None:
        self.name, self.p, self.q, self.plan = name, p, q, plan
        family = FAMILIES[name]
        rows = [tuple(zip(*side, strict=True)) for side in (p, q)]
        self.parts = [
            Line(family(*of_p), family(*of_q), plan)
            for of_p, of_q in zip(*rows, strict=True)
            if of_p != of_q
        ]
        self.ends = [finiteness.ends_of_line(part.p, part.q) for part in self.parts]
        self.count = len(rows[0])
        if len(self.parts) == 1:
            self.line = self.parts[0]

    def swapped(self) -> Products:
        return Products(self.name, self.q, self.p, self.plan)

    def _finite(self, name: str, order: mpf | None = None) -> bool:
        return all(finiteness.is_finite(name, order, ends) for ends in self.ends)

    def kl(self) -> mpf:
        if not self._finite("kl"):
            return INFINITY
        return mp.fsum(FORMULAS["kl"](part) for part in self.parts)

    def log_power(self, alpha: mpf) -> mpf:
        if not self._finite("alpha", alpha):
            return INFINITY
        return mp.fsum(power_integral(part, alpha)[1] for part in self.parts)

    def fisher(self) -> mpf:
        if not self._finite("fisher"):
            return INFINITY
        return mp.fsum(FORMULAS["fisher"](part) for part in self.parts)


class ExponentialFamilies(Vectors):
    """Two members of an exponential family, by its log-normaliser A at natural parameters.

    log int p^a q^(1 - a) = A(a p + (1 - a) q) - a A(p) - (1 - a) A(q), and its slope at a = 1 is
    the Kullback-Leibler divergence.
    """

    def __init__(self, p: tuple, q: tuple) -> None:
        self.p, self.q = p, q

    @abstractmethod
    def log_normaliser(self, alpha: mpf) -> mpf:
        """A at alpha times the natural parameters of p and 1 - alpha times those of q."""

    def swapped(self) -> ExponentialFamilies:
        return type(self)(self.q, self.p)

    def log_power(self, alpha: mpf) -> mpf:
        of_p, of_q = self.log_normaliser(mpf(1)), self.log_normaliser(mpf(0))
        return self.log_normaliser(alpha) - alpha * of_p - (1 - alpha) * of_q


class Dirichlets(ExponentialFamilies):
    """Two Dirichlet distributions."""

    def log_normaliser(self, alpha: mpf) -> mpf:
        (p,), (q,) = self.p, self.q
        mixed = [alpha * a + (1 - alpha) * b for a, b in zip(p, q, strict=True)]
        if min(mixed) <= 0:
            return INFINITY
        return mp.fsum(map(mp.loggamma, mixed)) - mp.loggamma(mp.fsum(mixed))

    def kl(self) -> mpf:
        (p,), (q,) = self.p, self.q
        of_sum = mp.digamma(mp.fsum(p))
        slope = mp.fsum((a - b) * (mp.digamma(a) - of_sum) for a, b in zip(p, q, strict=True))
        return self.log_normaliser(mpf(0)) - self.log_normaliser(mpf(1)) + slope


class Wisharts(ExponentialFamilies):
    """Two Wishart distributions."""

    def log_normaliser(self, alpha: mpf) -> mpf:
        (df_p, scale_p), (df_q, scale_q) = self.p, self.q
        df = alpha * df_p + (1 - alpha) * df_q
        precise = alpha * mp.inverse(mp.matrix(scale_p)) + (1 - alpha) * mp.inverse(
            mp.matrix(scale_q)
        )
        d = precise.rows
        if df <= d - 1 or not positive_definite(precise):
            return INFINITY
        gammas = mp.fsum(mp.loggamma((df - j) / 2) for j in range(d))
        return df / 2 * (d * mp.log(2) - mp.log(mp.det(precise))) + gammas

    def kl(self) -> mpf:
        (df_p, scale_p), (df_q, scale_q) = self.p, self.q
        relative = mp.inverse(mp.matrix(scale_q)) * mp.matrix(scale_p)
        d = relative.rows
        digammas = mp.fsum(mp.digamma((df_p - j) / 2) for j in range(d))
        log_det = digammas + d * mp.log(2) + mp.log(mp.det(mp.matrix(scale_p)))
        slope = (df_p - df_q) / 2 * log_det + df_p * (trace(relative) - d) / 2
        return self.log_normaliser(mpf(0)) - self.log_normaliser(mpf(1)) + slope


def value(two: Vectors, name: str, order: mpf | None) -> mpf:
    """The divergence, from what the closed forms give or on the line."""
    if two.line is not None and name not in CLOSED:
        return FORMULAS[name](two.line, *(() if order is None else (order,)))
    return CLOSED[name](two) if order is None else CLOSED[name](two, order)


def alpha_divergence(two: Vectors, order: mpf) -> mpf:
    if order in (0, 1):
        return two.kl() if order == 1 else two.swapped().kl()
    return mp.expm1(two.log_power(order)) / (order * (order - 1))


def renyi(two: Vectors, order: mpf) -> mpf:
    return two.kl() if order == 1 else two.log_power(order) / (order - 1)


def cauchy_schwarz(two: Vectors) -> mpf:
    of_p, cross, of_q = two.log_products()
    return (of_p + of_q) / 2 - cross


def squared_l2(two: Vectors) -> mpf:
    of_p, cross, of_q = map(mp.exp, two.log_products())
    return of_p - 2 * cross + of_q


CLOSED = {
    "kl": lambda two: two.kl(),
    "jeffreys": lambda two: two.kl() + two.swapped().kl(),
    "alpha": alpha_divergence,
    "tsallis": lambda two, order: order * alpha_divergence(two, order),
    "renyi": renyi,
    "chi2": lambda two: mp.expm1(two.log_power(mpf(2))),
    "neyman_chi2": lambda two: mp.expm1(two.log_power(mpf(-1))),
    "squared_hellinger": lambda two: -mp.expm1(two.log_power(mpf(1) / 2)),
    "hellinger": lambda two: mp.sqrt(-mp.expm1(two.log_power(mpf(1) / 2))),
    "bhattacharyya": lambda two: -two.log_power(mpf(1) / 2),
    "squared_l2": squared_l2,
    "cauchy_schwarz": cauchy_schwarz,
    "cosine": lambda two: -mp.expm1(-cauchy_schwarz(two)),
    "fisher": lambda two: two.fisher(),
}


def trace(matrix: mp.matrix) -> mpf:
    """The sum of the diagonal."""
    return mp.fsum(matrix[i, i] for i in range(matrix.rows))


def quadratic(matrix: mp.matrix, vector: mp.matrix) -> mpf:
    """The quadratic form."""
    return (vector.T * matrix * vector)[0]


def positive_definite(matrix: mp.matrix) -> bool:
    """Whether all leading minors are positive."""
    return all(mp.det(matrix[:k, :k]) > 0 for k in range(1, matrix.rows + 1))


def log_normal_at(vector: mp.matrix, covariance: mp.matrix) -> mpf:
    """The log density of a centred normal at a point."""
    log_det = mp.log(mp.det(covariance)) + vector.rows * mp.log(2 * mp.pi)
    return -(log_det + quadratic(mp.inverse(covariance), vector)) / 2


def value_of_vectors(
    family: str, p: list, q: list, name: str, order: mpf | None, plan: Plan
) -> mpf | None:
    """The divergence between two members of a family of vectors."""
    if family == "MixtureSameFamily(MultivariateNormal)":
        return of_plane(p, q, name, order, plan)
    if family == "MultivariateNormal":
        two: Vectors = Normals(p, q, plan)
        if two.line is None and name not in CLOSED:
            return of_plane(*([[mpf(1)], [loc], [cov]] for loc, cov in (p, q)), name, order, plan)
        return value(two, name, order)
    if family.startswith("Independent"):
        return value(Products(family[len("Independent(") : -1], p, q, plan), name, order)
    return value({"Dirichlet": Dirichlets, "Wishart": Wisharts}[family](p, q), name, order)


def of_plane(p: list, q: list, name: str, order: mpf | None, plan: Plan) -> mpf:
    """The divergence by the trapezoidal rule, its step a tenth of the ratio of panels."""
    with mp.workdps(27):
        plane = Plane(p, q, plan.ratio / 14)
        if plane.size > MOST_POINTS:
            raise NotConverged(f"{plane.size} points")
        return FORMULAS[name](plane, *(() if order is None else (order,)))
