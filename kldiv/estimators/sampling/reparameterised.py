r"""Averages over draws that move with the parameters of the side that they are drawn from.

With :math:`x = T_\theta(u)` an average :math:`E_{q_\theta}[G(x, \theta)]` has the gradient

.. math:: E_u\!\left[\partial_x G\; \partial_\theta T\right] + E_q[\partial_\theta G],

its *pathwise* form, which is derived as it stands. The second term comes from the density inside G
and is noise where the first is none: there :math:`\partial_\theta G = h\, \nabla_\theta \log q`
with :math:`h = \partial G / \partial \log q`, and :math:`E_q[h\, \nabla_\theta \log q]` is the
gradient of the average of a fixed h. So

.. math:: \nabla_\theta E_q[G] = E_u\!\left[\partial_x (G + h)\; \partial_\theta T\right],

with the parameters in the densities held fixed: *doubly reparameterised*. For the Kullback-Leibler
divergence h is constant, and this is *sticking the landing*: no noise is left at q = p.

Where T is known it is a map of the unit cube by quantiles; gamma, beta, Dirichlet and Student
distributions are derived implicitly, by their distribution functions. Each component of a mixture
has draws of its own, weighted by its share, so that the shares have derivatives too.

References:
    Sticking the Landing: Simple, Lower-Variance Gradient Estimators for Variational Inference
    (Roeder, Wu and Duvenaud, 2017), section 3 and 5.2, arXiv:1703.09194.
    Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives (Tucker, Lawson, Gu and
    Maddison, 2019), equation 5, arXiv:1810.04152.
    Implicit Reparameterization Gradients (Figurnov, Mohamed and Mnih, 2018), arXiv:1805.08498.
"""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import Distribution, MixtureSameFamily

from kldiv.definitions.divergence import FDivergence, IntegralDivergence
from kldiv.definitions.randomness import seeded
from kldiv.definitions.target import Target
from kldiv.errors import NotAvailable
from kldiv.estimators.integrands import Densities
from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling.moving import of_components, parts_of
from kldiv.estimators.sampling.proposals import Proposals, log_slopes
from kldiv.estimators.sampling.quasi_random import cube_map, sobol
from kldiv.estimators.sampling.ratios import over

__all__ = ["moving_average", "why_not_moving"]


def why_not_moving(problem: Problem) -> str | None:
    """Why no average over draws that move can be had; ``None`` where it can."""
    if not isinstance(problem.divergence, IntegralDivergence):
        return f"{problem.divergence} is no integral of the two densities alone"
    return _side(problem)[1]


def moving_average(problem: Problem, count: int, *, doubly: bool) -> Tensor:
    """The divergence, averaged over draws that move, differentiable.

    Arguments:
        problem: The problem.
        count: How many draws.
        doubly: Whether the gradient is doubly reparameterised, else pathwise.

    Raises:
        NotAvailable: If no side has draws that move.
    """
    reason = why_not_moving(problem)
    if reason is not None:
        raise NotAvailable(reason)
    first = _side(problem)[0]
    drawn = problem.p if first else problem.q
    x, weights = _moved(problem, drawn, count)
    log_drawn = _along_the_path(drawn, x) if doubly else drawn.log_prob(x)
    other = (problem.q if first else problem.p).log_prob(x)
    sides = Densities(
        problem,
        *(torch.zeros((), dtype=torch.float64, device=x.device),) * 3,
        measures=not (problem.p.normalize and problem.q.normalize),
    )
    values = _terms(sides, log_drawn, other, first=first)
    averages = (values * weights).sum(1)
    if doubly:
        slope = _slope(values, log_drawn)
        paths = ((values + slope) * weights).sum(1)
        averages = averages.detach() + paths - paths.detach()
    if isinstance(problem.divergence, FDivergence):
        return averages[0]
    return sides.combine(averages)


def _side(problem: Problem) -> tuple[bool, str | None]:
    """Whether the first side is drawn from, and why not where neither can be.

    It is the side that moves; the first one where none or both do.
    """
    reasons = [_why_not_drawn(problem, first=first) for first in (True, False)]
    if reasons[0] is None and (reasons[1] is not None or not _moves(problem.q)):
        return True, None
    if reasons[1] is None and not (reasons[0] is None and _moves(problem.p)):
        return False, None
    return reasons[0] is None, reasons[0]


