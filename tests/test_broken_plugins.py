"""Many kinds of broken plugins: the core works in all, and each is named with its cause."""

import json
import os
import re
import subprocess
import sys
import warnings

import pytest
import torch

import kldiv

from kldiv.diagnosis import diagnose
from kldiv.errors import PluginError
from kldiv.registries import plugin_report
from tests.broken_plugins import BROKEN, GOOD

FAILING = [kind for kind, broken in BROKEN.items() if broken.state != "ok"]


@pytest.fixture(autouse=True)
def _only_ours(monkeypatch):
    monkeypatch.setenv("KLDIV_DISABLE_PLUGINS", "kldiv-example")
    monkeypatch.delenv("KLDIV_PLUGINS_STRICT", raising=False)


@pytest.fixture
def install(install_fake, tmp_path):
    """Installs a broken plugin, and a good one after it."""

    def install(kind):
        broken = BROKEN[kind]
        name = "kldiv-broken"
        files = {"kldiv_broken.py": broken.front, **broken.files}
        install_fake(name, files, entry_points=broken.entry_points)
        for path, text in broken.metadata.items():
            (tmp_path / "site" / "kldiv_broken-1.0.dist-info" / path).write_text(text)
        install_fake("kldiv-good", {"kldiv_good.py": GOOD.replace("'broken'", "'good'")})
        kldiv.divergences.refresh()
        return broken

    return install


def test_there_are_more_than_forty_kinds():
    assert len(BROKEN) > 40
    assert {broken.state for broken in BROKEN.values()} == {
        *("failed", "incompatible", "degraded", "ok")
    }


@pytest.mark.parametrize("kind", BROKEN)
def test_the_core_and_other_plugins_work_beside_one_that(kind, install):
    install(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = list(kldiv.divergences)
        value = float(kldiv.divergence("normal", "normal(loc=1.0)"))
    assert value == pytest.approx(0.5)
    assert "kl" in names
    assert kldiv.divergences["kldiv-good:good"].load() is kldiv.divergences["kl"].load()
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("kind", BROKEN)
def test_the_diagnosis_names_the_cause_of_one_that(kind, install):
    broken = install(kind)
    findings = diagnose()
    texts = [each.text for each in findings if each.plugin == "kldiv-broken"]
    assert any(broken.cause in text for text in texts), texts
    own = [each for each in plugin_report() if each.distribution == "kldiv-broken"]
    assert broken.state in [each.state for each in own]
    assert {each.plugin for each in findings if each.serious} <= {"kldiv-broken", "kldiv-good"}


@pytest.mark.parametrize("kind", FAILING)
def test_one_warning_names_a_plugin_that(kind, install):
    broken = install(kind)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(kldiv.divergences)
        list(kldiv.targets)
    (text,) = [str(each.message) for each in caught if "kldiv-broken" in str(each.message)]
    assert f"is set aside as {broken.state}: " in text
    assert broken.cause in text


@pytest.mark.parametrize("kind", FAILING)
def test_strict_mode_makes_an_error_of_one_that(kind, install, monkeypatch):
    install(kind)
    monkeypatch.setenv("KLDIV_PLUGINS_STRICT", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(PluginError, match="kldiv-broken"):
            list(kldiv.divergences)


@pytest.mark.parametrize("kind", BROKEN)
def test_disabling_silences_one_that(kind, install, monkeypatch):
    install(kind)
    monkeypatch.setenv("KLDIV_DISABLE_PLUGINS", "kldiv-broken,kldiv-example")
    assert "good" in kldiv.divergences  # warnings are errors
    assert [each.text for each in diagnose() if each.plugin == "kldiv-broken"] == [
        "disabled by a setting"
    ] * len([each for each in plugin_report() if each.distribution == "kldiv-broken"])


def test_an_interrupt_is_passed_on(install_fake):
    install_fake("kldiv-broken", {"kldiv_broken.py": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        list(kldiv.divergences)


@pytest.mark.parametrize(
    "kind",
    [
        "offers what is in no module",
        "offers what its module has not",
        "offers what needs something more",
        "exits when an item is imported",
    ],
)
def test_an_item_that_cannot_be_had_is_an_error_with_the_cause_of_one_that(kind, install):
    cause = install(kind).cause
    with pytest.raises(PluginError, match=re.escape(cause)):
        kldiv.divergences.create("broken")


@pytest.mark.slow
def test_the_commands_work_while_all_of_them_are_installed(tmp_path):
    """In a process of their own, with a name for each."""
    for number, broken in enumerate(BROKEN.values()):
        name = f"kldiv_broken{number}"
        files = {"kldiv_broken.py": broken.front, **broken.files}
        renamed = {
            path.replace("kldiv_broken", name): text.replace("kldiv_broken", name)
            for path, text in files.items()
        }
        points = broken.entry_points or {"broken": "kldiv_broken"}
        entries = {key: value.replace("kldiv_broken", name) for key, value in points.items()}
        kldiv.testing.fake_distribution(
            tmp_path, name.replace("_", "-"), renamed, entry_points=entries
        )

    good = GOOD.replace("'broken'", "'good'")
    kldiv.testing.fake_distribution(tmp_path, "kldiv-good", {"kldiv_good.py": good})

    def run(*arguments):
        path = os.pathsep.join([str(tmp_path), *sys.path])
        settings = {"PYTHONPATH": path, "KLDIV_DISABLE_PLUGIN_AUTOLOAD": "0"}
        command = [sys.executable, "-c", "from kldiv.cli import main; main()", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **settings}
        )
        return done.returncode, done.stdout

    status, listed = run("list", "--json")
    assert status == 0
    assert "kl" in [each["name"] for each in json.loads(listed)["divergences"]]
    status, shown = run("plugins", "--json")
    assert status == 0
    states = {each["distribution"]: each["state"] for each in json.loads(shown)}
    assert len([name for name in states if name.startswith("kldiv-broken")]) == len(BROKEN)
    status, diagnosis = run("doctor", "--json")
    assert status == 1
    assert {name for name in states if name.startswith("kldiv-broken")} <= {
        finding["plugin"] for finding in json.loads(diagnosis)["findings"]
    }
    status, report = run("check", "kldiv", "--only", "coin", "--json")
    assert (status, json.loads(report)["passed"]) == (0, True)
    status, value = run("eval", "normal", "normal(loc=1.0)", "--json")
    assert (status, json.loads(value)["value"]) == (0, pytest.approx(0.5))
