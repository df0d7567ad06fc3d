"""The explorer shows exactly the table it was given, on a page and in a window."""

import base64
import json
import re

import matplotlib as mpl
import numpy as np
import pytest
import torch

from matplotlib import pyplot
from matplotlib.backend_bases import KeyEvent, MouseEvent
from torch.distributions import Normal, Poisson

from kldiv.errors import InvalidArgument, InvalidType, ShapeMismatch
from kldiv.pictures import style
from kldiv.pictures.explorer import Densities, Explorer, LocationScale, Parameter
from kldiv.pictures.explorer_data import ceiling, iso_levels

MU = np.linspace(-2, 2, 41)
SIGMA = np.linspace(0.5, 4, 71)
X = np.linspace(-6, 6, 121)


def normal(x, mu=0.0, sigma=1.0):
    return np.exp(-(((x - mu) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))


def forward(mu, sigma):
    return np.log(sigma) + (1 + mu**2) / (2 * sigma**2) - 0.5


def explorer_of(table=None, **options):
    table = forward(MU, SIGMA[:, None]) if table is None else table
    densities = Densities(X, normal(X), LocationScale(X, normal(X)))
    axes = Parameter("mu", MU, symbol="μ"), Parameter("sigma", SIGMA, symbol="σ")
    return Explorer(*axes, table, densities, **options)


def small(**changes):
    """An explorer of 2 × 3 values whose densities are arrays."""
    pieces = {
        "x": Parameter("a", [0.0, 1.0, 2.0]),
        "y": Parameter("b", [1.0, 2.0]),
        "table": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
        "densities": Densities([0, 1, 2, 3], np.full(4, 0.25), np.arange(24.0).reshape(2, 3, 4)),
    }
    return Explorer(**pieces | changes)


def data_of(explorer):
    (text,) = re.findall(r'<script type="application/json">(.*?)</script>', explorer._repr_html_())
    return json.loads(text)


@pytest.fixture
def backend():
    before = mpl.get_backend()
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")
    pyplot.switch_backend(before)


# --- the page --------------------------------------------------------------------------------


def test_the_page_holds_the_table_to_six_digits():
    explorer = explorer_of()
    data = data_of(explorer)
    assert data["table"] == [[float(f"{v:.6g}") for v in row] for row in explorer.values]
    assert data["parameters"][0]["name"] == "mu"
    assert data["parameters"][0]["values"][1] == -1.9
    assert data["parameters"][1]["values"][-1] == 4.0
    assert data["minimum"] == [20, 10]
    assert data["stars"] == [[20, 10]]


def test_tensors_are_read_with_and_without_gradients():
    mu = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    sigma = torch.tensor([1.0, 2.0], dtype=torch.float64)
    table = torch.distributions.kl_divergence(Normal(0.0, 1.0), Normal(mu, sigma[:, None]))
    explorer = Explorer(
        Parameter("mu", mu), Parameter("sigma", sigma), table, Densities(X, normal(X), normal(X))
    )
    np.testing.assert_array_equal(explorer.values, table.detach().numpy())


def test_a_grid_value_of_rounding_noise_is_zero():
    grid = Parameter("mu", torch.linspace(-2, 2, 41, dtype=torch.float64)).grid
    assert grid[20] == 0.0
    np.testing.assert_allclose(grid, MU, atol=1e-15)


def test_infinity_is_null_on_the_page():
    table = np.array([[1.0, np.inf, 3.0], [4.0, 5.0, 6.0]])
    assert data_of(small(table=table))["table"][0] == [1.0, None, 3.0]


def test_densities_of_an_array_reach_the_page_within_half_a_step():
    q = data_of(small())["q"]
    shares = np.frombuffer(base64.b64decode(q["codes"]), np.uint8) / 255 * q["peak"]
    assert q["shape"] == [2, 3, 4]
    assert np.abs(shares - np.arange(24)).max() <= q["peak"] / 255 / 2 * (1 + 1e-12)


def test_a_density_that_depends_on_one_parameter_only_keeps_its_size():
    counts, rates = torch.arange(10.0), torch.tensor([1.0, 2.0, 3.0])
    p = Poisson(rates[None, :, None]).log_prob(counts).exp()
    explorer = small(densities=Densities(counts, p, p[:, :1], discrete=True))
    data = data_of(explorer)
    assert data["p"]["shape"] == [1, 3, 10]
    assert data["q"]["shape"] == [1, 1, 10]
    assert data["discrete"] is True


def test_a_label_cannot_break_out_of_the_page():
    page = explorer_of(label='</script><b onclick="x">')._repr_html_()
    assert "<b onclick" not in page
    assert data_of(explorer_of(label="</script>"))["label"] == "</script>"


def test_the_page_needs_nothing_from_elsewhere_and_stays_light():
    page = explorer_of()._repr_html_()
    addresses = re.findall(r"https?://[^\"'`\s)]+", page)
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<link|<img|@import|\bsrc=|\bid=", page)
    assert len(page.encode()) < 80_000


def test_the_reverse_direction_has_its_own_colour_and_label():
    data = data_of(explorer_of(direction="reverse"))
    assert data["label"] == "D(q‖p)"
    assert data["ramp"] != data_of(explorer_of())["ramp"]


def test_the_crosshair_begins_at_the_grid_value_nearest_to_start():
    assert explorer_of(start=(-1.02, 0.61)).place == (10, 2)
    assert explorer_of().place == (30, 35)


def test_a_valley_of_equal_values_is_not_starred():
    valley = np.where(np.eye(71, 41, dtype=bool), 0.0, 1.0)
    assert explorer_of(valley).stars == []
    two = np.ones((71, 41))
    two[3, 4] = two[5, 6] = 0.5
    assert explorer_of(two).stars == [(4, 3), (6, 5)]


# --- levels ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        forward(MU, SIGMA[:, None]),
        np.linspace(3, 4, 50).reshape(5, 10),
        np.linspace(-1, 1, 50).reshape(5, 10),
        np.geomspace(1e-6, 1e6, 50).reshape(5, 10),
        np.where(np.arange(50) % 7 == 0, np.inf, np.arange(50.0)).reshape(5, 10),
    ],
    ids=["normal", "narrow", "signed", "decades", "infinite"],
)
def test_levels_are_few_round_increasing_and_within_the_table(table):
    levels, finite = iso_levels(table), table[np.isfinite(table)]
    assert 3 <= len(levels) <= 13
    assert all(np.diff(levels) > 0)
    assert finite.min() < levels[0]
    assert levels[-1] < finite.max()
    assert all(len(f"{level:.6g}".strip("-").replace(".", "").strip("0")) <= 3 for level in levels)
    assert np.mean(finite <= ceiling(table)) >= 0.9 or ceiling(table) == finite.max()


