r"""What a divergence is: a formula in log densities and the claims it makes.

An *f-divergence* is :math:`D_f(p \parallel q) = \int q\, f(u)\, dx` with :math:`u = p / q`,
:math:`f` convex and :math:`f(1) = 0`. For distributions :math:`f` may be replaced by

.. math:: \tilde f(u) = f(u) - f'(1)\,(u - 1) \geq 0

without changing the value: the two integrate to the same number because
:math:`\int p = \int q = 1`. All estimators integrate this *canonical* form, which cannot go
negative. For measures of other mass the difference :math:`f'(1)\,(\int p - \int q)` is put back.

Where one of the two densities vanishes, the integrand is given by two numbers of :math:`f`:
:math:`q\,f(0)` where :math:`p = 0`, and :math:`p\,f^*(0)` where :math:`q = 0`, with
:math:`f^*(0) = \lim_{u \to \infty} f(u) / u`. So infinity is a value and never a NaN.
"""

from __future__ import annotations

import math

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch

from torch import Tensor

from kldiv.definitions.naming import snake_case
from kldiv.errors import InvalidType
from kldiv.numerics import weighted_density

__all__ = ["Divergence", "FDivergence", "IntegralDivergence", "OfAdditive"]

_FORMULA = {"generator", "integrand", "integrands", "combine"}
_LARGE = 300.0  # e^300 squared is still a float64


class Divergence:
    r"""How far p is from q: its unit, and the claims that every divergence makes.

    Subclass :class:`kldiv.FDivergence` or :class:`kldiv.IntegralDivergence`; one with parameters
    is a frozen dataclass. The claims below are checked as laws, so make those that hold.
    """

    unit: str = "nats"
    """What its values are counted in, as it is shown after a number: ``"nats"``, ``"units of x"``,
    or ``""`` where they are plain numbers."""
    symmetric: ClassVar[bool] = False
    """Whether :math:`D(p \\parallel q) = D(q \\parallel p)`."""
    metric: ClassVar[bool] = False
    """Whether the triangle inequality holds."""
    upper_bound: float = math.inf
    """The largest value that it takes on distributions."""
    additive: ClassVar[bool] = False
    """Whether it is the sum of those of the parts where both sides have independent parts."""
    invariant: ClassVar[bool] = False
    """Whether it stays the same where both sides go through one bijection."""
    monotone: ClassVar[bool] = False
    """Whether no map of x makes it larger, which is the data-processing inequality."""
    jointly_convex: ClassVar[bool] = False
    """Whether mixtures of both sides alike are no further apart than their parts in the mean."""
    limits: ClassVar[Mapping[str, tuple[float, ...]]] = {}
    """At which values of a parameter the formula is a limit: it is continuous there."""
    powers: Sequence[tuple[float, float, float]] = ()
    """c, a and b of each term, if :math:`D = \\sum c \\int p^a q^b dx`. Where a is 0 or 1 in each
    term with q, p may be data."""
    logarithms: Sequence[tuple[float, float, float]] = ()
    """Likewise, if :math:`D = \\sum c \\log \\int p^a q^b dx`. They also serve where such an
    integral is beyond all floating-point numbers."""
    expected_failures: Mapping[str, str] = {}
    """Laws of `kldiv.testing` that are known not to hold, each with the reason."""
    estimators: ClassVar[tuple[Any, ...]] = ()
    """Estimators of its own, tried after closed forms and before all others: objects with a
    ``name``, ``why_not(problem)`` and ``estimate(problem)``, as ``estimator=`` takes them."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if _FORMULA & vars(cls).keys() and "of_additive" not in vars(cls):  # another function
            cls.of_additive = Divergence.of_additive  # type: ignore[method-assign]

    def of_additive(self) -> OfAdditive | None:
        r"""The additive divergence of which this one is a function, where there is one.

        Stated once, it gives closed forms from that one's, and values of independent parts.
        """
        return OfAdditive(self, lambda value: value) if self.additive else None

    def degree_in_x(self, size: int) -> float:
        r"""The k with :math:`D(cX \parallel cY) = c^k D(X \parallel Y)` for continuous vectors.

        It is :math:`(1 - a - b) E` where :math:`\int p^a q^b dx` are all its ``powers``, else 0.

        Arguments:
            size: The number E of coordinates.
        """
        degrees = {round(1 - a - b, 12) for _, a, b in self.powers}
        return size * degrees.pop() if len(degrees) == 1 else 0.0

    @property
    def name(self) -> str:
        """The class name in lower case with underscores: ``LeCam`` is ``le_cam``."""
        return snake_case(type(self).__name__)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters and their values, in the order of their declaration."""
        if not is_dataclass(self):
            return {}
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={_text(value)}" for name, value in self.parameters.items())
        return f"{self.name}({arguments})" if arguments else self.name

    __repr__ = __str__


