"""A member on the move is drawn at the step that is shown, and only there."""

import numpy as np
import pytest
import torch

from matplotlib.figure import Figure
from torch.distributions import Poisson

import kldiv

from kldiv.pictures.moving import TALLEST, OnLine, OnPlane, moving_of
from kldiv.pictures.scenes import scene_of

ON_A_LINE = {"loc": 1.5, "scale": 2.0}
ON_A_PLANE = {"loc": [0.3, -0.2], "scale": 1.0}


@pytest.fixture
def axes():
    return Figure().subplots()


def scene_from(target, family, start):
    return scene_of(kldiv.fit(target, family, direction="reverse", starts=start), start=True)


def test_a_curve_and_the_area_below_it_move_together(axes):
    scene = scene_from("normal", "normal", ON_A_LINE)
    last = len(scene.fit.history) - 1
    moving = moving_of(axes, scene, [0, last])
    assert isinstance(moving, OnLine)

    for frame in (1, 0):
        moving.show(frame)
        outline = moving.area.get_paths()[0].vertices
        np.testing.assert_array_equal(moving.line.get_ydata(), moving.densities[frame])
        assert outline[:, 1].max() == moving.densities[frame].max()
    assert moving.densities[0].max() < moving.densities[1].max()


def test_the_stems_of_counts_end_at_their_probabilities(axes):
    target = Poisson(torch.tensor(4.2, dtype=torch.float64))
    scene = scene_of(kldiv.fit(target, "geometric", direction="reverse"), start=True)
    moving = moving_of(axes, scene, [0, len(scene.fit.history) - 1])
    moving.show(1)

    ends = np.array([segment[1] for segment in moving.area.get_segments()])
    np.testing.assert_allclose(ends, np.stack([scene.x, scene.q(scene.fit.q)], -1), rtol=1e-13)


def test_a_needle_on_its_way_does_not_flatten_what_stands_still(axes):
    scene = scene_from("normal", "normal", {"loc": 0.0, "scale": 0.01})
    last = len(scene.fit.history) - 1
    moving = moving_of(axes, scene, [last, 0, last])
    peak = scene.p.max()

    assert moving.densities[1].max() > 10 * peak
    assert peak < axes.get_ylim()[1] < 1.1 * TALLEST * peak


def test_contours_are_replaced_and_the_way_grows_to_the_member_shown(axes):
    scene = scene_from("correlated_normal", "isotropic_normal", ON_A_PLANE)
    steps = [0, len(scene.fit.history) - 1]
    moving = moving_of(axes, scene, steps)
    assert isinstance(moving, OnPlane)

    moving.show(0)
    count = len(axes.get_children())
    assert moving.trace.get_xydata() == pytest.approx(np.array([[0.3, -0.2]]))

    moving.show(1)
    assert len(axes.get_children()) == count
    assert len(moving.trace.get_xydata()) == 2
    np.testing.assert_array_equal(moving.place.get_xydata()[0], moving.way[-1])
