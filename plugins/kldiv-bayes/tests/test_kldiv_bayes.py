"""A Pyro model is a density of real numbers: that of the formula, in one call for many points."""

import pyro
import pytest
import torch

from kldiv_bayes import PyroTarget, pyro_target
from kldiv_bayes.models import eight_schools
from pyro import distributions as dist

import kldiv

from kldiv.registries import plugin_galleries, plugin_report
from kldiv.testing.pytest_cases import laws_of

test_the_targets_obey_the_laws = laws_of("kldiv-bayes")

F64 = torch.float64


def normals(number, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, size, dtype=F64, generator=generator)


def everything(y):
    """Unknowns of all shapes and constraints."""
    pyro.sample("share", dist.Beta(2.0, 3.0))
    weights = pyro.sample("weights", dist.Dirichlet(torch.ones(3, dtype=F64)))
    scale = pyro.sample("scale", dist.Gamma(2.0, 1.0))
    with pyro.plate("rows", 2):
        rows = pyro.sample("rows_of", dist.Normal(torch.zeros(3, dtype=F64), 1.0).to_event(1))
    with pyro.plate("data", len(y)):
        pyro.sample("y", dist.Normal((rows @ weights).sum(), scale), obs=y)


ALL = pyro_target(everything, torch.tensor([0.5, -1.0], dtype=F64))


def test_the_plugin_is_found_and_whole():
    (plugin,) = [each for each in plugin_report() if each.distribution == "kldiv-bayes"]
    assert plugin.state == "ok"
    assert plugin.components["targets"] == ("pyro_eight_schools", "pyro_logistic_regression")


@pytest.mark.parametrize("centered", [False, True])
def test_eight_schools_is_the_built_in_density_but_for_the_evidence(centered):
    target = kldiv.targets.create("pyro_eight_schools", centered=centered)
    exact = kldiv.targets.create("eight_schools", centered=centered)
    x = 2 * normals(200, 10)
    apart = target.log_prob(x) - exact.log_prob(x)
    assert torch.allclose(apart, exact.log_evidence, rtol=0, atol=1e-9)


def test_logistic_regression_is_the_built_in_density_but_for_a_constant():
    features, labels = normals(30, 3), (normals(30, 1, seed=1)[:, 0] > 0).double()
    target = kldiv.targets.create("pyro_logistic_regression", features=features, labels=labels)
    built_in = kldiv.targets.create("logistic_regression", features=features, labels=labels)
    x = normals(50, 3, seed=2)
    apart = target.log_prob(x) - built_in.log_prob(x)
    assert torch.allclose(apart, apart[0], rtol=0, atol=1e-10)


def test_made_up_data_have_five_weights():
    assert kldiv.targets.create("pyro_logistic_regression").event_shape == (5,)


def test_a_point_has_a_coordinate_for_each_free_number():
    assert ALL.event_shape == (1 + 2 + 1 + 2 * 3,)
    assert repr(ALL) == (
        "PyroTarget(everything of share, weights, scale, rows_of, event_shape=(10,))"
    )


def test_values_obey_their_constraints_and_lead_back():
    x = normals(20, 10).reshape(4, 5, 10)
    values = ALL.to_constrained(x)
    assert {name: tuple(value.shape) for name, value in values.items()} == {
        "share": (4, 5),
        "weights": (4, 5, 3),
        "scale": (4, 5),
        "rows_of": (4, 5, 2, 3),
    }
    assert ((values["share"] > 0) & (values["share"] < 1)).all()
    assert torch.allclose(values["weights"].sum(-1), torch.ones(4, 5, dtype=F64))
    assert torch.allclose(ALL.to_unconstrained(values), x, atol=1e-9)


def test_the_density_of_one_unknown_is_that_of_its_image():
    # a gamma prior without data: its density is known, and its mass is 1
    target = pyro_target(lambda: pyro.sample("scale", dist.Gamma(2.0, 3.0)))
    x = torch.linspace(-4, 2, 50, dtype=F64).unsqueeze(-1)
    gamma = torch.distributions.Gamma(torch.tensor(2.0, dtype=F64), 3.0)
    expected = gamma.log_prob(x.exp()).squeeze(-1) + x.squeeze(-1)
    assert torch.allclose(target.log_prob(x), expected, atol=1e-12)


def test_data_and_numbers_in_float32_are_taken_in_float64():
    def model(x, y):
        weights = pyro.sample("weights", dist.Gamma(2.0, torch.tensor([0.1, 3.0])).to_event(1))
        pyro.sample("y", dist.Normal(x @ weights, 0.1).to_event(1), obs=y)

    target = pyro_target(model, torch.tensor([[0.5, 1.0]]), y=torch.tensor([2.0]))
    x = normals(5, 2)
    found = target.log_prob(x)
    weights = x.exp()
    gamma = torch.distributions.Gamma(torch.tensor(2.0, dtype=F64), torch.tensor([0.1, 3.0]))
    noise = torch.distributions.Normal(weights @ torch.tensor([0.5, 1.0], dtype=F64), 0.1)
    assert torch.get_default_dtype() == torch.float32
    assert found.dtype == F64
    prior = (gamma.log_prob(weights) + x).sum(-1)
    assert torch.allclose(found, prior + noise.log_prob(torch.tensor(2.0)), rtol=1e-5)


def test_many_points_are_what_they_are_one_by_one():
    x = normals(12, 10).reshape(3, 4, 10)
    together = ALL.log_prob(x)
    alone = torch.stack([ALL.log_prob(each) for each in x.reshape(-1, 10)])
    assert torch.allclose(together.flatten(), alone, atol=1e-10)