def _text(value: object) -> str:
    """A parameter's value as it is shown: numbers short, all else as it is written."""
    return f"{value:g}" if isinstance(value, float) else repr(value)


@dataclass(frozen=True)
class OfAdditive:
    r"""A divergence as a function of an additive one: :math:`D = \varphi(D')`.

    Arguments:
        divergence: The additive divergence :math:`D'`.
        function: The function :math:`\varphi`, which increases.
        swapped: Whether p and q change places, so that
            :math:`D(p \parallel q) = \varphi(D'(q \parallel p))`.
    """

    divergence: Divergence
    function: Callable[[Tensor], Tensor]
    swapped: bool = False


class IntegralDivergence(Divergence, ABC):
    r"""A divergence that is a function of integrals over x of functions of the two log densities.

    .. math:: D(p \parallel q) = \Phi\Bigl(
        \int g_1(\log p, \log q)\,dx, \dots, \int g_k(\log p, \log q)\,dx\Bigr)

    To write one, define :meth:`integrands` and, where :math:`\Phi` is not the identity,
    :meth:`combine`.
    """

    log_mass_slopes: ClassVar[tuple[float | None, float | None]] = (None, None)
    """c, d in :math:`D(a p \\parallel b q) = D(p \\parallel q) + c \\log a + d \\log b`.

    A side with a slope may be known up to its mass: then the divergence is, up to a constant. At
    a slope of 0 the mass does not matter; ``None`` says that it is needed."""

    @abstractmethod
    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor, ...]:
        r"""The integrands :math:`g_1, \dots, g_k`, each with shape :math:`(*)`.

        Arguments:
            log_p: The log density of p, ``-inf`` where it vanishes, with shape :math:`(*)`.
            log_q: The log density of q, likewise.
        """

    def combine(self, *integrals: Tensor) -> Tensor:
        r"""The divergence from the integrals, with shape :math:`(*)`; by default the first."""
        return integrals[0]

    def combine_measures(self, *integrals: Tensor, mass_p: Tensor, mass_q: Tensor) -> Tensor:
        r"""The divergence of measures of any mass; by default what :meth:`combine` says."""
        return self.combine(*integrals)


