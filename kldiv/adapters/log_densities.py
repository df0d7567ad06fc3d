"""Log densities of scipy's laws that scipy has only as logarithms of their densities.

Far out such a density is below all floating-point numbers, its logarithm minus infinity, and the
divergence from a law with more mass there infinite, which it is not.
"""

from __future__ import annotations

import math

from collections.abc import Callable, Mapping

import numpy as np

from scipy import special

from kldiv.adapters.numpy_function import Array

__all__ = ["log_density_of"]

_OF_A_NORMAL = -0.5 * math.log(2 * math.pi)


def log_density_of(
    kind: str, parameters: Mapping[str, object], ends: tuple[Array, Array], *, discrete: bool
) -> Callable[[Array], Array] | None:
    """The log density of a kind of law; ``None`` where scipy's own is good.

    Arguments:
        kind: The name of the class in scipy, such as ``"zipf_gen"``.
        parameters: The shapes in scipy's order, then ``loc`` and ``scale``, which may be missing.
        ends: The ends of the support.
        discrete: Whether it is a law of integers, which may be the ends.
    """
    if kind not in _STANDARD:
        return None
    named = {name: np.asarray(value, dtype=np.float64) for name, value in parameters.items()}
    loc, scale = named.pop("loc", np.zeros(())), named.pop("scale", np.ones(()))
    low, high = (ends[0] - 1, ends[1] + 1) if discrete else ends

    def log_density(x: Array) -> Array:
        with np.errstate(all="ignore"):
            found = _STANDARD[kind]((x - loc) / scale, *named.values()) - np.log(scale)
        held = (low < x) & (x < high) & ((x == np.floor(x)) | (not discrete))
        return np.where(held, found, -np.inf)

    return log_density


def _folded_normal(x: Array, c: Array) -> Array:
    return _OF_A_NORMAL + np.logaddexp(-((x + c) ** 2) / 2, -((x - c) ** 2) / 2)


def _hyperbolic_secant(x: Array) -> Array:
    return -math.log(math.pi) - np.logaddexp(x, -x) + math.log(2)


def _johnson_unbounded(x: Array, a: Array, b: Array) -> Array:
    return _OF_A_NORMAL + np.log(b) - np.log(np.hypot(1, x)) - (a + b * np.arcsinh(x)) ** 2 / 2


def _johnson_bounded(x: Array, a: Array, b: Array) -> Array:
    slope = np.log(b) - np.log(x) - np.log1p(-x)
    found: Array = _OF_A_NORMAL + slope - (a + b * special.logit(x)) ** 2 / 2
    return found


def _levy(x: Array) -> Array:
    return _OF_A_NORMAL - 1.5 * np.log(x) - 0.5 / x


def _log_laplace(x: Array, c: Array) -> Array:
    return np.log(c / 2) - np.log(x) - c * np.abs(np.log(x))


def _moyal(x: Array) -> Array:
    return _OF_A_NORMAL - (x + np.exp(-x)) / 2


def _normal_inverse_gauss(x: Array, a: Array, b: Array) -> Array:
    far = np.hypot(1, x)
    bessel: Array = np.log(special.k1e(a * far)) - a * far + b * x
    return np.log(a / math.pi) + np.sqrt((a - b) * (a + b)) + bessel - np.log(far)


def _rice(x: Array, b: Array) -> Array:
    bessel: Array = np.log(special.i0e(x * b))
    return np.log(x) - (x - b) ** 2 / 2 + bessel


def _skewed_t(x: Array, a: Array, b: Array) -> Array:
    far = np.hypot(x, np.sqrt(a + b))
    near = np.log(a + b) - np.log(far) - np.log(far + np.abs(x))  # of 1 - |x| / far
    up, down = (np.where(side >= 0, np.log1p(np.abs(x) / far), near) for side in (x, -x))
    constant: Array = (a + b - 1) * math.log(2) + special.betaln(a, b) + np.log(a + b) / 2
    return (a + 0.5) * up + (b + 0.5) * down - constant


_STANDARD: Mapping[str, Callable[..., Array]] = {
    "dlaplace_gen": lambda k, a: np.log(np.tanh(a / 2)) - a * np.abs(k),
    "foldnorm_gen": _folded_normal,
    "hypsecant_gen": _hyperbolic_secant,
    "invweibull_gen": lambda x, c: np.log(c) - (c + 1) * np.log(x) - x**-c,
    "jf_skew_t_gen": _skewed_t,
    "johnsonsb_gen": _johnson_bounded,
    "johnsonsu_gen": _johnson_unbounded,
    "levy_gen": _levy,
    "loglaplace_gen": _log_laplace,
    "logser_gen": lambda k, p: k * np.log(p) - np.log(k) - np.log(-np.log1p(-p)),
    "moyal_gen": _moyal,
    "norminvgauss_gen": _normal_inverse_gauss,
    "rice_gen": _rice,
    "zipf_gen": lambda k, a: -a * np.log(k) - np.log(special.zeta(a)),
}
"""By the name of scipy's class: a standard law's log density at x, of its shapes in order."""
