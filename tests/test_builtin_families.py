"""The built-in families: parameters there and back, members, gradients, moments, starts."""

import math

import pytest
import torch

from scipy import optimize
from torch.distributions import (
    Categorical,
    Dirichlet,
    Gamma,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
)

import kldiv

from kldiv.definitions.log_density import log_density_of
from kldiv.definitions.place import Place
from kldiv.errors import InvalidArgument, ShapeMismatch

NAMES = [entry.name for entry in kldiv.families.values() if entry.plugin == "kldiv"]
VECTORS = {"isotropic_normal", "diagonal_normal", "full_normal", "low_rank_normal", "dirichlet"}
SPECS = {"binomial": "binomial(total_count=7)", "normal_mixture": "normal_mixture(components=2)"}
UNMATCHED = {
    "laplace",
    "student_t",
    "gumbel",
    "weibull",
    "uniform",
    "low_rank_normal",
    "normal_mixture",
}
MATCHED = [name for name in NAMES if name not in UNMATCHED]
LINE = {"normal", "laplace", "student_t", "gumbel", "normal_mixture"}


def family(name, size=3):
    """A family that knows its size, with its number of real parameters."""
    made = kldiv.families.create(SPECS.get(name, name))
    if name == "categorical":
        return made.fitted_to(torch.Size(), categories=size)
    return made.fitted_to(torch.Size([size] if name in VECTORS else []))


