"""`check_plugin` and its cases of pytest: all that a distribution offers, and never nothing."""

import os
import subprocess
import sys
import warnings

import pytest

import kldiv

from kldiv.testing import check_plugin
from kldiv.testing.items import expected_of, items_of
from kldiv.testing.pytest_cases import laws_of
from tests.wrong_plugins import HEAVY

GOOD = """
    import kldiv

    @kldiv.hookimpl
    def kldiv_divergences():
        place = "kldiv.builtin.divergences.renyi:Renyi"
        return {
            "half": "kldiv.builtin.divergences.hellinger:SquaredHellinger",
            "order": kldiv.Lazy(place, examples=("order(alpha=0.5)", "order(alpha=2)")),
        }

    @kldiv.hookimpl
    def kldiv_targets():
        return {"unit": "kldiv.builtin.targets.normal:normal"}

    @kldiv.hookimpl
    def kldiv_families():
        return {"halfnormal": "torch.distributions:HalfNormal"}
"""
UNIT = """
    import kldiv

    @kldiv.hookimpl
    def kldiv_targets():
        return {"unit": "kldiv.builtin.targets.normal:normal"}
"""
FORMS = """
    import kldiv
    from torch.distributions import Beta
    from kldiv.builtin.divergences.total_variation import TotalVariation

    @kldiv.hookimpl
    def kldiv_closed_forms():
        return [kldiv.ClosedForm(TotalVariation, Beta, Beta, lambda p, q, d: p.mean * 0 + {value})]
"""


SKEWED = """
    import kldiv
    from torch.distributions import Beta
    from kldiv.builtin.divergences.total_variation import TotalVariation

    class Skewed(TotalVariation):
        upper_bound = {bound}
        expected_failures = {{"bound": "{reason}"}}

    @kldiv.hookimpl
    def kldiv_divergences():
        return {{"skewed": kldiv.Lazy("kldiv_fake:Skewed", examples=("skewed", "skewed()"))}}

    @kldiv.hookimpl
    def kldiv_targets():
        return {{"skewed": "kldiv.builtin.targets.normal:normal"}}

    @kldiv.hookimpl
    def kldiv_closed_forms():
        return [kldiv.ClosedForm(Skewed, Beta, Beta, lambda p, q, d: p.mean)]
"""
A, B = {"mass": "one reason"}, {"mass": "another"}


@pytest.fixture
def installed(install_fake):
    """Installs one plugin."""

    def install(source):
        install_fake("kldiv-fake", {"kldiv_fake.py": source})

    return install


def names_of(test):
    (mark,) = test.pytestmark
    return list(mark.kwargs["ids"]), list(mark.args[1])


def run(test):
    """What becomes of each case."""
    found = {}
    for name, case in zip(*names_of(test), strict=True):
        try:
            case()
        except kldiv.LawBroken as error:
            found[name] = f"fails: {error}"
        except pytest.skip.Exception as error:
            found[name] = f"skips: {error}"
        else:
            found[name] = "passes"
    return found


def test_everything_that_a_distribution_offers_is_checked(installed):
    installed(GOOD)
    report = check_plugin("Kldiv_Fake", laws=None, only=["half", "unit", "halfnormal"])
    assert report.passed, report
    assert report.items == (("divergence", "half"), ("target", "unit"), ("family", "halfnormal"))
    assert report.checks == sum(each.checks for each in report.reports) > 1000
    assert str(report).startswith("kldiv-fake 1.0 passes: ")
    report.raise_for_failures()


def test_each_example_is_an_item(installed):
    installed(GOOD)
    labels = [item.label for item in items_of("kldiv-fake")]
    assert labels == ["half", "order(alpha=0.5)", "order(alpha=2)", "unit", "halfnormal"]


def test_what_is_wrong_is_shown_in_full(installed):
    installed(HEAVY)
    report = check_plugin("kldiv-fake")
    assert [each.passed for each in report.reports] == [False, True]
    assert "mass does not hold for kldiv-fake:heavy" in str(report)
    with pytest.raises(kldiv.LawBroken, match="FAILS"):
        report.raise_for_failures()
    known = {"heavy": {"mass": "it is known"}}
    assert check_plugin("kldiv-fake", expected_failures=known).passed
    assert not check_plugin("kldiv-fake", expected_failures={"unit": {"mass": "not so"}}).passed


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        (0.1, "fails as expected: a slip"),
        (1.0, "was expected to fail and does not: a slip"),
    ],
)
def test_what_an_item_declares_is_expected_without_options(installed, bound, verdict):
    installed(SKEWED.format(bound=bound, reason="a slip"))
    first, *_ = check_plugin("kldiv-fake", laws=["bound", "mass"], only=["skewed"]).reports
    assert first.outcomes[0].verdict == verdict
    assert first.passed == (bound < 1)


