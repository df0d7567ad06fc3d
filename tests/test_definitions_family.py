"""A family turns real vectors into distributions, and any class of torch is one."""

import copy
import math
import pickle

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Dirichlet,
    Distribution,
    Gamma,
    HalfCauchy,
    Kumaraswamy,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    Pareto,
    Poisson,
    RelaxedBernoulli,
    StudentT,
    Uniform,
    VonMises,
    Weibull,
    constraints,
)

import kldiv

from kldiv.definitions.family import Family, Place, TorchFamily, as_family
from kldiv.definitions.parameters import Parameter

F64 = torch.float64


class Box(Family):
    """Uniform distributions, told by their middle and half of their width."""

    def declare(self, size):
        return {"loc": Parameter(constraints.real), "scale": Parameter(constraints.positive)}

    def distribution(self, loc, scale):
        return Uniform(loc - scale, loc + scale)


@pytest.mark.parametrize(
    "distribution_class",
    [
        Bernoulli,
        Beta,
        Gamma,
        HalfCauchy,
        Kumaraswamy,
        NegativeBinomial,
        Normal,
        Pareto,
        Poisson,
        StudentT,
        VonMises,
        Weibull,
    ],
)
def test_a_class_of_torch_is_a_family_of_scalars(distribution_class):
    given = {"total_count": 5.0} if distribution_class is NegativeBinomial else {}
    family = Family.of(distribution_class, **given)
    theta = torch.randn(3, 2, family.space.size, dtype=F64)
    members = family.at(theta)
    assert isinstance(members, distribution_class)
    assert members.batch_shape == (3, 2)
    assert family.event_dims == 0
    for name, value in family.values_at(theta).items():
        assert torch.allclose(getattr(members, name).double(), value)


@pytest.mark.parametrize(
    ("distribution_class", "parameters", "size"),
    [
        (MultivariateNormal, {"loc": (3,), "covariance_matrix": (3, 3)}, 9),
        (Dirichlet, {"concentration": (3,)}, 3),
    ],
)
def test_a_class_of_vectors_takes_its_size_from_the_target(distribution_class, parameters, size):
    family = Family.of(distribution_class).fitted_to(torch.Size([3]))
    assert {name: item.shape for name, item in family.declare(3).items()} == parameters
    assert family.space.size == size
    assert family.at(torch.zeros(2, size, dtype=F64)).event_shape == (3,)


def test_a_class_of_categories_takes_their_number_from_the_target():
    family = Family.of(Categorical).fitted_to(torch.Size(), categories=4)
    assert family().probs.tolist() == [0.25] * 4


def test_of_parameters_that_mean_the_same_the_given_one_is_kept():
    assert list(Family.of(Bernoulli).declare(1)) == ["probs"]
    assert list(Family.of(Bernoulli, logits=0.3).declare(1)) == ["logits"]
    assert "scale_tril" in Family.of(MultivariateNormal, scale_tril=torch.eye(2)).declare(2)


def test_a_parameter_that_cannot_be_fitted_must_be_given():
    with pytest.raises(kldiv.InvalidArgument, match="Binomial must be given total_count="):
        Family.of(Binomial)
    family = Family.of(Binomial, total_count=7)
    assert list(family.space.parameters) == ["probs"]
    assert family().support.upper_bound == 7


def test_a_parameter_held_fixed_is_not_moved_but_shown():
    family = Family.of(StudentT, df=4.0)
    assert list(family.space.parameters) == ["loc", "scale"]
    assert family.at(torch.zeros(5, 2, dtype=F64)).df.tolist() == [4] * 5
    assert {name: float(value) for name, value in family.values().items()} == {
        "df": 4,
        "loc": 0,
        "scale": 1,
    }
    assert repr(family) == "student_t(df=4)"


def test_fixed_vectors_tell_the_size_and_broadcast():
    family = Family.of(MultivariateNormal, loc=[1.0, 2.0])
    assert family.size == 2
    assert family.at(torch.zeros(4, 3, dtype=F64)).loc.tolist() == [[1, 2]] * 4
    assert repr(family) == "multivariate_normal(loc=tensor of shape (2,))"


