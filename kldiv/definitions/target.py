"""What a target is: a log density or a distribution, seen in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import ClassVar

import torch

from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from kldiv.definitions.answers import log_density_from, points_from
from kldiv.definitions.composed_support import support_of
from kldiv.definitions.grid import grid_density
from kldiv.definitions.log_density import log_density_of
from kldiv.definitions.numbers import as_shape, broadcast
from kldiv.definitions.precision import is_late, place_of, unchecked_double
from kldiv.definitions.randomness import seeded
from kldiv.definitions.sampler import sampler_of
from kldiv.definitions.support import interior_point, is_whole
from kldiv.definitions.tally import note
from kldiv.errors import InvalidArgument, InvalidType, NotAvailable, ShapeMismatch
from kldiv.specs import Spec

__all__ = ["DistributionTarget", "Target"]


class Target:
    r"""A target made of a log density, normalised or not.

    Arguments:
        log_prob: The log density at points of shape :math:`(N, *, E)`, with shape :math:`(N, *)`.
            It is called with points inside the support only.
        event_shape: The shape :math:`E` of a single point.
        support: Where the density is positive, a constraint of ``torch.distributions``.
        sample: A sampler that takes a shape :math:`(N)` and returns points of shape
            :math:`(N, *, E)`, if there is one.
        normalize: Whether the density is to be divided by its mass. ``False`` takes it as it
            stands, as a measure of any mass.
        device: Where the log density and the sampler compute.

    Raises:
        InvalidType: If ``log_prob`` or ``sample`` cannot be called, or ``support`` is no
            constraint.

    Example:
        >>> import kldiv
        >>> import torch
        >>> target = kldiv.Target(lambda x: -x.square() / 2)
        >>> q = torch.distributions.Normal(0.0, torch.tensor(2.0, dtype=torch.float64))
        >>> print(f"{float(kldiv.divergence(target, q)):.6f}")
        0.318147
    """

    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Laws of `kldiv.testing` that are known not to hold, each with the reason."""

    def __init__(
        self,
        log_prob: Callable[[Tensor], Tensor],
        *,
        event_shape: tuple[int, ...] = (),
        support: Constraint = constraints.real,
        sample: Callable[[torch.Size], Tensor] | None = None,
        normalize: bool = True,
        device: torch.device | str = "cpu",
    ) -> None:
        if not callable(log_prob):
            raise InvalidType(f"log_prob must be a function of points, got {log_prob!r}")
        if sample is not None and not callable(sample):
            raise InvalidType(f"sample must be a function of a shape, or None, got {sample!r}")
        if not isinstance(support, Constraint) or constraints.is_dependent(support):
            raise InvalidType(
                "support must be a constraint of torch.distributions, such as "
                f"constraints.positive, got {support!r}"
            )
        self.event_shape = as_shape(event_shape)
        extra = len(self.event_shape) - support.event_dim
        if extra < 0:
            raise ShapeMismatch(
                f"event_shape {tuple(event_shape)} has fewer dimensions than support {support}"
            )
        self.support = constraints.independent(support, extra) if extra else support
        self.normalize = normalize
        self._log_prob = log_prob
        self._sample, self._home = sample, torch.device(device)
        self._probe: Tensor | None = None
        self.cuts: tuple[Tensor, ...] = ()
        self.alike: Distribution | None = None  # what has mass in the same places
        self.spec: Spec | None = None  # the registered name that it was made by, if it was

    @staticmethod
    def on_grid(
        points: object, density: object, *, log: bool = False, normalize: bool = True
    ) -> Target:
        r"""The target whose density is known on a grid: linear in between, zero outside.

        Masses, moments and draws are exactly those of the interpolant. It lies :math:`h^2 |f''|/8`
        or less from a smooth density f on a grid of step h.

        Arguments:
            points: The coordinates, increasing, with shape :math:`(G)`; in the plane and beyond
                a tuple of them, one for each axis.
            density: The values, with shape :math:`(*, G)`, or :math:`(*, G_1, G_2)` with the
                first axis first (``indexing="ij"``).
            log: Whether the values are logarithms.
            normalize: Whether the density is to be divided by its mass.

        Raises:
            InvalidArgument: If points do not increase, or values are negative or not finite.
            ShapeMismatch: If the shapes do not fit.

        Example:
            >>> import kldiv
            >>> import numpy as np
            >>> x = np.linspace(-4, 8, 25)
            >>> target = kldiv.Target.on_grid(x, np.exp(-np.square(x - 2) / 2))
            >>> print(f"{float(kldiv.fit(target, 'normal').parameters['loc']):.6f}")
            2.000000
        """
        found, log_mass = grid_density(points, density, log=log)
        if normalize:
            return DistributionTarget(found)
        target = Target(
            lambda x: found.log_prob(x) + log_mass,
            event_shape=tuple(found.event_shape),
            support=found.support,
            sample=found.sample,
            normalize=False,
        )
        target.cuts = found.cuts
        return target

    @cached_property
    def _interior(self) -> Tensor:
        return interior_point(self.support, self.event_shape).to(self._home)

    @property
    def distribution(self) -> Distribution | None:
        """The torch distribution behind the target, or ``None``."""
        return None

    @property
    def given(self) -> Distribution | None:
        """The same as it was given, in its own precision: its type says what is known of it."""
        return self.distribution

    @property
    def normalized(self) -> bool:
        """Whether the density is known to have mass 1."""
        return False

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape, read off one evaluation of the log density."""
        return self._one().shape

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of results."""
        return self._one().dtype

    @property
    def device(self) -> torch.device:
        """The device of results."""
        return self._one().device

    def log_prob(self, x: Tensor) -> Tensor:
        r"""The log density, ``-inf`` off the support; differentiable, of shape :math:`(N, *)`."""
        if is_whole(self.support):
            return self._checked(x)
        inside = self.support.check(x)
        mask = inside.reshape(inside.shape + (1,) * len(self.event_shape))
        safe = torch.where(mask, x, self._interior.to(x))
        return torch.where(inside, self._checked(safe), -torch.inf)

    def sample(self, shape: torch.Size, seed: int) -> Tensor:
        r"""Independent points, with shape :math:`(N, *, E)`, the same for the same seed."""
        if self._sample is None:
            raise NotAvailable(
                f"{self!r} has no sampler; pass sample= to kldiv.Target, "
                "or use an estimator that needs none"
            )
        with seeded(seed), torch.no_grad():
            each = (*self.batch_shape, *self.event_shape)
            return points_from(self._sample, shape, each).double()

    @property
    def has_sampler(self) -> bool:
        """Whether :meth:`sample` works."""
        return self._sample is not None

    def _one(self) -> Tensor:
        if self._probe is None:
            point = self._interior.expand(broadcast(self._interior.shape, self.event_shape))
            with torch.no_grad():
                self._probe = log_density_from(self._log_prob, point)
        return self._probe

    def _checked(self, x: Tensor) -> Tensor:
        value = log_density_from(self._log_prob, x)
        points, batch = x.shape[: x.ndim - len(self.event_shape)], self.batch_shape
        try:
            expected = broadcast(points, batch) if batch else points
        except RuntimeError:  # the batch shape of a wrong function is wrong too
            expected = points
        if value.shape != expected:
            raise ShapeMismatch(
                f"log_prob of {self!r} must return one number for each point, with shape "
                f"{tuple(expected)} for points of shape {tuple(x.shape)}, got "
                f"{tuple(value.shape)}; reduce the dimensions of event_shape and no others"
            )
        if value.isnan().any():
            raise InvalidArgument(
                f"the log density of {self!r} is NaN inside its support {self.support}; "
                "return -inf where the density vanishes"
            )
        note(self, value.numel())
        return value

    def __repr__(self) -> str:
        name = getattr(self._log_prob, "__name__", type(self._log_prob).__name__)
        return f"Target({name}, event_shape={tuple(self.event_shape)}, support={self.support})"


