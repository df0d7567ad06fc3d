"""The commands for plugins: their tables, their JSON and their exit status."""

import json
import warnings

import pytest

from click.testing import CliRunner

from kldiv.cli import main
from kldiv.hookspecs import PLUGIN_API
from kldiv.scaffold import TEMPLATE
from tests.wrong_plugins import HEAVY


@pytest.fixture
def run():
    def run(*arguments, status=0):
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == status, result.output
        return result.stderr if status == 2 else result.stdout

    return run


@pytest.fixture
def heavy(install_fake):
    install_fake("kldiv-fake", {"kldiv_fake.py": HEAVY})


@pytest.mark.usefixtures("only_built_in")
def test_the_doctor_finds_nothing_where_all_is_well(run):
    text = run("doctor")
    assert text.endswith("Nothing is wrong.\n")
    assert f"plugin API {PLUGIN_API} " in " ".join(text.split())
    found = json.loads(run("doctor", "--json"))
    assert list(found) == ["versions", "settings", "plugins", "findings"]
    assert found["findings"] == []
    assert found["versions"]["kldiv"]


def test_the_doctor_names_what_is_wrong_in_strict_mode_too(run, install_fake, monkeypatch):
    monkeypatch.setenv("KLDIV_PLUGINS_STRICT", "1")
    monkeypatch.setenv("KLDIV_DISABLE_PLUGINS", "kldiv-example")
    install_fake("kldiv-bad", {"kldiv_bad.py": "1 / 0"})
    text = run("doctor", status=1)
    assert "\nwrong: kldiv-bad: failed: ZeroDivisionError: division by zero\n" in text
    found = json.loads(run("doctor", "--json", status=1))
    assert found["settings"]["KLDIV_PLUGINS_STRICT"] == "1"
    (finding,) = [each for each in found["findings"] if each["plugin"] == "kldiv-bad"]
    assert finding == {
        "plugin": "kldiv-bad",
        "item": "",
        "text": "failed: ZeroDivisionError: division by zero",
        "serious": True,
    }
    states = {each["distribution"]: each["state"] for each in found["plugins"]}
    assert states["kldiv-bad"] == "failed"


def test_a_note_is_no_reason_for_alarm(run, install_fake):
    front = HEAVY.replace('"unit"', '"normal"')
    install_fake("kldiv-fake", {"kldiv_fake.py": front})
    assert "note: kldiv-fake: target normal: kldiv offers this name too" in run("doctor")


@pytest.mark.usefixtures("heavy")
def test_a_check_that_passes(run):
    text = run("check", "kldiv-fake", "--only", "unit")
    assert text.startswith("kldiv-fake 1.0 passes: ")
    found = json.loads(run("check", "kldiv-fake", "--only", "unit", "--json"))
    assert (found["passed"], found["findings"]) == (True, [])
    (item,) = found["items"]
    assert (item["kind"], item["item"], item["passed"]) == ("target", "unit", True)
    assert [each["verdict"] for each in item["laws"]][-1] == "not checked: it is no data"


@pytest.mark.usefixtures("heavy")
def test_a_check_that_fails_ends_with_status_1_and_shows_the_numbers(run):
    text = run("check", "kldiv-fake", "--law", "mass", status=1)
    assert "mass does not hold for kldiv-fake:heavy" in text
    found = json.loads(run("check", "kldiv-fake", "--law", "mass", "--json", status=1))
    (law,) = found["items"][0]["laws"]
    (failure,) = law["failures"]
    assert failure["numbers"]["mass"] == pytest.approx(1.0512711)
    assert failure["code"].startswith("kldiv.testing.check_target(")


@pytest.mark.usefixtures("heavy")
def test_a_failure_may_be_expected_with_its_reason(run):
    expected = ("--expect", "heavy:mass=it is known")
    assert "passes" in run("check", "kldiv-fake", "--law", "mass", *expected)
    run(
        "check",
        "kldiv-fake",
        "--law",
        "mass",
        "--only",
        "unit",
        "--expect",
        "unit:mass=x",
        status=1,
    )
    assert "needs its reason" in run("check", "kldiv-fake", "--expect", "heavy:mass=", status=2)
    stderr = run("check", "kldiv-fake", "--expect", "heavy(a=1):mass=x: y", status=2)
    assert "it offers no 'heavy(a=1)'" in stderr


@pytest.mark.usefixtures("heavy")
def test_nothing_checked_ends_with_status_1(run):
    text = run("check", "kldiv-fake", "--law", "data", status=1)
    assert "Nothing was checked." in text


@pytest.mark.usefixtures("heavy")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "kldiv-none"], "no plugin 'kldiv-none' is installed"),
        (["check", "kldiv-fake", "--only", "none"], "it offers no 'none'"),
        (["check", "kldiv-fake", "--law", "masses"], "did you mean 'mass'?"),
        (["check", "kldiv-fake", "--expect", "mass"], "must have the form NAME:LAW=REASON"),
        (["new", "kldiv-foo", "--kind", "solver"], "'solver' is not one of"),
        (["new", "2"], "name must be letters, digits and hyphens"),
    ],
)
def test_bad_input_is_one_line_and_status_2(run, arguments, message):
    stderr = run(*arguments, status=2)
    assert stderr.startswith("Error: ")
    assert stderr.count("\n") == 1
    assert message in stderr


def test_a_new_project_is_listed_file_by_file(run, tmp_path):
    pytest.importorskip("copier")
    text = run("new", "foo", "--kind", "target", "--into", str(tmp_path))
    assert f"{tmp_path / 'kldiv-foo' / 'kldiv_foo' / 'foo.py'}\n" in text
    assert "kldiv check kldiv-foo" in text
    found = json.loads(run("new", "bar", "--into", str(tmp_path), "--json"))
    assert found["folder"] == str(tmp_path / "kldiv-bar")
    assert len(found["files"]) == len([path for path in TEMPLATE.rglob("*.jinja")]) - 9
