r"""Constrained parameters and the real vectors behind them.

A parameter lives under a constraint of ``torch.distributions``; a solver moves a point of
:math:`\mathbb R^P`. The bijection between the two is torch's, except for matrices, of which only
the free entries are kept: a lower triangle with the logarithm of its diagonal. So no direction of
:math:`\mathbb R^P` is idle and Hessians are of full rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from math import prod

import torch

from torch import Tensor
from torch.distributions import (
    AffineTransform,
    ComposeTransform,
    Transform,
    biject_to,
    constraints,
)
from torch.distributions.constraints import Constraint

from kldiv.definitions.numbers import broadcast
from kldiv.definitions.triangles import gram, triangle_of, triangular, with_diagonal
from kldiv.errors import InvalidArgument, InvalidType

__all__ = ["Declaration", "Measured", "Parameter", "ParameterSpace", "as_parameter", "check_names"]

_MATRICES = type(constraints.positive_definite), type(constraints.lower_cholesky)


@dataclass(frozen=True)
class Parameter:
    """A parameter's constraint and the shape of one value of it."""

    constraint: Constraint
    shape: tuple[int, ...] = ()

    @property
    def is_matrix(self) -> bool:
        """Whether it is a positive definite matrix or a Cholesky factor."""
        return isinstance(self.constraint, _MATRICES)

    @property
    def is_covariance(self) -> bool:
        """Whether it is a positive definite matrix."""
        return isinstance(self.constraint, _MATRICES[0])

    @property
    def size(self) -> int:
        """How many real numbers are behind it."""
        if self.is_matrix:
            return self.shape[-1] * (self.shape[-1] + 1) // 2
        return prod(self._shape_behind)

    def allows(self, value: Tensor) -> bool:
        """Whether a value satisfies the constraint, where that can be told from it alone."""
        if value.isnan().any():
            return False
        dependent = constraints.is_dependent(self.constraint)
        return bool(dependent or self.constraint.check(value).all())

    def is_met_by(self, value: Tensor, vector: Tensor) -> bool:
        """Whether a value satisfies the constraint, where the reals behind it are at hand."""
        if self.is_covariance and torch.equal(value, value.mT):
            return not bool(vector.isnan().any())
        return bool(self.constraint.check(value).all())

    def constrain(self, vector: Tensor) -> Tensor:
        r"""The value of shape :math:`(*, \text{shape})` behind reals of shape :math:`(*, P)`."""
        batch = vector.shape[:-1]
        if not self.is_matrix:
            transform, *_ = _bijection(self.constraint)
            value: Tensor = transform(vector.reshape((*batch, *self._shape_behind)))
            return value
        factor = triangular(vector, self.shape[-1])
        factor = with_diagonal(factor, factor.diagonal(dim1=-2, dim2=-1).exp())
        return gram(factor) if self.is_covariance else factor

    def unconstrain(self, value: Tensor) -> Tensor:
        r"""The reals of shape :math:`(*, P)` behind a value of shape :math:`(*, \text{shape})`.

        They are NaN where a covariance is singular but for rounding.
        """
        batch = value.shape[: value.ndim - len(self.shape)]
        if not self.is_matrix:
            vector: Tensor = _bijection(self.constraint)[1](value)
            return vector.reshape((*batch, -1))
        factor = _root(value) if self.is_covariance else value
        scales = factor.diagonal(dim1=-2, dim2=-1)
        return triangle_of(with_diagonal(factor, scales.abs().log()))

    @property
    def _shape_behind(self) -> tuple[int, ...]:
        """The shape of the real numbers; torch's own answer takes half a second to import."""
        transform, _, single = _bijection(self.constraint)
        return self.shape if single else tuple(transform.inverse_shape(self.shape))


@dataclass(frozen=True, kw_only=True)
class Measured(Parameter):
    """A parameter that is counted from an origin, in a unit that keeps its constraint.

    Arguments:
        constraint: As it is, before and after.
        shape: The shape of one value.
        origin: What is behind a real vector of zeros, where that is 0 as it is; with a batch
            shape in front, of each problem of a batch.
        unit: What is behind one of ones, likewise.
    """

    origin: Tensor
    unit: Tensor

    def constrain(self, vector: Tensor) -> Tensor:
        """The value behind reals."""
        return self.origin + self.unit * super().constrain(vector)

    def unconstrain(self, value: Tensor) -> Tensor:
        """The reals behind a value, of each problem where the origin is that of a batch."""
        return super().unconstrain((value - self.origin) / self.unit)


