"""Nets of points are uniform in every coordinate, and their images have the right law."""

import pytest
import torch

from torch.distributions import (
    Categorical,
    Exponential,
    Independent,
    Kumaraswamy,
    Laplace,
    LogNormal,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    Uniform,
    Weibull,
)

from kldiv.estimators.sampling import quasi_random
from kldiv.estimators.sampling.quasi_random import cube_map, sobol, sobol_blocks

F64 = torch.float64


def double(*values):
    return torch.tensor(values, dtype=F64)


ROOT = double((1.0, 0.0, 0.0), (0.4, 0.8, 0.0), (-0.3, 0.2, 1.1))
VECTORS = Independent(Laplace(double((0, 1, 2), (3, -1, 0)), double((1, 2, 1), (0.5, 1, 2))), 1)
MAPPED = [
    (Normal(double(0.0, 2.0), double(1.0, 3.0)), 1),
    (LogNormal(double(0.0, 0.3), double(0.5, 0.2)), 1),
    (Exponential(double(1.0, 3.0)), 1),
    (Weibull(double(1.0, 2.0), double(2.5, 3.0)), 1),
    (Kumaraswamy(double(1.0, 2.0), double(3.0, 1.0)), 1),
    (Independent(Uniform(double((0, 1), (2, 3)), double((1, 4), (5, 9))), 1), 2),
    (MultivariateNormal(double((0, 1, 2), (2, 1, 0)), scale_tril=ROOT), 3),
    (
        LowRankMultivariateNormal(
            double((0, 1), (2, 3)), double(((0.5,), (1,)), ((1,), (-1,))), double((1, 2), (1, 1))
        ),
        3,
    ),
    (
        MixtureSameFamily(
            Categorical(double((0.3, 0.7), (1, 0))), Normal(double((0, 4), (1, 2)), 1.0)
        ),
        2,
    ),
    (MixtureSameFamily(Categorical(double(0.3, 0.7)), VECTORS), 4),
]


@pytest.mark.parametrize(("distribution", "dimensions"), MAPPED, ids=range(len(MAPPED)))
def test_images_have_the_mean_and_the_variance_of_the_law(distribution, dimensions):
    found = cube_map(distribution)
    assert found.dimensions == dimensions
    batch = distribution.batch_shape
    points = found.transport(sobol(1024, (32, *batch, dimensions), 0).flatten(0, 1))
    assert points.shape == (32 * 1024, *batch, *distribution.event_shape)
    replicates = points.unflatten(0, (32, 1024))
    for values, truth in (
        (replicates.mean(1), distribution.mean),
        (replicates.square().mean(1), distribution.mean.square() + distribution.variance),
    ):
        stderr = values.std(0) / 32**0.5
        assert ((values.mean(0) - truth).abs() <= 5 * stderr + 1e-9).all()
    # evenly spread: far closer to the mean than 32 768 independent points would be
    assert ((replicates.mean((0, 1)) - distribution.mean).abs() <= distribution.stddev / 600).all()


@pytest.mark.parametrize("distribution", [StudentT(double(3.0)), Poisson(double(3.0)), None])
def test_what_is_no_known_image_of_the_cube_has_no_map(distribution):
    assert cube_map(distribution) is None
    if distribution is not None:
        assert cube_map(Independent(distribution, 1)) is None


def test_points_of_a_replicate_fill_every_interval_equally():
    points = sobol(64, (8, 3), 1)
    assert points.shape == (8, 64, 3)
    assert ((points > 0) & (points < 1)).all()
    cells = (points * 64).floor().sort(1).values
    assert torch.equal(cells, torch.arange(64, dtype=F64).reshape(1, -1, 1).expand(8, 64, 3))


def test_replicates_and_elements_of_a_batch_are_independent_and_follow_the_seed():
    first = sobol(16, (4, 2, 1), 1)
    assert torch.equal(first, sobol(16, (4, 2, 1), 1))
    assert not torch.equal(first, sobol(16, (4, 2, 1), 2))
    assert len(first[:, 0].flatten().unique()) == 8
    means = sobol(8, (4_000, 1), 3).mean((1, 2))
    assert abs(float(means.mean()) - 0.5) <= 4.5 * float(means.std()) / 4_000**0.5


@pytest.mark.parametrize("most", [1, 12, 100, 1 << 20])
@pytest.mark.parametrize("shape", [(1, 3), (4, 3), (4, 2, 3)])
def test_blocks_of_any_size_are_the_same_points(shape, most, monkeypatch):
    whole = sobol(16, shape, 1).flatten(0, 1)
    monkeypatch.setattr(quasi_random, "AT_ONCE", most)
    blocks = list(sobol_blocks(16, shape, 1))
    assert torch.equal(torch.cat(blocks), whole)
    each = whole[0].numel()
    assert max(block.numel() for block in blocks) <= max(most, each)


def test_the_state_of_torch_is_left_alone():
    before = torch.get_rng_state()
    sobol(16, (4, 2), 1)
    assert torch.equal(torch.get_rng_state(), before)
