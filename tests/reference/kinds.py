"""Which families and divergences the reference is drawn from, and the groups of its pairs."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

REAL = ("Normal", "StudentT", "Cauchy", "Laplace", "Gumbel", "MixtureSameFamily")
HALF = ("Gamma", "LogNormal", "Weibull", "InverseGamma", "Pareto", "Exponential", "HalfNormal")
UNIT = ("Beta", "Kumaraswamy", "Uniform")
COUNTS = ("Poisson", "Geometric", "NegativeBinomial", "Binomial", "Bernoulli", "Categorical")
SAME = ("VonMises", *REAL, *HALF, *UNIT, *COUNTS)

PARAMETERS = {
    "Normal": ("loc", "scale"),
    "StudentT": ("df", "loc", "scale"),
    "Cauchy": ("loc", "scale"),
    "Laplace": ("loc", "scale"),
    "Gumbel": ("loc", "scale"),
    "MixtureSameFamily": ("weights", "loc", "scale"),
    "Gamma": ("concentration", "rate"),
    "LogNormal": ("loc", "scale"),
    "Weibull": ("scale", "concentration"),
    "InverseGamma": ("concentration", "rate"),
    "Pareto": ("scale", "alpha"),
    "Exponential": ("rate",),
    "HalfNormal": ("scale",),
    "Beta": ("concentration1", "concentration0"),
    "Kumaraswamy": ("concentration1", "concentration0"),
    "Uniform": ("low", "high"),
    "VonMises": ("loc", "concentration"),
    "Poisson": ("rate",),
    "Geometric": ("probs",),
    "NegativeBinomial": ("total_count", "probs"),
    "Binomial": ("total_count", "probs"),
    "Bernoulli": ("probs",),
    "Categorical": ("probs",),
}
DIVERGENCES = (
    *("kl",) * 6,
    "jeffreys",
    "jensen_shannon",
    "jensen_shannon(weight=0.1)",
    "skew_kl(weight=0.3)",
    "total_variation",
    "total_variation",
    "hockey_stick(gamma=2)",
    "triangular",
    "squared_hellinger",
    "hellinger",
    "bhattacharyya",
    "chi2",
    "chi2",
    "neyman_chi2",
    "alpha(alpha=-1)",
    "alpha(alpha=0)",
    "alpha(alpha=0.5)",
    "alpha(alpha=1)",
    "alpha(alpha=2)",
    "alpha(alpha=3)",
    "tsallis(alpha=0.5)",
    "tsallis(alpha=2)",
    "renyi(alpha=0.1)",
    "renyi(alpha=0.5)",
    "renyi(alpha=1)",
    "renyi(alpha=2)",
    "renyi(alpha=5)",
    "renyi(alpha=inf)",
    "chernoff",
    "squared_l2",
    "density_power(beta=0.5)",
    "gamma(gamma=0.5)",
    "cauchy_schwarz",
    "cosine",
    "fisher",
)
INFINITE = (  # what must be +inf for some or all of a batch
    ("StudentT", "Normal", "kl"),
    ("Cauchy", "Normal", "kl"),
    ("Normal", "Normal", "chi2"),
    ("Normal", "Normal", "renyi(alpha=5)"),
    ("Normal", "Cauchy", "alpha(alpha=-1)"),
    ("Pareto", "Exponential", "kl"),
    ("Pareto", "Pareto", "renyi(alpha=5)"),
    ("LogNormal", "Weibull", "renyi(alpha=2)"),
    ("InverseGamma", "Gamma", "kl"),
    ("Uniform", "Uniform", "kl"),
    ("Beta", "Beta", "chi2"),
    ("Beta", "Beta", "squared_l2"),
    ("Laplace", "Gumbel", "kl"),
    ("Geometric", "Poisson", "chi2"),
    ("Poisson", "Geometric", "neyman_chi2"),
    ("Geometric", "Geometric", "renyi(alpha=5)"),
    ("Normal", "Laplace", "renyi(alpha=inf)"),
    ("Normal", "Gamma", "kl"),
)


@dataclass(frozen=True)
class Group:
    """A divergence between two families.

    Arguments:
        number: Its place in the list.
        p: The family of p.
        q: The family of q.
        divergence: The divergence with its argument.
        precision: ``"float64"`` or ``"float32"``, in which all parameters are exact.
        size: How many entries a vector of parameters has.
    """

    number: int
    p: str
    q: str
    divergence: str
    precision: str
    size: int


def groups(seed: int, count: int) -> list[Group]:
    """The groups of densities on the line and of counts: each kind of pair in its turn."""
    rng = Random(seed)
    kinds = [*((name, name) for name in SAME for _ in range(2)), *_across(rng)]
    pairs, divergences = Bag(rng, kinds), Bag(rng, DIVERGENCES)
    chosen = [*INFINITE]
    while len(chosen) < count:
        p, q = pairs.draw()
        chosen.append((p, q, divergences.draw()))
    return [
        Group(
            number, p, q, name, "float32" if rng.random() < 0.15 else "float64", rng.randint(2, 6)
        )
        for number, (p, q, name) in enumerate(chosen)
    ]


class Bag:
    """Items in random order, each once before any comes again."""

    def __init__(self, rng: Random, items: list) -> None:
        self.rng, self.items, self.left = rng, list(items), []

    def draw(self) -> object:
        """The next item."""
        if not self.left:
            self.left = self.rng.sample(self.items, len(self.items))
        return self.left.pop()


def _across(rng: Random) -> list[tuple[str, str]]:
    """Pairs of different families: of one support, and of supports that differ."""
    found = [rng.sample(REAL, 2) for _ in range(12)] + [rng.sample(HALF, 2) for _ in range(12)]
    found += [("Beta", "Kumaraswamy"), ("Kumaraswamy", "Beta"), ("Beta", "Uniform")]
    counts = ("Poisson", "Geometric", "NegativeBinomial")
    found += [rng.sample(counts, 2) for _ in range(4)] + [("Binomial", "Poisson")]
    found += [(rng.choice(HALF), rng.choice(REAL)) for _ in range(4)]
    found += [("Uniform", rng.choice(REAL)), ("Beta", rng.choice(REAL)), ("Beta", "Exponential")]
    return [tuple(pair) for pair in found]
