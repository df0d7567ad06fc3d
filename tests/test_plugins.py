"""Plugins are found without an import, loaded in isolation, and their state is told."""

import os
import sys
import textwrap
import threading
import tomllib
import warnings

from pathlib import Path

import pytest

from kldiv.errors import PluginError, PluginWarning
from kldiv.lazy import Lazy
from kldiv.plugin import Plugin, State
from kldiv.plugins import KNOWN_DISTRIBUTIONS, Plugins, find
from kldiv.specs import parse

GOOD = """
    import kldiv

    @kldiv.hookimpl
    def kldiv_divergences():
        return {"le_cam": "kldiv_good.le_cam:LeCam", "two": dict}
"""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in list(os.environ):
        if name.startswith("KLDIV_"):
            monkeypatch.delenv(name)


@pytest.fixture
def front(tmp_path, monkeypatch):
    """Writes front modules; they are forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(source, module="kldiv_foo"):
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        return Plugin(module.removeprefix("kldiv_"), module.replace("_", "-"), "1.0", module)

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("kldiv_"):
            del sys.modules[name]


@pytest.fixture
def loaded(front):
    """Writes a front module and loads it as a plugin."""

    def load(source):
        plugin = front(source)
        plugin.load()
        return plugin

    return load


def hook(name, body):
    return f"""
    import kldiv

    @kldiv.hookimpl
    def {name}():
        {body}
    """


# One plugin


def test_a_plugin_that_is_whole_is_ok(loaded):
    plugin = loaded(GOOD)
    assert plugin.state is State.OK
    assert plugin.items == {"divergence": {"le_cam": Lazy("kldiv_good.le_cam:LeCam"), "two": dict}}
    assert plugin.components == {
        "divergences": ("le_cam", "two"),
        "targets": (),
        "families": (),
        "gallery": (),
    }
    assert 0 < plugin.seconds < 10
    assert (plugin.error, plugin.traceback) == ("", "")


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import kldiv\n1 / 0", "ZeroDivisionError: division by zero"),
        ("x = (", "SyntaxError"),
        ("x = 1", "PluginError: 'kldiv_foo' has no function marked with @kldiv.hookimpl"),
        (
            "import kldiv\n@kldiv.hookimpl\ndef kldiv_targets(config): return {}",
            "PluginValidationError",
        ),
    ],
)
def test_a_plugin_that_cannot_be_imported_or_registered_failed(loaded, source, cause):
    plugin = loaded(source)
    assert plugin.state is State.FAILED
    assert cause in plugin.error
    assert cause.split(":")[0] in plugin.traceback
    assert not plugin.items


def test_a_front_module_that_does_not_exist_failed():
    plugin = Plugin("foo", "kldiv-foo", "1.0", "kldiv_no_such_module")
    plugin.load()
    assert plugin.state is State.FAILED


def test_an_interrupt_is_not_swallowed(front):
    plugin = front("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugin.load()


@pytest.mark.parametrize("number", [0, 2, "'1'"])
def test_a_plugin_for_another_api_is_incompatible(loaded, number):
    plugin = loaded(f"KLDIV_PLUGIN_API = {number}")
    assert plugin.state is State.INCOMPATIBLE
    assert "written for plugin API" in plugin.error


def test_a_plugin_for_this_api_is_ok(front):
    plugin = front(GOOD + "\n    KLDIV_PLUGIN_API = 1\n")
    plugin.load()
    assert plugin.state is State.OK


@pytest.mark.parametrize(
    ("name", "body", "cause"),
    [
        ("kldiv_divergencies", "return {}", "unknown hook 'kldiv_divergencies'; did you mean 'k"),
        ("kldiv_unheard_of", "return {}", "unknown hook 'kldiv_unheard_of'"),
        ("kldiv_targets", "1 / 0", "ZeroDivisionError"),
        ("kldiv_targets", "raise SystemExit", "SystemExit"),
        ("kldiv_targets", "pass", "kldiv_targets must return a mapping, got None"),
        ("kldiv_targets", "return ['x']", "must return a mapping, got ['x'] of type list"),
        ("kldiv_targets", "return {'x': 3}", "kldiv_targets, 'x': 3 of type int cannot be offere"),
        ("kldiv_targets", "return {'x': 'y'}", "'y' must have the form 'package.module:Name'"),
        ("kldiv_targets", "return {'Le-Cam': dict}", "'Le-Cam': a name is lower case"),
        ("kldiv_targets", "return {3: dict}", "kldiv_targets, 3: a name is lower case"),
        ("kldiv_closed_forms", "return 'a:b'", "kldiv_closed_forms must return a list, got 'a:b'"),
        ("kldiv_closed_forms", "pass", "kldiv_closed_forms must return a list, got None"),
        ("kldiv_closed_forms", "return ['nowhere']", "must have the form 'package.module:Name'"),
        ("kldiv_gallery", "return 3", "kldiv_gallery must return a mapping, got 3"),
        ("kldiv_gallery", "return {'T': 'nowhere'}", "kldiv_gallery, 'T': no folder 'nowhere'"),
    ],
)
def test_a_hook_that_is_wrong_degrades_the_plugin_and_the_rest_works(loaded, name, body, cause):
    plugin = loaded(GOOD + hook(name, body))
    assert plugin.state is State.DEGRADED
    assert cause in plugin.error
    assert plugin.components["divergences"] == ("le_cam", "two")


def test_a_hook_for_later_versions_may_be_optional(loaded):
    source = hook("kldiv_unheard_of", "1 / 0").replace("hookimpl", "hookimpl(optionalhook=True)")
    assert loaded(GOOD + source).state is State.OK


def test_what_is_right_in_a_hook_is_kept(loaded):
    plugin = loaded(hook("kldiv_families", "return {'a': dict, 'b': 3, 'c': list}"))
    assert plugin.items == {"family": {"a": dict, "c": list}}


def test_closed_forms_may_be_given_by_place(loaded):
    plugin = loaded(hook("kldiv_closed_forms", "return iter(['a.b:C', kldiv.Lazy('d:E'), 3])"))
    assert plugin.closed_forms == [Lazy("a.b:C"), Lazy("d:E"), 3]


def test_a_gallery_is_a_folder_beside_the_front_module(loaded, tmp_path):
    (tmp_path / "gallery").mkdir()
    plugin = loaded(hook("kldiv_gallery", "return {'Foo': 'gallery'}"))
    assert plugin.state is State.OK
    assert plugin.galleries == {"Foo": tmp_path / "gallery"}
    assert plugin.components["gallery"] == ("Foo",)


# Several plugins


def test_one_that_fails_warns_once_and_the_rest_works(front):
    plugins = Plugins(lambda: (front("1 / 0", "kldiv_bad"), front(GOOD, "kldiv_good")))
    with pytest.warns(
        PluginWarning, match="'kldiv-bad' is set aside as failed: ZeroDiv"
    ) as caught:
        offers = plugins.offers("divergence")
    assert len(caught) == 1
    assert [(offer.plugin, offer.version, offer.name) for offer in offers] == [
        ("kldiv-good", "1.0", "le_cam"),
        ("kldiv-good", "1.0", "two"),
    ]
    assert plugins.offers("divergence") is offers
    assert plugins.offers("target") == ()
    assert [plugin.state for plugin in plugins.reports()] == [State.FAILED, State.OK]


def test_a_warning_made_an_error_leaves_the_plugins_loaded(front):
    plugins = Plugins(lambda: (front("1 / 0", "kldiv_bad"), front(GOOD, "kldiv_good")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PluginWarning):
            plugins.offers("divergence")
        assert len(plugins.offers("divergence")) == 2


def test_strict_mode_makes_an_error_of_it_but_the_report_still_works(front, monkeypatch):
    monkeypatch.setenv("KLDIV_PLUGINS_STRICT", "1")
    plugins = Plugins(lambda: (front(GOOD, "kldiv_good"), front("1 / 0", "kldiv_bad")))
    with pytest.warns(PluginWarning):
        assert len(plugins.reports()) == 2
    for _ in range(2):
        with pytest.raises(PluginError, match="'kldiv-bad'") as caught:
            plugins.offers("divergence")
        assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_strict_mode_says_nothing_where_all_is_well(front, monkeypatch):
    monkeypatch.setenv("KLDIV_PLUGINS_STRICT", "1")
    assert Plugins(lambda: (front(GOOD),)).offers("divergence")


@pytest.mark.parametrize("names", ["kldiv-bad", "Kldiv_Bad", "bad", " bad ,", "bad,kldiv-good"])
def test_a_plugin_that_is_disabled_is_not_imported(front, monkeypatch, names):
    monkeypatch.setenv("KLDIV_DISABLE_PLUGINS", names)
    plugins = Plugins(lambda: (front("1 / 0", "kldiv_bad"), front(GOOD, "kldiv_good")))
    assert bool(plugins.offers("divergence")) is ("good" not in names)
    assert plugins.reports()[0].state is State.DISABLED
    assert "kldiv_bad" not in sys.modules


def test_disabling_what_is_not_installed_warns(front, monkeypatch):
    monkeypatch.setenv("KLDIV_DISABLE_PLUGINS", "godo")
    plugins = Plugins(lambda: (front(GOOD, "kldiv_good"),))
    with pytest.warns(PluginWarning, match="'godo' was to be disabled.*installed: kldiv-good"):
        assert plugins.offers("divergence")


def test_all_plugins_but_the_built_in_one_can_be_disabled(front, monkeypatch):
    monkeypatch.setenv("KLDIV_DISABLE_PLUGIN_AUTOLOAD", "1")
    built_in = front(GOOD, "kldiv_good")
    built_in.distribution = "kldiv"
    plugins = Plugins(lambda: (built_in, front("1 / 0", "kldiv_bad")))
    assert [plugin.state for plugin in plugins.reports()] == [State.OK, State.DISABLED]


def test_a_name_given_twice_by_one_distribution_is_a_problem_of_the_second(front):
    first, second = front(GOOD, "kldiv_one"), front(GOOD, "kldiv_two")
    second.distribution = first.distribution
    plugins = Plugins(lambda: (first, second))
    with pytest.warns(PluginWarning, match="another entry point of 'kldiv-one' offers 'le_cam'"):
        assert len(plugins.offers("divergence")) == 2


def test_a_front_module_that_uses_a_registry_is_set_aside(front, monkeypatch):
    plugins = Plugins(lambda: (plugin,))
    plugin = front("import builtins\nbuiltins.the_plugins.reports()")
    monkeypatch.setattr("builtins.the_plugins", plugins, raising=False)
    with pytest.warns(PluginWarning, match="must not use a registry"):
        assert plugins.offers("target") == ()


def test_an_interrupted_load_starts_again(front):
    plugins = Plugins(lambda: (plugin,))
    plugin = front("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugins.reports()
    plugin = front(GOOD, "kldiv_good")
    assert len(plugins.offers("divergence")) == 2


def test_threads_load_once(front):
    calls, seen = [], []
    plugin = front(GOOD)
    plugins = Plugins(lambda: calls.append(1) or (plugin,))
    threads = [
        threading.Thread(target=lambda: seen.append(plugins.offers("divergence")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(seen) == 8
    assert all(each is seen[0] for each in seen)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("le_cam", "'kldiv-example' offers 'le_cam': pip install kldiv-example"),
        ("le_camm", "'kldiv-example' offers 'le_cam': pip install kldiv-example"),
        ("kldiv-foo:renyi", "no plugin 'kldiv-foo' is installed"),
        ("nonsense", "plugin 'kldiv-bad' is failed"),
    ],
)
def test_an_unknown_name_is_explained(front, name, expected):
    plugins = Plugins(lambda: (front("1 / 0", "kldiv_bad"), front(GOOD, "kldiv_good")))
    with pytest.warns(PluginWarning):
        hint = plugins.hint(parse(name))
    assert expected in hint
    assert "plugin 'kldiv-bad' is failed" in hint


def test_a_distribution_that_is_installed_is_not_offered(front):
    plugins = Plugins(lambda: (front(GOOD, "kldiv_example"),))
    assert plugins.hint(parse("le_cam")) == ""


def test_the_table_of_known_distributions_is_what_the_folder_of_plugins_offers(monkeypatch):
    offered = {}
    for folder in sorted((Path(__file__).parent.parent / "plugins").iterdir()):
        monkeypatch.syspath_prepend(folder)
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        for name, value in project["entry-points"]["kldiv"].items():
            plugin = Plugin(name, project["name"], "", value)
            plugin.load()
            assert plugin.state is State.OK, plugin.error
            names = [name for items in plugin.items.values() for name in items]
            offered[plugin.distribution] = (*offered.get(plugin.distribution, ()), *names)
    assert offered == KNOWN_DISTRIBUTIONS


# What is installed


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution with entry points in a folder on the path."""

    def write(distribution, entries, version="1.0", folder="site"):
        site = tmp_path / folder
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = {value}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[kldiv]", *lines]))
        monkeypatch.syspath_prepend(site)

    return write


