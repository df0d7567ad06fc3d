"""What users write becomes what the core works with, or one error that says why not."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from torch.distributions import Independent, Normal

import kldiv

from kldiv.builtin.divergences.kl import KL
from kldiv.definitions.module_family import ModuleFamily
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import DistributionTarget
from kldiv.estimators import Ladder
from kldiv.resolving import as_divergence, as_estimator, as_target, family_for, ladder

F64 = torch.float64


class Frame:
    """As much of a data frame as is asked for."""

    def __init__(self, values):
        self.values = values

    def to_numpy(self):
        return np.asarray(self.values)


@pytest.mark.parametrize("value", ["kl", "Kl", KL, KL()])
def test_a_divergence_is_a_name_a_class_or_an_object(value):
    assert isinstance(as_divergence(value), KL)


def test_a_name_may_have_arguments():
    assert str(as_divergence("renyi(alpha=0.25)")) == "renyi(alpha=0.25)"


@pytest.mark.parametrize("value", [3, None, torch.nn.Linear, lambda: None])
def test_what_is_no_divergence_is_refused(value):
    with pytest.raises(kldiv.InvalidType, match=r"divergence must be a name such as 'kl' .* got"):
        as_divergence(value)


@pytest.mark.parametrize(
    "value",
    [
        "normal",
        "normal(loc=1.0, scale=2.0)",
        Normal(0.0, 1.0),
        kldiv.Target(lambda x: -x.square()),
        kldiv.Family.of(Normal),
        Independent(Normal(torch.zeros(2), 1.0), 1),
    ],
)
def test_a_target_is_a_name_a_distribution_a_density_or_a_family(value):
    assert as_target(value, "p").event_shape in ((), (2,))


def test_a_family_with_all_its_parameters_given_is_a_target_too():
    target = as_target("laplace(loc=1.0, scale=2.0)", "p")
    assert isinstance(target, DistributionTarget)
    assert target.distribution.scale.item() == 2


@pytest.mark.parametrize(
    "value",
    [
        [1.0, 2.0, 4.0],
        (1, 2, 4),
        np.array([1.0, 2.0, 4.0]),
        torch.tensor([1.0, 2.0, 4.0]),
        Frame([1.0, 2.0, 4.0]),
    ],
)
def test_numbers_are_always_samples(value):
    target = as_target(value, "p")
    assert isinstance(target, SampleTarget)
    assert target.points.double().tolist() == [1, 2, 4]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (Normal, kldiv.InvalidType, "p must be a distribution, got the class Normal; give its"),
        (
            math.log,
            kldiv.InvalidType,
            r"got the function log; give a log density as",
        ),
        (3.5, kldiv.InvalidType, "p must be a torch or scipy.stats distribution, .* float: 3.5"),
        ({"a": 1}, kldiv.InvalidType, "got dict: {'a': 1}"),
        (["a", "b"], kldiv.InvalidType, r"got list: \['a', 'b'\]"),
        ([[1.0], [1.0, 2.0]], kldiv.InvalidType, "got a list of parts of shape"),
        (
            torch.tensor(2.0),
            kldiv.InvalidArgument,
            "p is a single number, 2.0; samples need shape",
        ),
        (torch.zeros(0), kldiv.InvalidArgument, "samples must not be empty"),
        ([1.0, math.nan], kldiv.InvalidArgument, "1 of 2 samples are NaN or infinite"),
        ("bimodla", kldiv.UnknownName, "did you mean 'bimodal'"),
    ],
)
def test_what_is_no_target_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        as_target(value, "p")


class Flow(torch.nn.Module):
    """A module that returns a normal distribution, or whatever else it is given."""

    def __init__(self, made=None):
        super().__init__()
        self.loc = torch.nn.Parameter(torch.zeros((), dtype=F64))
        self.made = made

    def forward(self):
        return Normal(self.loc, 1.0) if self.made is None else self.made


class Conditional(torch.nn.Module):
    def forward(self, context):
        return Normal(context, 1.0)


def test_a_module_is_the_distribution_that_it_returns():
    flow = Flow()
    found = kldiv.divergence(flow, Normal(torch.ones((), dtype=F64), 1.0))
    found.value.backward()
    assert float(flow.loc.grad) == pytest.approx(-1.0)
    assert kldiv.divergence(Conditional()(torch.zeros(3)), Normal(0.0, 1.0)).value.shape == (3,)


def test_a_frozen_distribution_of_scipy_is_a_target():
    target = as_target(scipy.stats.norm(1.0, 2.0), "p")
    assert isinstance(target.distribution, Normal)


BAD = {
    "a module that returns no distribution": (
        Flow(torch.zeros(2)),
        kldiv.InvalidType,
        "p = Flow must return a torch distribution when called, got Tensor",
    ),
    "a module with a context": (
        Conditional(),
        kldiv.InvalidType,
        "p = Conditional does not .* without arguments .*'context'.*; call it with its context",
    ),
    "parameters out of range": (
        Normal(0.0, -1.0, validate_args=False),
        kldiv.InvalidArgument,
        r"p = Normal\(loc: 0.0, scale: -1.0\) is not usable: scale of Normal must be .* got -1.0",
    ),
    "complex numbers": (
        torch.zeros(3, dtype=torch.complex64),
        kldiv.InvalidType,
        "p must be real numbers, got a tensor of torch.complex64",
    ),
    "nothing": (None, kldiv.InvalidType, "p must be .* got NoneType: None"),
    "a set": ({1.0}, kldiv.InvalidType, "p must be .* got set"),
    "a class of scipy's": (
        type(scipy.stats.norm),
        kldiv.InvalidType,
        "p must be a distribution, got the class norm_gen; give its parameters",
    ),
    "a frame with words": (
        Frame(np.array([[1.0, "x"]], dtype=object)),
        kldiv.InvalidType,
        "p must be real numbers, got Frame",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_error_that_names_argument_value_and_remedy(case):
    value, error, message = BAD[case]
    with pytest.raises(error, match=message):
        as_target(value, "p")


@pytest.mark.parametrize("name", ["exact", "sum", "quadrature", "monte_carlo", "samples"])
def test_an_estimator_is_a_name_or_an_object(name):
    found = as_estimator(name)
    assert found.name == name
    assert as_estimator(found) is found


def test_auto_is_the_ladder_of_all_estimators():
    assert isinstance(as_estimator("auto"), Ladder)
    assert [rung.name for rung in ladder().rungs] == [
        "exact",
        "sum",
        "quadrature",
        "monte_carlo",
        "samples",
    ]


def test_what_is_no_estimator_is_refused():
    with pytest.raises(kldiv.InvalidArgument, match=r"must be 'auto', 'exact', .* got 'magic'"):
        as_estimator("magic")
    with pytest.raises(kldiv.InvalidType, match=r"a name or an estimator object .*got 3"):
        as_estimator(3)
    with pytest.raises(kldiv.InvalidType, match=r"Quadrature\(\), got <class"):
        as_estimator(kldiv.Quadrature)


def family(value, target="normal"):
    return family_for(value, as_target(target, "target"))


def test_a_family_is_a_name_a_class_a_family_or_a_module():
    class Module(torch.nn.Module):
        def forward(self):
            return Normal(torch.zeros(()), 1.0)

    assert family("laplace").name == "laplace"
    assert family(torch.distributions.Laplace).name == "laplace"
    assert family(kldiv.Family.of(Normal, scale=1.0)).name == "normal"
    assert isinstance(family(Module()), ModuleFamily)


def test_a_family_takes_its_size_from_the_target():
    assert family("diagonal_normal", torch.zeros(5, 3)).size == 3
    assert family("categorical", torch.distributions.Categorical(torch.ones(4))).size == 4
    assert family("categorical", [0, 2, 1, 2]).size == 3
    assert family("categorical", torch.distributions.Binomial(6, torch.tensor(0.5))).size == 7


def test_categories_without_an_end_must_be_counted_by_the_user():
    with pytest.raises(
        kldiv.InvalidArgument, match="does not tell the size of categorical; give size="
    ):
        family("categorical", "poisson")
    with pytest.raises(
        kldiv.InvalidArgument, match="does not tell the size of categorical; give size="
    ):
        family("categorical", [0.5, 2.0])


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("nromal", kldiv.UnknownName, "did you mean 'normal'"),
        ("normal(sclae=1)", kldiv.InvalidArgument, "scale"),
        ("student_t(df=-1)", kldiv.InvalidArgument, "df of .* must satisfy .* got -1"),
        (3.0, kldiv.InvalidType, "a family must be a class of torch.distributions .* got 3.0"),
        ("diagonal_normal", kldiv.ShapeMismatch, "has vectors as events"),
    ],
)
def test_what_is_no_family_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        family(value)


CLASSES = {
    "normal": (Normal, "normal"),
    "gamma": (torch.distributions.Gamma, "gamma(concentration=2.0, rate=1.0)"),
    "lognormal": (torch.distributions.LogNormal, "lognormal(loc=0.0, scale=1.0)"),
    "full_normal": (torch.distributions.MultivariateNormal, "banana"),
    "uniform": (torch.distributions.Uniform, [0.2, 0.5, 0.9]),
    "categorical": (torch.distributions.Categorical, [0, 1, 1]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_of_torch_is_the_registered_family_of_its_distributions(name):
    distribution_class, value = CLASSES[name]
    target = as_target(value, "target")
    assert type(family_for(distribution_class, target)) is type(family_for(name, target))


def test_families_of_a_name_are_fitted_each_by_itself():
    target = as_target("normal", "target")
    first, second = (family_for("normal", target) for _ in range(2))
    first.load(torch.tensor([3.0, 1.0], dtype=torch.float64))
    assert second.present().tolist() == [0, 0]
    assert family_for("normal", target).present().tolist() == [0, 0]


def test_a_class_that_only_shares_its_name_with_a_family_is_itself():
    class Gumbel(torch.distributions.Gumbel):
        pass

    found = family_for(Gumbel, as_target("normal", "target"))
    assert found.distribution_class is Gumbel


def test_a_class_lacks_what_it_must_be_given_or_must_define():
    with pytest.raises(kldiv.InvalidArgument, match=r"needs alpha: write 'renyi\(alpha=…\)'"):
        as_divergence(kldiv.divergences["renyi"].load())
    with pytest.raises(kldiv.InvalidType, match="'fdivergence' is abstract: define generator"):
        as_divergence(kldiv.FDivergence)
