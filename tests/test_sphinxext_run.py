"""`kldiv-run`: code in a page, and what it shows."""

import pytest

from kldiv.sphinxext.run import execute


def test_a_block_is_shown_with_what_it_prints_and_with_its_last_value(build):
    html, warnings = build(".. kldiv-run::\n\n   a = 20\n   print('before')\n   a + 1")

    assert not warnings
    assert "before\n21" in html


def test_what_the_last_expression_prints_is_shown():
    assert execute("print(1)\nprint(2)", {}) == ("1\n2\n", None)


def test_the_blocks_of_a_page_share_their_names(build):
    html, warnings = build(".. kldiv-run::\n\n   a = 41\n\n.. kldiv-run::\n\n   a + 1")

    assert not warnings
    assert "42" in html


def test_an_open_figure_becomes_a_described_picture_and_hidden_code_stays_hidden(build):
    code = "import matplotlib.pyplot as plt\n   fig, ax = plt.subplots()\n   hidden = 3"
    html, warnings = build(f".. kldiv-run::\n   :hide-code:\n   :alt: a <b>\n\n   {code}")

    assert not warnings
    assert 'alt="a &lt;b&gt;" src="data:image/svg+xml;base64,' in html
    assert "hidden" not in html


def test_a_value_that_shows_itself_in_html_is_shown_so(build):
    html, _ = build(
        ".. kldiv-run::\n\n   class Shown:\n       def _repr_html_(self):\n"
        "           return '<em>itself</em>'\n   Shown()"
    )

    assert "<em>itself</em>" in html


@pytest.mark.parametrize("code", ["1 / 0", "import warnings; warnings.warn('careful')"])
def test_an_error_and_a_warning_fail_the_page(build, code):
    _, warnings = build(f".. kldiv-run::\n\n   {code}")

    assert "ERROR" in warnings
    assert "division by zero" in warnings or "careful" in warnings