def test_a_constant_table_has_no_levels_and_is_drawn(backend):
    explorer = small(table=np.full((2, 3), 2.0))
    assert iso_levels(explorer.values) == []
    explorer.figure().canvas.draw()
    assert data_of(explorer)["levels"] == []


def test_a_ramp_darkens_evenly():
    def lightness(color):
        return sum(int(color[k : k + 2], 16) for k in (1, 3, 5))

    for role in ("forward", "reverse", "p", "q"):
        falls = np.diff([lightness(color) for color in style.ramp(role, 9)])
        assert (falls < 0).all()
        assert len(style.ramp(role, 1)) == 1


# --- the window ------------------------------------------------------------------------------


def hover(figure, axes, x, y):
    at = axes.transData.transform((x, y))
    event = MouseEvent("motion_notify_event", figure.canvas, *at)
    figure.canvas.callbacks.process("motion_notify_event", event)


def caption(figure):
    return [
        float(word.replace("−", "-")) for word in re.findall(r"= (\S+)", figure.get_suptitle())
    ]


def test_the_window_follows_the_pointer_over_every_panel(backend):
    explorer = explorer_of()
    figure = explorer.figure()
    figure.canvas.draw()
    the_map, y_slice, x_slice, densities = figure.axes
    assert caption(figure) == [1.0, 2.25, float(f"{forward(1.0, 2.25):.6g}")]

    hover(figure, the_map, -0.52, 1.01)
    assert caption(figure) == [-0.5, 1.0, 0.125]
    q = densities.lines[1]
    np.testing.assert_allclose(q.get_ydata(), normal(X, -0.5, 1.0), atol=1e-3)
    np.testing.assert_array_equal(x_slice.lines[0].get_ydata(), explorer.values[10])
    np.testing.assert_array_equal(y_slice.lines[0].get_xdata(), explorer.values[:, 15])

    hover(figure, x_slice, 1.2, 1.0)
    assert caption(figure)[:2] == [1.2, 1.0]
    hover(figure, y_slice, 0.5, 3.5)
    assert caption(figure)[:2] == [1.2, 3.5]
    hover(figure, densities, 0.0, 0.1)
    assert caption(figure)[:2] == [1.2, 3.5]


