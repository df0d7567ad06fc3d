"""The built site works from its files: every page, mathematics, search, animations."""

import pytest

WIDTHS = [1280, 390]
NOT_PAGES = {"_static", "_sources", "_downloads", "_images"}


def pages_of(site):
    pages = [path for path in sorted(site.rglob("*.html"))]
    return [path for path in pages if not NOT_PAGES & set(path.relative_to(site).parts)]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_opens_without_complaint_overflow_or_request_elsewhere(browser, site, width):
    found = []
    for page in pages_of(site):
        browser.open(page, width)
        room, used = browser.run(
            "const page = document.documentElement; return [page.clientWidth, page.scrollWidth]"
        )
        elsewhere = [address for address in browser.requests() if address.startswith("http")]
        name = page.relative_to(site).as_posix()
        found += [f"{name}: {words}" for words in browser.complaints()]
        found += [f"{name}: asks for {address}" for address in elsewhere]
        found += [f"{name}: {used} pixels wide in {room}"] if used > room else []
    assert not found, "\n".join(found)


def test_every_formula_is_rendered(browser, site):
    pages = [page for page in pages_of(site) if 'class="math' in page.read_text(encoding="utf-8")]
    assert pages
    found = []
    for page in pages:
        browser.open(page)
        browser.wait(lambda: browser.run("return window.MathJax?.startup?.promise !== undefined"))
        browser.driver.execute_async_script("MathJax.startup.promise.then(arguments[0])")
        formulas, rendered, broken = (
            len(browser.find(css))
            for css in (".math", ".math mjx-container", ".math [data-mml-node=merror]")
        )
        if rendered < formulas or broken:
            name = page.relative_to(site).as_posix()
            found.append(f"{name}: {formulas} formulas, {rendered} rendered, {broken} broken")
    assert not found, "\n".join(found)


def test_search_finds_pages(browser, site):
    browser.open(site / "search.html", query="?q=divergence")
    browser.wait(lambda: browser.find("#search-results li a"))
    browser.wait(lambda: "found" in browser.find("#search-results")[0].text.lower())
    links = [link.get_attribute("href") for link in browser.find("#search-results li a")]
    assert all(link.startswith("file:") for link in links)
    assert not [words for words in browser.complaints() if "searchindex" in words]


@pytest.fixture
def animation(browser, sweeps):
    browser.open(sweeps)
    player = browser.wait(lambda: browser.find("div.animation"))[0]
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", player)
    find = lambda css: player.find_element("css selector", css)
    picture, slider = find("img"), find("input[type=range]")
    browser.wait(lambda: picture.get_attribute("src") and int(slider.get_attribute("max")) > 1)
    shown = lambda: (int(slider.get_attribute("value")), picture.get_attribute("src"))
    return slider, find, shown


def test_an_animation_is_scrubbed_with_its_slider(browser, animation):
    slider, _, shown = animation
    browser.run("arguments[0].focus()", slider)
    first = shown()
    seen = [first]
    for _ in range(3):
        slider.send_keys("\ue014")  # the right arrow
        seen.append(shown())
    assert [place for place, _ in seen] == [first[0] + k for k in range(4)]
    assert len({picture for _, picture in seen}) == 4


def test_an_animation_plays_and_pauses(browser, animation):
    _, find, shown = animation
    first = shown()
    find("button[title=Play]").click()
    browser.wait(lambda: shown()[0] >= first[0] + 2)
    assert shown()[1] != first[1]
    find("button[title=Pause]").click()
    paused = shown()
    with pytest.raises(Exception, match="Message"):
        browser.wait(lambda: shown() != paused, seconds=0.8)
