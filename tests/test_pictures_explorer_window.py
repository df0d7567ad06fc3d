"""The window moves all its panels together, and marks what is least in each."""

import matplotlib as mpl
import numpy as np
import pytest

from matplotlib import pyplot
from matplotlib.backend_bases import MouseEvent
from matplotlib.figure import Figure

from kldiv.pictures.explorer import Densities, Explorer, Parameter
from kldiv.pictures.explorer_window import Window, open_figure

TABLE = np.array([[3.0, 1.0, np.inf], [2.0, 5.0, 4.0]])


@pytest.fixture(autouse=True)
def _no_figure_is_left_open():
    with mpl.rc_context({"backend": "agg"}):
        yield
        pyplot.close("all")


def explorer_of(table=TABLE, **options):
    axes = Parameter("a", [0.0, 1.0, 2.0]), Parameter("b", [10.0, 20.0])
    q = np.arange(24.0).reshape(2, 3, 4)
    densities = Densities([0, 1, 2, 3], np.full(4, 0.25), q, **options)
    return Explorer(*axes, table, densities, start=(0, 10))


def window_of(*arguments, **options):
    figure = Figure()
    window = Window(explorer_of(*arguments, **options), figure, figure.subplots(2, 2))
    window.move((0, 0))
    return window


def at(artist):
    return tuple(float(values[0]) for values in artist.get_data())


def test_dots_lie_on_the_slices_and_stars_on_their_least_values():
    window = window_of()
    window.move((1, 1))

    assert [at(dot) for dot in window.dots] == [(1.0, 20.0), (1.0, 5.0), (5.0, 20.0)]
    assert at(window.x_star) == (0.0, 2.0)
    assert at(window.y_star) == (1.0, 10.0)
    np.testing.assert_array_equal(window.x_curve.get_ydata(), TABLE[1])
    np.testing.assert_array_equal(window.y_curve.get_xdata(), TABLE[:, 1])


def test_a_place_of_infinite_value_has_its_dots_at_the_top():
    window = window_of()
    window.move((2, 0))

    assert "= +∞ nats" in window.figure.get_suptitle()
    assert at(window.dots[1]) == (2.0, window.x_slice.get_ylim()[1])
    assert np.isnan(window.x_curve.get_ydata()[2])


@pytest.mark.parametrize("discrete", [False, True])
def test_moving_replaces_the_curves_and_piles_up_none(discrete):
    window = window_of(discrete=discrete)
    before = len(window.densities.get_children())
    limits = window.densities.get_ylim()
    window.move((2, 1))

    assert len(window.densities.get_children()) == before
    assert window.densities.get_ylim() == limits
    np.testing.assert_array_equal(window.densities.lines[-1].get_ydata(), np.arange(20.0, 24.0))


def test_the_layout_is_found_once_for_each_size_of_the_window():
    figure = open_figure(explorer_of())
    constrained = type(figure.get_layout_engine())
    figure.canvas.draw()
    drawn = type(figure.get_layout_engine())
    figure.canvas.callbacks.process("resize_event", None)

    assert drawn is not constrained
    assert type(figure.get_layout_engine()) is constrained


def test_a_title_is_replaced_as_the_place_moves_whatever_the_style_then_in_force():
    figure = open_figure(explorer_of())
    panels = figure.axes
    event = MouseEvent(
        "motion_notify_event", figure.canvas, *panels[0].transData.transform((2.0, 20.0))
    )
    figure.canvas.callbacks.process("motion_notify_event", event)

    assert "a = 2" in figure.get_suptitle()
    assert not any(panel.get_title(loc="center") for panel in panels)
    assert sum("at a = 2" in panel.get_title(loc="left") for panel in panels) == 1
