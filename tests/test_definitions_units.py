"""Families measured from a target: the same members, and fits that do not depend on units."""

import pytest
import torch

from torch.distributions import (
    Categorical,
    Gumbel,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
)

import kldiv

from kldiv.definitions.family import Family, Place
from kldiv.definitions.units import is_measured, measured, plain

F64 = torch.float64
UNITS = ((1e-6, 0.0), (1e-3, 1.0), (1e6, 0.0), (3e4, -2e5))


def tensor(*values):
    return torch.tensor(values, dtype=F64).squeeze()


LINE = Place(tensor(7.0), tensor(0.01))
PLANE = Place(tensor(7.0, -300.0), tensor(0.01, 400.0))
MEASURED = (
    (kldiv.families.create("gumbel"), LINE),
    (kldiv.families.create("student_t(df=4)"), LINE),
    (kldiv.families.create("normal_mixture(components=3)").fitted_to(torch.Size()), LINE),
    (kldiv.families.create("normal_mixture(components=3)").fitted_to(torch.Size([2])), PLANE),
    (kldiv.families.create("full_normal").fitted_to(torch.Size([2])), PLANE),
    (kldiv.families.create("low_rank_normal(rank=1)").fitted_to(torch.Size([2])), PLANE),
    (Family.of(StudentT), LINE),
    (Family.of(MultivariateNormal).fitted_to(torch.Size([2])), PLANE),
)


def names(cases):
    return [f"{family!r}, {place.mean.ndim}" for family, place in cases]


@pytest.mark.parametrize(("family", "place"), MEASURED, ids=names(MEASURED))
def test_a_measured_family_begins_at_the_place_and_has_the_same_members(family, place):
    found = measured(family, place)
    assert is_measured(found)
    assert not is_measured(family)
    zero = found.space.constrain(found.present())
    assert torch.equal(zero["loc"], place.mean.expand_as(zero["loc"]))
    theta = torch.linspace(-1, 1, found.space.size, dtype=F64)
    values = found.space.constrain(theta)
    torch.testing.assert_close(found.space.unconstrain(values), theta)
    assert family.space.unconstrain(values).isfinite().all()
    point = place.mean + place.variance.sqrt()
    log = found.member(values, theta.shape[:-1]).log_prob(point)
    torch.testing.assert_close(found.at(theta).log_prob(point), log)


@pytest.mark.parametrize(("family", "place"), MEASURED, ids=names(MEASURED))
def test_what_is_plain_again_has_the_same_parameters(family, place):
    found = measured(family, place)
    found.load(torch.linspace(-1, 1, found.space.size, dtype=F64))
    again = plain(found)
    assert not is_measured(again)
    assert repr(again) == repr(family)
    for name, value in found.values().items():
        torch.testing.assert_close(again.values()[name], value, rtol=1e-9, atol=1e-12)
    assert plain(family) is family


@pytest.mark.parametrize(
    ("family", "place"),
    [
        (kldiv.families.create("gamma"), LINE),  # no location
        (kldiv.families.create("lognormal"), LINE),  # whose loc is one of logarithms
        (Family.of(LogNormal), LINE),
        (kldiv.families.create("von_mises"), LINE),  # an angle
        (kldiv.families.create("gumbel(loc=0)"), LINE),
        (kldiv.families.create("gumbel"), Place(tensor(0.0), tensor(torch.inf))),
        (kldiv.families.create("gumbel"), Place(tensor(0.0), tensor(0.0))),
    ],
)
def test_what_has_no_location_or_no_place_is_left_as_it_is(family, place):
    assert measured(family, place) is family


def test_members_that_do_not_know_their_support_are_left_as_they_are():
    class Silent(Normal):
        @property
        def support(self):
            raise NotImplementedError

    family = Family.of(Silent)
    assert measured(family, LINE) is family


def test_of_a_batch_the_middle_is_the_place():
    place = Place(tensor(1.0, 2.0, 30.0), tensor(1.0, 4.0, 900.0))
    found = measured(kldiv.families.create("gumbel"), place).space.parameters["loc"]
    assert (float(found.origin), float(found.unit)) == (2.0, 2.0)


