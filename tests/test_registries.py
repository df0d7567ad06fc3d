"""The registries of the process show what the installed plugins offer."""

import sys

from types import SimpleNamespace

import pytest

from kldiv import registries
from kldiv.errors import PluginWarning
from kldiv.lazy import Lazy
from kldiv.plugin import Plugin
from kldiv.plugins import Plugins


@pytest.fixture
def installed(monkeypatch):
    """Puts plugins in the place of those installed."""

    def install(*plugins):
        for plugin in plugins:
            monkeypatch.setattr(plugin, "load", lambda manager: None)
        monkeypatch.setattr(registries, "_plugins", Plugins(lambda: plugins))

    return install


@pytest.fixture
def plugin():
    return Plugin("foo", "kldiv-foo", "1.0", "kldiv_foo")


@pytest.fixture
def form():
    return SimpleNamespace(covers=lambda *_: True)


def test_each_registry_has_its_kind():
    kinds = [registries.divergences.kind, registries.targets.kind, registries.families.kind]
    assert kinds == ["divergence", "target", "family"]


def test_a_family_shows_the_parameters_that_can_be_held_fixed():
    with registries.families.temporary("mine", "torch.distributions:StudentT") as entry:
        assert list(entry.parameters) == ["df", "loc", "scale"]
        assert "Real" in entry.parameters["loc"]
    assert "total_count" in registries.families["binomial"].parameters


def test_the_built_in_plugin_is_the_first_of_the_report():
    assert registries.plugin_report()[0].distribution == "kldiv"


def test_a_refresh_finds_the_plugins_again():
    before = registries.plugin_report()
    assert registries.plugin_report() is before
    registries.refresh()
    assert registries.plugin_report() is not before


def test_galleries_keep_their_plugin(installed, plugin, tmp_path):
    plugin.galleries["Foo"] = tmp_path
    installed(plugin)
    assert registries.plugin_galleries() == (("kldiv-foo", "Foo", tmp_path),)


def test_closed_forms_are_loaded_once_and_keep_their_plugin(installed, plugin, form, monkeypatch):
    calls = []
    module = SimpleNamespace(FORMS=[form, form])
    monkeypatch.setitem(sys.modules, "kldiv_foo_forms", module)
    monkeypatch.setattr(Lazy, "load", lambda lazy: calls.append(lazy) or module.FORMS)
    plugin.closed_forms += [form, Lazy("kldiv_foo_forms:FORMS")]
    installed(plugin, Plugin("bar", "kldiv-bar", "1.0", "kldiv_bar"))
    assert tuple(registries.closed_forms()) == (form, form, form)
    assert registries.closed_forms_by_plugin() == {"kldiv-foo": (form, form, form)}
    assert len(calls) == 1


@pytest.mark.parametrize(
    "offered", [Lazy("kldiv.no_such_module:FORMS"), 3, Lazy("kldiv.lazy:Lazy")]
)
def test_closed_forms_that_are_none_are_left_out_with_a_warning(installed, plugin, form, offered):
    plugin.closed_forms += [offered, form]
    installed(plugin)
    with pytest.warns(PluginWarning, match="closed forms of plugin 'kldiv-foo' are left out"):
        assert tuple(registries.closed_forms()) == (form,)
    assert tuple(registries.closed_forms()) == (form,)


def test_closed_forms_with_tags_are_imported_for_these_divergences_only(
    installed, plugin, form, monkeypatch
):
    calls = []
    monkeypatch.setattr(Lazy, "load", lambda lazy: calls.append(lazy.target) or [form])
    plugin.closed_forms += [Lazy("foo:ALL"), Lazy("foo:SOME", tags=("mmd", "bures"))]
    installed(plugin)
    assert tuple(registries.closed_forms("kl")) == (form,)
    assert calls == ["foo:ALL"]
    assert tuple(registries.closed_forms("mmd")) == (form, form)
    assert tuple(registries.closed_forms()) == (form, form)
    assert calls == ["foo:ALL", "foo:SOME"]
