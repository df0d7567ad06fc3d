"""The command line shows what the public calls return, and refuses bad input in one line."""

import json
import os
import subprocess
import sys
import warnings

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from click.testing import CliRunner
from matplotlib.figure import Figure

import kldiv

from kldiv.cli import main
from kldiv.errors import ConvergenceWarning, InvalidArgument
from kldiv.estimate import Estimate
from kldiv.plugin import Plugin
from kldiv.plugins import KNOWN_DISTRIBUTIONS


class Nearness:
    r"""How near :math:`p` is to q. More about it."""

    def __init__(self, order, weight=0.5):
        self.order, self.weight = order, weight


@dataclass(frozen=True)
class Optimum:
    """Stands for an optimum of a fit."""

    value: float
    parameters: dict


@pytest.fixture
def run():
    def run(*arguments, status=0):
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == status, result.output
        return result.stderr if status else result.stdout

    return run


@pytest.fixture
def nearness():
    with kldiv.divergences.temporary("nearness", Nearness) as entry:
        yield entry


@pytest.fixture
def calls(monkeypatch):
    """Puts calls that only record in the place of the public ones."""
    made = []
    estimate = Estimate(
        torch.tensor(0.25), torch.tensor(1e-6), "quadrature", None, 31, "it is 1-d"
    )

    def plot():
        made.append("plot")
        return Figure()

    fit = SimpleNamespace(
        verdict="It converged.",
        converged=True,
        parameters={"loc": torch.tensor(1.5), "scale": torch.tensor([1.0, 2.0])},
        divergence=estimate,
        optima=(Optimum(0.25, {"loc": torch.tensor(1.5)}), Optimum(float("inf"), {})),
        evaluations=31,
        plot=plot,
    )
    for name, result in {"divergence": estimate, "fit": fit}.items():

        def call(*arguments, _result=result, **options):
            made.append((arguments, options))
            return _result

        monkeypatch.setitem(vars(kldiv), name, call)
    return made


def test_the_lists_hold_every_entry(run, nearness):
    text = run("list")
    assert [
        line for line in text.splitlines() if line in ("divergences", "targets", "families")
    ] == [
        "divergences",
        "targets",
        "families",
    ]
    assert "How near p is to q." in text
    assert "nearness" not in run("list", "families")


def test_the_lists_can_be_had_as_json(run, nearness):
    found = json.loads(run("list", "divergences", "--json"))
    assert list(found) == ["divergences"]
    assert found["divergences"][-1] == {
        "name": "nearness",
        "qualified_name": "temporary:nearness",
        "summary": "How near p is to q.",
        "plugin": "temporary",
        "version": "",
        "tags": [],
    }


def test_a_name_is_shown_with_its_description_and_parameters(run, nearness):
    text = run("show", "Nearness")
    assert "temporary:nearness" in text
    assert "More about it." in text
    assert [line.split() for line in text.splitlines()][-3:-1] == [["order"], ["weight", "0.5"]]
    found = json.loads(run("show", "nearness", "--json"))
    assert found["divergences"]["parameters"] == {"order": "", "weight": "0.5"}
    assert found["divergences"]["description"].endswith("More about it.")


def test_the_unit_of_a_divergence_is_shown(run):
    weight = type("Weight", (kldiv.Divergence,), {"unit": "grams"})
    with kldiv.divergences.temporary("weight", weight):
        assert "Its values are counted in grams." in run("show", "weight")
        assert json.loads(run("show", "weight", "--json"))["divergences"]["unit"] == "grams"


def test_a_unit_that_parameters_decide_is_shown_as_that(run):
    assert "counted in units that its parameters decide." in run("show", "alpha")
    found = json.loads(run("show", "alpha", "--json"))["divergences"]
    assert found["unit"] == "units that its parameters decide"


def test_a_name_in_two_registries_is_shown_twice(run, nearness):
    with kldiv.targets.temporary("nearness", dict):
        assert list(json.loads(run("show", "nearness", "--json"))) == ["divergences", "targets"]


