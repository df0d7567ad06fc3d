"""The explorer answers in a browser what Python computes, alone on a page and in the gallery."""

import json

import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv.pictures.explorer import Densities, Explorer, LocationScale, Parameter

PLACES = [(0.5, 0.5), (0.03, 0.97), (0.98, 0.02), (0.26, 0.81), (0.71, 0.33)]
HOME, RIGHT, UP, LEFT, DOWN = "\ue011", "\ue014", "\ue013", "\ue012", "\ue015"
P = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)


def computed(mu, sigma):
    q = Normal(torch.tensor(mu, dtype=torch.float64), torch.tensor(sigma, dtype=torch.float64))
    return float(f"{float(kldiv.divergence(P, q)):.6g}")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A page with nothing but two explorers, which notes the global names they leave behind."""
    mu = torch.arange(-20, 21, dtype=torch.float64) / 10
    sigma = torch.arange(10, 81, dtype=torch.float64) / 20
    x = torch.linspace(-6, 6, 241, dtype=torch.float64)
    density = P.log_prob(x).exp()
    explorer = Explorer(
        Parameter("mu", mu, symbol="μ"),
        Parameter("sigma", sigma, symbol="σ"),
        kldiv.divergence(P, Normal(mu, sigma[:, None])).value,
        Densities(x, p=density, q=LocationScale(x, density)),
    )
    page = tmp_path_factory.mktemp("page") / "explorer.html"
    page.write_text(
        '<!doctype html><html data-theme="light"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><body style="margin: 0">'
        "<script>var before, left; before = Object.keys(window)</script>"
        f"{explorer._repr_html_() * 2}<div style='height: 2000px'></div>"
        "<script>left = Object.keys(window).filter((name) => !before.includes(name))</script>"
        "</body></html>",
        encoding="utf-8",
    )
    return page


@pytest.fixture(params=["alone", "gallery"])
def page(request):
    return request.getfixturevalue({"alone": "alone", "gallery": "explored"}[request.param])


class Shown:
    """The first explorer of the page that is open."""

    def __init__(self, browser):
        self.root = browser.wait(lambda: browser.find(".kldiv-explorer[data-value]"))[0]
        browser.wait(lambda: self.part(".kldiv-hit"))
        data = self.part('script[type="application/json"]')[0].get_attribute("textContent")
        self.data = json.loads(data)
        self.grids = [parameter["values"] for parameter in self.data["parameters"]]

    def part(self, css):
        return self.root.find_elements("css selector", css)

    def panel(self, name):
        return self.part(f".kldiv-{name} .kldiv-hit")[0]

    def numbers(self):
        """μ, σ and the value, from the attributes, which must be those a reader sees."""
        shown = [float(self.root.get_attribute(f"data-{n}")) for n in ("mu", "sigma", "value")]
        words = [b.text.replace("−", "-") for b in self.part(".kldiv-readout b")]
        assert [float(word) for word in words] == shown
        return shown

    def nearest(self, x, y):
        """The grid values nearest to a place of the map, given as shares of its size."""
        shares = x, 1 - y
        return [
            min(grid, key=lambda v: abs(v - (grid[0] + share * (grid[-1] - grid[0]))))
            for grid, share in zip(self.grids, shares, strict=True)
        ]


def test_the_map_shows_what_python_computes(browser, page):
    browser.open(page)
    explorer = Shown(browser)
    assert [len(grid) for grid in explorer.grids] == [41, 71]
    steps = [grid[1] - grid[0] for grid in explorer.grids]
    for place in PLACES:
        browser.point(explorer.panel("map"), *place)
        mu, sigma, value = explorer.numbers()
        near = explorer.nearest(*place)
        assert mu == pytest.approx(near[0], abs=1.01 * steps[0])
        assert sigma == pytest.approx(near[1], abs=1.01 * steps[1])
        assert value == computed(mu, sigma)


def test_a_slice_moves_its_own_parameter(browser, page):
    browser.open(page)
    explorer = Shown(browser)
    browser.point(explorer.panel("map"), 0.5, 0.5)
    mu, sigma, _ = explorer.numbers()
    browser.point(explorer.panel("x"), 0.9, 0.3)
    assert explorer.numbers() == [pytest.approx(1.6, abs=0.101), sigma, computed(1.6, sigma)]
    mu = explorer.numbers()[0]
    browser.point(explorer.panel("y"), 0.4, 0.9)
    _, sigma, value = explorer.numbers()
    assert sigma == pytest.approx(0.85, abs=0.051)
    assert explorer.numbers() == [mu, sigma, computed(mu, sigma)]
    assert value == computed(mu, sigma)


def test_the_curves_follow(browser, page):
    browser.open(page)
    explorer = Shown(browser)
    drawn = lambda: [
        explorer.part(css)[0].get_attribute("d")
        for css in (".kldiv-x .kldiv-curve", ".kldiv-y .kldiv-curve", "path.kldiv-q")
    ]
    browser.point(explorer.panel("map"), 0.5, 0.5)
    before = drawn()
    browser.point(explorer.panel("map"), 0.2, 0.2)
    assert all(a != b for a, b in zip(before, drawn(), strict=True))


def test_keys_walk_the_grid(browser, page):
    browser.open(page)
    explorer = Shown(browser)
    the_map, x_slice = explorer.part(".kldiv-map")[0], explorer.part(".kldiv-x")[0]
    the_map.send_keys(HOME)
    assert explorer.numbers() == [0.0, 1.0, 0.0]
    the_map.send_keys(RIGHT, RIGHT, UP)
    assert explorer.numbers() == [0.2, 1.05, computed(0.2, 1.05)]
    the_map.send_keys(LEFT, DOWN, DOWN)
    assert explorer.numbers() == [0.1, 0.95, computed(0.1, 0.95)]
    x_slice.send_keys(HOME, LEFT)
    assert explorer.numbers() == [-2.0, 0.95, computed(-2.0, 0.95)]
    assert x_slice.get_attribute("aria-valuetext") == "μ = −2"


def test_a_finger_on_a_phone_moves_the_crosshair_and_not_the_page(browser, page):
    browser.open(page, width=390, height=844)
    explorer = Shown(browser)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    browser.touch(explorer.panel("map"), (0.5, 0.5), (0.6, 0.4), (0.75, 0.25))
    place = browser.run("return window.scrollY")
    mu, sigma, value = explorer.numbers()
    assert mu == pytest.approx(1.0, abs=0.101)
    assert sigma == pytest.approx(3.125, abs=0.051)
    assert value == computed(mu, sigma)
    browser.touch(explorer.panel("map"), (0.5, 0.2), (0.5, 0.8))
    assert browser.run("return window.scrollY") == place


def test_a_new_width_keeps_the_place(browser, alone):
    browser.open(alone)
    explorer = Shown(browser)
    browser.point(explorer.panel("map"), 0.26, 0.81)
    width_of_map = "return document.querySelector('.kldiv-map .kldiv-hit').offsetWidth"
    before, width = explorer.numbers(), browser.run(width_of_map)
    size = {"width": 600, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.wait(lambda: browser.run(width_of_map) != width)
    assert explorer.numbers() == before
    browser.point(explorer.panel("map"), 0.5, 0.5)
    assert explorer.numbers() == [0.0, 2.25, computed(0.0, 2.25)]


def test_two_explorers_on_a_page_are_apart_and_leave_no_name_behind(browser, alone):
    browser.open(alone)
    explorer = Shown(browser)
    other = browser.find(".kldiv-explorer")[1]
    browser.point(explorer.panel("map"), 0.1, 0.1)
    assert other.get_attribute("data-mu") == "1"
    assert explorer.numbers()[0] != 1
    assert browser.run("return left") == []
    assert browser.complaints() == []


def test_infinity_is_shown_as_such(browser, tmp_path):
    table = [[0.5, 1.0, float("inf")], [0.2, 0.8, float("inf")]]
    axes = Parameter("mu", [0.0, 1.0, 2.0]), Parameter("sigma", [1.0, 2.0])
    densities = Densities([0.0, 1.0], [0.5, 0.5], [[[0.4, 0.6]]], discrete=True)
    page = tmp_path / "infinite.html"
    page.write_text(Explorer(*axes, table, densities)._repr_html_(), encoding="utf-8")
    browser.open(page)
    root = browser.wait(lambda: browser.find(".kldiv-explorer[data-value]"))[0]
    browser.point(browser.find(".kldiv-map .kldiv-hit")[0], 0.98, 0.5)
    assert root.get_attribute("data-value") == "Infinity"
    assert browser.find(".kldiv-result b")[0].text == "+∞"
    assert browser.complaints() == []


def test_the_colours_follow_the_theme_of_the_page(browser, alone):
    browser.open(alone)
    explorer = Shown(browser)
    light = explorer.root.value_of_css_property("background-color")
    browser.run("document.documentElement.dataset.theme = 'dark'")
    assert explorer.root.value_of_css_property("background-color") != light


def test_everything_that_can_be_steered_can_be_focused_and_has_a_name(browser, alone):
    browser.open(alone)
    explorer = Shown(browser)
    steered = explorer.part("[tabindex='0']")
    assert [panel.aria_role for panel in steered] == ["application", "slider", "slider"]
    assert all(panel.accessible_name for panel in steered)
    assert explorer.part("output[aria-live=polite]")
