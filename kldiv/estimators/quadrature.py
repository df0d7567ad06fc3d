"""The quadrature rung: adaptive cubature of continuous densities in one and two dimensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from torch import Tensor

from kldiv.definitions.envelope_divergence import EnvelopeDivergence
from kldiv.definitions.score_divergence import ScoreDivergence
from kldiv.definitions.support import box
from kldiv.definitions.supremum_divergence import SupremumDivergence
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument
from kldiv.estimate import Estimate
from kldiv.estimators.charts import kind_of
from kldiv.estimators.cubature import Integral, Integrand, integrate, nodes_of
from kldiv.estimators.envelope import upper_envelope
from kldiv.estimators.integrands import Densities, Tolerance, densities, finish, unsuited
from kldiv.estimators.layout import Layout, domain_of, edges_of, layout
from kldiv.estimators.moving_edges import move_with_edges
from kldiv.estimators.problem import Problem
from kldiv.estimators.scores import within
from kldiv.estimators.suprema import supremum
from kldiv.estimators.tails import tails
from kldiv.numerics import product

__all__ = ["Quadrature", "Statistics"]

Statistics = Callable[[Tensor], tuple[Tensor, ...]]

_DEFAULT_RTOL = {1: 1e-10, 2: 1e-8}  # by the number of dimensions
_CAUTION = {1: 1.0, 2: 20.0}  # by which a true error may exceed the rule's own: ten was seen


@dataclass(frozen=True)
class Quadrature:
    r"""Adaptive Gauss-Kronrod quadrature in one or two dimensions, batched.

    Arguments:
        rtol: The relative tolerance. Where it is given and not reached,
            :class:`kldiv.ToleranceNotMet` is raised; where omitted, 1e-10 is aimed at and the
            error says what was reached.
        atol: The absolute tolerance.
        max_evaluations: The most points at which the densities are evaluated, for each element of
            the batch.

    Raises:
        InvalidArgument: If a tolerance is out of range or no evaluation is allowed.
    """

    rtol: float | None = None
    atol: float = 0.0
    max_evaluations: int = 400_000

    name = "quadrature"

    def __post_init__(self) -> None:
        if (self.rtol is not None and not 0 < self.rtol < 1) or not self.atol >= 0:
            raise InvalidArgument(
                f"rtol must be between 0 and 1 and atol not negative, got {self.rtol}, {self.atol}"
            )
        if self.max_evaluations < 1:
            raise InvalidArgument(f"max_evaluations must be positive, got {self.max_evaluations}")

    def why_not(self, problem: Problem) -> str | None:
        """Continuous densities in at most two dimensions, each coordinate on an interval."""
        reason = unsuited(problem)
        if reason is not None:
            return reason
        if problem.discrete:
            return "the support is discrete"
        if problem.event_shape.numel() > 2 or len(problem.event_shape) > 1:
            return f"the event shape {tuple(problem.event_shape)} has more than two dimensions"
        for side in (problem.p, problem.q):
            if box(side.support) is None:
                return f"the support {side.support} is no product of intervals"
        if kind_of(domain_of(problem.p, problem.q)) == "mixed":
            return (
                "the ends of the domain are finite for some coordinates or batch elements "
                "and infinite for others"
            )
        return None

    def estimate(self, problem: Problem) -> Estimate:
        """The integrals of the divergence by adaptive cubature, then their combination."""
        if isinstance(problem.divergence, EnvelopeDivergence):
            return upper_envelope(self, problem, problem.divergence)
        sides = densities(problem, self.mass)
        if isinstance(problem.divergence, SupremumDivergence):
            tolerance = Tolerance(self.rtol, self.atol)
            return supremum(sides, layout(problem.p, problem.q), tolerance, self.name)
        q = problem.q
        if isinstance(problem.divergence, ScoreDivergence):
            q = within(problem.p, q)
        return self.refine(sides, layout(problem.p, q))[0]

    def refine(self, sides: Densities, start: Layout) -> tuple[Estimate, Layout]:
        """The estimate from given cells on, and the cells it took."""
        p, q = sides.problem.p, sides.problem.q
        function = _in_chart(sides.integrands, start, p, q)
        caution = _CAUTION[start.cells.dimensions]
        rtol = self.rtol / 2 / caution if self.rtol else _DEFAULT_RTOL[start.cells.dimensions]
        integral = self._integrate(function, start, rtol=rtol, atol=self.atol / caution)
        end = Layout(start.chart, integral.cells)
        values = _differentiable(function, integral)
        diverges, beyond = tails(function, integral, start.chart.limits)
        errors, tolerance = caution * integral.errors + beyond, Tolerance(self.rtol, self.atol)
        return finish(
            sides, values, errors, diverges, tolerance, self.name, integral.evaluations
        ), end

    def mass(self, target: Target) -> tuple[Tensor, Tensor]:
        """The integral of a density, with its error; differentiable."""
        values, errors = self.expectations(target, lambda x: ())
        return values[0], errors[0]

    def expectations(self, target: Target, statistics: Statistics) -> tuple[Tensor, Tensor]:
        r"""The integrals of a density and of its product with each statistic, with their errors.

        Arguments:
            target: The target, normalised or not.
            statistics: A function of points, with shape :math:`(N, *, E)`, that returns k tensors
                of shape :math:`(N, *)`.

        Returns:
            The integrals and their errors, with shape :math:`(1 + k, *)`; differentiable.
        """
        start = layout(target, target)

        def integrands(x: Tensor) -> tuple[Tensor, Tensor]:
            density = target.log_prob(x).exp()
            values = torch.stack(
                [density, *(product(density, statistic) for statistic in statistics(x))]
            )
            return values, values.detach().abs() * torch.finfo(values.dtype).eps

        function = _in_chart(integrands, start, target, target)
        integral = self._integrate(function, start, rtol=1e-12, atol=1e-15)
        diverges, beyond = tails(function, integral, start.chart.limits)
        values = torch.where(diverges, torch.inf, _differentiable(function, integral))
        return values, integral.errors + beyond

    def _integrate(
        self, function: Integrand, start: Layout, *, rtol: float, atol: float
    ) -> Integral:
        with torch.no_grad():
            return integrate(
                function, start.cells, rtol=rtol, atol=atol, max_evaluations=self.max_evaluations
            )


def _in_chart(integrands: Integrand, start: Layout, p: Target, q: Target) -> Integrand:
    """Integrands of points as integrands of coordinates, which move with the edges."""
    edges = edges_of(p, q) if not p.event_shape and torch.is_grad_enabled() else []
    moving = any(edge.requires_grad for edge in edges)
    finite = [edge.squeeze(-1) for edge in edges if bool(edge.isfinite().all())]

    def function(u: Tensor) -> tuple[Tensor, Tensor]:
        x, slope = start.chart.to_x(u)
        x = x if p.event_shape else x.squeeze(-1)
        if moving and torch.is_grad_enabled():
            x, stretch = move_with_edges(x, finite)
            slope = slope * stretch
        values, noise = integrands(x)
        usable = values.isfinite()  # an infinity must not meet the gradient of the slope
        scaled = product(torch.where(usable, values, 0.0), slope)
        return torch.where(usable, scaled, values), noise * slope.detach()

    return function


def _differentiable(function: Integrand, integral: Integral) -> Tensor:
    """The same sum over the same nodes, now with its graph of gradients, where there is any."""
    if not torch.is_grad_enabled():
        return integral.values
    u, weights = nodes_of(integral.cells)
    if not function(u[:1])[0].requires_grad:
        return integral.values
    values = function(u)[0]
    usable = values.isfinite() & (weights > 0)
    total = torch.where(usable, torch.where(usable, values, 0.0) * weights, 0.0).sum(1)
    return torch.where(integral.values.isinf(), integral.values, total)