def installed():
    return [(each.distribution, each.name, each.version, each.value) for each in find()]


def test_the_built_in_plugin_is_the_first_and_the_rest_are_in_the_order_of_names(install):
    install("kldiv-zeta", {"b": "zeta.b", "a": "zeta.a"})
    install("KLDIV_alpha", {"z": "alpha"}, version="2.1")
    found = installed()
    assert found[0][:2] == ("kldiv", "builtin")
    assert found[0][3] == "kldiv.builtin"
    ours = [each for each in found if each[0] in ("kldiv-zeta", "KLDIV_alpha")]
    assert ours == [
        ("KLDIV_alpha", "z", "2.1", "alpha"),
        ("kldiv-zeta", "a", "1.0", "zeta.a"),
        ("kldiv-zeta", "b", "1.0", "zeta.b"),
    ]


def test_finding_imports_nothing(install):
    install("kldiv-zeta", {"zeta": "kldiv_no_such_module"})
    assert ("kldiv-zeta", "zeta", "1.0", "kldiv_no_such_module") in installed()


def test_a_distribution_that_is_on_the_path_twice_counts_once(install):
    install("kldiv-zeta", {"zeta": "zeta"}, version="1.0", folder="old")
    install("kldiv-zeta", {"zeta": "zeta"}, version="2.0", folder="new")
    assert [each for each in installed() if each[0] == "kldiv-zeta"] == [
        ("kldiv-zeta", "zeta", "2.0", "zeta")
    ]


