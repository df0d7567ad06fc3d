"""A scene shows where the mass is, of as many dimensions as can be seen."""

import numpy as np
import pytest
import torch

from torch.distributions import MultivariateNormal, Normal, Poisson

import kldiv

from kldiv.errors import InvalidArgument
from kldiv.pictures.scenes import NEGLIGIBLE, members, scene_of, way_of

LINE = {"loc": 1.5, "scale": 2.0}
PLANE = {"loc": [0.3, -0.2], "scale": 1.0}


def double(value):
    return torch.tensor(value, dtype=torch.float64)


@pytest.fixture(scope="module")
def line():
    return kldiv.fit("normal", "normal", direction="reverse", starts=LINE)


def test_a_plane_has_rows_along_its_second_coordinate():
    fit = kldiv.fit("correlated_normal", "isotropic_normal", direction="reverse", starts=PLANE)
    scene = scene_of(fit)
    row, column = 20, 90
    point = torch.tensor([scene.x[column], scene.y[row]])

    assert scene.kind == "plane"
    assert scene.q(fit.q)[row, column] == pytest.approx(float(fit.q.log_prob(point).exp()))
    assert scene.p[row, column] == pytest.approx(float(fit.target.log_prob(point).exp()))


def test_counts_are_shown_wherever_they_have_mass():
    fit = kldiv.fit(Poisson(double(400.0)), "poisson", starts={"rate": 380.0})
    scene = scene_of(fit)

    assert scene.kind == "counts"
    np.testing.assert_array_equal(np.diff(scene.x), 1.0)
    assert scene.x[0] > 250
    assert scene.p.min() > 0.99 * NEGLIGIBLE * scene.p.max()
    # beyond NEGLIGIBLE of the peak, √(2 log 10⁴) = 4.3 standard deviations, lie 2e-5
    assert scene.p.sum() == pytest.approx(1, abs=1e-4)


def test_space_has_nothing_to_see():
    target = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    scene = scene_of(kldiv.fit(target, "diagonal_normal", direction="reverse"))

    assert scene.kind == "none"
    assert scene.p is None


def test_members_and_their_way_are_those_of_the_history(line):
    steps = [0, len(line.history) - 1]
    first, last = members(line, line.history, steps)
    way = way_of(line, line.history, steps)

    assert float(first.loc) == pytest.approx(1.5)
    assert float(first.scale) == pytest.approx(2.0)
    assert float(last.scale) == pytest.approx(float(line.q.scale))
    assert way == pytest.approx(line.history.parameters["loc"][steps].numpy())


def test_many_targets_are_refused():
    fit = kldiv.fit(Normal(torch.zeros(2).double(), torch.ones(2).double()), "normal")

    with pytest.raises(InvalidArgument, match=r"2 targets, of batch shape \(2,\)"):
        scene_of(fit)
