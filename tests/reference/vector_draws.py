"""Random pairs of distributions of vectors and matrices whose divergences have a closed truth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from random import Random

from tests.reference.draws import Value, exact, log_uniform, number
from tests.reference.kinds import PARAMETERS

SMOOTH = ("jensen_shannon", "triangular", "skew_kl(weight=0.3)")
RATIO_ONLY = (*SMOOTH, "total_variation", "hockey_stick(gamma=2)")
POWERS = ("renyi(alpha=0.5)", "renyi(alpha=2)", "chi2", "squared_hellinger", "alpha(alpha=-1)")
OF_NORMALS = (
    *("kl", "jeffreys", "hellinger", "bhattacharyya", "alpha(alpha=0.5)", *POWERS),
    *("squared_l2", "cauchy_schwarz", "cosine", "fisher"),
)
KINDS = (
    *(("MultivariateNormal", size, name, "") for size, name in product((2, 3), OF_NORMALS)),
    *(("MultivariateNormal", size, name, "") for size, name in product((5, 10), OF_NORMALS[:4])),
    *(("MultivariateNormal", size, name, "one") for size, name in product((2, 4), RATIO_ONLY)),
    *(("MultivariateNormal", 2, name, "plane") for name in SMOOTH),
    *(
        ("MixtureSameFamily(MultivariateNormal)", 2, name, "plane")
        for name in ("kl", "squared_hellinger", "squared_l2", *SMOOTH)
    ),
    *(
        (f"Independent({base})", size, name, "")
        for base, size, name in (
            ("Normal", 2, "kl"),
            ("Normal", 5, "renyi(alpha=2)"),
            ("Laplace", 2, "kl"),
            ("Laplace", 3, "squared_hellinger"),
            ("Gamma", 2, "renyi(alpha=0.5)"),
            ("Gamma", 4, "kl"),
            ("Beta", 2, "jeffreys"),
            ("StudentT", 2, "kl"),
            ("StudentT", 3, "bhattacharyya"),
            ("Exponential", 2, "chi2"),
            ("Gumbel", 2, "kl"),
            ("LogNormal", 2, "squared_hellinger"),
            ("Normal", 2, "fisher"),
        )
    ),
    *(
        (f"Independent({base})", 2, name, "one")
        for base, name in product(("Normal", "Gamma", "Laplace", "StudentT"), RATIO_ONLY)
        if (len(base) + len(name)) % 2
    ),
    *(("Dirichlet", size, name, "") for size, name in product((3, 5, 20), ("kl", *POWERS))),
    *(("Wishart", size, name, "") for size, name in product((2, 3), ("kl", "bhattacharyya"))),
)


@dataclass(frozen=True)
class VectorGroup:
    """A divergence within a family of vectors; as `draws.Group`, with how many cases it has.

    Arguments:
        variant: ``"one"`` where the ratio of the densities depends on one coordinate,
            ``"plane"`` where the truth is an integral over the plane.
    """

    number: int
    p: str
    q: str
    divergence: str
    precision: str
    size: int
    variant: str
    cases: int


def groups(seed: int) -> list[VectorGroup]:
    """All groups, numbered from 1000."""
    rng = Random(seed + 1)
    return [
        VectorGroup(
            1000 + i,
            family,
            family,
            name,
            "float32" if rng.random() < 0.1 and variant != "plane" else "float64",
            size,
            variant,
            2 if variant == "plane" else 3,
        )
        for i, (family, size, name, variant) in enumerate(KINDS)
    ]


def case(group: VectorGroup, rng: Random) -> tuple[str, dict[str, Value], dict[str, Value]]:
    """A stratum and the parameters of p and of q."""
    strata = ("usual",) if group.variant == "plane" else ("usual", "usual", "close", "far")
    stratum = rng.choice(strata)
    if group.p.startswith("Independent"):
        p, q = products(group, stratum, rng)
    elif group.p == "Dirichlet":
        p = {"concentration": shapes(group.size, stratum, rng)}
        q = {"concentration": around(p["concentration"], stratum, rng)}
    elif group.p == "Wishart":
        p, q = wisharts(group, stratum, rng)
    elif group.p == "MultivariateNormal":
        p, q = normals(group, stratum, rng)
    else:
        p, q = (mixture(group.size, rng) for _ in range(2))
    return stratum, exact(p, group.precision), exact(q, group.precision)


def products(group: VectorGroup, stratum: str, rng: Random) -> tuple[dict, dict]:
    """Independent parts, all of them or one different."""
    base = group.p[len("Independent(") : -1]
    names = PARAMETERS[base]
    p = {name: [number(base, name, stratum, rng) for _ in range(group.size)] for name in names}
    q = {}
    for name in names:
        drawn = [number(base, name, stratum, rng) for _ in range(group.size)]
        if stratum == "close":
            drawn = around(p[name], stratum, rng)
        q[name] = [*drawn[:1], *p[name][1:]] if group.variant == "one" else drawn
    return p, q


def shapes(size: int, stratum: str, rng: Random) -> list[float]:
    """Positive numbers."""
    ranges = {"usual": (0.6, 8), "close": (0.1, 1000), "far": (0.02, 200)}
    return [log_uniform(rng, *ranges[stratum]) for _ in range(size)]


def around(values: list[float], stratum: str, rng: Random) -> list[float]:
    """Others like them, near them where they shall be close."""
    if stratum != "close":
        return shapes(len(values), stratum, rng)
    change = log_uniform(rng, 1e-5, 1e-3)
    return [value * (1 + change * rng.uniform(-1, 1)) for value in values]


def normals(group: VectorGroup, stratum: str, rng: Random) -> tuple[dict, dict]:
    """Two multivariate normals, of one covariance where the ratio shall be of one coordinate."""
    p, q = (
        {
            "loc": loc(group.size, rng),
            "covariance_matrix": covariance(group.size, rng, narrow=group.variant == "plane"),
        }
        for _ in range(2)
    )
    if group.variant == "one":
        q["covariance_matrix"] = p["covariance_matrix"]
    if stratum == "close":
        change = 2.0 ** -rng.randint(10, 17)
        q["loc"] = [each + change * rng.randint(-8, 8) / 8 for each in p["loc"]]
        if group.variant != "one":
            q["covariance_matrix"] = scaled(p["covariance_matrix"], 1 + change)
    elif stratum == "far":
        q["loc"] = [10 * each for each in q["loc"]]
        if group.variant != "one":
            q["covariance_matrix"] = scaled(q["covariance_matrix"], 2.0 ** rng.randint(-8, 8))
    return p, q


def wisharts(group: VectorGroup, stratum: str, rng: Random) -> tuple[dict, dict]:
    """Two Wishart distributions."""
    p, q = (
        {
            "df": group.size + log_uniform(rng, 0.5, 20),
            "covariance_matrix": covariance(group.size, rng),
        }
        for _ in range(2)
    )
    if stratum == "close":
        change = 2.0 ** -rng.randint(10, 17)
        q["df"] = p["df"] * (1 + change)
        q["covariance_matrix"] = scaled(p["covariance_matrix"], 1 + change)
    return p, q


def mixture(size: int, rng: Random) -> dict[str, Value]:
    """Two normals in the plane."""
    weight = rng.randint(4, 12) / 16
    return {
        "weights": [weight, 1 - weight],
        "loc": [loc(size, rng) for _ in range(2)],
        "covariance_matrix": [covariance(size, rng, narrow=True) for _ in range(2)],
    }


def loc(size: int, rng: Random) -> list[float]:
    """A random place, in multiples of 1/64."""
    return [rng.randint(-128, 128) / 64 for _ in range(size)]


def covariance(size: int, rng: Random, *, narrow: bool = False) -> list[list[float]]:
    """A positive definite matrix that is exact in both precisions: L L^T of multiples of 1/8."""
    (low, high), off = ((7, 11), 3) if narrow else ((5, 14), 5)
    lower = [
        [
            (rng.randint(low, high) if i == j else rng.randint(-off, off) * (i > j)) / 8
            for j in range(size)
        ]
        for i in range(size)
    ]
    return [[sum(a * b for a, b in zip(x, y, strict=True)) for y in lower] for x in lower]


def scaled(matrix: list[list[float]], factor: float) -> list[list[float]]:
    """A multiple of a matrix, exact for the factors taken here."""
    return [[factor * each for each in line] for line in matrix]
