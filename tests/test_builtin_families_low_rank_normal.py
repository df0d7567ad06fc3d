"""The normal family of low rank: members, fits to full normals, sizes."""

import math
import warnings

import numpy as np
import pytest
import torch

from torch.distributions import LowRankMultivariateNormal, MultivariateNormal

import kldiv

from kldiv.builtin.families.factor_analysis import nearest_factors
from kldiv.definitions.place import Place
from kldiv.errors import InvalidArgument


def covariance(parameters):
    factor = parameters["cov_factor"]
    return factor @ factor.mT + torch.diag_embed(parameters["cov_diag"])


def member(size, rank, seed=0):
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(size, rank, generator=generator, dtype=torch.float64)
    diagonal = 0.3 + torch.rand(size, generator=generator, dtype=torch.float64)
    return torch.arange(size).double(), factor @ factor.mT + torch.diag(diagonal)


@pytest.mark.parametrize(("size", "rank"), [(2, 1), (10, 1), (10, 3)])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_full_normal_of_that_rank_is_found(size, rank, direction):
    mean, matrix = member(size, rank)
    found = kldiv.fit(
        MultivariateNormal(mean, matrix), f"low_rank_normal(rank={rank})", direction=direction
    )
    assert found.converged, found.verdict
    assert found.divergence.method == "exact"
    assert float(found.divergence) == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(found.parameters["loc"], mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(covariance(found.parameters), matrix, rtol=0, atol=1e-6)


def test_a_member_is_found_from_elsewhere():
    mean, matrix = member(2, 1)
    start = {"loc": [5.0, 5.0], "cov_factor": [[0.3], [-0.2]], "cov_diag": [3.0, 0.1]}
    found = kldiv.fit(MultivariateNormal(mean, matrix), "low_rank_normal", starts=start)
    torch.testing.assert_close(covariance(found.parameters), matrix, rtol=0, atol=1e-6)


def test_the_nearest_of_rank_one_keeps_the_variances_of_its_target():
    """A known property of factor analysis: forward, the diagonal is the target's."""
    correlation = torch.tensor([[1.0, 0.6, 0.5], [0.6, 1.0, 0.2], [0.5, 0.2, 1.0]])
    scales = torch.tensor([1.0, 2.0, 0.5, 1.5], dtype=torch.float64)
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3, :3] = correlation.double()
    matrix[3, :3] = matrix[:3, 3] = 0.3
    matrix = matrix * scales * scales.unsqueeze(-1)
    p = MultivariateNormal(torch.zeros(4).double(), matrix)
    found = kldiv.fit(p, "low_rank_normal")
    assert found.converged, found.verdict
    assert float(found.divergence) > 1e-3
    own = covariance(found.parameters).diagonal()
    torch.testing.assert_close(own, matrix.diagonal(), rtol=1e-6, atol=0)


def test_data_are_fitted_with_a_likelihood_between_diagonal_and_full():
    mean, matrix = member(4, 1)
    torch.manual_seed(0)
    points = MultivariateNormal(mean, matrix).sample((400,))
    surprise = [
        float(kldiv.fit(points, name).divergence)
        for name in ("full_normal", "low_rank_normal", "diagonal_normal")
    ]
    assert surprise[0] < surprise[1] < surprise[0] + 0.02 < surprise[2]


def test_a_start_has_the_means_and_variances_of_its_place():
    mean, matrix = member(5, 2)
    family = kldiv.families.create("low_rank_normal(rank=2)").fitted_to(torch.Size([5]))
    start = family.from_place(Place(mean, matrix.diagonal(), matrix))
    torch.testing.assert_close(covariance(start).diagonal(), matrix.diagonal())
    assert (start["cov_diag"] > 0).all()
    many = kldiv.families.create("low_rank_normal(rank=7)").fitted_to(torch.Size([5]))
    assert many.from_place(Place(mean, matrix.diagonal(), matrix))["cov_factor"].shape == (5, 7)


def test_a_factor_held_fixed_tells_the_size():
    family = kldiv.families.create("low_rank_normal(cov_factor=[[1], [2], [0]])")
    assert family.size == 3
    assert set(family.space.parameters) == {"loc", "cov_diag"}
    assert isinstance(family(), LowRankMultivariateNormal)
    assert repr(family.copy()) == "low_rank_normal(rank=1, cov_factor=…)"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("low_rank_normal(rank=0)", "rank must be finite and at least 1, got 0"),
        ("low_rank_normal(rank=1.5)", "rank must be an integer, got 1.5"),
        (
            "low_rank_normal(cov_factor=[[1, 2]])",
            r"cov_factor must have shape \(D, 1\) as rank is 1, got \(1, 2\)",
        ),
        ("low_rank_normal(cov_diag=[1, -1])", "cov_diag of low_rank_normal must satisfy"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(spec, message):
    with pytest.raises(InvalidArgument, match=message):
        kldiv.families.create(spec)


def test_a_number_of_factors_as_large_as_the_size_is_a_full_normal():
    generator = torch.Generator().manual_seed(3)
    root = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    matrix = root @ root.mT + 0.2 * torch.eye(3, dtype=torch.float64)
    p = MultivariateNormal(torch.zeros(3).double(), matrix)
    found = kldiv.fit(p, "low_rank_normal(rank=3)")
    assert float(found.divergence) == pytest.approx(0, abs=1e-9)
    assert math.isfinite(float(found.parameters["cov_diag"].min()))


@pytest.mark.parametrize(
    ("direction", "lowest"), [("forward", 49.6802774), ("reverse", 41.5188973)]
)
def test_the_lowest_of_several_minima_is_found_in_fifty_dimensions(direction, lowest):
    """The lowest of descents of a loop of scipy's from random factors and variances."""
    random = np.random.default_rng(8801)
    turn = np.linalg.qr(random.normal(size=(50, 50)))[0]
    wide = 10 ** random.uniform(1, 4)
    values = np.exp(random.uniform(-math.log(wide) / 2, math.log(wide) / 2, 50))
    matrix = (turn * values) @ turn.T * 10 ** (2 * random.uniform(-3, 3))
    p = MultivariateNormal(torch.zeros(50).double(), torch.from_numpy((matrix + matrix.T) / 2))
    found = kldiv.fit(p, "low_rank_normal(rank=3)", direction=direction)
    assert found.converged, found.verdict
    assert float(found.divergence) == pytest.approx(lowest, abs=2e-6)


def test_the_lowest_end_is_the_answer_though_a_variance_goes_to_zero():
    generator = torch.Generator().manual_seed(5)  # of which another minimum is 0.11 nats higher
    turn, _ = torch.linalg.qr(torch.randn(10, 10, generator=generator, dtype=torch.float64))
    matrix = (turn * torch.logspace(-1, 1, 10, dtype=torch.float64)) @ turn.mT
    p = MultivariateNormal(torch.zeros(10).double(), matrix)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kldiv.ConvergenceWarning)
        found = kldiv.fit(p, "low_rank_normal(rank=3)")
    least = nearest_factors(matrix, 3, forward=True).divergence[0]
    assert float(found.parameters["cov_diag"].min()) < 1e-6
    assert float(found.divergence) == pytest.approx(float(least), abs=1e-5)
