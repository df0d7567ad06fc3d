r"""Fits to targets that are normal themselves: their end in closed form, and how it is told.

Gradients at sigma points determine a quadratic function, so that with a remainder r

.. math:: \log p(x) = c - \tfrac12 (x - m)^\top P (x - m) + r(x).

Without r the best of the normal members under :math:`D(q \parallel p)` has the mean m and the
precision P, or what a narrower family takes of it, and no other minimum is there. Whether r
vanishes is told by draws of that member, and by others twice as wide, so that kinks within some
three deviations show. In units of P the gradient of what is overlooked is made of the means of
:math:`P^{-1/2} \nabla r` with 1 and with z, which are orthonormal, so that by Bessel's inequality
about :math:`\tfrac12 E_q[\nabla r^\top P^{-1} \nabla r]` nats are to be gained at most. A jump has
no gradient and shows in the variance of r, which on smooth parts is less than that by Poincaré's
inequality.

References:
    Analysis and Geometry of Markov Diffusion Operators (Bakry, Gentil and Ledoux, 2014),
    proposition 4.1.1, doi:10.1007/978-3-319-00227-9.
"""

from __future__ import annotations

import math

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch

from torch import Tensor

from kldiv.definitions.triangles import triangle_of, with_diagonal
from kldiv.errors import InvalidArgument
from kldiv.estimate import Estimate
from kldiv.estimators.sampling.quasi_random import sobol
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.objective import Objective
from kldiv.solvers.quadratic import Quadratic
from kldiv.solvers.run import Recorder, Run, Seen
from kldiv.solvers.slopes import log_density_and_slope

__all__ = ["log_volume", "normal_end", "real_gradient", "told"]

_NUMBERS, _FEWEST = 4096, 64  # coordinates of all draws at least, and draws
_WIDER = 2.0  # times as far from the mean as they were drawn are the last half
_FIRST = 16  # draws, of which most other targets show what they are
_UNLIKE = 1e-11  # nats for each coordinate: what rounding may look like
_DEVIATIONS = 4.0  # of the mean of some 64 draws: an error that 99 of 100 do not have
_RARE = 5.3  # over the number of draws: a probability that is missed in 1 of 200 cases
_ROUNDING = 8 * torch.finfo(torch.float64).eps
_SIGNS = 64  # of the Hessian's eigenvalues that are put down, all of them alike


def normal_end(
    objective: Objective,
    chart: NormalChart,
    quadratic: Quadratic,
    root: Tensor,
    recorder: Recorder,
) -> Run | None:
    """The fit's end where the target is the quadratic up to rounding, else ``None``.

    Arguments:
        objective: Reverse ``kl`` to a density, or to one up to a factor.
        chart: The family of normals.
        quadratic: What the target seems to be.
        root: The factors L of the nearest members then.
        recorder: Where the end is put down.
    """
    if not bool(quadratic.loc.isfinite().all()):
        return None
    z = _draws(chart.size, objective.seed).to(root)
    full, scales = chart.shape == "full", root.diagonal(dim1=-2, dim2=-1)
    shift = z @ root.mT if full else z * scales.unsqueeze(-2)
    if len(z) > _FEWEST and _remainder(objective, quadratic, shift[..., :_FIRST, :]) is None:
        return None
    found = _remainder(objective, quadratic, shift)
    if found is None:
        return None
    rest, slopes, left = found
    end = _End(objective, chart, quadratic.loc, root, z, rest, slopes)
    recorder.note(-rest.mean(0), end, _end_told)
    theta = chart.real_vectors(quadratic.loc, root)
    return Run(
        theta,
        end.estimate.value,
        end.gradient,
        recorder.steps,
        recorder.stopped,
        decrement=(2 * left).sqrt(),
        signature=torch.ones_like(theta[..., :_SIGNS], dtype=torch.int32),
        estimate=end.estimate if objective.free else None,
        because=f"the target is normal up to rounding at {len(z)} points about it",
    )