@dataclass(frozen=True)
class ParameterSpace:
    """The free parameters of a family, by name, as one real vector."""

    parameters: Mapping[str, Parameter]

    @property
    def size(self) -> int:
        """The dimension P of the real vector."""
        return sum(self._sizes)

    @cached_property
    def _sizes(self) -> list[int]:
        """How many real numbers are behind each parameter."""
        return [parameter.size for parameter in self.parameters.values()]

    def constrain(self, theta: Tensor) -> dict[str, Tensor]:
        r"""The parameters behind vectors of shape :math:`(*, P)`."""
        pieces = theta.split(self._sizes, dim=-1)
        return {
            name: parameter.constrain(piece)
            for (name, parameter), piece in zip(self.parameters.items(), pieces, strict=True)
        }

    def unconstrain(self, values: Mapping[str, Tensor], *, check: bool = True) -> Tensor:
        r"""The vector behind parameters that share a batch shape, with shape :math:`(*, P)`.

        Raises:
            InvalidArgument: If a parameter is missing, unknown, of the wrong shape or outside of
                its constraint.
        """
        unknown, missing = set(values) - set(self.parameters), set(self.parameters) - set(values)
        if unknown or missing:
            raise InvalidArgument(
                f"parameters must be {list(self.parameters)}, got {list(values)}"
            )
        pieces = []
        for name, parameter in self.parameters.items():
            value = torch.as_tensor(values[name], dtype=torch.float64)
            split = value.ndim - len(parameter.shape)
            if split < 0 or tuple(value.shape[split:]) != parameter.shape:
                raise InvalidArgument(
                    f"parameter {name!r} must have shape {parameter.shape} behind its batch "
                    f"shape, got {tuple(value.shape)}"
                )
            pieces.append(parameter.unconstrain(value))
            if check and not parameter.is_met_by(value, pieces[-1]):
                raise InvalidArgument(
                    f"parameter {name!r} must satisfy {parameter.constraint}, got {value.tolist()}"
                )
        if not pieces:
            return torch.zeros(0, dtype=torch.float64)
        batch = broadcast(*(piece.shape[:-1] for piece in pieces))
        return torch.cat([piece.expand((*batch, -1)) for piece in pieces], dim=-1)


@dataclass(frozen=True)
class Declaration:
    """All parameters of a family by name, and those of them that are held fixed."""

    parameters: Mapping[str, Parameter]
    fixed: Mapping[str, Tensor]

    @cached_property
    def space(self) -> ParameterSpace:
        """The free parameters."""
        free = {name: it for name, it in self.parameters.items() if name not in self.fixed}
        return ParameterSpace(free)

    def check(self, owner: str) -> None:
        """Raises ``InvalidArgument`` at the first value that no parameter of an owner can have."""
        check_names(owner, self.fixed, self.parameters)
        for name, value in self.fixed.items():
            parameter = self.parameters[name]
            if not parameter.allows(value):
                raise InvalidArgument(
                    f"{name} of {owner} must satisfy {parameter.constraint}, got {value.tolist()}"
                )

    def complete(self, free: Mapping[str, Tensor], batch: torch.Size) -> dict[str, Tensor]:
        r"""All parameters in the order of their declaration.

        Arguments:
            free: The free ones, of batch shape :math:`(*)`.
            batch: That shape, which those held fixed are given if they have none.
        """
        held = {
            name: value.expand((*batch, *self.parameters[name].shape))
            if value.ndim <= len(self.parameters[name].shape)
            else value
            for name, value in self.fixed.items()
        }
        return {name: held[name] if name in held else free[name] for name in self.parameters}


@lru_cache(maxsize=64)
def _bijection(constraint: Constraint) -> tuple[Transform, Transform, bool]:
    """What leads from the reals to a constraint, the way back, and whether it maps each number."""
    transform = _without_idle_end(biject_to(constraint))
    single = transform.domain.event_dim == transform.codomain.event_dim == 0
    return transform, transform.inv, single


def _without_idle_end(transform: Transform) -> Transform:
    """Without a last step that adds 0 to numbers times 1, as torch has it for positive ones."""
    if not isinstance(transform, ComposeTransform) or len(transform.parts) != 2:
        return transform
    first, last = transform.parts
    idle = isinstance(last, AffineTransform) and _is(last.loc, 0) and _is(last.scale, 1)
    return first if idle else transform


def _is(value: object, number: int) -> bool:
    return isinstance(value, int | float) and value == number


def _root(matrix: Tensor) -> Tensor:
    """The Cholesky factors of matrices, NaN where there is none."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    return torch.where(failed[..., None, None] > 0, torch.nan, factor)


def as_parameter(name: str, value: object) -> Tensor:
    """A number, or numbers, as a float64 tensor.

    Raises:
        InvalidType: If the value is no number.
    """
    try:
        return torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidType(f"{name} must be a number or a tensor, got {value!r}") from error


def check_names(owner: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises ``InvalidArgument`` at the first name that the owner has no parameter of."""
    names = list(known)
    for name in given:
        if name not in names:
            close = get_close_matches(name, names, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InvalidArgument(
                f"{owner} has no parameter {name!r}{hint} (its parameters: {', '.join(names)})"
            )