def _why_not_drawn(problem: Problem, *, first: bool) -> str | None:
    drawn, other = (problem.p, problem.q) if first else (problem.q, problem.p)
    parts = parts_of(drawn.distribution)
    if parts is None or not parts.has_rsample:
        return f"draws of {drawn!r} do not move with its parameters"
    slope = log_slopes(problem)[1 if first else 0]
    if other.normalize and not other.normalized and slope is None:
        return f"the mass of {other!r} is not known"
    return None


def _moves(side: Target) -> bool:
    """Whether its density has parameters to be derived by."""
    point = side.sample(torch.Size([1]), 0)
    with torch.enable_grad():
        return side.log_prob(point).requires_grad


def _moved(problem: Problem, drawn: Target, count: int) -> tuple[Tensor, Tensor]:
    """Points (N, *, E) and their weights (N, *)."""
    member = drawn.distribution
    if member is None:
        raise NotAvailable(f"{drawn!r} is no distribution")
    if member.batch_shape != problem.batch_shape:
        member = member.expand(problem.batch_shape)
    batch = problem.batch_shape
    if not isinstance(member, MixtureSameFamily):
        points = _pushed(member, count, problem.seed)
        return points, torch.full((count, *batch), 1 / count, dtype=torch.float64).to(points)
    each = -(-count // member._num_component)
    return of_components(member, _pushed(member.component_distribution, each, problem.seed))


def _pushed(member: Distribution, count: int, seed: int) -> Tensor:
    """Draws that follow the parameters."""
    found = cube_map(member)
    if found is None or found.moving:
        with seeded(seed):
            return member.rsample(torch.Size([count]))
    cube = sobol(count, (1, *member.batch_shape, found.dimensions), seed)[0]
    points: Tensor = found.transport(cube)
    return points


def _along_the_path(drawn: Target, x: Tensor) -> Tensor:
    """The log density at points that move, its parameters held fixed."""
    with torch.enable_grad():
        point = x.detach().requires_grad_()
        value = drawn.log_prob(point)
        (slope,) = torch.autograd.grad(value.sum(), point)
    event = x.ndim - value.ndim
    moved = (slope * (x - x.detach())).reshape(*value.shape, -1) if event else slope * (x - point)
    return value.detach() + (moved.sum(-1) if event else moved)


def _terms(sides: Densities, log_drawn: Tensor, log_other: Tensor, *, first: bool) -> Tensor:
    """The integrands over the density drawn from, with shape (k, N, *)."""
    divergence = sides.problem.divergence
    if not isinstance(divergence, FDivergence):
        logs = (log_drawn, log_other) if first else (log_other, log_drawn)
        return over(sides, *logs, log_drawn, Proposals(first, not first))
    zero = torch.zeros_like(log_drawn)
    apart = log_other.isneginf()
    ratio = torch.where(apart, 0.0, log_other - log_drawn)
    plain = divergence.plain_integrand(*((zero, ratio) if first else (ratio, zero)))
    return torch.where(apart, _edge(divergence, zero, first=first), plain).unsqueeze(0)


def _edge(divergence: FDivergence, zero: Tensor, *, first: bool) -> Tensor:
    """The integrand of the definition where the other density vanishes."""
    gone = zero.detach() - torch.inf
    (canonical,) = divergence.integrands(*((zero, gone) if first else (gone, zero)))
    one, none = torch.ones_like(zero), torch.zeros_like(zero)
    masses = (one, none) if first else (none, one)
    return divergence.combine_measures(canonical, mass_p=masses[0], mass_q=masses[1]).detach()


def _slope(values: Tensor, log_drawn: Tensor) -> Tensor:
    """The derivative of each term in the log density drawn from, itself differentiable."""
    rows = [
        torch.autograd.grad(value.sum(), log_drawn, create_graph=True, materialize_grads=True)[0]
        for value in values
    ]
    return torch.stack(rows)
