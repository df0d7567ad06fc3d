"""One plugin keeps a record of itself: its names, what it offers and all that went wrong."""

import sys
import textwrap

import pytest

from kldiv.plugin import Plugin, State


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """Writes a front module and loads it as a plugin; it is forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(source):
        (tmp_path / "kldiv_lone.py").write_text(textwrap.dedent(source))
        plugin = Plugin("lone", "kldiv-lone", "1.0", "kldiv_lone")
        plugin.load()
        return plugin

    yield load
    sys.modules.pop("kldiv_lone", None)


def test_a_plugin_goes_by_its_name_and_by_its_distribution_however_they_are_written():
    plugin = Plugin("My_Plugin", "Kldiv.Lone", "1.0", "kldiv_lone")
    assert plugin.labels == {"my-plugin", "kldiv-lone"}


def test_a_plugin_is_not_imported_before_it_is_loaded(loaded):
    plugin = Plugin("lone", "kldiv-lone", "1.0", "kldiv_lone")
    assert "kldiv_lone" not in sys.modules
    assert (plugin.seconds, plugin.items, plugin.problems) == (0.0, {}, [])


def test_nothing_stays_imported_of_a_plugin_that_failed_so_that_it_can_be_mended(loaded):
    failed = loaded("import kldiv")
    assert failed.state is State.FAILED
    assert "kldiv_lone" not in sys.modules
    mended = loaded("import kldiv\n@kldiv.hookimpl\ndef kldiv_targets(): return {}  # mended")
    assert mended.state is State.OK
    assert "kldiv_lone" in sys.modules


def test_all_that_is_wrong_is_told_in_one_line_and_in_full(loaded):
    plugin = loaded(
        """
        import kldiv

        @kldiv.hookimpl
        def kldiv_targets():
            1 / 0

        @kldiv.hookimpl
        def kldiv_families():
            raise LookupError("nowhere")
        """
    )
    assert plugin.state is State.DEGRADED
    told = ["LookupError: nowhere", "ZeroDivisionError: division by zero"]
    assert sorted(plugin.error.split("; ")) == told
    assert plugin.complaint == (
        f"plugin 'kldiv-lone' is set aside as degraded: {plugin.error} "
        "(`kldiv plugins` shows more)"
    )
    assert plugin.traceback.count("Traceback (most recent call last)") == 2
    assert "1 / 0" in plugin.traceback


def test_a_good_item_beside_a_bad_one_stays_in_use(loaded):
    plugin = loaded(
        """
        import kldiv

        @kldiv.hookimpl
        def kldiv_targets():
            return {"Bad name": dict, "good": list}
        """
    )
    assert plugin.state is State.DEGRADED
    assert plugin.components["targets"] == ("good",)
    assert len(plugin.problems) == 1


def test_two_plugins_that_say_the_same_are_still_two():
    first, second = (Plugin("lone", "kldiv-lone", "1.0", "kldiv_lone") for _ in range(2))
    assert first != second
    first.set_aside(ValueError("x"))
    assert not second.problems
