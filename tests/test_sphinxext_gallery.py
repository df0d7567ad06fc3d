"""The gallery: the site's own scripts and those of plugins."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from kldiv.registries import Gallery
from kldiv.sphinxext import gallery


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
