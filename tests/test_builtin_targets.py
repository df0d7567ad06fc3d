"""The built-in targets: what they are, and what they refuse."""

import math

import numpy as np
import pytest
import torch

from torch.distributions import Distribution, MultivariateNormal

import kldiv

from kldiv.builtin.targets import discrete, mixtures, normal, samples
from kldiv.definitions.sample_target import SampleTarget
from kldiv.definitions.target import Target
from kldiv.errors import InvalidArgument, InvalidType, ShapeMismatch
from kldiv.resolving import as_target

NAMES = [entry.name for entry in kldiv.targets.values() if entry.plugin == "kldiv"]
MADE = [name for name in NAMES if name != "samples"]
SAMPLED = [name for name in MADE if name != "logistic_regression"]


@pytest.mark.parametrize("name", MADE)
def test_a_target_is_made_of_its_name_alone_in_double_precision(name):
    target = as_target(name, "target")
    assert isinstance(target, Target)
    assert target.dtype == torch.float64


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sample_follows_the_density(name):
    """The share of points below each decile of the sample is that of the density.

    In more dimensions the mean of r / p over a sample is 1, for a normal density r inside of p.
    """
    target = as_target(name, "target")
    points = target.sample(torch.Size([20_000]), seed=0)
    if target.event_shape:
        dense = points[target.log_prob(points[:1000]).argmax()]
        inner = MultivariateNormal(dense, 0.01 * torch.eye(len(dense), dtype=torch.float64))
        if len(dense) > 2:
            inner = MultivariateNormal(points.mean(0), 0.5 * points.T.cov())
        ratio = (inner.log_prob(points) - target.log_prob(points)).exp()
        assert abs(float(ratio.mean()) - 1) <= 5 * float(ratio.std()) / math.sqrt(len(points))
        assert float(ratio.std()) / math.sqrt(len(points)) < 0.2
        return
    grid = torch.linspace(-60, 60, 120_001, dtype=torch.float64)
    if name in ("coin", "poisson"):
        grid = torch.arange(0, 60 if name == "poisson" else 2).double()
    density = target.log_prob(grid).exp()
    below = density.cumsum(0) / density.sum()
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        at = torch.searchsorted(below, share)
        tail = below[at] if grid[at] % 1 == 0 else share
        found = (points <= grid[at] + 1e-9).double().mean()
        stderr = math.sqrt(0.25 / len(points))
        slack = 0.02 if name == "cauchy" else 2e-3  # what the grid leaves out
        assert abs(float(found - tail)) <= 5 * stderr + slack


@pytest.mark.parametrize(
    ("name", "mass"),
    [("normal", 1), ("student_t", 1), ("bimodal", 1), ("mixture", 1), ("normal_sum", 2)],
)
def test_the_mass_is_that_of_the_definition(name, mass):
    grid = torch.linspace(-3000, 3000, 600_001, dtype=torch.float64)
    density = as_target(name, "target").log_prob(grid).exp()
    assert float(density.sum() * (grid[1] - grid[0])) == pytest.approx(mass, abs=1e-7)


def test_the_defaults_are_those_of_the_experiments():
    assert float(discrete.coin().probs) == 0.5
    matrix = torch.tensor([[0.9, -0.7], [-0.7, 0.9]], dtype=torch.float64)
    torch.testing.assert_close(normal.correlated_normal().covariance_matrix, matrix)
    bimodal = mixtures.bimodal()
    assert bimodal.component_distribution.loc.tolist() == [-5, 10]
    assert bimodal.component_distribution.scale.tolist() == [1, 1]
    assert bimodal.mixture_distribution.probs.tolist() == [0.5, 0.5]
    total = mixtures.normal_sum()
    assert not total.normalize
    x = torch.linspace(-15, 15, 7, dtype=torch.float64)
    torch.testing.assert_close(total.log_prob(x), bimodal.log_prob(x) + math.log(2))


def test_a_batch_of_parameters_is_a_batch_of_targets():
    assert normal.normal(loc=[0, 1, 2], scale=0.5).batch_shape == (3,)
    assert discrete.poisson([[1.0], [2.0]]).batch_shape == (2, 1)
    assert discrete.coin(torch.tensor([0.2, 0.4])).batch_shape == (2,)
    assert normal.student_t(df=[2.0, 3.0]).batch_shape == (2,)


def test_gradients_reach_the_arguments_of_a_target():
    loc = torch.tensor([-5.0, 10.0], dtype=torch.float64, requires_grad=True)
    value = mixtures.mixture([0.5, 0.5], loc, [1.0, 1.0]).log_prob(torch.tensor(0.0).double())
    assert torch.autograd.grad(value, loc)[0].abs().max() > 0