def test_the_plugins_are_shown_the_built_in_one_first(run):
    lines = run("plugins").splitlines()
    assert lines[0].split() == ["plugin", "version", "state", "seconds", "offers"]
    assert lines[2].startswith("kldiv ")
    found = json.loads(run("plugins", "--json"))
    assert found[0]["value"] == "kldiv.builtin"
    assert set(found[0]) == {
        *("distribution", "version", "name", "value", "state", "seconds"),
        *("error", "traceback", "components"),
    }


def test_what_is_wrong_with_a_plugin_is_shown_in_full(run, monkeypatch):
    plugin = Plugin("foo", "kldiv-foo", "1.0", "kldiv_no_such_module")
    plugin.load()
    monkeypatch.setattr("kldiv.cli.plugin_commands.plugin_report", lambda: (plugin,))
    assert "\nkldiv-foo (kldiv_no_such_module):\nTraceback" in run("plugins")


def test_an_evaluation_shows_the_estimate(run, calls):
    text = run("eval", "normal(loc=0)", "cauchy", "-d", "renyi(alpha=2)", "--seed", "3")
    assert calls == [
        (("normal(loc=0)", "cauchy", "renyi(alpha=2)"), {"estimator": "auto", "seed": 3})
    ]
    for part in ("renyi(alpha=2)", "0.25 ± 1e-06 nats", "quadrature", "31", "it is 1-d"):
        assert part in text


def test_an_evaluation_can_be_had_as_json(run, calls):
    found = json.loads(run("eval", "a", "b", "--json", "--estimator", "sum"))
    assert calls[0][1] == {"estimator": "sum", "seed": None}
    assert found["value"] == 0.25
    assert found["stderr"] is None
    assert found["method"] == "quadrature"


def test_several_divergences_are_a_table_or_an_object_of_them(run):
    arguments = ("eval", "normal", "normal(loc=1.0)", "-d", "kl", "-d", "chi2")
    lines = run(*arguments).splitlines()
    assert lines[0].split() == ["divergence", "value", "error", "method"]
    assert [line.split()[:2] for line in lines[2:]] == [["kl", "0.5"], ["chi2", "1.718282"]]
    found = json.loads(run(*arguments, "--json"))
    assert list(found) == ["kl", "chi2"]
    assert found["kl"] == json.loads(run(*arguments[:-2], "--json"))
    assert "after 'kl'" in run(*arguments, "-d", "kl", status=2)


def test_infinity_is_text_in_json(run, monkeypatch):
    infinite = Estimate(torch.tensor(torch.inf), torch.tensor(0.0), "sum", reason="no mass")
    monkeypatch.setitem(vars(kldiv), "divergence", lambda *_, **__: infinite)
    text = run("eval", "a", "b", "--json")
    assert json.loads(text, parse_constant=pytest.fail)["value"] == "inf"
    assert "inf ± 0 nats" in run("eval", "a", "b")


def test_an_unknown_constant_is_told(run, monkeypatch):
    estimate = Estimate(torch.tensor(1.0), torch.tensor(0.5), "samples", up_to_constant=True)
    monkeypatch.setitem(vars(kldiv), "divergence", lambda *_, **__: estimate)
    assert "1 ± 0.5 nats, up to a constant" in run("eval", "a", "b")


@pytest.mark.parametrize(("unit", "shown"), [("grams", "1 ± 0.5 grams\n"), ("", "1 ± 0.5\n")])
def test_an_estimate_is_shown_in_its_unit(run, monkeypatch, unit, shown):
    estimate = Estimate(torch.tensor(1.0), torch.tensor(0.5), "exact", unit=unit)
    monkeypatch.setitem(vars(kldiv), "divergence", lambda *_, **__: estimate)
    assert shown in run("eval", "a", "b")
    assert json.loads(run("eval", "a", "b", "--json"))["unit"] == unit