@dataclass(frozen=True)
class _End:
    """The nearest members of a target that is normal up to rounding.

    Arguments:
        objective: The objective.
        chart: The family of normals.
        loc: The means.
        root: The factors L.
        z: The draws, the first half of them from the members.
        rest: The remainder there.
        slopes: Its gradients.
    """

    objective: Objective
    chart: NormalChart
    loc: Tensor
    root: Tensor
    z: Tensor
    rest: Tensor
    slopes: Tensor

    @cached_property
    def gradient(self) -> Tensor:
        """The gradient of the divergence in real vectors, all of it the remainder's."""
        half = len(self.z) // 2
        own, z = self.slopes[..., :half, :], self.z[:half]
        pull = own.mT @ z / half if self.chart.shape == "full" else (own * z).mean(-2)
        return real_gradient(self.chart, self.root, own.mean(-2), pull)

    @cached_property
    def estimate(self) -> Estimate:
        """The divergence, from the remainder's mean, with what the draws may have missed."""
        size, rest = self.root.shape[-1], self.rest
        own = rest[: len(rest) // 2]
        volume = log_volume(self.root) + size * math.log(2 * math.pi) / 2
        value, stderr = -volume - own.mean(0), own.std(0) / len(own) ** 0.5
        unseen = _RARE / len(own) * (rest - own.mean(0)).abs().amax(0)
        rounding = _ROUNDING * (size + volume.abs() + rest.abs().amax(0))
        known = self.objective.target.normalized
        return Estimate(
            value.clamp_min(0.0) if known else value,
            _DEVIATIONS * stderr + unseen + rounding,
            "monte_carlo",
            stderr,
            len(rest),
            up_to_constant=not known,
        )


def told(states: Sequence[tuple[Any, ...]]) -> Iterable[Seen]:
    r"""Of steps on the way there what they were.

    Arguments:
        states: The chart, the real vectors, the loss, and as for :func:`real_gradient` the
            factors L and the means of :math:`g` and of :math:`g z^\top`.
    """
    for chart, theta, loss, root, slope, pull in states:
        gradient = real_gradient(chart, root, slope, pull, entropy=1.0)
        yield loss, chart.space.constrain(theta), torch.linalg.vector_norm(gradient, dim=-1)


def _end_told(states: Sequence[_End]) -> Iterable[Seen]:
    """The same of ends."""
    for end in states:
        norm = torch.linalg.vector_norm(end.gradient, dim=-1)
        yield end.estimate.value, end.chart.parameters(end.loc, end.root), norm


def log_volume(root: Tensor) -> Tensor:
    r"""The logarithm of the determinant of L, with shape :math:`(*)`."""
    return root.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def real_gradient(
    chart: NormalChart, root: Tensor, slope: Tensor, pull: Tensor, entropy: float = 0.0
) -> Tensor:
    r"""The gradient of :math:`-E[\log p]` in real vectors.

    Arguments:
        chart: The family of normals.
        root: The factors L, with shape :math:`(*, D, D)`.
        slope: The mean of :math:`g = \nabla \log p`, with shape :math:`(*, D)`.
        pull: The mean of :math:`g z^\top`, with shape :math:`(*, D, D)`; where members have no
            correlations its diagonal, with shape :math:`(*, D)`.
        entropy: How many times the entropy of the member is subtracted.
    """
    full = chart.shape == "full"
    bends = pull.diagonal(dim1=-2, dim2=-1) if full else pull
    scales = root.diagonal(dim1=-2, dim2=-1) * bends + entropy
    if full:
        scales = triangle_of(with_diagonal(pull, scales))
    elif chart.shape == "isotropic":
        scales = scales.sum(-1, keepdim=True)
    found: Tensor = -torch.cat([slope, scales], -1)
    return found


@lru_cache(maxsize=16)
def _draws(size: int, seed: int) -> Tensor:
    """Draws of a standard normal vector, the last half of them longer, with shape (K, D)."""
    count = max(_FEWEST, 1 << (_NUMBERS // size).bit_length() - 1)
    z = torch.special.ndtri(sobol(count, (1, size), seed)[0])
    own, wider = z.chunk(2)
    return torch.cat([own, _WIDER * wider])


def _remainder(
    objective: Objective, quadratic: Quadratic, shift: Tensor
) -> tuple[Tensor, Tensor, Tensor] | None:
    r"""The remainder at draws of members, its gradient, and the nats that both may hide at most.

    ``None`` where these are more than rounding, as where the log density is not known.

    Arguments:
        objective: Of the target.
        quadratic: What the target seems to be.
        shift: The draws, less the mean, with shape :math:`(*, K, D)`.
    """
    try:
        log_p, slopes = log_density_and_slope(objective, quadratic.loc + shift.movedim(-2, 0))
    except InvalidArgument:  # it is NaN
        return None
    pulls = shift @ quadratic.precision
    rest = log_p + (pulls * shift).sum(-1).movedim(-1, 0) / 2
    slopes = slopes.movedim(0, -2) + pulls
    natural = torch.linalg.solve_triangular(quadratic.factor, slopes.mT, upper=True)
    left = (rest.var(0) + natural.square().sum(-2).mean(-1)) / 2
    alike = bool((left <= _UNLIKE * shift.shape[-1]).all())  # NaN is not
    return (rest, slopes, left) if alike else None
