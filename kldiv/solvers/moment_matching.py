r"""The optimum of the forward Kullback-Leibler divergence onto an exponential family.

For :math:`q_\eta(x) = h(x) \exp(\langle \eta, T(x) \rangle - A(\eta))` the divergence
:math:`D(p \parallel q_\eta)` is convex in :math:`\eta`, and its gradient vanishes exactly where

.. math:: \mathbb E_{q_\eta}[T(X)] = \mathbb E_p[T(X)].

Other families may know their optimum by other means: of uniform distributions it is the one on the
smallest interval that covers p. Of normal ones also that of the reverse divergence onto a normal
target is known.

References:
    Graphical Models, Exponential Families, and Variational Inference (Wainwright and Jordan,
    2008), proposition 3.2 and theorem 3.4, doi:10.1561/2200000001.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch

from torch import Tensor

from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument, NotAvailable
from kldiv.estimate import Estimate
from kldiv.solvers.kl_on_nodes import kl_on_nodes
from kldiv.solvers.narrow import why_none_is_nearest
from kldiv.solvers.normal_optimum import nearest_normal
from kldiv.solvers.objective import Objective
from kldiv.solvers.places import exact_place, rung_for
from kldiv.solvers.run import Recorder, Run
from kldiv.solvers.starts import check_finite

__all__ = ["MomentMatching"]

Statistics = Callable[[Tensor], tuple[Tensor, ...] | None]


@dataclass(frozen=True)
class MomentMatching:
    """Gives the optimum of ``kl``, in forward the moments of the target; no iteration."""

    name = "moment_matching"

    def why_not(self, objective: Objective) -> str | None:
        """Forward ``kl``, an exponential family with nothing fixed, a target with moments.

        In reverse both sides must be normal.
        """
        reverse = not objective.forward
        if objective.divergence.name != "kl" or (reverse and _known(objective) is None):
            return f"{objective.divergence} in this direction has no closed-form optimum"
        if reverse:
            return None
        family = objective.family
        held = [name for name in family.fixed if name not in family.may_be_fixed]
        if held:
            return f"{', '.join(held)} of {family!r} is held fixed"
        if _known(objective) is not None:
            return None
        probe = torch.zeros((1, *objective.target.event_shape), dtype=torch.float64)
        if family.statistics(probe) is None:
            return f"{family!r} is not known to be an exponential family"
        return _unavailable(objective.target)

    def solve(self, objective: Objective, starts: Tensor, recorder: Recorder) -> Run:
        """One step, from the first start to the optimum."""
        known, seconds = _known(objective) or _of_place(objective), [recorder.clock()]
        try:
            values = known or _of_means(objective)
            theta = _finite(objective.family.space.unconstrain(values))
        except (NotAvailable, InvalidArgument) as error:
            check_finite(objective, objective(starts).detach())
            if isinstance(error, NotAvailable):
                raise
            raise NotAvailable(_why_none(objective)) from error
        seconds.append(recorder.clock())
        theta = theta.expand(1, *objective.target.batch_shape, theta.shape[-1])
        ends = torch.cat([starts[:1], theta])
        estimate, gradients = kl_on_nodes(objective, ends) or _looked_at(objective, ends)
        values = objective.family.space.constrain(ends)
        with recorder.watching():
            for row, gradient in enumerate(gradients.split(1)):
                named = {name: value[row : row + 1] for name, value in values.items()}
                recorder.record(estimate.value[row : row + 1], named, gradient, seconds[row])
        return Run(
            theta,
            estimate.value[1:],
            gradients[1:],
            recorder.steps,
            recorder.stopped,
            proven=True,
            decrement=torch.zeros_like(estimate.value[1:]),
            signature=torch.ones_like(theta, dtype=torch.int32),
            estimate=replace(estimate, value=estimate.value[1:], error=estimate.error[1:]),
        )


def _finite(theta: Tensor) -> Tensor:
    if not theta.isfinite().all():
        raise InvalidArgument("a parameter is infinite where the moments are those of the target")
    return theta


def _why_none(objective: Objective) -> str:
    """Why no member has the moments."""
    family, target = objective.family, objective.target
    if isinstance(target, SampleTarget):
        return why_none_is_nearest(family, target)
    return (
        f"no member of {family!r} has the moments of {target!r}, as far as these could be "
        "integrated: it may be too narrow where it is, or of no mass; count x from its mode, in "
        "units of its width"
    )


def _looked_at(objective: Objective, theta: Tensor) -> tuple[Estimate, Tensor]:
    """The divergence at real vectors, with its gradient."""
    with torch.enable_grad():
        variable = theta.detach().requires_grad_()
        estimate = objective.estimate(variable)
        total = torch.where(estimate.value.isfinite(), estimate.value, 0.0).sum()
        (gradient,) = torch.autograd.grad(total + 0 * variable.sum(), variable)
    return estimate.detach(), gradient


def _known(objective: Objective) -> dict[str, Tensor] | None:
    """The optimum where no integral is needed for it."""
    family, target = objective.family, objective.target
    if not objective.forward:
        return nearest_normal(family, target.distribution) if objective.free else None
    place = exact_place(target) if family.matches_moments else None
    return family.optimum(target) if place is None else family.from_place(place)


def _of_place(objective: Objective) -> dict[str, Tensor] | None:
    """The optimum where the mean and the covariance of the target are all that it needs."""
    place = objective.under.place if objective.family.matches_moments else None
    if place is None or (objective.target.event_shape and place.covariance is None):
        return None
    return objective.family.from_place(place)


def _of_means(objective: Objective) -> dict[str, Tensor]:
    """The optimum by the means of statistics."""
    place = objective.under.place
    about = torch.ones((), dtype=torch.float64) if place is None else place.mean
    return objective.family.from_means(partial(_means, objective), about)


def _unavailable(target: Target) -> str | None:
    if isinstance(target, SampleTarget) or rung_for(target) is not None:
        return None
    return f"the moments of {target!r} cannot be had but by drawing"


def _means(objective: Objective, statistics: Statistics) -> tuple[Tensor, ...]:
    """The means of statistics under the target."""
    target = objective.target

    def known(x: Tensor) -> tuple[Tensor, ...]:
        found = statistics(x)
        if found is None:
            raise NotAvailable(f"{objective.family!r} states no sufficient statistics")
        return found

    if isinstance(target, SampleTarget):
        objective.evaluations += target.number
        return target.mean(known)
    totals = objective.under.expectations(known)
    if totals is None:
        raise NotAvailable(_unavailable(target))
    mass, *rest = totals
    if not all(each.isfinite().all() for each in rest):
        raise NotAvailable(
            f"{objective.family!r} has no optimum: a moment of {target!r} is infinite"
        )
    return tuple(each / mass for each in rest)