def test_a_fit_shows_verdict_parameters_and_optima(run, calls):
    text = run("fit", "bimodal", "normal", "-d", "renyi(alpha=2)", "--direction", "reverse")
    options = {"direction": "reverse", "estimator": "auto", "seed": 0}
    assert calls == [(("bimodal", "normal"), {"divergence": "renyi(alpha=2)", **options})]
    assert text.startswith("It converged.\n")
    for part in ("loc        1.5", "[1, 2]", "renyi(alpha=2): 0.25 ± 1e-06 nats", "loc=1.5"):
        assert part in text


def test_a_batched_fit_shows_the_optima_of_each_problem(run, monkeypatch, calls):
    fitted = kldiv.fit("bimodal", "normal")
    fitted.optima = (fitted.optima, fitted.optima[:1])
    monkeypatch.setitem(vars(kldiv), "fit", lambda *_, **__: fitted)
    assert run("fit", "bimodal", "normal").count("loc=1.5") == 2


def test_a_fit_can_be_had_as_json(run, calls):
    found = json.loads(run("fit", "bimodal", "normal", "--json"), parse_constant=pytest.fail)
    assert found["parameters"] == {"loc": 1.5, "scale": [1.0, 2.0]}
    assert found["divergence"]["value"] == 0.25
    assert [optimum["value"] for optimum in found["optima"]] == [0.25, "inf"]


def test_a_picture_of_a_fit_is_saved(run, calls, tmp_path):
    run("fit", "bimodal", "normal", "--plot", str(tmp_path / "fit.PNG"))
    assert calls[1:] == ["plot"]
    assert [path.name for path in tmp_path.iterdir()] == ["fit.PNG"]
    assert (tmp_path / "fit.PNG").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["fit.doc", "fit", "no_folder/fit.png", "folder.png"])
def test_a_picture_that_could_not_be_saved_is_refused_before_the_fit(run, calls, tmp_path, name):
    (tmp_path / "folder.png").mkdir()
    stderr = run("fit", "bimodal", "normal", "--plot", str(tmp_path / name), status=2)
    assert stderr.startswith("Error: --plot ")
    assert calls == []


def test_a_picture_that_fails_leaves_nothing_behind(run, calls, tmp_path, monkeypatch):
    path = tmp_path / "fit.svg"
    path.write_text("old")

    def fail(self, partial):
        partial.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        run("fit", "bimodal", "normal", "--plot", str(path))
    assert [each.name for each in tmp_path.iterdir()] == ["fit.svg"]
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command 'frobnicate'."),
        (["list", "frogs"], "'frogs' is not one of 'divergences', 'targets', 'families'."),
        (["list", "--frogs"], "No such option"),
        (["show"], "Missing argument 'NAME'."),
        (["show", "nearnes"], "unknown name 'nearnes'; did you mean 'nearness'?"),
        (["show", "2d"], "'2d' is not a name; write it like"),
        (["eval", "a"], "Missing argument 'Q'."),
        (["eval", "a", "b", "--seed", "x"], "'x' is not a valid integer."),
        (["-p", "kldiv-foo", "list"], "'kldiv-foo' must have the form no:NAME"),
        (["-p", "no:", "list"], "'no:' must have the form no:NAME"),
    ],
)
def test_bad_input_is_one_line_and_status_2(run, nearness, arguments, message):
    stderr = run(*arguments, status=2)
    assert stderr.startswith("Error: ")
    assert stderr.count("\n") == 1
    assert message in stderr


def test_a_name_that_a_known_distribution_brings_is_answered_with_its_installation(
    run, monkeypatch
):
    monkeypatch.setitem(KNOWN_DISTRIBUTIONS, "kldiv-nowhere", ("no_such_thing",))
    assert "pip install kldiv-nowhere" in run("show", "no_such_thing", status=2)


def test_what_the_library_refuses_is_one_line_too(run, monkeypatch):
    def refuse(*_, **__):
        raise InvalidArgument("p is wrong,\n  in two lines")

    monkeypatch.setitem(vars(kldiv), "divergence", refuse)
    assert run("eval", "a", "b", status=2) == "Error: p is wrong, in two lines\n"


def test_a_bug_is_not_passed_off_as_bad_input(run, monkeypatch):
    def fail(*_, **__):
        raise ValueError("a bug")

    monkeypatch.setitem(vars(kldiv), "divergence", fail)
    with pytest.raises(ValueError, match="a bug"):
        run("eval", "a", "b")