def test_a_model_that_cannot_be_vectorised_is_evaluated_point_by_point():
    def branching(y):
        mu = pyro.sample("mu", dist.Normal(0.0, 1.0))
        pyro.sample("y", dist.Normal(abs(float(mu)), 1.0), obs=y)

    target = pyro_target(branching, torch.tensor(1.0))
    x = torch.tensor([[-2.0], [2.0]], dtype=F64)
    assert torch.equal(*target.log_prob(x))


def test_gradients_are_those_of_finite_differences():
    x, along = normals(5, 10).requires_grad_(), normals(5, 10, seed=1)
    (slope,) = torch.autograd.grad(ALL.log_prob(x).sum(), x)
    ends = [ALL.log_prob(x.detach() + step * along).sum() for step in (1e-6, -1e-6)]
    assert float((slope * along).sum()) == pytest.approx(float(ends[0] - ends[1]) / 2e-6, rel=1e-5)


def test_overflow_is_no_density_rather_than_nan():
    def explosive():
        rate = pyro.sample("rate", dist.Normal(0.0, 1.0))
        pyro.sample("y", dist.Poisson(rate.exp().exp()), obs=torch.tensor(3.0))

    target = pyro_target(explosive)
    assert target.log_prob(torch.tensor([[1.0], [900.0]], dtype=F64))[1] == -torch.inf


def test_a_model_of_a_normal_is_fitted_exactly():
    def model(y):
        mu = pyro.sample("mu", dist.Normal(torch.zeros(3, dtype=F64), 2.0).to_event(1))
        with pyro.plate("data", len(y)):
            pyro.sample("y", dist.Normal(mu, 1.0).to_event(1), obs=y)

    y = 1.5 + normals(20, 3)
    found = kldiv.fit(pyro_target(model, y), "full_normal", direction="reverse")
    assert found.converged
    # conjugate: precision 1/4 + 20, mean 20/(20.25) of that of the data
    assert torch.allclose(found.q.mean, y.mean(0) * 20 / 20.25, atol=1e-4)
    assert torch.allclose(found.q.variance, torch.full((3,), 1 / 20.25, dtype=F64), rtol=1e-3)


def test_eight_schools_is_fitted_as_the_built_in_target_is():
    found = kldiv.fit("pyro_eight_schools", "diagonal_normal", direction="reverse")
    built_in = kldiv.fit("eight_schools", "diagonal_normal", direction="reverse")
    assert found.converged
    assert torch.allclose(found.q.mean, built_in.q.mean, atol=0.02)


def test_pyro_and_torch_are_left_as_they_were():
    checked, store = torch.distributions.Distribution._validate_args, pyro.get_param_store()
    state = torch.random.get_rng_state()
    pyro_target(everything, torch.zeros(2, dtype=F64)).log_prob(normals(2, 10))
    assert torch.distributions.Distribution._validate_args == checked
    assert torch.equal(torch.random.get_rng_state(), state)
    assert len(store) == 0


def discrete():
    pyro.sample("k", dist.Bernoulli(0.5))


def subsampled(y):
    mu = pyro.sample("mu", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(y), subsample_size=2) as chosen:
        pyro.sample("y", dist.Normal(mu, 1.0), obs=y[chosen])


def regression(features, labels, **more):
    """What makes a target of these data."""
    given = {"features": features, "labels": labels, **more}
    return lambda: kldiv.targets.create("pyro_logistic_regression", **given)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: pyro_target(discrete), kldiv.NotAvailable, "site 'k' is discrete"),
        (
            lambda: pyro_target(subsampled, torch.zeros(5)),
            kldiv.NotAvailable,
            "plate 'data' takes a subsample",
        ),
        (lambda: pyro_target(lambda: None), kldiv.InvalidArgument, "no unknowns"),
        (lambda: pyro_target(3), kldiv.InvalidType, "must be a function with pyro.sample, got 3"),
        (
            lambda: ALL.to_unconstrained({"share": 0.5}),
            kldiv.InvalidArgument,
            "lack 'weights'; give all of share, weights, scale, rows_of",
        ),
        (
            lambda: ALL.to_unconstrained({"share": 1.5}),
            kldiv.InvalidArgument,
            "share must satisfy",
        ),
        (
            lambda: kldiv.targets.create("pyro_logistic_regression", labels=torch.ones(3)),
            kldiv.InvalidArgument,
            "must be given together",
        ),
        (regression([[1.0]], [2]), kldiv.InvalidArgument, "labels must be 0 or 1"),
        (regression([[1.0]], [1, 0]), kldiv.ShapeMismatch, "each of the 1 rows"),
        (regression([1.0], [1]), kldiv.ShapeMismatch, "features must be a matrix"),
        (regression([["a"]], [1]), kldiv.InvalidType, "features must be a matrix"),
        (regression([[torch.nan]], [1]), kldiv.InvalidArgument, "features must be finite"),
        (regression([[1.0]], [1], scale=0), kldiv.InvalidArgument, "scale must be positive"),
    ],
    ids=range(13),
)
def test_what_has_no_density_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_function_and_its_class_are_there_by_name():
    data = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0])
    assert isinstance(pyro_target(eight_schools, *data), PyroTarget)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        __import__("kldiv_bayes").nothing  # noqa: B018


def test_the_gallery_is_part_of_the_package():
    (gallery,) = [each for each in plugin_galleries() if each.plugin == "kldiv-bayes"]
    assert (gallery.folder / "GALLERY_HEADER.rst").is_file()
    assert list(gallery.folder.glob("plot_*.py"))
