"""The families of densities by the names of their classes in torch."""

from __future__ import annotations

from collections.abc import Callable

from tests.reference.families_on_half_line import (
    beta,
    exponential,
    gamma,
    half_normal,
    inverse_gamma,
    kumaraswamy,
    log_normal,
    pareto,
    weibull,
)
from tests.reference.families_on_line import (
    cauchy,
    gumbel,
    laplace,
    normal,
    normal_mixture,
    student_t,
    uniform,
    von_mises,
)
from tests.reference.family import Family

FAMILIES: dict[str, Callable[..., Family]] = {
    "Normal": normal,
    "StudentT": student_t,
    "Cauchy": cauchy,
    "Laplace": laplace,
    "Gumbel": gumbel,
    "MixtureSameFamily": normal_mixture,
    "Gamma": gamma,
    "Exponential": exponential,
    "HalfNormal": half_normal,
    "Weibull": weibull,
    "LogNormal": log_normal,
    "InverseGamma": inverse_gamma,
    "Pareto": pareto,
    "Beta": beta,
    "Kumaraswamy": kumaraswamy,
    "Uniform": uniform,
    "VonMises": von_mises,
}
