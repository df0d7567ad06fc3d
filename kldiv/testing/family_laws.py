"""The laws of families: parameters there and back, members, gradients, starts, fits and files."""

from __future__ import annotations

import tempfile

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from kldiv.definitions.family import Family
from kldiv.definitions.place import Place
from kldiv.fitting import fit
from kldiv.loading import load_fit
from kldiv.resolving import as_target
from kldiv.saving.missing import MissingDistribution, MissingFamily
from kldiv.testing import target_laws
from kldiv.testing.family import FamilyTrial, Members
from kldiv.testing.law import Check, Law, agree, law
from kldiv.testing.parameter_slopes import slopes_by_differences, slopes_by_torch

__all__ = ["FAMILY_LAWS"]

_POINTS = 6
_STATIONARY = 1e-6
_RECOVERED = 1e-4  # nats
_CLOSE = 1e-6
_DIGITS = 1e-8
_SHIFT = 0.5  # in real space: visible


def _many(family: Family) -> str | None:
    return None if family.batched else "it takes one member at a time"


def _matched(family: Family) -> bool:
    """Whether its optimum is that with the same means of statistics."""
    one = torch.ones(family.size or 2, dtype=torch.float64) / (family.size or 2)
    x = one if family.event_dims else one[0].round()
    free = set(family.fixed) <= family.may_be_fixed
    return free and family.statistics(x.unsqueeze(0)) is not None


def _stated(family: Family) -> str | None:
    return None if _matched(family) else "it states no sufficient statistics"


def _fitted(family: Family) -> str | None:
    return _many(family) or ("the law of matching says as much" if _matched(family) else None)


@law()
def round_trip(trial: FamilyTrial, members: Members) -> Iterator[Check]:
    r"""Parameters come back: :math:`T^{-1}(T(\theta)) = \theta` for real vectors and constraints.

    And no parameter leaves its constraint.
    """
    space, theta = members.family.space, members.theta
    values = space.constrain(theta)
    back = space.unconstrain(values)
    close = (back - theta).abs() <= _DIGITS * (1 + theta.abs())
    yield Check(close.mT, {"real number": theta.mT, "after a round trip": back.mT})


@law(_many)
def batch(trial: FamilyTrial, members: Members) -> Iterator[Check]:
    r"""The members :math:`q_{\theta_1}, \dots, q_{\theta_B}` at once are those at each alone."""
    x = members.trial.draws[:_POINTS]
    together = members.trial.thing.log_prob(x)
    alone = torch.stack(
        [
            as_target(members.family.at(theta), "member").log_prob(x[:, index])
            for index, theta in enumerate(members.theta)
        ],
        -1,
    )
    numbers = {"log q(x) alone": alone, "among others": together}
    yield Check(agree(alone, together, _DIGITS), numbers, points={"x": x})


def _of_members(name: str, text: str) -> Law:
    """A law of targets for every member."""
    own = target_laws.TARGET_LAWS[name]

    def assertion(trial: FamilyTrial, members: Members) -> Iterator[Check]:
        if own.why_not(members.trial.thing) is None:
            for check in own.assertion(members.trial, members.trial):
                yield check if members.family.batched else _alone(check)

    assertion.__name__, assertion.__doc__ = name, text
    return law()(assertion)


def _alone(check: Check) -> Check:
    """What was found of a single member, as that of a batch of one."""
    rank = check.holds.ndim
    return replace(
        check,
        holds=check.holds.unsqueeze(-1),
        numbers={name: value.unsqueeze(-1) for name, value in check.numbers.items()},
        points={name: value.unsqueeze(rank) for name, value in check.points.items()},
    )


support = _of_members("support", r"Every draw of a member lies where :math:`q_\theta(x) > 0`.")
mass = _of_members("mass", r":math:`\int q_\theta = 1`, on integers and in up to two dimensions.")
sampler = _of_members(
    "sampler",
    r"Draws of a member follow its density: they have the means :math:`\int g\,q_\theta`.",
)


@law()
def gradient(trial: FamilyTrial, members: Members) -> Iterator[Check]:
    r""":math:`\partial \log q_\theta(x) / \partial \theta_j` is that by differences, for every j.

    With more than 24 of them it is tried along random directions.
    """
    x = members.trial.draws[:_POINTS]
    by_torch, expected, doubt = slopes_by_torch(members, x), *slopes_by_differences(members, x)
    known = expected.isfinite() & doubt.isfinite()
    holds = (by_torch - expected).abs() <= doubt + _CLOSE * (1 + expected.abs())
    yield Check(
        torch.where(known, holds, ~by_torch.isnan()),
        {"by torch": by_torch, "by differences": expected},
        points={"x": x.unsqueeze(0).expand(len(holds), *x.shape)},
    )


