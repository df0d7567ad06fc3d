"""The Sphinx extension, on sites of one page."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from sphinx.testing.util import SphinxTestApp
from sphinx.util.inventory import InventoryFile

import kldiv

from kldiv.registries import Gallery
from kldiv.sphinxext import gallery, offline, references
from kldiv.sphinxext.catalogue import first_sentence
from kldiv.sphinxext.run import execute

CONF = """
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "kldiv.sphinxext"]
mathjax_path = "mathjax.js"
"""


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Builds a page, and returns it with the warnings."""
    monkeypatch.setenv("MPLBACKEND", "agg")

    def built(page, conf=""):
        (tmp_path / "conf.py").write_text(CONF + conf)
        (tmp_path / "index.rst").write_text(f"Page\n====\n\n{page}\n", encoding="utf-8")
        app = SphinxTestApp("html", srcdir=tmp_path, freshenv=True)
        try:
            app.build()
            return (app.outdir / "index.html").read_text(encoding="utf-8"), app.warning.getvalue()
        finally:
            app.cleanup()

    return built


# --- kldiv-run --------------------------------------------------------------------------------


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


# --- kldiv-catalogue --------------------------------------------------------------------------


def test_the_catalogue_lists_what_the_registry_lists(build):
    html, warnings = build(".. kldiv-catalogue:: divergences")

    assert not warnings
    assert all(f">{name}" in html for name in kldiv.divergences)
    assert "renyi(alpha)" in html.replace('<span class="pre">', "").replace("</span>", "")


def test_an_item_that_does_not_load_says_so_in_its_row(build):
    with kldiv.divergences.temporary("broken", "no_such_module:Broken"):
        html, warnings = build(".. kldiv-catalogue:: divergences")

    assert not warnings
    assert "does not load" in html


def test_a_kind_that_there_is_not_is_an_error_that_names_the_kinds(build):
    _, warnings = build(".. kldiv-catalogue:: estimators")

    assert "none of divergences, targets, families" in warnings


@pytest.mark.parametrize(
    ("docstring", "shown"),
    [
        ("At most 1.5 nats. More.", ["At most 1.5 nats."]),
        ("Of order :math:`a.`, see `x`.", ["Of order ", "a.", ", see ", "x", "."]),
        ("A :class:`~kldiv.Fit` ``p. q``\nand", ["A ", "kldiv.Fit", " ", "p. q", " and"]),
        ("", [""]),
    ],
)
def test_the_first_sentence_ends_at_its_full_stop(docstring, shown):
    assert [node.astext() for node in first_sentence(docstring)] == shown


# --- the gallery ------------------------------------------------------------------------------


def section(folder, header="Title\n=====\n"):
    folder.mkdir(parents=True)
    (folder / "plot_it.py").write_text("")
    if header:
        (folder / "GALLERY_HEADER.rst").write_text(header)
    return folder


def test_a_plugin_s_sections_join_the_site_s_in_one_folder(tmp_path):
    source = section(tmp_path / "gallery")
    offered = [
        Gallery("kldiv-foo", "Foo", section(tmp_path / "foo")),
        Gallery("kldiv-foo", "More, of it", section(tmp_path / "more", header="")),
    ]

    gallery.merge(source, tmp_path / "merged", tmp_path / "pages", offered)

    found = {path.parent.name for path in (tmp_path / "merged").rglob("plot_it.py")}
    assert found == {"merged", "kldiv-foo", "kldiv-foo-more-of-it"}
    header = tmp_path / "merged" / "kldiv-foo-more-of-it" / "GALLERY_HEADER.rst"
    assert header.read_text().startswith("More, of it\n----")


def test_nothing_remains_of_a_script_or_a_plugin_that_is_gone(tmp_path):
    source = section(tmp_path / "gallery")
    for folder in ("merged", "pages"):
        section(tmp_path / folder / "kldiv-gone")

    gallery.merge(source, tmp_path / "merged", tmp_path / "pages", [])

    assert not list(tmp_path.rglob("kldiv-gone"))


def test_a_guest_s_failure_is_forgiven_and_a_host_s_is_not(monkeypatch):
    offered = [Gallery("kldiv-guest", "Guest", Path()), Gallery("kldiv-host", "Host", Path())]
    monkeypatch.setattr(gallery, "plugin_galleries", lambda: offered)
    failing = {f"merged/{name}/plot_it.py": "" for name in ("kldiv-guest", "kldiv-host", "1_own")}
    config = SimpleNamespace(
        kldiv_hosts=["kldiv-host"], sphinx_gallery_conf={"failing_examples": failing}
    )

    gallery.forgive_guests(SimpleNamespace(config=config), None)

    assert list(failing) == ["merged/kldiv-host/plot_it.py", "merged/1_own/plot_it.py"]


@pytest.mark.parametrize(("host", "counted"), [("kldiv-foo", True), ("kldiv", False)])
def test_a_warning_about_a_guest_s_page_does_not_count(
    build, monkeypatch, tmp_path, host, counted
):
    monkeypatch.setattr(gallery, "plugin_galleries", lambda: [Gallery("kldiv-foo", "", Path())])
    (tmp_path / "kldiv-foo").mkdir()
    (tmp_path / "kldiv-foo" / "page.rst").write_text(":orphan:\n\nPage\n====\n\n:ref:`nothing`\n")

    _, warnings = build("", conf=f"kldiv_hosts = ['{host}']")

    assert ("nothing" in warnings) == counted


def test_each_script_starts_alike():
    torch = pytest.importorskip("torch")
    default = torch.get_default_dtype()
    draws = []
    for _ in range(2):
        torch.set_default_dtype(torch.float64)
        gallery.reset({}, "plot_it.py")
        draws.append((torch.rand(3).tolist(), torch.get_default_dtype()))
    torch.set_default_dtype(default)

    assert draws[0] == draws[1]
    assert draws[0][1] == torch.float32


# --- offline ----------------------------------------------------------------------------------


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


# --- references -------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The mapping interface")  # Sphinx's own napoleon uses it
def test_a_type_is_linked_to_by_its_public_name(build):
    html, warnings = build(
        ":py:class:`kldiv.errors.KldivError`\n\n.. autoexception:: kldiv.KldivError",
        conf="nitpicky = True\nnitpick_ignore = [('py:class', 'Exception')]",
    )

    assert not warnings
    assert 'href="#kldiv.KldivError"' in html


def test_a_colon_in_a_property_s_first_line_does_not_make_a_type():
    lines = ["Its parameters: for each name the default.", ""]
    references.keep_colon(None, "property", "", None, None, lines)

    assert lines == ["Its parameters:", "for each name the default.", ""]


def test_an_inventory_made_of_a_list_is_one_that_intersphinx_reads(tmp_path):
    (tmp_path / "torch.txt").write_text(
        "https://torch.example/\ntorch.Tensor py:class tensors.html#$\n"
    )

    (address, path) = references.local_inventories(tmp_path, tmp_path / "built")["torch"]

    with Path(path).open("rb") as file:
        inventory = InventoryFile.load(file, address, lambda base, end: base + end)
    assert (
        inventory["py:class"]["torch.Tensor"].uri
        == "https://torch.example/tensors.html#torch.Tensor"
    )
