"""The project that `kldiv new` writes is whole: it is found, passes its check and its tests."""

import builtins
import filecmp
import os
import subprocess
import sys
import tomllib

from pathlib import Path

import pytest

import kldiv

from kldiv.errors import InvalidArgument, NotAvailable
from kldiv.scaffold import new_project
from kldiv.testing import check_plugin, fake_distribution, installed_in

ROOT = Path(__file__).parent.parent
KINDS = ("divergence", "target", "family")


@pytest.fixture
def project(tmp_path):
    pytest.importorskip("copier")
    return lambda *arguments, **options: new_project(*arguments, into=tmp_path, **options)


def files_of(folder):
    """The files of a project, without what its tests and its site leave behind."""
    left = {"__pycache__", ".pytest_cache", "_build"}
    built = Path("docs", "gallery")
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(
        path for path in paths if not left & set(path.parts) and built not in path.parents
    )


def test_the_example_in_the_folder_of_plugins_is_what_it_writes(project):
    written = project("kldiv-example", item="le_cam")
    kept = ROOT / "plugins" / "kldiv-example"
    names = files_of(written)
    assert files_of(kept) == names
    same, differing, unreadable = filecmp.cmpfiles(written, kept, names, shallow=False)
    assert (differing, unreadable) == ([], [])
    assert len(same) == 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_offers_an_item_of_its_kind_that_passes_its_check(project, kind, tmp_path):
    folder = project("kldiv-foo-bar", kind)
    metadata = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert metadata["name"] == folder.name == "kldiv-foo-bar"
    fake_distribution(folder, metadata["name"], {}, entry_points=metadata["entry-points"]["kldiv"])
    with installed_in(folder):
        registries = {"divergence": kldiv.divergences, "target": kldiv.targets}
        entry = registries.get(kind, kldiv.families)["foo_bar"]
        assert entry.plugin == "kldiv-foo-bar"
        assert entry.summary
        laws = ["identity", "bound", "slopes"] if kind == "divergence" else None
        check_plugin("kldiv-foo-bar", laws=laws).raise_for_failures()


@pytest.mark.parametrize(
    ("name", "item", "folder", "offered"),
    [
        ("foo", None, "kldiv-foo", "foo"),
        ("Kldiv_Foo.Bar", None, "kldiv-foo-bar", "foo_bar"),
        ("kldiv-foo", "Le-Cam", "kldiv-foo", "le_cam"),
    ],
)
def test_names_are_put_into_their_usual_form(project, name, item, folder, offered):
    written = project(name, item=item)
    assert written.name == folder
    assert (written / folder.replace("-", "_") / f"{offered}.py").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("kldiv-foo", "solver"), "kind must be one of 'divergence', 'target', 'family'"),
        (("",), "name must be letters, digits and hyphens"),
        (("../foo",), "name must be letters, digits and hyphens"),
        (("2foo",), "name must be letters, digits and hyphens"),
        (("kldiv",), "name must say what the plugin brings, such as 'kldiv-foo', got 'kldiv'"),
        (("Kldiv-KLDIV",), "that is kldiv itself"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(tmp_path, arguments, message):
    with pytest.raises(InvalidArgument, match=message):
        new_project(*arguments, into=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("item", ["", "2", "a b!", "é"])
def test_an_item_that_cannot_be_a_name_is_refused(tmp_path, item):
    with pytest.raises(InvalidArgument, match="item must be a name such as 'le_cam'"):
        new_project("kldiv-foo", item=item, into=tmp_path)


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path):
    (tmp_path / "kldiv-foo").mkdir()
    with pytest.raises(InvalidArgument, match="exists already"):
        new_project("foo", into=tmp_path)


def test_without_copier_the_error_says_what_to_install(tmp_path, monkeypatch):
    load = builtins.__import__

    def refuse(name, *arguments):
        if name == "copier":
            raise ImportError(name)
        return load(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(NotAvailable, match=r"pip install 'kldiv\[new\]'"):
        new_project("foo", into=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_project_installs_passes_its_tests_and_builds_its_site(project, kind, tmp_path):
    """From the wheel, in processes of their own."""
    pytest.importorskip("hatchling")
    pytest.importorskip("sphinx_gallery")
    folder = project("kldiv-foo", kind)
    site = tmp_path / "site"

    def run(*arguments):
        path = os.pathsep.join([str(site), *sys.path])
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path, "KLDIV_PLUGINS_STRICT": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    run(*pip, "--target", str(site), str(folder))
    command = ("-c", "from kldiv.cli import main; main()")
    assert " passes: " in run(*command, "check", "kldiv-foo")
    assert " passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider")
    run("-m", "sphinx", "--fail-on-warning", "docs", str(tmp_path / "html"))
    page = (tmp_path / "html" / "gallery" / "plot_foo.html").read_text(encoding="utf-8")
    assert "sphx_glr_plot_foo_001.png" in page