def test_what_an_item_declares_needs_its_reason_too(installed):
    installed(SKEWED.format(bound=0.1, reason=""))
    with pytest.raises(kldiv.InvalidArgument, match="'bound' needs its reason"):
        check_plugin("kldiv-fake", laws=["bound"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [{}, {}, {}, {}, {}]),
        ({"skewed": A}, [A, A, A, {}, {}]),
        ({"divergence skewed": A}, [A, {}, {}, {}, {}]),
        ({"skewed()": A}, [{}, A, {}, {}, {}]),
        ({"target skewed": A, "skewed": B}, [B, B, A, {}, {}]),
        ({"closed forms of skewed": A}, [{}, {}, {}, A, A]),
    ],
)
def test_expected_failures_go_by_labels(installed, given, expected):
    installed(SKEWED.format(bound=0.1, reason="a slip"))
    items = items_of("kldiv-fake")
    assert [str(item) for item in items[:3]] == ["skewed", "skewed()", "skewed"]
    assert [item.kind for item in items[3:]] == ["closed forms"] * 2
    assert expected_of(items, given) == expected


@pytest.mark.parametrize("value", ["0.25", "p.log_prob(p.mean) * 0"])
def test_closed_forms_are_held_against_quadrature(installed, value):
    installed(FORMS.format(value=value))
    report = check_plugin("kldiv-fake")
    assert report.items == (("closed forms", "closed forms of total_variation"),)
    assert not report.passed
    assert "agreement does not hold for total_variation on 'betas'" in str(report)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "failed: ZeroDivisionError"),
        (GOOD.replace("kldiv_div", "kldiv_idv"), "unknown hook"),
        ("import kldiv\n@kldiv.hookimpl\ndef kldiv_targets(): return {}", "Nothing was checked."),
        (GOOD.replace(', examples=("order(alpha=0.5)", "order(alpha=2)")', ""), "examples=('ord"),
        (HEAVY.replace("lambda: Heavy", "lambda: 1 / 0 * Heavy"), "ZeroDivisionError"),
    ],
)
def test_a_plugin_that_is_not_whole_fails_with_the_reason(installed, source, message):
    installed(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kldiv.PluginWarning)
        report = check_plugin("kldiv-fake", laws=[])
    assert not report.passed
    assert message in str(report)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"distribution": "kldiv-none"}, "no plugin 'kldiv-none' is installed; installed: kldiv"),
        ({"distribution": "kldiv-fake", "only": ["none"]}, "it offers no 'none'; it offers: half"),
        (
            {"distribution": "kldiv-fake", "expected_failures": {"none": {"mass": "x"}}},
            "it offers no 'none'",
        ),
    ],
)
def test_what_is_not_there_cannot_be_checked(installed, arguments, message):
    installed(GOOD)
    with pytest.raises(kldiv.UnknownName, match=message):
        check_plugin(**arguments)


# Cases of pytest


def test_there_is_a_case_for_each_law_and_item(installed):
    installed(HEAVY)
    found = run(laws_of("kldiv-fake"))
    laws = list(kldiv.testing.laws("target"))
    assert list(found) == [
        "plugin-diagnosis",
        *(f"{item}-{law}" for item in ("heavy", "unit") for law in [*laws, "something"]),
    ]
    assert found["unit-sampler"] == found["unit-something"] == "passes"
    assert found["unit-data"] == "skips: it is no data"
    assert [name for name, outcome in found.items() if "fails" in outcome] == ["heavy-mass"]


def test_expected_failures_are_strict_in_the_cases(installed):
    installed(HEAVY)
    known = {"heavy": {"mass": "it is known"}, "unit": {"mass": "so it seemed"}}
    found = run(laws_of("kldiv-fake", expected_failures=known))
    assert found["heavy-mass"] == "passes"
    assert "was expected to fail and does not" in found["unit-mass"]
    with pytest.raises(kldiv.UnknownName, match="offers no 'none'"):
        laws_of("kldiv-fake", expected_failures={"none": {"mass": "x"}})


def test_an_item_of_which_nothing_is_checked_fails(installed):
    installed(GOOD.replace(', examples=("order(alpha=0.5)", "order(alpha=2)")', ""))
    test = laws_of("kldiv-fake")
    cases = {name: case for name, case in zip(*names_of(test), strict=True) if "order" in name}
    for name, case in cases.items():
        expected = kldiv.LawBroken if name == "order-something" else pytest.skip.Exception
        with pytest.raises(expected):
            case()


def test_a_distribution_that_offers_nothing_fails(installed):
    installed("import kldiv\n@kldiv.hookimpl\ndef kldiv_targets(): return {}")
    assert run(laws_of("kldiv-fake")) == {
        "plugin-diagnosis": "fails: kldiv-fake offers nothing that could be checked"
    }


def test_two_lines_of_a_test_file_are_enough(tmp_path):
    """In a process of its own, for a plugin that is not installed by pip."""
    kldiv.testing.fake_distribution(tmp_path, "kldiv-fake", {"kldiv_fake.py": UNIT})
    (tmp_path / "test_fake.py").write_text(
        "from kldiv.testing.pytest_cases import laws_of\ntest_laws = laws_of('kldiv-fake')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_fake.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "8 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
