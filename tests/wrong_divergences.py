"""For each law of `kldiv.testing` a divergence that is wrong in that and in nothing else."""

from __future__ import annotations

import math

from dataclasses import dataclass
from typing import ClassVar

import torch

from torch.distributions import Normal, StudentT, kl_divergence

from kldiv.builtin.divergences.chi2 import Chi2 as TheChi2
from kldiv.builtin.divergences.chi2 import Triangular
from kldiv.builtin.divergences.hellinger import Hellinger as TheHellinger
from kldiv.builtin.divergences.hellinger import SquaredHellinger
from kldiv.builtin.divergences.kl import KL
from kldiv.builtin.divergences.squared_l2 import SquaredL2
from kldiv.closed_form import ClosedForm
from kldiv.definitions.divergence import FDivergence, IntegralDivergence
from kldiv.numerics import relative_entropy

__all__ = ["CLOSED_FORMS", "WRONG"]


def both(log_p, log_q):
    """Where both densities are positive, and their logarithms there, 0 elsewhere."""
    where = ~(log_p.isneginf() | log_q.isneginf())
    return where, torch.where(where, log_p, 0.0), torch.where(where, log_q, 0.0)


class Plain(IntegralDivergence):
    """The Kullback-Leibler divergence, without a single claim."""

    def integrands(self, log_p, log_q):
        where, a, b = both(log_p, log_q)
        outside = torch.where(log_p.isneginf(), log_q.exp(), torch.inf)
        return (torch.where(where, self.inside(a, b), outside),)

    def inside(self, log_p, log_q):
        return relative_entropy(log_p, log_q)


class Bounded(FDivergence):
    """The triangular discrimination as a generator."""

    def generator(self, log_u):
        return log_u.expm1().square() / (log_u.exp() + 1)


class Rooted(FDivergence):
    """The squared Hellinger distance as a generator."""

    def generator(self, log_u):
        return (log_u / 2).expm1().square() / 2


class Negative(IntegralDivergence):
    """Between 2 H² and 4 H² less 3 H²: of either sign."""

    def integrands(self, log_p, log_q):
        (first,), (second,) = (
            each.integrands(log_p, log_q) for each in (Triangular(), SquaredHellinger())
        )
        return (first - 3 * second,)


class NotZero(Plain):
    """Its closed form between two of Student's distributions forgets to subtract the entropy."""


class Lopsided(KL):
    symmetric = True


class AboveItsBound(Bounded):
    upper_bound = 0.5


class ItsSquareRootIsAMetric(Rooted):
    metric = True


class SharperFromAfar(SquaredL2):
    monotone = True


class NotConvex(TheHellinger):
    jointly_convex = True


class OfTheUnit(SquaredL2):
    invariant = True


class NotAdditive(Rooted):
    additive = True


class OtherIntegrand(Bounded):
    """Its integrand is half of what belongs to its generator."""

    def integrand(self, log_p, log_q):
        return super().integrand(log_p, log_q) / 2


@dataclass(frozen=True)
class Jumping(Plain):
    """Its formula at the limit is another one."""

    alpha: float = 0.5

    limits: ClassVar = {"alpha": (1.0,)}

    def inside(self, log_p, log_q):
        return super().inside(log_p, log_q) * (1.1 if self.alpha == 1 else self.alpha)


class SteeperThanItIs(Triangular):
    symmetric = False
    upper_bound = math.inf
    slope_at_infinity = math.inf


class OneWhere(IntegralDivergence):
    """The branch not taken has a derivative that is NaN, and ``where`` lets it through."""

    def integrands(self, log_p, log_q):
        total, d = log_p.exp() + log_q.exp(), log_p - log_q
        far = d.hypot(torch.ones_like(d))
        inside = total * (d / far) * (d / (1 + far))
        return (torch.where(log_p.isneginf() | log_q.isneginf(), total, inside),)


class OtherClosedForm(Plain):
    """Its closed form between normals is a tenth too large."""


class Detached(Plain):
    """Where the two are far apart it has no gradient."""

    def inside(self, log_p, log_q):
        value = super().inside(log_p, log_q)
        return torch.where((log_p - log_q).abs() > 0.5, value.detach(), value)


class Transposed(Plain):
    """It mixes up the two dimensions of a square batch."""

    def inside(self, log_p, log_q):
        value = super().inside(log_p, log_q)
        square = value.ndim == 3 and value.shape[1] == value.shape[2]
        return value.mT if square else value


class Cancelling(Plain):
    """The textbook formula, of which no digit is left where p and q are close."""

    def inside(self, log_p, log_q):
        p = log_p.exp()
        return torch.where(p > 0, p * (log_p - log_q), 0.0) - p + log_q.exp()


class OfAnotherDegree(SquaredL2):
    """Its values are said to grow as the unit of x becomes shorter."""

    def degree_in_x(self, size):
        return float(size)


class OtherTerms(SquaredL2):
    """Its terms are those of another one: a mean of q that counts once."""

    powers = (1.0, 2.0, 0.0), (-1.0, 1.0, 1.0), (1.0, 0.0, 2.0)


class Chi2(TheChi2):
    """It bears a known name and is a tenth of what that means."""

    at_zero = 0.1

    def generator(self, log_u):
        return super().generator(log_u) / 10

    def integrand(self, log_p, log_q):
        return super().integrand(log_p, log_q) / 10


WRONG = {
    "non_negative": Negative(),
    "identity": NotZero(),
    "symmetry": Lopsided(),
    "bound": AboveItsBound(),
    "triangle": ItsSquareRootIsAMetric(),
    "data_processing": SharperFromAfar(),
    "joint_convexity": NotConvex(),
    "invariance": OfTheUnit(),
    "scaling": OfAnotherDegree(),
    "additivity": NotAdditive(),
    "duality": OtherIntegrand(),
    "terms": OtherTerms(),
    "continuity": Jumping(),
    "slopes": SteeperThanItIs(),
    "edges": OneWhere(),
    "agreement": OtherClosedForm(),
    "gradient": Detached(),
    "batch": Transposed(),
    "precision": Cancelling(),
    "inequalities": Chi2(),
}

CLOSED_FORMS = (
    ClosedForm(
        OtherClosedForm, Normal, Normal, lambda p, q, divergence: 1.1 * kl_divergence(p, q)
    ),
    ClosedForm(NotZero, StudentT, StudentT, lambda p, q, divergence: p.entropy()),
)