def test_the_text_of_a_family_is_its_name_with_what_was_given():
    assert repr(Family.of(Normal)) == "normal"
    assert repr(Family.of(MultivariateNormal).fitted_to(torch.Size([3]))) == (
        "multivariate_normal(size=3)"
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Family.of(StudentT, scael=1.0),
            kldiv.InvalidArgument,
            "student_t has no parameter 'scael'; did you mean 'scale'",
        ),
        (
            lambda: Family.of(MultivariateNormal, location=torch.zeros(2)),
            kldiv.InvalidArgument,
            "multivariate_normal has no parameter 'location'",
        ),
        (
            lambda: Family.of(Normal, scale=-1.0),
            kldiv.InvalidArgument,
            r"scale of normal must satisfy GreaterThan\(lower_bound=0.0\), got -1.0",
        ),
        (
            lambda: Family.of(Normal, loc=math.nan),
            kldiv.InvalidArgument,
            "loc of normal must satisfy .* got nan",
        ),
        (
            lambda: Family.of(Normal, loc="left"),
            kldiv.InvalidType,
            "loc must be a number or a tensor, got 'left'",
        ),
        (
            lambda: Family.of(MultivariateNormal)(),
            kldiv.InvalidArgument,
            "does not know its size yet; give size=",
        ),
        (
            lambda: Family.of(MultivariateNormal).present(),
            kldiv.InvalidArgument,
            "multivariate_normal does not know its size yet",
        ),
        (
            lambda: Family.of(Categorical).fitted_to(torch.Size()),
            kldiv.InvalidArgument,
            "tell the size of categorical; give size=",
        ),
        (
            lambda: Family.of(Normal).fitted_to(torch.Size([3])),
            kldiv.ShapeMismatch,
            r"normal has scalars as events, the target has event shape \(3,\).*diagonal_normal",
        ),
        (
            lambda: Family.of(MultivariateNormal).fitted_to(torch.Size()),
            kldiv.ShapeMismatch,
            r"has vectors as events, the target has event shape \(\)",
        ),
        (
            lambda: Family.of(MultivariateNormal, loc=[0.0, 0.0]).fitted_to(torch.Size([3])),
            kldiv.ShapeMismatch,
            "has size 2, the target 3",
        ),
        (lambda: as_family(3), kldiv.InvalidType, "a family must be a class .* got 3"),
        (lambda: as_family(torch.nn.Linear(1, 1)), kldiv.InvalidType, "kldiv.fit"),
        (
            lambda: as_family(type("Mine", (Distribution,), {})),
            kldiv.InvalidType,
            "Mine does not state arg_constraints; wrap it in a kldiv.Family",
        ),
    ],
)
def test_a_wrong_family_is_an_error_that_says_what_is_wrong(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("method", ["declare", "distribution", "from_statistics"])
def test_an_author_is_told_what_to_define(method):
    class Empty(Family):
        """Nothing."""

    argument = {"declare": (2,)}.get(method, ())
    with pytest.raises(NotImplementedError, match=f"Empty .*{method}"):
        getattr(Empty.__new__(Empty), method)(*argument)


def test_a_family_of_ones_own_needs_two_methods_whatever_its_parameters_are_called():
    family = Box(scale=2.0)
    assert (family.name, repr(family)) == ("Box", "Box(scale=2)")
    members = family.at(torch.tensor([[0.0], [1.0]], dtype=F64))
    assert members.low.tolist() == [-2, -1]
    assert family.statistics(torch.zeros(3)) is None


def test_a_family_of_ones_own_is_fitted_although_its_edges_move():
    # D(q ‖ p) = log(1 / 2w) + log √(2π) + w² / 6 is smallest at w = √3
    target = Normal(torch.tensor(1.0, dtype=F64), 1.0)
    found = kldiv.fit(target, Box(), direction="reverse", estimator="quadrature")
    assert found.parameters["loc"].item() == pytest.approx(1.0, abs=1e-7)
    assert found.parameters["scale"].item() == pytest.approx(math.sqrt(3), abs=1e-7)
    # ∫ (p - q)² = ∫ p² - P(|x| < w) / w + 1 / 2w is stationary where P(|x| < w) - 2 w p(w) = 1/2
    smooth = kldiv.fit(target, Box(), "squared_l2", starts=[{"loc": 0.5, "scale": 1.0}])
    width = smooth.parameters["scale"].item()
    inside = math.erf(width / math.sqrt(2))
    edge = math.exp(-(width**2) / 2) / math.sqrt(2 * math.pi)
    assert inside - 2 * width * edge == pytest.approx(1 / 2, abs=1e-6)


def test_a_start_takes_location_and_scale_from_a_place():
    place = Place(torch.tensor([1.0, 2.0], dtype=F64), torch.tensor([4.0, 9.0], dtype=F64))
    start = Family.of(StudentT).from_place(place)
    assert start["loc"].tolist() == [1, 2]
    assert start["scale"].tolist() == [2, 3]
    assert start["df"].tolist() == [1, 1]


def test_a_place_of_vectors_gives_a_covariance_matrix():
    diagonal = Place(torch.zeros(2, dtype=F64), torch.tensor([4.0, 9.0], dtype=F64))
    assert diagonal.matrix.tolist() == [[4, 0], [0, 9]]
    full = Place(torch.zeros(2), torch.ones(2), torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    assert full.matrix.tolist() == [[1, 0.5], [0.5, 1]]
    family = Family.of(MultivariateNormal).fitted_to(torch.Size([2]))
    assert family.from_place(diagonal)["covariance_matrix"].tolist() == [[4, 0], [0, 9]]


def test_starts_are_one_for_each_place():
    places = [Place(torch.zeros((), dtype=F64), torch.ones((), dtype=F64))] * 3
    assert len(Family.of(Normal).starts(places, None)) == 3


def test_a_fitted_copy_leaves_the_family_as_it_was():
    family = Family.of(Normal)
    twin = family.fitted_to(torch.Size())
    twin.load(torch.tensor([3.0, 1.0], dtype=F64))
    assert family().loc.tolist() == 0
    assert twin().loc.tolist() == 3
    assert twin.present().tolist() == [3, 1]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_family_that_was_copied_has_the_same_parameters(copied):
    family = Family.of(MultivariateNormal).fitted_to(torch.Size([2]))
    theta = torch.tensor([1.0, -1.0, 0.3, 0.5, -0.2], dtype=F64)
    found, expected = copied(family).at(theta), family.at(theta)
    assert torch.equal(found.covariance_matrix, expected.covariance_matrix)


def test_a_copy_is_fitted_with_what_its_author_has_set_since():
    class Late(Family):
        event_dims, width = 1, 1

        def __init__(self, **given):
            super().__init__(**given)
            self.width = 3

        def declare(self, size):
            return {"loc": Parameter(constraints.real, (self.width,))}

    assert Late().fitted_to(torch.Size([3])).present().shape == (3,)


def test_parameters_of_a_family_are_saved_and_loaded_by_torch():
    family, other = Family.of(Normal), Family.of(Normal)
    family.load(torch.tensor([3.0, 1.0], dtype=F64))
    other.load_state_dict(family.state_dict())
    assert other().loc.tolist() == 3


def test_a_family_is_taken_as_it_is_and_a_function_that_makes_one_is_called():
    family = Family.of(Normal)
    assert as_family(family) is family
    assert isinstance(as_family(Box), Box)
    assert repr(as_family(Box, {"scale": 2.0})) == "Box(scale=2)"
    assert isinstance(as_family(lambda: family), TorchFamily)


def too_heavy():
    raise TypeError("too heavy")


def test_a_class_that_needs_what_is_no_parameter_is_no_family():
    with pytest.raises(kldiv.InvalidType, match=r"RelaxedBernoulli needs temperature, .* wrap it"):
        Family.of(RelaxedBernoulli)


def test_what_a_function_needs_and_what_it_returns_is_checked():
    def box(size):
        return Box()

    with pytest.raises(kldiv.InvalidArgument, match=r"'box' needs size: write 'box\(size=…\)'"):
        as_family(box)
    with pytest.raises(kldiv.InvalidArgument, match=r"cannot be made with {}: too heavy"):
        as_family(too_heavy)
    with pytest.raises(kldiv.InvalidType, match=r"a family must be a class .* got <function"):
        as_family(lambda: 3.0)


def test_a_parameter_whose_constraint_depends_on_others_must_be_given():
    class Ordered(Uniform):
        arg_constraints = {  # noqa: RUF012 (torch's way)
            "low": constraints.dependent(is_discrete=False, event_dim=0),
            "high": constraints.real,
        }

    with pytest.raises(kldiv.InvalidArgument, match="Ordered must be given low=, it cannot be"):
        Family.of(Ordered)


def test_a_fixed_parameter_with_a_gradient_is_shown_without_a_warning():
    scale = torch.tensor(2.0, requires_grad=True)
    assert repr(kldiv.Family.of(torch.distributions.Normal, scale=scale)) == "normal(scale=2)"


def test_a_family_that_defines_nothing_says_what_it_must():
    with pytest.raises(kldiv.NotAvailable, match=r"Nothing must define declare\(size\)"):
        kldiv.fit("normal", type("Nothing", (kldiv.Family,), {}))
