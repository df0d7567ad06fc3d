"""The site works without the internet."""

import pytest

from kldiv.sphinxext import offline


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.html", '<script src="https://cdn.example/a.js">', 1),
        ("a.html", "<img alt='' src=//cdn.example/a.png>", 1),
        ("a.html", '<link rel="stylesheet" href="http://cdn.example/a.css">', 1),
        ("a.html", '<link rel="canonical" href="https://kldiv.example/a.html">', 0),
        ("a.html", '<a href="https://example.org">read</a> <script src="a.js">', 0),
        ("a.css", "@import 'https://cdn.example/a.css'; a { b: url(//cdn.example/b) }", 2),
        ("a.css", "a { b: url(data:image/png;base64,AA//) }", 0),
        ("a.txt", '<script src="https://cdn.example/a.js">', 0),
    ],
)
def test_addresses_that_a_page_would_load_from_are_found(tmp_path, name, text, found):
    (tmp_path / name).write_text(text)

    assert len(list(offline.addresses(tmp_path))) == found


def test_a_page_that_needs_the_internet_is_a_warning(build):
    _, warnings = build('.. raw:: html\n\n   <script src="https://cdn.example/a.js"></script>')

    assert "index.html needs the internet" in warnings


def test_an_animation_plays_without_the_internet(build):
    code = """
   from matplotlib import pyplot as plt
   from matplotlib.animation import FuncAnimation

   fig, ax = plt.subplots(figsize=(1, 1))
   line = ax.axhline()
   shown = FuncAnimation(fig, lambda i: line.set_ydata([i, i]), frames=2)
   html = shown.to_jshtml()
   plt.close(fig)
   shown._repr_html_ = lambda: html
   shown"""
    html, warnings = build(f".. kldiv-run::\n{code}")

    assert not warnings
    assert "anim-buttons" in html
    assert "font-awesome" not in html
