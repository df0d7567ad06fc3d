"""The files around the package say what is so."""

import doctest
import re
import tomllib

from importlib.metadata import requires, version
from pathlib import Path

import pytest

import kldiv

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins():
    lines = [line for line in read("constraints.txt").splitlines() if not line.startswith("#")]
    return {normalised(name): pin for name, pin in (line.split("==") for line in lines)}


def test_the_sessions_of_the_readme_print_what_it_shows():
    blocks = re.findall(r"```pycon\n(.*?)```", read("README.md"), re.DOTALL)
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "README.md", None, None)

    assert len(example.examples) >= 5
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", ".ci/run", "docs/index.rst"])
def test_every_session_that_a_page_names_exists(page):
    sessions = re.findall(r"@nox\.session\ndef (\w+)", read("noxfile.py"))
    named = re.findall(r"nox -s (\w+)", read(page))

    assert named
    assert set(named) <= set(sessions)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_a_page_links_to_exists(page):
    links = [link for link in re.findall(r"\]\(([^)]+)\)", read(page)) if "://" not in link]

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_whatever_the_sessions_install_is_pinned_without_a_local_label():
    groups = [name for group in PROJECT["dependency-groups"].values() for name in group]
    named = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"] + groups
    pinned = pins()

    assert {normalised(re.split("[<>=]", name)[0]) for name in named} <= set(pinned)
    assert pinned["torch"] == "2.13.0"
    assert not any("+" in pin or "/" in pin for pin in pinned.values())


def test_everything_that_a_dependency_requires_is_pinned_too():
    pinned = pins()
    lines = [line for name in pinned for line in installed_requirements(name)]
    names = {normalised(re.match(r"[\w.-]+", line)[0]) for line in lines if ";" not in line}

    assert names <= set(pinned)


def installed_requirements(name):
    try:
        return requires(name) or []
    except ModuleNotFoundError:  # PackageNotFoundError: what only another platform installs
        return []


def test_every_public_name_has_its_place_on_the_api_page_and_no_other_has():
    documented = re.findall(r"^\.\. (?:auto|py:)\w+:: kldiv\.(\w+)$", read("docs/api.rst"), re.M)

    assert sorted(documented) == sorted(kldiv.__all__)


def test_the_version_is_the_one_of_the_metadata_and_has_a_section_in_the_changelog():
    assert kldiv.__version__ == version("kldiv") == PROJECT["project"]["version"]
    assert re.search(rf"^{re.escape(kldiv.__version__)}\b.*\n-+$", read("CHANGELOG.md"), re.M)


def test_the_wheel_holds_every_file_of_the_package():
    wheel = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    packed = {Path(file.distribution_path) for file in wheel.recurse_included_files()}
    there = {
        path.relative_to(ROOT)
        for path in (ROOT / "kldiv").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert {path.suffix for path in packed} >= {".py", ".js", ".css"}
    assert Path("kldiv/py.typed") in packed
    assert packed == there


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_that_is_installed_here_is_found_by_its_distribution(plugin):
    project = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["name"] == plugin.name
    assert version(plugin.name) == project["version"]