def test_a_correlated_normal_may_have_any_number_of_coordinates():
    target = normal.correlated_normal(loc=[0.0] * 100, correlation=0.5, variance=range(1, 101))
    matrix = target.covariance_matrix
    assert matrix.shape == (100, 100)
    assert float(matrix[3, 8]) == pytest.approx(0.5 * math.sqrt(4 * 9))
    assert matrix.diagonal().tolist() == list(range(1, 101))
    given = normal.correlated_normal(covariance_matrix=[[2.0, 1.0], [1.0, 2.0]])
    assert given.covariance_matrix.tolist() == [[2, 1], [1, 2]]


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("coin(probs=1.2)", InvalidArgument, "probs must be between 0 and 1, got 1.2"),
        ("coin(probs='heads')", InvalidType, "probs must be numbers, got 'heads'"),
        ("poisson(rate=0)", InvalidArgument, "rate must be positive, got 0"),
        ("normal(scale=-1)", InvalidArgument, "scale must be positive, got -1"),
        ("normal(loc=inf)", InvalidArgument, "loc must be finite, got inf"),
        ("normal(loc=[1, 2], scale=[1, 2, 3])", ShapeMismatch, "shapes that do not fit"),
        ("normal(loc=[])", InvalidArgument, "loc must not be empty"),
        ("student_t(df=0)", InvalidArgument, "df must be positive, got 0"),
        ("cauchy(scale=0)", InvalidArgument, "scale must be positive, got 0"),
        ("correlated_normal(correlation=-1)", InvalidArgument, "positive definite"),
        ("correlated_normal(correlation=2)", InvalidArgument, "correlation must be between -1"),
        ("correlated_normal(loc=0)", ShapeMismatch, "loc must be a list of numbers, got 0"),
        ("correlated_normal(variance=[1, 2, 3])", ShapeMismatch, "variance must be a number or 2"),
        (
            "correlated_normal(covariance_matrix=[[1, 2], [0, 1]])",
            InvalidArgument,
            "must be symmetric and positive definite",
        ),
        ("correlated_normal(covariance_matrix=[[1]])", ShapeMismatch, r"have shape \(2, 2\)"),
        ("correlated_normal(covariance_matrix=[1])", ShapeMismatch, "must be a matrix"),
        (
            "bimodal(weights=[0.5, 0.6])",
            InvalidArgument,
            r"weights must sum to 1, got \[0.5, 0.6\] with sum 1.1; divide by it",
        ),
        ("bimodal(weights=[0, 1])", InvalidArgument, "weights must be positive"),
        ("bimodal(loc=[1, 2, 3])", ShapeMismatch, "3 of loc"),
        (
            "bimodal(weights=[0.2, 0.3, 0.5], loc=[1, 2, 3], scale=[1, 1, 1])",
            ShapeMismatch,
            "bimodal has two parts, got 3 weights",
        ),
        ("mixture(scale=[1, 1])", ShapeMismatch, "must have the same length"),
        ("normal_sum(scale=[1])", ShapeMismatch, "must have the same length"),
        ("samples(values=[])", InvalidArgument, "samples must not be empty"),
        ("samples(values=[[[1]]])", ShapeMismatch, r"must have shape \(N\) or \(N, D\)"),
        ("samples(values=[1, inf])", InvalidArgument, "1 of 2 samples are NaN or infinite"),
        ("samples(values='none.csv')", InvalidArgument, "no file 'none.csv'"),
        ("samples(values=[1, 2], weights=[1])", ShapeMismatch, "weights must have shape"),
        ("samples(values=[1, 2], weights=[-1, 1])", InvalidArgument, "not negative"),
        ("samples", InvalidArgument, "needs values"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it_and_its_value(spec, error, message):
    with pytest.raises(error, match=message):
        kldiv.targets.create(spec)


# data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", "1\n2.5\n-3e1\n", [1, 2.5, -30]),
        ("a.csv", "height,weight\n1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("a.CSV", "\ufeff1, 2\n\n3, 4", [[1, 2], [3, 4]]),
        ("a.txt", "# made by hand\n1 2\n3 4\n", [[1, 2], [3, 4]]),
        ("a.txt", "x\n7\n", [7]),
    ],
)
def test_data_are_read_from_text(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    for given in (path, str(path)):
        target = samples.samples(given)
        assert isinstance(target, SampleTarget)
        assert target.points.dtype == torch.float64
        assert target.points.tolist() == expected


def test_data_are_read_from_numpy_files(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(3, 2))
    target = samples.samples(tmp_path / "a.npy", weights=[1, 2, 1])
    assert target.points.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert target.weights.tolist() == [0.25, 0.5, 0.25]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "holds no samples"),
        ("a.csv", "height\n", "holds no samples"),
        ("a.csv", "1,2\n3\n", "cannot be read as numbers"),
        ("a.csv", "1\nfour\n", "cannot be read as numbers"),
        ("a.csv", "1\nnan\n", "must hold finite numbers"),
        ("a.json", "[1]", "must be a file of kind .npy, .csv, .txt"),
        ("a.npy", "1", "cannot be read as numbers"),
    ],
)
def test_a_file_of_something_else_is_an_error_that_names_it(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=message) as caught:
        samples.samples(path)
    assert name in str(caught.value)


def test_an_array_of_objects_is_refused_without_running_it(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidArgument, match="cannot be read as numbers"):
        samples.samples(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.array(["text"]))
    with pytest.raises(InvalidArgument, match="must hold finite numbers"):
        samples.samples(tmp_path / "b.npy")


def test_the_cross_entropy_of_data_is_its_mean_surprise():
    found = kldiv.divergence("samples(values=[1, 2, 4], weights=[1, 1, 2])", "normal")
    expected = math.log(2 * math.pi) / 2 + (1 + 4 + 2 * 16) / 4 / 2
    assert found.up_to_constant
    assert float(found) == pytest.approx(expected)


def test_a_target_is_a_distribution_where_torch_has_one():
    for name in MADE:
        made = kldiv.targets.create(name)
        assert isinstance(made, Distribution) is (
            name not in ("normal_sum", "logistic_regression")
        )