def test_the_window_follows_the_arrow_keys_and_stops_at_the_border(backend):
    figure = explorer_of(start=(2, 1)).figure()
    for key in ("up", "right", "left", "left", "a"):
        event = KeyEvent("key_press_event", figure.canvas, key)
        figure.canvas.callbacks.process("key_press_event", event)
    assert caption(figure)[:2] == [1.8, 1.05]


def test_infinite_values_and_discrete_densities_are_drawn(backend):
    table = np.array([[np.inf] * 3, [4.0, 5.0, np.inf]])
    densities = Densities([0, 1, 2, 3], np.full(4, 0.25), np.full(4, 0.25), discrete=True)
    figure = small(table=table, densities=densities, start=(0, 1)).figure()
    figure.canvas.draw()
    assert "+∞" in figure.get_suptitle()


def test_drawing_leaves_the_settings_of_matplotlib_alone(backend):
    before = mpl.rcParams.copy()
    explorer_of().figure().canvas.draw()
    assert mpl.rcParams == before


def test_show_opens_one_window(backend, monkeypatch):
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.get_fignums()))
    explorer_of().show()
    assert len(shown) == 1
    assert len(shown[0]) == 1


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words", "make"),
    [
        (ShapeMismatch, r"\(41, 71\).*transpose", lambda: explorer_of(np.ones((41, 71)))),
        (InvalidArgument, "NaN", lambda: explorer_of(np.full((71, 41), np.nan))),
        (InvalidArgument, "nothing finite", lambda: explorer_of(np.full((71, 41), np.inf))),
        (InvalidType, "table", lambda: explorer_of("table")),
        (InvalidArgument, "'backward'", lambda: explorer_of(direction="backward")),
        (InvalidArgument, "symbol", lambda: Parameter("μ", MU)),
        (InvalidArgument, "value", lambda: Parameter("value", MU)),
        (ShapeMismatch, "at least two", lambda: Parameter("mu", [1.0])),
        (InvalidArgument, "values of 'mu'.*increasing", lambda: Parameter("mu", [1.0, 1.0])),
        (InvalidArgument, "both", lambda: small(y=Parameter("a", [1.0, 2.0]))),
        (ShapeMismatch, "one length", lambda: LocationScale(X, X[1:])),
        (InvalidArgument, "points.*increasing", lambda: LocationScale(-X, normal(X))),
        (InvalidArgument, "density must", lambda: LocationScale(X, np.log(normal(X)))),
        (InvalidArgument, "p must.*log_prob", lambda: Densities(X, np.log(normal(X)), normal(X))),
        (InvalidArgument, "two finite", lambda: Densities([1.0], [1.0], [1.0])),
        (
            ShapeMismatch,
            r"q has shape \(5,\)",
            lambda: small(densities=Densities([0, 1, 2, 3], np.ones(4), np.ones(5))),
        ),
        (
            InvalidArgument,
            "thin out",
            lambda: small(
                densities=Densities(np.arange(30_000), np.ones(30_000), np.ones((2, 3, 30_000)))
            ),
        ),
        (
            InvalidArgument,
            "scale of q",
            lambda: small(
                y=Parameter("b", [0.0, 1.0]),
                densities=Densities(X, normal(X), LocationScale(X, normal(X))),
            ),
        ),
    ],
)
def test_bad_input_is_named_with_its_remedy(error, words, make):
    with pytest.raises(error, match=words):
        make()
