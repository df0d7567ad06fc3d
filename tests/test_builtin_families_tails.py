"""Laplace's family: its optimum for data is a median, which no Hessian can tell from a slope."""

import pytest
import torch

import kldiv

F64 = torch.float64


@pytest.mark.parametrize(
    ("points", "weights", "loc", "scale"),
    [
        ([3.0, 0.0, 1.0], None, 1.0, 1.0),
        ([3.0, 0.0, 1.0, 2.0], None, 1.5, 1.0),
        ([3.0, 0.0, 1.0], [0.6, 0.2, 0.2], 3.0, 1.0),
        ([3.0, 0.0, 1.0], [0.5, 0.25, 0.25], 2.0, 1.25),
    ],
)
def test_data_are_fitted_by_a_median_and_the_mean_distance_from_it(points, weights, loc, scale):
    target = kldiv.targets.create("samples", values=points, weights=weights)
    found = kldiv.fit(target, "laplace")
    assert found.converged
    assert found.solver == "moment_matching"
    assert float(found.parameters["loc"]) == pytest.approx(loc, abs=1e-12)
    assert float(found.parameters["scale"]) == pytest.approx(scale, abs=1e-12)


def test_what_is_held_fixed_stays():
    points = torch.tensor([0.0, 1.0, 5.0], dtype=F64)
    assert float(kldiv.fit(points, "laplace(loc=2.0)").parameters["scale"]) == pytest.approx(2.0)
    assert float(kldiv.fit(points, "laplace(scale=0.1)").parameters["loc"]) == pytest.approx(1.0)


def test_no_member_is_below_the_optimum():
    points = torch.randn(101, generator=torch.Generator().manual_seed(0), dtype=F64)
    least = kldiv.fit(points, "laplace").divergence.value
    loc, scale = torch.meshgrid(
        torch.linspace(-1, 1, 41).double(), torch.linspace(0.3, 2, 41).double(), indexing="ij"
    )
    others = kldiv.divergence(points, torch.distributions.Laplace(loc, scale)).value
    assert (others >= least - 1e-12).all()
