r"""The member of a normal family nearest to a normal target in the reverse direction.

With the mean :math:`\mu` and the precision :math:`\Lambda` of the target,

.. math:: D(N(m, S) \parallel N(\mu, \Lambda^{-1})) = \tfrac12 \bigl(\operatorname{tr} \Lambda S
    - \log\det \Lambda S - d + (m - \mu)^\top \Lambda (m - \mu)\bigr),

which is least, whatever the mean, where :math:`S^{-1}` has those entries of :math:`\Lambda` that
the family can have: all of them, the diagonal, or the diagonal's mean.

References:
    Pattern Recognition and Machine Learning (Bishop, 2006), section 10.1.2.
"""

from __future__ import annotations

import torch

from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from kldiv.definitions.family import Family
from kldiv.solvers.normal_charts import NormalChart, chart_of

__all__ = ["diagonal_root", "nearest_normal"]


def nearest_normal(family: Family, target: Distribution | None) -> dict[str, Tensor] | None:
    """The free parameters of the nearest member; ``None`` unless both sides are normal."""
    normal = _mean_and_factor(target)
    chart = None if normal is None else chart_of(family)
    if normal is None or chart is None:
        return None
    mean, factor = normal
    if chart.shape != "full":
        identity = torch.eye(chart.size, dtype=factor.dtype, device=factor.device)
        inverse = torch.linalg.solve_triangular(factor, identity, upper=False)
        factor = diagonal_root(chart, inverse.square().sum(-2))
    return chart.parameters(mean, factor) if bool(factor.isfinite().all()) else None


def diagonal_root(chart: NormalChart, precision: Tensor) -> Tensor:
    """The factors L of the nearest members without correlations.

    Arguments:
        chart: The family of normals, diagonal or isotropic.
        precision: The diagonal of a precision, with shape :math:`(*, D)`.
    """
    if chart.shape == "isotropic":
        precision = precision.mean(-1, keepdim=True).expand_as(precision)
    return torch.diag_embed(precision.rsqrt())


def _mean_and_factor(target: Distribution | None) -> tuple[Tensor, Tensor] | None:
    """The mean of a normal distribution and a factor of its covariance, lower triangular."""
    if type(target) is MultivariateNormal:
        return target.loc, target.scale_tril
    vector = type(target) is Independent and len(target.event_shape) == 1
    found = target.base_dist if vector and isinstance(target, Independent) else target
    if type(found) is not Normal:
        return None
    loc, scale = (each if vector else each.unsqueeze(-1) for each in (found.loc, found.scale))
    return loc, torch.diag_embed(scale)
