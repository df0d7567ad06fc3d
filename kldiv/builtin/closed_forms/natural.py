r"""The log-normaliser rule: members of one exponential family.

With :math:`\Delta = \eta_p - \eta_q` and the member m at :math:`\eta_q + \alpha \Delta`, Rényi's
divergence is a sum of Kullback-Leibler divergences that are not negative,

.. math:: (1 - \alpha)\,D_\alpha(p \parallel q) = \alpha\,D(m \parallel p)
    + (1 - \alpha)\,D(m \parallel q), \qquad
    (\alpha - 1)\,D_\alpha(p \parallel q) = D(p \parallel m) + (\alpha - 1)\,D(p \parallel q),

the first for orders below 1, the second for those above, where it is infinite if there is no
member m.

References:
    On Rényi and Tsallis Entropies and Divergences for Exponential Families (Nielsen and Nock,
    2011), equation 12, arXiv:1105.3259.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.distributions import Distribution, Independent

from kldiv.builtin.closed_forms.overlaps import Overlap, divergence_of, follows
from kldiv.builtin.divergences.chernoff import Chernoff
from kldiv.builtin.divergences.kl import KL
from kldiv.builtin.divergences.renyi import Renyi
from kldiv.definitions.divergence import Divergence
from kldiv.definitions.natural_form import Natural, NaturalForm

__all__ = ["ROUNDING", "LogNormaliserRule"]

ROUNDING = 3e-11
"""The relative error of a divergence between members of a family."""
_STATED = (KL, Renyi, Chernoff)


@dataclass(frozen=True)
class LogNormaliserRule:
    """The closed forms that follow from one exponential family, also of independent parts.

    Arguments:
        form: The family.
    """

    form: NaturalForm

    def covers(self, divergence: Divergence, p: Distribution, q: Distribution) -> bool:
        """Whether both are members of one family, and the divergence follows."""
        first, second = _parts(p), _parts(q)
        return (
            self.form.has_both(first, second)
            and _events(p) == _events(q)
            and follows(divergence, powers=self.form.base is not None)
        )

    def function(self, p: Distribution, q: Distribution, divergence: Divergence) -> Tensor:
        """The divergence; ``NotImplemented`` where natural parameters are infinite."""
        pair = self._pair(_parts(p), _parts(q), _events(p))
        value = None if pair is None else divergence_of(pair, divergence)
        return NotImplemented if value is None else value

    def error_of(
        self, value: Tensor, p: Distribution, q: Distribution, divergence: Divergence
    ) -> Tensor | None:
        """That which the family's divergence is computed to."""
        return ROUNDING * value.abs() if type(divergence) in _STATED else None

    def _pair(self, p: Distribution, q: Distribution, events: int) -> NaturalOverlap | None:
        first, second = self.form.of(p), self.form.of(q)
        if not all(bool(eta.isfinite().all()) for eta in (*first, *second)):
            return None
        if not all(bool(self.form.contains(side).all()) for side in (first, second)):
            return None  # a natural parameter has left the floating-point numbers
        gap = self.form.gap_of(p, q, first, second)
        return NaturalOverlap(self.form, first, second, gap, events)


@dataclass(frozen=True)
class NaturalOverlap(Overlap):
    r"""Two members of an exponential family, with independent parts or without.

    Arguments:
        form: The family.
        first: The natural parameters of p.
        second: Those of q.
        gap: Their difference, to full precision.
        events: How many dimensions of the batch are independent parts.
    """

    form: NaturalForm
    first: Natural
    second: Natural
    gap: Natural
    events: int = 0

    def kl(self) -> Tensor:
        """The Bregman divergence of the log-normaliser."""
        return self._total(self.form.divergence(self.first, self.second, self.gap))

    def renyi(self, alpha: float) -> Tensor | None:
        """By the member between both, or beyond."""
        form, gap = self.form, self.gap
        middle = tuple(
            alpha * p + (1 - alpha) * q for p, q in zip(self.first, self.second, strict=True)
        )
        if alpha <= 1:
            below = form.divergence(middle, self.first, _scaled(gap, alpha - 1))
            above = form.divergence(middle, self.second, _scaled(gap, alpha))
            return self._total(alpha / (1 - alpha) * below + above)
        inside = form.contains(middle)
        wide = [inside[(..., *(None,) * dims)] for dims in form.event_dims]
        step = tuple(
            torch.where(where, (1 - alpha) * delta, 0.0)
            for where, delta in zip(wide, gap, strict=True)
        )
        member = tuple(
            torch.where(where, m, p) for where, m, p in zip(wide, middle, self.first, strict=True)
        )
        beyond = form.divergence(self.first, member, step) / (alpha - 1)
        value = beyond + form.divergence(self.first, self.second, gap)
        return self._total(torch.where(inside, value, torch.inf))

    def coefficient(self, order: Tensor) -> Tensor:
        """By the member between both, as Rényi's divergence of orders below 1."""
        share = order[(..., *(None,) * self.events)]
        shares = [share[(..., *(None,) * dims)] for dims in self.form.event_dims]
        middle = tuple(
            s * p + (1 - s) * q for s, p, q in zip(shares, self.first, self.second, strict=True)
        )
        below = self.form.divergence(middle, self.first, self._shared_out(share - 1))
        above = self.form.divergence(middle, self.second, self._shared_out(share))
        return self._total(share * below + (1 - share) * above)

    def _shared_out(self, share: Tensor) -> Natural:
        return tuple(
            share[(..., *(None,) * dims)] * delta
            for delta, dims in zip(self.gap, self.form.event_dims, strict=True)
        )

    def swapped(self) -> NaturalOverlap:
        """The same two in the other order."""
        return NaturalOverlap(
            self.form, self.second, self.first, _scaled(self.gap, -1), self.events
        )

    def powered(self, power: float) -> NaturalOverlap | None:
        """The normalised powers; ``None`` where they are not all members."""
        if self.form.base is None:
            return None
        first, second = (self.form.powered(eta, power) for eta in (self.first, self.second))
        if not (self.form.contains(first).all() and self.form.contains(second).all()):
            return None
        return NaturalOverlap(self.form, first, second, _scaled(self.gap, power), self.events)

    def log_norms(self, power: float) -> tuple[Tensor, Tensor]:
        """By the log-normaliser at the powers."""
        second = self.form.log_norm(self.second, power)
        first = self.form.log_norm(self.first, power)
        return self._total(second), self._total(first - second)

    def _total(self, value: Tensor) -> Tensor:
        return value.sum(tuple(range(-self.events, 0))) if self.events else value


def _parts(distribution: Distribution) -> Distribution:
    """The distribution of the independent parts, or the distribution itself."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def _events(distribution: Distribution) -> int:
    """How many dimensions of the batch of the parts are independent parts."""
    events = 0
    while isinstance(distribution, Independent):
        events += distribution.reinterpreted_batch_ndims
        distribution = distribution.base_dist
    return events


def _scaled(natural: Natural, factor: float) -> Natural:
    return tuple(factor * eta for eta in natural)
