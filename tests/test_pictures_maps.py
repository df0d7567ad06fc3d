"""A density on a plane is drawn where it is, bright where it is high."""

import numpy as np
import pytest

from matplotlib.figure import Figure

from kldiv.pictures.maps import draw_contours, draw_heat, glow

X, Y = np.linspace(-3, 3, 61), np.linspace(-2, 6, 81)


@pytest.fixture
def axes():
    return Figure().subplots()


def test_a_glow_brightens_from_its_dark_end():
    for role in ("p", "q"):
        brightness = glow(role)(np.linspace(0, 1, 50))[:, :3].sum(1)

        assert (np.diff(brightness) >= 0).all()
        assert brightness[-1] > 2 * brightness[0]


def test_every_cell_of_a_heat_map_is_centred_on_its_point(axes):
    density = np.zeros((81, 61))
    density[70, 10] = 1.0
    image = draw_heat(axes, X, Y, density, "p")
    row, column = np.unravel_index(image.get_array().argmax(), density.shape)
    left, right, bottom, top = image.get_extent()

    assert left + (column + 0.5) * (right - left) / 61 == pytest.approx(X[10])
    assert bottom + (row + 0.5) * (top - bottom) / 81 == pytest.approx(Y[70])
    assert image.origin == "lower"


def test_a_heat_map_is_ordered_as_the_density(axes):
    density = np.linspace(0, 2, 81 * 61).reshape(81, 61)
    shown = draw_heat(axes, X, Y, density, "p").get_array()

    assert (np.diff(np.asarray(shown).flatten()) > 0).all()


def test_contours_keep_to_their_radii_in_any_order_the_innermost_thickest(axes):
    density = 5.0 * np.exp(-(X**2) / 2 - (Y[:, None] - 2) ** 2 / 2)
    contours = draw_contours(axes, X, Y, density, radii=(2.0, 1.0))

    assert contours.levels == pytest.approx([5 * np.exp(-2), 5 * np.exp(-0.5)])
    outer, inner = contours.get_linewidths()
    assert inner > outer
