r"""Fits to normal targets whose coordinates act on near neighbours alone, by few gradients.

Of a Hessian H with :math:`H_{rc} = 0` for :math:`|r - c| > w` each row meets at most one of the
coordinates :math:`c \equiv j` modulo :math:`m = 2w + 1`, so that the m products

.. math:: H v_j, \qquad v_j = h \sum_{c \equiv j} s_c e_c,

hold all its entries. Where the log density is quadratic they are differences of gradients. One
more, with random signs, tells whether there is nothing beside the band: chains, autoregressive
models and independent coordinates are such targets. Those that are not cost these gradients.

References:
    On the Estimation of Sparse Jacobian Matrices (Curtis, Powell and Reid, 1974),
    doi:10.1093/imamat/13.1.117.
"""

from __future__ import annotations

import torch

from torch import Tensor

from kldiv.numerics import NORMAL_ENTROPY
from kldiv.solvers.normal_charts import NormalChart
from kldiv.solvers.normal_ends import log_volume, normal_end, told
from kldiv.solvers.objective import Objective
from kldiv.solvers.quadratic import Quadratic
from kldiv.solvers.run import Recorder, Run
from kldiv.solvers.slopes import log_density_and_slope

__all__ = ["banded_end"]

_FEWEST = 256  # dimensions: of fewer all gradients take hardly longer
_WIDTH = 3  # neighbours on each side
_BESIDE = 1e-6  # of the largest gradient: far more than rounding


def banded_end(
    objective: Objective, chart: NormalChart, theta: Tensor, recorder: Recorder
) -> Run | None:
    """The fit's end where the target is normal with such a precision, else ``None``.

    Arguments:
        objective: Reverse ``kl`` to a density, or to one up to a factor.
        chart: The family of normals.
        theta: The starts.
        recorder: Where the start and the end are put down.
    """
    if chart.size < _FEWEST:
        return None
    loc, root = chart.members(theta)
    scales = root.diagonal(dim1=-2, dim2=-1)
    found = _curvature(objective, loc, scales)
    if found is None:
        return None
    log_p, slope, bend = found
    pull = _pull(chart, bend, root)
    drop = (pull * (root if chart.shape == "full" else scales)).flatten(loc.ndim - 1).sum(-1) / 2
    loss = -log_p - drop - log_volume(root) - chart.size * NORMAL_ENTROPY
    recorder.note(loss, (chart, theta, loss, root, slope, pull), told)
    if recorder.stopped:
        return None
    quadratic = Quadratic.of(loc, slope, bend)
    return normal_end(objective, chart, quadratic, quadratic.root(chart), recorder)


def _curvature(
    objective: Objective, loc: Tensor, scales: Tensor
) -> tuple[Tensor, Tensor, Tensor] | None:
    """The log density, its gradient and its Hessian at means; ``None`` if it is no band."""
    size, period = loc.shape[-1], 2 * _WIDTH + 1
    places = torch.arange(size, device=loc.device)
    signs = torch.randn(size, generator=torch.Generator().manual_seed(objective.seed)).sign()
    combs = period**0.5 * (places % period == torch.arange(period).to(places).unsqueeze(-1))
    steps = torch.cat([combs.to(loc), signs.to(loc).unsqueeze(0)])
    steps = steps.reshape(-1, *(1,) * (loc.ndim - 1), size) * scales
    log_p, slopes = log_density_and_slope(objective, torch.cat([loc.unsqueeze(0), loc + steps]))
    differences = (slopes[1:] - slopes[0]).movedim(0, -1)
    columns = places.unsqueeze(-1) + torch.arange(period, device=loc.device)  # counted from -w
    lengths = _padded(steps[:-1].sum(0))[..., columns]
    band = differences[..., places.unsqueeze(-1), (columns - _WIDTH) % period] / lengths
    band = torch.where(lengths > 0, band, 0.0)
    product = (band * _padded(steps[-1])[..., columns]).sum(-1)
    beside = (product - differences[..., -1]).abs().amax()
    if not bool(beside <= _BESIDE * slopes.abs().amax()):  # NaN is not
        return None
    wide = band.new_zeros((*loc.shape, size + 2 * _WIDTH))
    wide.scatter_(-1, columns.expand(band.shape), band)
    return log_p[0], slopes[0], wide[..., _WIDTH:-_WIDTH]


def _padded(values: Tensor) -> Tensor:
    """Values with zeros beyond both ends."""
    return torch.nn.functional.pad(values, (_WIDTH, _WIDTH))


def _pull(chart: NormalChart, bend: Tensor, root: Tensor) -> Tensor:
    r"""The mean of :math:`g z^\top`; where members have no correlations its diagonal."""
    scales = root.diagonal(dim1=-2, dim2=-1)
    if chart.shape != "full":
        return bend.diagonal(dim1=-2, dim2=-1) * scales
    apart = bool((torch.diag_embed(scales) == root).all())
    return bend * scales.unsqueeze(-2) if apart else bend @ root
