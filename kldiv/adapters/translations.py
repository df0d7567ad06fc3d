"""Distributions of scipy that torch has too, in torch's parameters.

Torch's have gradients, closed forms and samplers on any device, hence a translation is preferred.
A location or scale that torch's class lacks becomes an affine transform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from torch import Tensor
from torch.distributions import (
    AffineTransform,
    Bernoulli,
    Beta,
    Binomial,
    Cauchy,
    Distribution,
    Exponential,
    FisherSnedecor,
    Gamma,
    Geometric,
    Gumbel,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    Laplace,
    LogNormal,
    NegativeBinomial,
    Normal,
    Pareto,
    Poisson,
    StudentT,
    TransformedDistribution,
    Uniform,
    VonMises,
    Weibull,
)

__all__ = ["translated"]

Make = Callable[..., Distribution]

_WITH_LOC_AND_SCALE: Mapping[str, Make] = {
    "cauchy_gen": Cauchy,
    "gumbel_r_gen": Gumbel,
    "laplace_gen": Laplace,
    "norm_gen": Normal,
    "t_gen": StudentT,
    "uniform_gen": lambda loc, scale: Uniform(loc, loc + scale),
}
_WITH_SCALE: Mapping[str, Make] = {
    "chi2_gen": lambda df, scale: Gamma(df / 2, 0.5 / scale),
    "expon_gen": lambda scale: Exponential(1 / scale),
    "gamma_gen": lambda a, scale: Gamma(a, 1 / scale),
    "halfcauchy_gen": HalfCauchy,
    "halfnorm_gen": HalfNormal,
    "invgamma_gen": InverseGamma,
    "lognorm_gen": lambda s, scale: LogNormal(scale.log(), s),
    "pareto_gen": lambda b, scale: Pareto(scale, b),
    "rayleigh_gen": lambda scale: Weibull(2**0.5 * scale, torch.full_like(scale, 2.0)),
    "weibull_min_gen": lambda c, scale: Weibull(scale, c),
}
_STANDARD: Mapping[str, Make] = {
    "beta_gen": Beta,
    "f_gen": FisherSnedecor,
    "powerlaw_gen": lambda a: Beta(a, torch.ones_like(a)),
}
_COUNTS: Mapping[str, Make] = {
    "bernoulli_gen": Bernoulli,
    "binom_gen": Binomial,
    "geom_gen": lambda p: _moved(Geometric(p), torch.ones_like(p)),
    "nbinom_gen": lambda n, p: NegativeBinomial(n, logits=torch.log1p(-p) - p.log()),
    "planck_gen": lambda rate: Geometric(-torch.expm1(-rate)),
    "poisson_gen": Poisson,
}


def translated(kind: str, parameters: Mapping[str, object]) -> Distribution | None:
    """The torch distribution of a kind of scipy's; ``None`` where torch has no such.

    Arguments:
        kind: The name of the class in scipy, such as ``"norm_gen"``.
        parameters: The shapes in scipy's order, then ``loc`` and ``scale``, which may be missing.

    Raises:
        ValueError: If torch refuses the parameters.
    """
    numbers = {
        name: torch.as_tensor(each, dtype=torch.float64) for name, each in parameters.items()
    }
    for name, default in (("loc", 0.0), ("scale", 1.0)):
        numbers.setdefault(name, torch.tensor(default, dtype=torch.float64))
    names = [name for name in numbers if name not in ("loc", "scale")]
    *shapes, loc, scale = torch.broadcast_tensors(
        *(numbers[name] for name in (*names, "loc", "scale"))
    )
    if kind in _WITH_LOC_AND_SCALE:
        return _WITH_LOC_AND_SCALE[kind](*shapes, loc, scale)
    if kind in _WITH_SCALE:
        return _moved(_WITH_SCALE[kind](*shapes, scale), loc)
    if kind in _STANDARD:
        return _moved(_STANDARD[kind](*shapes), loc, scale)
    if kind in _COUNTS:
        return _moved(_COUNTS[kind](*shapes), loc)
    if kind == "vonmises_gen" and bool((scale == 1).all()):
        return VonMises(loc, *shapes)
    return None


def _moved(base: Distribution, loc: Tensor, scale: Tensor | None = None) -> Distribution:
    """The distribution of ``loc + scale * x``."""
    factor = 1.0 if scale is None or bool((scale == 1).all()) else scale
    if factor is not scale and not loc.any():
        return base
    base._validate_args = False  # its points are checked by the target, after the transform
    return TransformedDistribution(base, AffineTransform(loc, factor), validate_args=False)
