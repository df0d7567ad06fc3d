"""The gallery: the site's own scripts and those of plugins."""

import re

from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest

from kldiv.errors import PluginError
from kldiv.registries import Gallery
from kldiv.sphinxext import gallery
from kldiv.testing import fake_distribution, installed_in, without_plugins

SITE = """
extensions.append("sphinx_gallery.gen_gallery")
from pathlib import Path
from kldiv.sphinxext.gallery import merge
here = Path(__file__).parent
merge(here / "own", here / "merged", here / "gallery", hosts=kldiv_hosts)
exclude_patterns = ["own", "merged", "site"]
sphinx_gallery_conf = {
    "examples_dirs": ["merged"], "gallery_dirs": ["gallery"], "write_computation_times": False,
    "show_signature": False, "reset_modules": (),
}
"""


def section(folder, header="Title\n=====\n"):
    folder.mkdir(parents=True)
    (folder / "plot_it.py").write_text('"""\nIt\n==\n"""\n')
    if header:
        (folder / "GALLERY_HEADER.rst").write_text(header)
    return folder


def test_a_plugin_s_sections_join_the_site_s_in_one_folder(tmp_path):
    source = section(tmp_path / "gallery")
    offered = [
        Gallery("kldiv-foo", "Foo", section(tmp_path / "foo")),
        Gallery("kldiv-foo", "More, of it", section(tmp_path / "more", header="")),
    ]

    gallery.merge(source, tmp_path / "merged", tmp_path / "pages", galleries=offered)

    found = {path.parent.name for path in (tmp_path / "merged").rglob("plot_it.py")}
    assert found == {"merged", "kldiv-foo", "kldiv-foo-more-of-it"}
    header = tmp_path / "merged" / "kldiv-foo-more-of-it" / "GALLERY_HEADER.rst"
    assert header.read_text().startswith("More, of it\n----")


def test_nothing_remains_of_a_script_or_a_plugin_that_is_gone(tmp_path):
    source = section(tmp_path / "gallery")
    for folder in ("merged", "pages"):
        section(tmp_path / folder / "kldiv-gone")

    gallery.merge(source, tmp_path / "merged", tmp_path / "pages", galleries=[])

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


@pytest.fixture
def site(build, tmp_path):
    """Builds a gallery of one script, and what plugins add to it."""
    pytest.importorskip("sphinx_gallery")
    section(tmp_path / "own")

    def built(*hosts):
        with installed_in(tmp_path / "site"), without_plugins("kldiv_foo"):
            build(".. toctree::\n\n   gallery/index", conf=f"kldiv_hosts = {hosts}\n{SITE}")
        pages = (tmp_path / "_build" / "html" / "gallery").rglob("*.html")
        return {path.stem: text_of(path.read_text(encoding="utf-8")) for path in pages}

    return built


def text_of(page):
    return unescape(re.sub("<[^>]*>", "", page))


def plugin(folder, script=None, front=""):
    """A plugin with a script in its gallery, or with a front module of another kind."""
    offers = """
        import kldiv

        @kldiv.hookimpl
        def kldiv_gallery():
            return {"Foo": "gallery"}
    """
    files = {} if script is None else {"kldiv_foo/gallery/plot_foo.py": script}
    files["kldiv_foo/__init__.py"] = front or offers
    fake_distribution(folder / "site", "kldiv-foo", files)


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ('"""\nFoo\n===\n"""\nraise OverflowError("so much")', "OverflowError"),
        ('"""\nFoo\n===\n"""\nx = (', "SyntaxError"),
        ('"""\nFoo\n===\n"""\nimport sys\nsys.exit(3)', "SystemExit"),
        ('"""\nFoo\n===\n"""\nraise SystemExit', "SystemExit"),
    ],
)
def test_a_script_that_fails_or_exits_is_shown_with_its_error_and_fails_its_hosts_only(
    site, tmp_path, script, shown
):
    from sphinx.errors import ExtensionError

    plugin(tmp_path, script)
    pages = site("kldiv")
    assert shown in pages["plot_foo"]
    assert "It" in pages["plot_it"]

    with pytest.raises(ExtensionError, match="plot_foo"):
        site("kldiv", "kldiv-foo")


@pytest.mark.parametrize("script", ["x = 1", '"""\n"""'])
def test_in_place_of_scripts_that_cannot_be_read_there_is_a_note(site, tmp_path, script):
    plugin(tmp_path, script)
    pages = site("kldiv")
    assert "kldiv-foo" in pages["index"]
    assert "is left out" in pages["index"]
    assert set(pages) >= {"index", "plot_it"}
    assert "plot_foo" not in pages


@pytest.mark.filterwarnings("ignore::kldiv.PluginWarning")
def test_in_place_of_the_section_of_a_broken_plugin_there_is_a_note(site, tmp_path):
    plugin(tmp_path, front='raise RuntimeError("a `mark`, :ref:`none`")')
    assert "RuntimeError: a 'mark', :ref:'none'" in site("kldiv")["index"]


@pytest.mark.filterwarnings("ignore::kldiv.PluginWarning")
def test_the_section_of_a_host_must_not_be_missing(tmp_path):
    own = section(tmp_path / "own")
    plugin(tmp_path, front="import no_such_module")
    with (
        installed_in(tmp_path / "site"),
        without_plugins("kldiv_foo"),
        pytest.raises(PluginError, match=r"'kldiv-foo' cannot be shown.*no_such_module"),
    ):
        gallery.merge(own, tmp_path / "merged", tmp_path / "pages", hosts=["kldiv-foo"])


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