class DistributionTarget(Target):
    """A torch distribution as a target; a check that may wait is made when it is copied."""

    def __init__(
        self, distribution: Distribution, check: Callable[[], None] | None = None
    ) -> None:
        self.original, self._check = distribution, check or (lambda: None)
        self._dtype, self._device = place_of(distribution)
        late = check is not None or is_late(distribution)
        seen = distribution if late else unchecked_double(distribution, self._dtype)
        self._distribution = None if late else seen
        support = support_of(seen)
        if support is None:
            raise InvalidArgument(
                f"{type(distribution).__name__} does not state its support; "
                "a kldiv.Target takes support="
            )
        super().__init__(
            (lambda x: log_density_of(self.distribution)(x)) if late else log_density_of(seen),
            event_shape=distribution.event_shape,
            support=support,
            sample=lambda shape: sampler_of(self.distribution)(shape),
            device=self._device,
        )
        self.cuts = getattr(seen, "cuts", ())

    @property
    def given(self) -> Distribution:
        """The distribution as it was given, its parameters perhaps not checked yet."""
        return self.original

    @property
    def distribution(self) -> Distribution:
        """The distribution, in float64."""
        if self._distribution is None:
            self._check()
            self._distribution = unchecked_double(self.original, self._dtype)
        return self._distribution

    @property
    def normalized(self) -> bool:
        """A distribution has mass 1."""
        return True

    @property
    def has_sampler(self) -> bool:
        """Whether its class says how to draw from it."""
        own = type(self.original)
        return own.sample is not Distribution.sample or own.rsample is not Distribution.rsample

    @property
    def batch_shape(self) -> torch.Size:
        """The distribution's batch shape."""
        return self.original.batch_shape

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the distribution's parameters, as they were given."""
        return self._dtype

    @property
    def device(self) -> torch.device:
        """The device of the distribution's parameters."""
        return self._device

    def __repr__(self) -> str:
        try:
            return repr(self.original)
        except NotImplementedError:  # torch asks for arg_constraints, which some do not state
            return f"{type(self.original).__name__}()"
