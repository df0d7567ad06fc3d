"""Relative squared differences: Pearson's and Neyman's chi-squared, and the triangular one."""

from __future__ import annotations

import math

from dataclasses import replace

import torch

from torch import Tensor

from kldiv.builtin.divergences.renyi import Renyi
from kldiv.builtin.forms import power_of_renyi, scaled_square
from kldiv.definitions.divergence import FDivergence, OfAdditive

__all__ = ["Chi2", "NeymanChi2", "Triangular"]


class Chi2(FDivergence):
    r"""Pearson's chi-squared divergence: the variance of the ratio p / q under q.

    .. math:: \chi^2(p \parallel q) = \int \frac{(p - q)^2}{q} \,dx = \int \frac{p^2}{q} \,dx - 1

    It is between 0, at p = q only, and infinity, and not symmetric. It is infinite where p has
    mass that q has not, and where the tails of q are too light: for two normals of equal mean
    where the variance of p is at least twice that of q. It is at least the Kullback-Leibler
    divergence, and :math:`\log(1 + \chi^2)` is Rényi's of order 2.

    Fitting with it makes q cover all of p, its tails above all: importance sampling of p by q
    then has the least variance.

    References:
        On Choosing and Bounding Probability Metrics (Gibbs and Su, 2002), arXiv:math/0209021.
    """

    unit = ""
    at_zero = 1.0
    slope_at_infinity = math.inf

    def of_additive(self) -> OfAdditive:
        r""":math:`\chi^2 = e^{D_2} - 1` of Rényi's divergence."""
        return OfAdditive(Renyi(2.0), lambda renyi: power_of_renyi(renyi, 2.0))

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = (u - 1)^2`."""
        return log_u.expm1().square()

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`(p - q)^2 / q`."""
        return scaled_square(log_p, log_q, log_q)


class NeymanChi2(FDivergence):
    r"""Neyman's chi-squared divergence: Pearson's with p and q exchanged.

    .. math:: \int \frac{(p - q)^2}{p} \,dx = \int \frac{q^2}{p} \,dx - 1

    It is between 0, at p = q only, and infinity, not symmetric, and infinite where q has mass that
    p has not and where the tails of p are too light. Fitting with it keeps q inside of p.

    References:
        On Choosing and Bounding Probability Metrics (Gibbs and Su, 2002), arXiv:math/0209021.
    """

    unit = ""
    at_zero = math.inf
    slope_at_infinity = 1.0

    def of_additive(self) -> OfAdditive:
        """Pearson's with p and q exchanged."""
        return replace(Chi2().of_additive(), swapped=True)

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = (u - 1)^2 / u`."""
        return scaled_square(log_u, torch.zeros_like(log_u), log_u)

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`(p - q)^2 / p`."""
        return scaled_square(log_p, log_q, log_p)


class Triangular(FDivergence):
    r"""Triangular discrimination: the squared difference relative to the sum, at most 2.

    .. math:: \int \frac{(p - q)^2}{p + q} \,dx

    It is symmetric, between 0, at p = q only, and 2, where p and q share no mass. It is between
    twice and four times the squared Hellinger distance, and its square root is a metric.

    References:
        Some Inequalities for Information Divergence and Related Measures of Discrimination
        (Topsøe, 2000), doi:10.1109/18.850703.
    """

    unit = ""
    symmetric = True
    upper_bound = 2.0
    at_zero = 1.0
    slope_at_infinity = 1.0

    def generator(self, log_u: Tensor) -> Tensor:
        r""":math:`f(u) = (u - 1)^2 / (u + 1)`."""
        return self.integrand(log_u, torch.zeros_like(log_u))

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r""":math:`(p - q)^2 / (p + q)`."""
        return scaled_square(log_p, log_q, torch.logaddexp(log_p, log_q))