def bumps(unit, at):
    parts = Normal(at + unit * tensor(-2.0, 2.0), unit * tensor(1.0, 0.5))
    return MixtureSameFamily(Categorical(tensor(0.3, 0.7)), parts)


def points(unit, at):
    generator = torch.Generator().manual_seed(0)
    return at + unit * torch.randn(200, generator=generator, dtype=F64)


FITS = (
    (points, "gumbel", {}),
    (points, "student_t", {}),
    (points, "normal_mixture(components=2)", {}),
    (lambda unit, at: Gumbel(tensor(at), tensor(unit)), "normal", {"direction": "reverse"}),
    (lambda unit, at: Laplace(tensor(at), tensor(unit)), "gumbel", {}),
    (bumps, "laplace", {"direction": "reverse"}),
    (bumps, "normal", {"divergence": "squared_hellinger"}),
)


@pytest.mark.parametrize(("target", "family", "how"), FITS, ids=range(len(FITS)))
@pytest.mark.parametrize(("unit", "at"), UNITS)
def test_a_fit_does_not_depend_on_the_unit_of_its_target(target, family, how, unit, at):
    found, wanted = (
        kldiv.fit(target(*where), family, **how) for where in ((unit, at), (1.0, 0.0))
    )
    assert found.converged
    assert len(found.optima) == len(wanted.optima)
    rounding = 1e-5 + 1e-9 * abs(at) / unit  # of the numbers near where the target is
    for name, value in found.parameters.items():
        its = (value - at) / unit if name == "loc" else value / unit if name == "scale" else value
        torch.testing.assert_close(its, wanted.parameters[name], rtol=rounding, atol=rounding)


APART = tensor(1e-6, 1.0, 1e6), tensor(0.0, 1e5, -1e7)


def two_modes(width, middle):
    weights, loc, scale = tensor(0.35, 0.65), tensor(-2.0, 2.0), tensor(0.8, 1.0)
    width, middle = width.unsqueeze(-1), middle.unsqueeze(-1)
    parts = Normal(middle + width * loc, width * scale)
    return MixtureSameFamily(Categorical(weights.expand_as(parts.loc)), parts)


@pytest.mark.parametrize("name", ["normal", "student_t(df=4)", "normal_mixture(components=2)"])
def test_problems_far_apart_in_one_batch_are_measured_each_by_itself(name):
    alone = kldiv.fit(two_modes(tensor(1.0), tensor(0.0)), name, "jensen_shannon")
    fitted = kldiv.fit(two_modes(*APART), name, "jensen_shannon")
    assert fitted.converged
    width, middle = (each.reshape(3, *(1,) * alone.parameters["loc"].ndim) for each in APART)
    loc = (fitted.parameters["loc"] - middle) / width
    scale = fitted.parameters["scale"] / width
    for found, expected in ((loc, alone.parameters["loc"]), (scale, alone.parameters["scale"])):
        found = found.sort(-1).values if found.ndim > 1 else found
        expected = expected.sort(-1).values if expected.ndim else expected
        torch.testing.assert_close(found, expected.expand_as(found), rtol=1e-5, atol=1e-5)
    assert [len(each) for each in fitted.optima] == [len(alone.optima)] * 3
    assert not is_measured(fitted.family)


def test_vectors_far_apart_are_measured_each_by_itself_too():
    width = APART[0].reshape(3, 1)
    loc, root = (
        width * tensor(2.0, -1.0),
        width.unsqueeze(-1) * tensor(1.0, 0.0, 0.5, 2.0).reshape(2, 2),
    )
    target = MultivariateNormal(loc, scale_tril=root)
    fitted = kldiv.fit(target, "full_normal", "squared_hellinger", starts=3)
    assert fitted.converged
    torch.testing.assert_close(fitted.parameters["loc"] / width, loc / width, rtol=0, atol=1e-5)
    found = fitted.parameters["covariance_matrix"] / width.unsqueeze(-1).square()
    shape = root @ root.mT / width.unsqueeze(-1).square()
    torch.testing.assert_close(found, shape, rtol=1e-4, atol=1e-5)
