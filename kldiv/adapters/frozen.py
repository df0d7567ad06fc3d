"""From a frozen distribution of ``scipy.stats`` to a torch distribution.

Those that torch has too are translated, any other is evaluated by scipy. Scipy is not imported
here: who brings such an object has done so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch

from torch import Tensor
from torch.distributions import (
    Binomial,
    Categorical,
    Dirichlet,
    Distribution,
    MixtureSameFamily,
    Multinomial,
    MultivariateNormal,
    Normal,
    Uniform,
    Wishart,
)

from kldiv.adapters.kernel_density import KernelDensity
from kldiv.adapters.log_densities import log_density_of
from kldiv.adapters.multivariate_t import MultivariateT
from kldiv.adapters.translations import translated
from kldiv.adapters.univariate import ModernScipyDistribution, ScipyDistribution
from kldiv.errors import InvalidArgument, InvalidType

__all__ = ["as_distribution"]


def as_distribution(value: object, argument: str) -> Distribution:
    """The torch distribution of an object of ``scipy.stats``.

    Arguments:
        value: The object.
        argument: The argument that it was given for, for messages.

    Raises:
        InvalidType: If it is no frozen distribution with a density.
        InvalidArgument: If its parameters are out of range.
    """
    value = _frozen(value, argument)
    kinds = [base.__name__ for base in type(value).__mro__]
    make = next((_MAKERS[kind] for kind in kinds if kind in _MAKERS), None)
    if make is None:
        raise InvalidType(
            f"{argument} is a {kinds[0]} of scipy.stats, of which kldiv knows no density; "
            "kldiv.Target(log_prob, event_shape=..., support=..., sample=...) takes any"
        )
    try:
        with np.errstate(all="ignore"):
            return make(value)
    except (ValueError, np.linalg.LinAlgError) as error:
        reason = " ".join(str(error).split())
        raise InvalidArgument(f"{argument} = {_label(value)} is not usable: {reason}") from error


def _frozen(value: Any, argument: str) -> Any:  # noqa: ANN401 (scipy has no types)
    """The object itself; one that was not called but needs no parameters is called."""
    if not any(base.__name__.endswith("rv_generic") for base in type(value).__mro__):
        return value
    if getattr(value, "numargs", 1) == 0:
        return value()
    name = type(value).__name__.removesuffix("_gen")
    raise InvalidType(
        f"{argument} is scipy.stats.{name} without parameters; "
        f"call it with them: scipy.stats.{name}(...)"
    )


def _classic(frozen: Any) -> Distribution:  # noqa: ANN401
    kind = type(frozen.dist)
    label = _label(frozen)
    _check_ends(*frozen.support())
    if not np.equal(np.mod(getattr(frozen.dist, "xk", 0), 1), 0).all():
        raise ValueError(
            "its points xk are not all integers; make it a Categorical of their ranks"
        )
    if kind.__module__.startswith("scipy.stats"):
        shapes = frozen.dist.shapes.split(", ") if frozen.dist.shapes else []
        given = dict(zip((*shapes, "loc", "scale"), frozen.args, strict=False)) | frozen.kwds
        ordered = {name: given[name] for name in (*shapes, "loc", "scale") if name in given}
        found = translated(kind.__name__, ordered)
        if found is not None:
            return found
        ends, discrete = frozen.support(), not hasattr(frozen, "logpdf")
        log_density = log_density_of(kind.__name__, ordered, ends, discrete=discrete)
        return ScipyDistribution(frozen, label, log_density)
    return ScipyDistribution(frozen, label)


def _modern(of: Any) -> Distribution:  # noqa: ANN401
    _check_ends(*of.support())
    kind = type(of).__name__
    if not type(of).__module__.endswith("_new_distributions"):
        return ModernScipyDistribution(of, _label(of))
    if kind in ("Normal", "StandardNormal"):
        return Normal(_double(of.mu), _double(of.sigma))
    if kind == "Uniform":
        return Uniform(_double(of.a), _double(of.b))
    if kind == "Binomial":
        return Binomial(_double(of.n), _double(of.p))
    return ModernScipyDistribution(of, _label(of))


def _mixture(of: Any) -> Distribution:  # noqa: ANN401
    """A mixture of normal distributions in torch's terms, any other in scipy's."""
    parts = [_modern(each) for each in of.components]
    if not all(isinstance(part, Normal) for part in parts):
        return ModernScipyDistribution(of, _label(of))
    loc = torch.stack([part.mean for part in parts], -1)
    scale = torch.stack([part.stddev for part in parts], -1)
    return MixtureSameFamily(Categorical(_double(of.weights)), Normal(loc, scale))


def _multivariate_normal(frozen: Any) -> Distribution:  # noqa: ANN401
    mean, covariance = _double(frozen.mean), _double(frozen.cov_object.covariance)
    if frozen.dim == 1:
        return Normal(mean.squeeze(), covariance.squeeze().sqrt())
    return MultivariateNormal(mean, covariance)


_MAKERS: Mapping[str, Callable[[Any], Distribution]] = {
    "rv_frozen": _classic,
    "UnivariateDistribution": _modern,
    "Mixture": _mixture,
    "multivariate_normal_frozen": _multivariate_normal,
    "multivariate_t_frozen": MultivariateT,
    "dirichlet_frozen": lambda frozen: Dirichlet(_double(frozen.alpha)),
    "multinomial_frozen": lambda frozen: Multinomial(int(frozen.n), _double(frozen.p)),
    "wishart_frozen": lambda frozen: Wishart(_double(frozen.df), _double(frozen.scale)),
    "gaussian_kde": KernelDensity,
}


def _double(value: object) -> Tensor:
    return torch.tensor(np.asarray(value), dtype=torch.float64)


def _check_ends(lower: object, upper: object) -> None:
    """Scipy tells wrong parameters by a support that is not a number."""
    if np.isnan(lower).any() or np.isnan(upper).any():  # type: ignore[call-overload]
        raise ValueError("a parameter is out of range, scipy gives it no support")


def _label(value: Any) -> str:  # noqa: ANN401
    """How the object was made, as far as it tells."""
    if hasattr(value, "dist"):
        named = (f"{name}={each}" for name, each in value.kwds.items())
        return f"scipy.stats.{value.dist.name}({', '.join(chain(map(str, value.args), named))})"
    kind = type(value).__name__
    return f"scipy.stats.{kind.removesuffix('_frozen')}" if "_" in kind else repr(value)