def vectors(made, *batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*batch, made.space.size, generator=generator, dtype=torch.float64) / 2


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_by_the_name_it_is_registered_under(name):
    made = family(name)
    assert made.name == name
    assert repr(made).startswith(name)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_come_back_from_the_real_space(name):
    made = family(name)
    theta = vectors(made, 4)
    values = made.space.constrain(theta)
    torch.testing.assert_close(made.space.unconstrain(values), theta, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_members_at_many_real_vectors_are_one_batched_distribution(name):
    """Each element of the batch is the member at that element's vector."""
    made = family(name)
    theta = vectors(made, 2, 1)
    members = made.at(theta)
    assert members.batch_shape == (2, 1)
    torch.manual_seed(0)
    points = members.sample((5,))
    for row in range(2):
        one = made.at(theta[row, 0])
        assert one.batch_shape == ()
        torch.testing.assert_close(
            one.log_prob(points[:, row, 0]), members.log_prob(points)[:, row, 0]
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_a_member_follows_its_density(name):
    """The mean of log q over a sample is minus the entropy, by quadrature, sum or closed form."""
    made = family(name)
    member = made.at(vectors(made, seed=1))
    torch.manual_seed(0)
    points = member.sample((40_000,))
    surprise = -member.log_prob(points)
    stderr = float(surprise.std()) / math.sqrt(len(points))
    if made.event_dims or name == "categorical":
        entropy = float(member.entropy())
    elif member.support.is_discrete:
        k = torch.arange(8 if name == "binomial" else 2 if name == "bernoulli" else 400).double()
        log_q = member.log_prob(k)
        entropy = -float((log_q.exp() * log_q).sum())
    else:
        low, high = -200.0 if name in LINE else 0.0, 1.0 if name == "beta" else 200.0
        if name == "von_mises":
            low, high = -math.pi, math.pi
        if name == "uniform":
            low, high = float(member.low), float(member.high)
        x = torch.linspace(low, high, 2_000_001, dtype=torch.float64)[1:-1]
        log_q = log_density_of(member)(x)
        entropy = -float((log_q.exp() * log_q).sum() * (x[1] - x[0]))
    assert abs(float(surprise.mean()) - entropy) <= 5 * stderr + 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_the_density_has_a_gradient_in_every_parameter(name):
    made = family(name)
    theta = vectors(made, 3, seed=2).requires_grad_()
    torch.manual_seed(0)
    with torch.no_grad():
        points = made.at(theta).sample((40,))
    value = log_density_of(made.at(theta))(points).square().sum()
    (gradient,) = torch.autograd.grad(value, theta)
    assert gradient.isfinite().all()
    still = made.space.size == 2 and name == "uniform"  # its middle moves no density inside
    assert (gradient.abs() > 1e-6)[..., still:].all()


@pytest.mark.parametrize("name", NAMES)
def test_every_start_lies_inside_the_constraints(name):
    made = family(name)
    shape = (2, 3) if name in VECTORS else (2,)
    mean = torch.full(shape, 0.3, dtype=torch.float64)
    place = Place(mean, 0.01 + 0 * mean)
    torch.manual_seed(0)
    points = 0.3 + 0.1 * torch.randn(50, *shape).double()
    starts = made.starts([place, place, place], points)
    assert starts
    for start in starts:
        theta = made.space.unconstrain(start)
        assert theta.shape == (2, made.space.size)
        assert theta.isfinite().all()


@pytest.mark.parametrize(
    "name",
    [
        *("laplace", "student_t", "lognormal", "gamma", "beta"),
        *("exponential", "poisson", "gumbel", "weibull", "uniform"),
    ],
)
def test_a_start_has_the_mean_of_its_place_and_its_variance_where_it_can(name):
    mean = torch.tensor([0.2, 0.6], dtype=torch.float64)
    place = Place(mean, torch.tensor([0.02, 0.05], dtype=torch.float64))
    made = family(name)
    member = made.at(made.space.unconstrain(made.from_place(place)))
    torch.testing.assert_close(member.mean, mean)
    rtol = 0.1 if name == "weibull" else 1e-7  # which has a formula that is nearly right
    if name not in ("exponential", "poisson"):
        torch.testing.assert_close(member.variance, place.variance, rtol=rtol, atol=0)


# moment matching ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MATCHED)
def test_a_member_is_found_again_by_the_means_of_its_statistics(name):
    """The means of a large sample, and the member whose own means these are."""
    made = family(name)
    theta = vectors(made, 3, seed=3)
    torch.manual_seed(0)
    points = made.at(theta).sample((200_000,)).double()
    statistics = made.statistics(points)
    assert all(each.shape == (200_000, 3) for each in statistics)
    means = [each.mean(0) for each in statistics]
    found = made.space.unconstrain(made.from_statistics(*means))
    torch.testing.assert_close(found, theta, rtol=0, atol=0.05)


@pytest.mark.parametrize("name", MATCHED)
def test_no_other_member_has_a_larger_mean_log_density(name):
    """Brute force: the gradient of the mean log density over points vanishes at the match."""
    made = family(name)
    torch.manual_seed(1)
    points = made.at(vectors(made, seed=4)).sample((500,)).double()
    values = made.from_statistics(*(each.mean(0) for each in made.statistics(points)))
    theta = made.space.unconstrain(values).requires_grad_()
    mean = log_density_of(made.at(theta))(points).mean()
    (gradient,) = torch.autograd.grad(mean, theta)
    assert gradient.abs().max() <= 1e-9

    def surprise(vector):
        with torch.no_grad():
            return -float(log_density_of(made.at(torch.as_tensor(vector)))(points).mean())

    best = optimize.minimize(surprise, theta.detach().numpy() + 0.1, method="Nelder-Mead").fun
    assert -float(mean.detach()) <= best + 1e-9


@pytest.mark.parametrize("concentration", [1e-3, 0.1, 1.0, 30.0, 1e5])
def test_a_gamma_of_any_concentration_is_found_to_the_digits_of_its_moments(concentration):
    member = Gamma(torch.tensor(concentration).double(), torch.tensor(2.0).double())
    k, rate = member.concentration, member.rate
    made = family("gamma")
    found = made.from_statistics(k / rate, k.digamma() - rate.log())
    digits = 1e-14 * (1 + concentration) * (1 + math.log(1 + concentration))
    torch.testing.assert_close(found["concentration"], k, rtol=10 * digits, atol=0)


@pytest.mark.parametrize("first", [1e-2, 0.5, 1.0, 40.0, 1e4])
@pytest.mark.parametrize("second", [1e-2, 0.5, 1.0, 40.0, 1e4])
def test_a_beta_of_any_concentrations_is_found(first, second):
    a, b = (torch.tensor(each, dtype=torch.float64) for each in (first, second))
    means = [each.digamma() - (a + b).digamma() for each in (a, b)]
    found = family("beta").from_statistics(*means)
    digits = 1e-14 * (1 + first + second) / min(1, first, second)  # of the moments themselves
    torch.testing.assert_close(found["concentration1"], a, rtol=digits, atol=0)
    torch.testing.assert_close(found["concentration0"], b, rtol=digits, atol=0)


def test_a_dirichlet_of_a_batch_is_found():
    a = torch.tensor([[0.3, 2.0, 11.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    means = a.digamma() - a.sum(-1, keepdim=True).digamma()
    found = family("dirichlet").from_statistics(*means.unbind(-1))
    torch.testing.assert_close(found["concentration"], a, rtol=1e-11, atol=0)


def test_a_fit_of_an_exponential_family_is_exact():
    found = kldiv.fit("bimodal", "normal")
    assert found.parameters["scale"] == pytest.approx(math.sqrt(57.25), rel=1e-12)
    p = Gamma(torch.tensor(3.0).double(), torch.tensor(2.0).double())
    assert kldiv.fit(p, "exponential").parameters["rate"] == pytest.approx(2 / 3)
    mean = torch.tensor(3.0).double().digamma() - math.log(2)
    assert kldiv.fit(p, "lognormal").parameters["loc"] == pytest.approx(float(mean))
    poisson = kldiv.fit("poisson(rate=2.5)", "geometric")
    assert poisson.parameters["probs"] == pytest.approx(1 / 3.5)


def test_the_optima_of_the_experiment_in_the_plane_are_those_of_the_formulas():
    for direction, variance in (("forward", 0.9), ("reverse", 16 / 45)):
        found = kldiv.fit("correlated_normal", "isotropic_normal", direction=direction)
        assert float(found.parameters["scale"]) ** 2 == pytest.approx(variance, rel=1e-6)
        assert float(found.divergence) == pytest.approx(0.464356626, abs=1e-8)


# shapes, sizes, refusals ----------------------------------------------------------------------


def test_vectors_are_of_the_types_that_closed_forms_know():
    assert isinstance(family("isotropic_normal").at(torch.zeros(4)), Independent)
    assert isinstance(family("diagonal_normal").at(torch.zeros(6)), Independent)
    assert isinstance(family("full_normal").at(torch.zeros(9)), MultivariateNormal)


@pytest.mark.parametrize("name", ["full_normal", "full_normal(loc=[0.0,1.0,2.0])"])
def test_the_members_of_full_normals_are_those_of_their_parameters(name):
    made = kldiv.families.create(name).fitted_to(torch.Size([3]))
    theta = vectors(made, 2)
    values = made.values_at(theta)
    member, other = made.at(theta), made.distribution(**values)
    torch.testing.assert_close(member.loc, other.loc)
    torch.testing.assert_close(member.covariance_matrix, values["covariance_matrix"])
    torch.testing.assert_close(member.scale_tril, other.scale_tril)


def test_a_mixture_fits_scalars_and_vectors():
    made = kldiv.families.create("normal_mixture(components=3)")
    scalars, planes = made.fitted_to(torch.Size()), made.fitted_to(torch.Size([2]))
    assert scalars.at(torch.zeros(scalars.space.size)).event_shape == ()
    member = planes.at(vectors(planes, 5))
    assert isinstance(member, MixtureSameFamily)
    assert (member.batch_shape, member.event_shape) == ((5,), (2,))
    assert planes.values_at(vectors(planes, 5))["loc"].shape == (5, 3, 2)
    assert repr(planes.copy()) == repr(planes) == "normal_mixture(components=3)"
    with pytest.raises(ShapeMismatch, match="scalars or vectors"):
        made.fitted_to(torch.Size([2, 2]))
    with pytest.raises(ShapeMismatch, match="has size 2, the target 3"):
        planes.fitted_to(torch.Size([3]))


def test_a_mixture_begins_at_the_modes_where_there_are_enough():
    made = kldiv.families.create("normal_mixture").fitted_to(torch.Size())
    whole, *modes = (
        Place(torch.tensor(mean).double(), torch.tensor(variance).double())
        for mean, variance in ((2.5, 57.25), (-5.0, 1.0), (10.0, 4.0))
    )
    at_modes, spread = made.starts([whole, *modes], None)
    assert at_modes["loc"].tolist() == [-5, 10]
    assert at_modes["scale"].tolist() == [1, 2]
    assert spread["loc"].mean() == 2.5
    assert len(made.starts([whole], None)) == 1
    points = torch.tensor([-5.2, -4.8, -5.0, -5.1, 9.0, 10.0, 11.0, 10.5], dtype=torch.float64)
    by_parts, _ = made.starts([whole], points)
    assert by_parts["loc"].tolist() == pytest.approx([-5.025, 10.125])


def test_a_mixture_of_one_is_a_normal():
    found = kldiv.fit("bimodal", "normal_mixture(components=1)")
    assert float(found.parameters["scale"]) == pytest.approx(math.sqrt(57.25), rel=1e-6)


def test_parameters_may_be_held_fixed():
    for spec, free in [
        ("student_t(df=4)", {"loc", "scale"}),
        ("isotropic_normal(scale=2)", {"loc"}),
        ("normal_mixture(components=2, scale=[1, 1])", {"probs", "loc"}),
        ("binomial(total_count=7)", {"probs"}),
        ("beta(concentration0=1)", {"concentration1"}),
    ]:
        made = kldiv.families.create(spec)
        if "isotropic" in spec:
            made = made.fitted_to(torch.Size([2]))
        assert set(made.space.parameters) == free
        place = Place(torch.tensor(0.4).double(), torch.tensor(0.02).double())
        if "isotropic" in spec:
            place = Place(torch.zeros(2).double(), torch.ones(2).double())
        assert set(made.from_place(place)) == free
        assert set(made.copy().space.parameters) == free


def test_all_parameters_given_make_a_member():
    value = float(kldiv.divergence("bernoulli(probs=0.5)", "bernoulli(probs=0.7)"))
    assert value == pytest.approx(0.08717669357)
    p = Categorical(torch.tensor([0.2, 0.3, 0.5]).double())
    assert float(kldiv.divergence(p, "categorical(probs=[0.2, 0.3, 0.5])")) == pytest.approx(0)
    q = Dirichlet(torch.ones(3).double())
    assert float(kldiv.divergence("dirichlet(concentration=[1, 1, 1])", q)) == pytest.approx(0)


def test_a_categorical_that_never_shows_a_category_stays_finite():
    p = Categorical(torch.tensor([0.4, 0.6, 0.0], dtype=torch.float64))
    found = kldiv.fit(p, "categorical")
    assert found.parameters["probs"].tolist() == pytest.approx([0.4, 0.6, 0.0])
    assert float(found.divergence) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("normal(scale=-1)", InvalidArgument, "scale of normal must satisfy"),
        ("normal(sale=1)", InvalidArgument, "did you mean 'scale'"),
        ("binomial(total_count=2.5)", InvalidArgument, "total_count must be an integer, got 2.5"),
        ("binomial(total_count=0)", InvalidArgument, "total_count must be finite and at least 1"),
        (
            "normal_mixture(components=0)",
            InvalidArgument,
            "components must be finite and at least",
        ),
        ("normal_mixture(components=1.5)", InvalidArgument, "components must be an integer"),
        ("normal_mixture(components='two')", InvalidArgument, "components must be a number"),
        ("bernoulli(probs=1.5)", InvalidArgument, "probs of bernoulli must satisfy"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(spec, error, message):
    with pytest.raises(error, match=message):
        kldiv.families.create(spec)