def test_warnings_are_shown_in_a_line(monkeypatch):
    def warn(*_, **__):
        warnings.warn("slow going", ConvergenceWarning, stacklevel=1)
        return Estimate(torch.tensor(1.0), torch.tensor(0.0), "exact")

    monkeypatch.setitem(vars(kldiv), "divergence", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = CliRunner().invoke(main, ["eval", "a", "b"], catch_exceptions=False)
        assert result.stderr == "Warning: slow going\n"


def test_without_arguments_the_help_is_shown():
    result = CliRunner().invoke(main, [])
    assert "Commands:" in result.output
    assert "Error" not in result.output


def test_names_are_completed(nearness):
    completed = CliRunner().invoke(
        main,
        [],
        prog_name="kldiv",
        env={
            "_KLDIV_COMPLETE": "bash_complete",
            "COMP_WORDS": "kldiv show nea",
            "COMP_CWORD": "2",
        },
    )
    assert completed.stdout.strip() == "plain,nearness"


@pytest.fixture
def site(tmp_path):
    """A folder in which one plugin is installed that leaves a trace, and one that fails."""
    for name, source in {
        "kldiv_trace": "from pathlib import Path\nPath(__file__).with_name('trace').touch()\n"
        "import kldiv\n@kldiv.hookimpl\ndef kldiv_divergences(): return {'tracing': dict}",
        "kldiv_broken": "import no_such_module",
    }.items():
        (tmp_path / f"{name}.py").write_text(source)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        distribution = name.replace("_", "-")
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[kldiv]\n{name.removeprefix('kldiv_')} = {name}\n"
        )
    return tmp_path


@pytest.fixture
def process(site):
    def process(*arguments, **settings):
        environment = {**os.environ, "KLDIV_DISABLE_PLUGIN_AUTOLOAD": "0", **settings}
        environment["PYTHONPATH"] = os.pathsep.join([str(site), *sys.path])
        code = "from kldiv.cli import main; main(prog_name='kldiv')"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    return process


def test_a_broken_plugin_is_one_warning_and_the_rest_works(process):
    done = process("list", "divergences")
    assert done.returncode == 0
    assert "tracing" in done.stdout
    (line,) = [line for line in done.stderr.splitlines() if "kldiv-broken" in line]
    assert line.startswith("Warning: plugin 'kldiv-broken' is set aside as failed: ModuleNotFound")


def test_the_report_shows_what_is_wrong_with_a_plugin(process):
    done = process("plugins", KLDIV_PLUGINS_STRICT="1")
    assert done.returncode == 0
    assert "kldiv-broken (kldiv_broken):\nTraceback" in done.stdout


def test_strict_mode_ends_with_status_2(process):
    done = process("-p", "no:builtin", "list", KLDIV_PLUGINS_STRICT="1")
    assert done.returncode == 2
    assert "Error: plugin 'kldiv-broken' is set aside as failed" in done.stderr


@pytest.mark.parametrize("name", ["trace", "kldiv-trace", "Kldiv_Trace"])
def test_a_plugin_is_disabled_before_it_is_imported(process, site, name):
    done = process("-p", f"no:{name}", "-p", "no:broken", "plugins", "--json")
    states = {each["distribution"]: each["state"] for each in json.loads(done.stdout)}
    assert states["kldiv-trace"] == states["kldiv-broken"] == "disabled"
    assert not (site / "trace").exists()


def test_disabling_lasts_for_the_command_only(run, monkeypatch):
    for before in (None, "kldiv"):
        if before:
            monkeypatch.setenv("KLDIV_DISABLE_PLUGINS", before)
        else:
            monkeypatch.delenv("KLDIV_DISABLE_PLUGINS", raising=False)
        found = json.loads(run("-p", "no:builtin", "plugins", "--json"))
        assert found[0]["state"] == "disabled"
        assert os.environ.get("KLDIV_DISABLE_PLUGINS") == before