@law(_many)
def influence(trial: FamilyTrial, members: Members) -> Iterator[Check]:
    r"""No parameter is idle: where :math:`\theta_j` moves alone, :math:`q_\theta` changes."""
    x = members.trial.draws[:200]
    here = members.trial.thing.log_prob(x)
    for move in torch.eye(members.theta.shape[-1], dtype=torch.float64):
        moved = as_target(members.family.at(members.theta + _SHIFT * move), "member")
        there = moved.log_prob(x)
        change = torch.where(here == there, 0.0, (there - here).abs()).amax(0)
        number = move.argmax().double()
        yield Check(change > _DIGITS, {"change of log q(x)": change, "real number": number})


@law()
def starts(trial: FamilyTrial, members: Members) -> Iterator[Check]:
    r"""A fit begins at finite real vectors :math:`\theta`, with the batch shape of the target."""
    draws = members.trial.draws.double()[:500]
    place = Place(draws.mean(0), draws.var(0))
    shape = members.theta.shape if members.family.batched else members.theta.shape[1:]
    for start in members.family.starts([place, place], draws[:50]):
        theta = members.family.space.unconstrain(start)
        if theta.shape != shape:
            raise ValueError(f"a start has shape {tuple(theta.shape)}, not {tuple(shape)}")
        rows = theta.reshape(members.theta.shape)
        yield Check(rows.isfinite().mT, {"real number": rows.mT})


@law(_stated)
def matching(trial: FamilyTrial, members: Members) -> Iterator[Check]:
    r"""``from_statistics`` gives the best member: :math:`\sum_n \nabla_\theta \log q(x_n) = 0`.

    The means are those of draws :math:`x_n` of a member.
    """
    x = members.trial.draws[:500].double()
    means = (each.mean(0) for each in members.family.statistics(x) or ())
    theta = members.family.space.unconstrain(members.family.from_statistics(*means))
    with torch.enable_grad():
        leaf = theta.detach().requires_grad_()
        mean = as_target(members.family.at(leaf), "member").log_prob(x).mean(0)
        (slope,) = torch.autograd.grad(mean.sum(), leaf)
    yield Check((slope.abs() <= _STATIONARY).mT, {"slope of the mean log density": slope.mT})


@law(_fitted)
def recovery(trial: FamilyTrial, members: Members) -> Iterator[Check]:
    r"""A fit to a member finds it: :math:`D(q_\theta \parallel \hat q) = 0`, to 1e-4 nats."""
    found = fit(members.family.at(members.theta[0]), members.family, seed=trial.seed)
    value, error = found.divergence.value.detach(), found.divergence.error.detach()
    yield Check((value <= error + _RECOVERED).unsqueeze(-1), {"D(p‖q)": value, "error": error})


@law(_many)
def saving(trial: FamilyTrial, members: Members) -> Iterator[Check]:
    r"""What a file gives back is the member :math:`q_\theta` that was saved in it.

    Where the file can hold what makes it: a registered name, or a class of torch.
    """
    x = members.trial.draws[:_POINTS, 0].double()
    found = (
        fit(x, members.family, seed=trial.seed)
        if _matched(members.family)
        else fit(members.family.at(members.theta[0]), members.family, seed=trial.seed)
    )
    with tempfile.TemporaryDirectory() as folder:
        found.save(Path(folder) / "fit.kldiv")
        loaded = load_fit(Path(folder) / "fit.kldiv")
    before = as_target(found.q, "q").log_prob(x)
    for name, member in _kept(loaded.q, loaded.family):
        after = as_target(member, "q").log_prob(x)
        numbers = {"log q(x) saved": before.unsqueeze(-1), f"{name} loaded": after.unsqueeze(-1)}
        yield Check(agree(before, after, _DIGITS).unsqueeze(-1), numbers)


def _kept(member: object, family: Family) -> Iterator[tuple[str, object]]:
    """What a file could hold."""
    if not isinstance(member, MissingDistribution):
        yield "member", member
    if not isinstance(family, MissingFamily):
        yield "member of the family", family.at(family.present())


FAMILY_LAWS: dict[str, Law] = {
    each.name: each
    for each in (
        *(round_trip, batch, support, mass, sampler, gradient, influence),
        *(starts, matching, recovery, saving),
    )
}