class FDivergence(IntegralDivergence):
    r"""An f-divergence :math:`D_f(p \parallel q) = \int q\, f(p / q)\, dx`.

    To write one, define :meth:`generator`. Everything else is derived: values with errors,
    gradients, batches, fits. Override :meth:`integrand` where the generator would overflow or
    cancel, and declare :attr:`at_zero` and :attr:`slope_at_infinity` where the limits cannot be
    read off the generator numerically. It is counted in nats unless ``unit`` says otherwise:
    where :math:`f` has no logarithm, it is a plain number.

    References:
        On Divergences and Informations in Statistics and Information Theory (Liese and Vajda,
        2006), equation 5, doi:10.1109/TIT.2006.881731.
    """

    invariant = True
    monotone = True
    jointly_convex = True
    at_zero: float | None = None
    """The limit :math:`f(0)`; ``None`` lets the core find it."""
    slope_at_infinity: float | None = None
    """The limit :math:`f^*(0) = \\lim f(u) / u`; ``None`` lets the core find it."""
    kinks: tuple[float, ...] = ()
    """The values of :math:`\\log u` at which the generator has a kink; quadrature looks for those
    that are not declared."""

    @abstractmethod
    def generator(self, log_u: Tensor) -> Tensor:
        r"""The convex generator :math:`f(u)`, with :math:`f(1) = 0` and shape :math:`(*)`.

        Arguments:
            log_u: The logarithm of u, with shape :math:`(*)`.
        """

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r"""The canonical integrand :math:`q\,\tilde f(p / q)` where both densities are positive.

        Arguments:
            log_p: Finite log densities of p, with shape :math:`(*)`.
            log_q: Finite log densities of q, with shape :math:`(*)`.

        Returns:
            The integrand, with shape :math:`(*)`, never negative.
        """
        log_u = log_p - log_q
        far = log_u > _LARGE
        near = torch.where(far, 0.0, log_u)
        inside = log_q.exp() * (self.generator(near) - self._slope_at_one * near.expm1())
        slope = self._canonical_slope
        outside = log_p.exp() * slope if math.isfinite(slope) else self._steep(log_p, log_q, far)
        return torch.where(far, outside, inside)

    def plain_integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        r"""The integrand :math:`q\,f(p / q)` of the definition, which may be negative.

        It needs no mass, where :meth:`integrand` weighs both: it is what is averaged over draws
        from p where the mass of q is unknown.

        Arguments:
            log_p: Finite log densities of p, with shape :math:`(*)`.
            log_q: Finite log densities of q, with shape :math:`(*)`.
        """
        return log_q.exp() * self.generator(log_p - log_q)

    def _steep(self, log_p: Tensor, log_q: Tensor, far: Tensor) -> Tensor:
        """The integrand where u is beyond e^300 and f outgrows u; NaN where f(u) overflows."""
        present = far & (log_p.exp() > 0)
        value = self.generator(torch.where(present, log_p - log_q, 0.0))
        value = torch.where(value.isfinite(), value, math.nan)
        return torch.where(present, log_q.exp() * value, 0.0)

    def integrands(self, log_p: Tensor, log_q: Tensor) -> tuple[Tensor]:
        r"""The canonical integrand everywhere, the edges of both supports included."""
        no_p, no_q = log_p.isneginf(), log_q.isneginf()
        if not bool((no_p | no_q).any()):
            return (self.integrand(log_p, log_q),)
        both = ~(no_p | no_q)
        inside = self.integrand(torch.where(both, log_p, 0.0), torch.where(both, log_q, 0.0))
        only_q = weighted_density(log_q, self._canonical_at_zero, no_p & ~no_q)
        only_p = weighted_density(log_p, self._canonical_slope, no_q & ~no_p)
        return (torch.where(both, inside, only_p + only_q),)

    def combine_measures(self, *integrals: Tensor, mass_p: Tensor, mass_q: Tensor) -> Tensor:
        r"""The value of the definition itself: :math:`f'(1)(\int p - \int q)` is put back."""
        return self.combine(*integrals) + self._slope_at_one * (mass_p - mass_q)

    @cached_property
    def _slope_at_one(self) -> float:
        """f'(1); the derivative in log u at 0 is the same number."""
        with torch.enable_grad():
            log_u = torch.zeros((), dtype=torch.float64, requires_grad=True)
            value = self.generator(log_u)
            if not isinstance(value, Tensor) or value.shape != ():
                raise InvalidType(
                    f"{type(self).__name__}.generator must return a tensor of the shape of log_u, "
                    f"got {value!r}"
                )
            if not value.requires_grad:
                return 0.0
            (slope,) = torch.autograd.grad(value, log_u)
        return float(slope)

    @cached_property
    def _canonical_at_zero(self) -> float:
        limit = self.at_zero if self.at_zero is not None else _limit(self.generator, sign=-1)
        return limit + self._slope_at_one

    @cached_property
    def _canonical_slope(self) -> float:
        limit = self.slope_at_infinity
        if limit is None:
            limit = _limit(lambda log_u: self.generator(log_u) * (-log_u).exp(), sign=1)
        return limit - self._slope_at_one


def _limit(function: Callable[[Tensor], Tensor], *, sign: int) -> float:
    """The limit of a function of log u at an end: infinite unless two far points agree.

    NaN where the function overflows before it gets there, so that nothing is claimed of it.
    """
    with torch.no_grad():
        ends = sign * torch.tensor([_LARGE / 2, _LARGE], dtype=torch.float64)
        near, far = function(ends).tolist()
    if math.isclose(near, far, rel_tol=1e-6, abs_tol=1e-12):
        return float(far)
    return math.nan if math.isnan(near) or math.isnan(far) else math.inf
