"""`FamilyTrial`: a family on trial; its grounds are members, at real vectors drawn at random."""

from __future__ import annotations

import copy

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from torch import Tensor, nn
from torch.distributions import Distribution

from kldiv.definitions.family import Family, as_family
from kldiv.definitions.module_family import ModuleFamily
from kldiv.errors import InvalidArgument, ShapeMismatch
from kldiv.registries import families
from kldiv.resolving import as_target
from kldiv.testing.target import TargetTrial

__all__ = ["FamilyTrial", "Members", "members_of"]

_MEMBERS = 3


@dataclass(frozen=True, eq=False)
class Members:
    r"""Some members of a family.

    Arguments:
        name: What reports call them.
        family: The family, fitted to the shape of its events.
        theta: The real vectors behind their parameters, with shape :math:`(B, P)`.
        sizes: The number of coordinates or categories, if it can be chosen.
        seed: What their draws follow.
    """

    name: str
    family: Family
    theta: Tensor
    sizes: tuple[int, ...]
    seed: int

    def __len__(self) -> int:
        return len(self.theta)

    def describe(self, index: int) -> dict[str, str]:
        """The parameters of one member."""
        values = self.family.values_at(self.theta[index])
        return {name: _shown(value) for name, value in values.items()}

    @cached_property
    def trial(self) -> TargetTrial:
        """The members as targets: all at once, or the first where one is taken at a time."""
        theta = self.theta if self.family.batched else self.theta[0]
        target = as_target(self.family.at(theta), "member")
        return TargetTrial(target, "", "", self.seed)


@dataclass(frozen=True, eq=False)
class FamilyTrial:
    """A family on trial.

    Arguments:
        thing: The family, fitted to the shape of its events.
        again: What makes it, as code.
        seed: What all randomness follows.
    """

    thing: Family
    again: str
    seed: int = 0

    def __str__(self) -> str:
        return self.again.strip("'\"")

    def ready(self, ground: object) -> bool:
        """Whether anything can be computed."""
        return True

    def code(self, law: str, ground: Members) -> str:
        """A line that checks a law on these members again."""
        sizes = f", sizes={list(ground.sizes)}" if ground.sizes else ""
        return f"kldiv.testing.check_family({self.again}, laws=[{law!r}]{sizes}, seed={self.seed})"


def members_of(family: Any, sizes: tuple[int, ...], seed: int) -> list[Members]:  # noqa: ANN401
    """Members of a family, for each of some numbers of coordinates if it can have any."""
    found = _family(family)
    if isinstance(found, ModuleFamily) and not found.sized:
        return [_members("itself", found, (), seed)]
    if not found.sized or found.size is not None:
        return [_members("itself", _scalar(found), (), seed)]
    return [_members(f"size {size}", _of_size(found, size), (size,), seed) for size in sizes]


def _family(family: Any) -> Family:  # noqa: ANN401
    """A family from a name, a module, or what makes one when it is called without arguments."""
    if isinstance(family, str):
        family = families.create(family)
    of_torch = isinstance(family, type) and issubclass(family, Distribution)
    if callable(family) and not of_torch and not isinstance(family, nn.Module):
        try:
            family = family()
        except TypeError as error:
            raise InvalidArgument(
                f"{family!r} cannot be made without arguments ({error}); give what it makes"
            ) from error
    if isinstance(family, nn.Module) and not isinstance(family, Family):
        return ModuleFamily(copy.deepcopy(family).double())
    return as_family(family)


def _scalar(family: Family) -> Family:
    """A family without a size to be chosen, or with one that is known."""
    if family.size is not None:
        return _of_size(family, family.size)
    return family.fitted_to(torch.Size())


def _of_size(family: Family, size: int) -> Family:
    try:
        return family.fitted_to(torch.Size([size]))
    except ShapeMismatch:  # it has categories
        return family.fitted_to(torch.Size(), categories=size)


def _members(name: str, family: Family, sizes: tuple[int, ...], seed: int) -> Members:
    generator = torch.Generator().manual_seed(seed)
    count = _MEMBERS if family.batched else 1
    noise = torch.randn(count, family.space.size, generator=generator, dtype=torch.float64)
    centre = family.present()
    reach = 0.5 if family.batched else 0.05
    return Members(name, family, centre.double() + reach * noise, sizes, seed)


def _shown(value: Tensor) -> str:
    return str(value.tolist()) if value.numel() <= 16 else f"tensor of shape {tuple(value.shape)}"
