"""A headless Chromium, the built site, and pages to open in it.

Where either is missing the tests are skipped and say why; with KLDIV_REQUIRE_BROWSER=1, as in
.ci/run, they fail instead. KLDIV_SITE names another folder than docs/_build/html.
"""

import json
import os
import shutil

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def missing(reason):
    if os.environ.get("KLDIV_REQUIRE_BROWSER") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class Browser:
    """What the tests do with a browser."""

    def __init__(self, driver):
        self.driver = driver
        self.run = driver.execute_script
        self.find = lambda css: driver.find_elements("css selector", css)

    def open(self, path, width=1280, height=900, query=""):
        phone = width < 500
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": phone})
        self.complaints(), self.requests()
        self.driver.get(path.as_uri() + query)

    def complaints(self):
        """The severe messages of the console since this was last asked."""
        log = self.driver.get_log("browser")
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]

    def requests(self):
        """The addresses asked for since this was last asked."""
        log = [json.loads(entry["message"]) for entry in self.driver.get_log("performance")]
        events = [entry["message"] for entry in log]
        sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def wait(self, question, seconds=10):
        """Waits until a question is answered with something true, and returns that."""
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: question())

    def point(self, element, x, y):
        """Moves the pointer into an element, at shares of its width and height."""
        from selenium.webdriver.common.action_chains import ActionChains

        self.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        box = element.rect
        right = round((x - 0.5) * (box["width"] - 1))
        down = round((y - 0.5) * (box["height"] - 1))
        ActionChains(self.driver, duration=0).move_to_element_with_offset(
            element, right, down
        ).perform()

    def touch(self, element, *places):
        """Puts a finger on an element and draws it over places, given as shares of its size."""
        self.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        box = self.run("return arguments[0].getBoundingClientRect().toJSON()", element)
        for kind, (x, y) in zip(["touchStart"] + ["touchMove"] * 99, places, strict=False):
            finger = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            event = {"type": kind, "touchPoints": [finger]}
            self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", event)
        end = {"type": "touchEnd", "touchPoints": []}
        self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", end)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    selenium = (
        pytest.importorskip("selenium") if not os.environ.get("KLDIV_REQUIRE_BROWSER") else 1
    )
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (selenium and chromium and chromedriver):
        missing("no chromium or chromedriver: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(chromedriver)
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_page_load_timeout(30)
    yield Browser(driver)
    driver.quit()


@pytest.fixture(scope="session")
def site():
    folder = Path(os.environ.get("KLDIV_SITE", ROOT / "docs" / "_build" / "html"))
    if not (folder / "index.html").exists():
        missing(f"no site in {folder.name}: build it with `nox -s docs`")
    return folder.resolve()


@pytest.fixture(scope="session")
def sweeps(site):
    """The page of the experiment with animations."""
    return page_named(site, "gaussian_sweeps")


@pytest.fixture(scope="session")
def explored(site):
    """The page of the experiment with the explorer."""
    return page_named(site, "mean_and_scale_explorer")


def page_named(site, name):
    pages = sorted(site.glob(f"gallery/**/*{name}*.html"))
    if not pages:
        missing(f"the site has no gallery page named *{name}*.html")
    return pages[0]
