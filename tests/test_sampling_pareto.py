"""The shape of a tail, of samples whose shape is known."""

import pytest
import torch

from kldiv.estimators.sampling.pareto import pareto_shape


def uniforms(*shape):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [-0.5, 0.1, 0.3, 0.5, 0.7, 1.5])
def test_generalised_pareto_samples_have_their_shape(shape):
    found = pareto_shape((uniforms(40_000, 20).pow(-shape) - 1) / shape)
    # the deviation of one fit to 600 values is (1 + k) / √600, and the prior adds 0.02 at most
    assert abs(float(found.mean()) - shape) <= 4 * (1 + shape) / 600**0.5 / 20**0.5 + 0.02
    assert float(found.std()) <= 1.6 * (1 + shape) / 600**0.5


def test_light_and_bounded_tails_are_below_the_limits():
    assert (pareto_shape(uniforms(5_000, 4)) < -0.5).all()
    assert (pareto_shape(-uniforms(5_000, 4).log()) < 0.35).all()


def test_the_unit_and_the_bulk_do_not_matter():
    values = uniforms(2_000).pow(-0.6)
    largest = values > values.quantile(0.8)
    changed = torch.where(largest, values, 0.0)
    torch.testing.assert_close(pareto_shape(1e200 * values), pareto_shape(values))
    torch.testing.assert_close(pareto_shape(changed), pareto_shape(values))


def test_what_has_no_tail_has_the_shape_0_and_too_few_have_none():
    assert float(pareto_shape(torch.zeros(1_000, dtype=torch.float64))) == 0
    assert float(pareto_shape(torch.ones(1_000, dtype=torch.float64))) == 0
    assert pareto_shape(uniforms(20)).isnan()
    assert pareto_shape(uniforms(25)).isfinite()
