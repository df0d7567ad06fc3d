r"""Exponential families, stated once: natural parameters and a log-normaliser.

.. math:: p_\eta(x) = h(x)\,\exp\bigl(\langle \eta, T(x) \rangle - A(\eta)\bigr)

The Kullback-Leibler divergence between two members is the Bregman divergence of A,

.. math:: D(p \parallel q) = A(\eta_q) - A(\eta_p) + \langle \eta_p - \eta_q, \nabla A(\eta_p)
    \rangle = \int_0^1 t\, \frac{d^2}{dt^2} A(\eta_q + t (\eta_p - \eta_q))\,dt.

The first form cancels where the two are close; the integrand of the second is a variance, so that
nothing can cancel and nothing is negative. Where the first has too few digits the second is taken,
with Gauss and Legendre's rule: close members are where it converges at once.

References:
    Entropies and Cross-Entropies of Exponential Families (Nielsen and Nock, 2010), equation 10,
    doi:10.1109/ICIP.2010.5652054.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch

from torch import Tensor
from torch.distributions import Distribution

__all__ = ["Natural", "NaturalForm"]

Natural = tuple[Tensor, ...]
"""Natural parameters, in the order of the statistics."""

_EPS = torch.finfo(torch.float64).eps
_ENOUGH = 1e-11  # the relative error up to which the form that cancels is taken
_SIZE = 16  # of Gauss and Legendre's rule


@dataclass(frozen=True)
class NaturalForm:
    r"""How some types of distributions are members of one exponential family.

    Arguments:
        natural: For each type, a function from a distribution to its natural parameters.
        log_normaliser: The function :math:`A(\eta)` of the natural parameters, with shape
            :math:`(*)`; it must be differentiable three times.
        event_dims: How many dimensions of each natural parameter are of one distribution.
        base: The c with :math:`h(x) \propto \exp \langle c, T(x) \rangle`, if there is one:
            then powers of members are members too. ``None`` where there is none.
        inside: Whether natural parameters are in the domain of A, with shape :math:`(*)`; by
            default all are.
        gap: The difference of the natural parameters of two distributions, to full precision,
            where subtracting them would cancel.
        shared: What must be the same for two distributions to be members of one family.
    """

    natural: Mapping[type[Distribution], Callable[..., Natural]]
    log_normaliser: Callable[..., Tensor]
    event_dims: tuple[int, ...] = (0,)
    base: tuple[float, ...] | None = None
    inside: Callable[..., Tensor] | None = None
    gap: Callable[..., Natural] | None = None
    shared: Callable[..., Natural] | None = None

    def has_both(self, p: Distribution, q: Distribution) -> bool:
        """Whether two distributions are members of one family."""
        if not isinstance(p, self._types) or not isinstance(q, self._types):
            return False
        if self.shared is None:
            return True
        shared = zip(self.shared(p), self.shared(q), strict=True)
        return not any(bool((first != second).any()) for first, second in shared)

    def of(self, distribution: Distribution) -> Natural:
        """The natural parameters of a member."""
        kind = next(kind for kind in type(distribution).__mro__ if kind in self.natural)
        return self.natural[kind](distribution)

    @cached_property
    def _types(self) -> tuple[type[Distribution], ...]:
        return tuple(self.natural)

    def gap_of(self, p: Distribution, q: Distribution, p_is: Natural, q_is: Natural) -> Natural:
        r"""The difference :math:`\eta_p - \eta_q`, to the precision that the types allow."""
        if self.gap is not None and type(p) is type(q):
            return self.gap(p, q)
        return tuple(first - second for first, second in zip(p_is, q_is, strict=True))

    def contains(self, natural: Natural) -> Tensor:
        """Whether natural parameters are in the domain, with shape :math:`(*)`."""
        if self.inside is not None:
            return self.inside(*natural)
        return torch.ones_like(self._inner(natural, natural), dtype=torch.bool)

    def divergence(self, first: Natural, second: Natural, gap: Natural) -> Tensor:
        r"""The Kullback-Leibler divergence between two members, in nats.

        Arguments:
            first: The natural parameters of the first member.
            second: Those of the second.
            gap: What those of the first exceed those of the second by, to full precision.

        Returns:
            The divergence, with shape :math:`(*)`, never negative where the members are close.
        """
        height, means = self._with_means(first)
        other = self.log_normaliser(*second)
        direct = other - height + self._inner(gap, means)
        with torch.no_grad():
            sizes = tuple(a.abs() + b.abs() for a, b in zip(first, second, strict=True))
            scale = height.abs() + other.abs() + self._inner(sizes, tuple(m.abs() for m in means))
            exact_enough = 64 * _EPS * scale <= _ENOUGH * direct
        if exact_enough.all():
            return direct
        near = ~exact_enough
        remainder = self._remainder(self._at(near, second), self._at(near, gap))
        return direct.masked_scatter(near, remainder)

    def log_norm(self, natural: Natural, power: float) -> Tensor:
        r""":math:`\log \int p^s\,dx` for a power s, with shape :math:`(*)`."""
        raised = self.log_normaliser(*self.powered(natural, power))
        return raised - power * self.log_normaliser(*natural)

    def powered(self, natural: Natural, power: float) -> Natural:
        """The natural parameters of the member proportional to a power of a member."""
        base = self.base or ()
        return tuple(
            power * eta + (power - 1) * own for eta, own in zip(natural, base, strict=True)
        )

    def _with_means(self, natural: Natural) -> tuple[Tensor, Natural]:
        """The log-normaliser and its gradient, the means of the statistics."""
        graph = torch.is_grad_enabled() and _any_gradient(natural)
        with torch.enable_grad():
            variables = tuple(
                eta if graph and eta.requires_grad else eta.detach().requires_grad_()
                for eta in natural
            )
            height = self.log_normaliser(*variables)
            means = torch.autograd.grad(height.sum(), variables, create_graph=graph)
        return (height, means) if graph else (height.detach(), means)

    def _at(self, where: Tensor, natural: Natural) -> Natural:
        """The natural parameters of some members of a batch, in a row."""
        return tuple(
            eta.expand((*where.shape, *eta.shape[eta.ndim - dims :]))[where]
            for eta, dims in zip(natural, self.event_dims, strict=True)
        )

    def _remainder(self, second: Natural, gap: Natural) -> Tensor:
        """The integral over the way from the second member to the first."""
        graph = torch.is_grad_enabled() and (_any_gradient(second) or _any_gradient(gap))
        with torch.enable_grad():
            batch = self._inner(gap, gap).shape
            places, weights = _rule(gap[0].device)
            nodes = places.reshape(-1, *(1,) * len(batch))
            t = nodes.expand(-1, *batch).clone().requires_grad_()
            line = self.log_normaliser(
                *(
                    eta + t[(..., *(None,) * dims)] * delta
                    for eta, delta, dims in zip(second, gap, self.event_dims, strict=True)
                )
            )
            (slope,) = torch.autograd.grad(line.sum(), t, create_graph=True)
            if not slope.requires_grad:  # the log-normaliser is linear
                return torch.zeros(batch, dtype=t.dtype, device=t.device)
            (curvature,) = torch.autograd.grad(slope.sum(), t, create_graph=graph)
            weights = weights.reshape(nodes.shape) * nodes
            value = (weights * curvature.clamp_min(0)).sum(0)
        return value if graph else value.detach()

    def _inner(self, first: Natural, second: Natural) -> Tensor:
        terms = [
            (a * b).sum(tuple(range(-dims, 0))) if dims else a * b
            for a, b, dims in zip(first, second, self.event_dims, strict=True)
        ]
        return torch.stack(torch.broadcast_tensors(*terms)).sum(0)


def _any_gradient(natural: Natural) -> bool:
    return any(eta.requires_grad for eta in natural)


@lru_cache(maxsize=4)
def _rule(device: torch.device) -> tuple[Tensor, Tensor]:
    """Gauss and Legendre's rule on [0, 1]; numpy takes long to import what knows it."""
    places, weights = np.polynomial.legendre.leggauss(_SIZE)
    return torch.from_numpy((1 + places) / 2).to(device), torch.from_numpy(weights / 2).to(device)