def test_a_plugin_installed_later_is_seen_after_a_refresh(install, front):
    plugins = Plugins(lambda: [each for each in find() if each.distribution == "kldiv-good"])
    assert plugins.offers("divergence") == ()
    front(GOOD, "kldiv_good")
    install("kldiv-good", {"good": "kldiv_good"})
    assert plugins.offers("divergence") == ()
    plugins.refresh()
    assert [offer.name for offer in plugins.offers("divergence")] == ["le_cam", "two"]


def test_a_newer_distribution_without_plugins_hides_an_older_one(install):
    install("kldiv-zeta", {"zeta": "zeta"}, version="1.0", folder="old")
    install("kldiv-zeta", {}, version="2.0", folder="new")
    assert not [each for each in installed() if each[0] == "kldiv-zeta"]


@pytest.mark.parametrize("metadata", [None, "", "Name: \n", "Version: 1\n"])
def test_a_distribution_without_a_name_is_found_all_the_same(install, tmp_path, metadata):
    install("kldiv-zeta", {"zeta": "zeta"})
    path = tmp_path / "site" / "kldiv_zeta-1.0.dist-info" / "METADATA"
    path.unlink() if metadata is None else path.write_text(metadata)
    assert "zeta" in [each[3] for each in installed()]


def test_entry_points_that_are_no_text_are_passed_over(install, tmp_path):
    install("kldiv-zeta", {"zeta": "zeta"})
    (tmp_path / "site" / "kldiv_zeta-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff[kl")
    assert installed()[0][0] == "kldiv"


def test_other_plugins_can_be_found_for_a_while(front):
    plugins = Plugins(lambda: (front(GOOD, "kldiv_good"),))
    assert len(plugins.offers("divergence")) == 2
    with plugins.found_by(tuple):
        assert plugins.offers("divergence") == ()
    assert len(plugins.offers("divergence")) == 2
