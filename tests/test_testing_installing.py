"""Fake distributions are installed without pip, and leave nothing behind."""

import sys

import pytest

import kldiv

from kldiv.registries import plugin_report
from kldiv.testing import fake_distribution, installed_in, without_plugins

FRONT = """
    import kldiv

    @kldiv.hookimpl
    def kldiv_divergences():
        return {"fake": "kldiv_fake.inner:KL"}
"""
FILES = {
    "kldiv_fake/__init__.py": FRONT,
    "kldiv_fake/inner.py": "from kldiv.builtin.divergences.kl import KL",
}


def test_a_fake_distribution_is_found_by_its_entry_point_and_gone_afterwards(tmp_path):
    fake_distribution(tmp_path, "kldiv-fake", FILES, version="2.5")
    path = list(sys.path)
    with installed_in(tmp_path):
        entry = kldiv.divergences["fake"]
        assert (entry.plugin, entry.version) == ("kldiv-fake", "2.5")
        assert entry.load() is kldiv.divergences["kl"].load()
        assert "kldiv_fake.inner" in sys.modules
    assert "fake" not in kldiv.divergences
    assert sys.path == path
    assert not [name for name in sys.modules if name.startswith("kldiv_fake")]


def test_one_that_is_installed_later_is_seen_after_a_refresh(tmp_path):
    with installed_in(tmp_path):
        assert "fake" not in kldiv.divergences
        fake_distribution(tmp_path, "kldiv-fake", FILES)
        assert "fake" not in kldiv.divergences
        kldiv.divergences.refresh()
        assert "fake" in kldiv.divergences


def test_entry_points_may_have_other_names(tmp_path):
    entries = {"one": "kldiv_one", "two": "kldiv_two"}
    files = {f"{name}.py": FRONT.replace('"fake"', f'"{name}"') for name in entries.values()}
    fake_distribution(tmp_path, "kldiv-fake", files, entry_points=entries)
    with installed_in(tmp_path):
        names = [each.name for each in plugin_report() if each.distribution == "kldiv-fake"]
        assert names == ["one", "two"]
        assert {"kldiv_one", "kldiv_two"} <= set(kldiv.divergences)


def test_without_plugins_the_built_in_one_is_alone(install_fake):
    install_fake("kldiv-fake", {"kldiv_fake.py": "1 / 0"})
    with without_plugins():
        assert [each.distribution for each in plugin_report()] == ["kldiv"]
        assert "kl" in kldiv.divergences


def test_a_front_module_may_be_named_that_is_not_installed(tmp_path):
    fake_distribution(tmp_path, "kldiv-fake", FILES, entry_points={})
    with installed_in(tmp_path):
        with without_plugins("kldiv_fake"):
            assert kldiv.divergences["fake"].plugin == "kldiv-fake"
        assert "fake" not in kldiv.divergences


@pytest.mark.usefixtures("only_built_in")
def test_the_fixture_blocks_discovery():
    assert {entry.plugin for entry in kldiv.families.values()} == {"kldiv"}
    assert len(plugin_report()) == 1
