"""The diagnosis finds what is wrong, and nothing where all is well."""

import pytest

import kldiv

from kldiv.diagnosis import Finding, diagnose, examples_of

FRONT = """
    import kldiv

    @kldiv.hookimpl
    def kldiv_divergences():
        place = "kldiv.builtin.divergences.renyi:Renyi"
        return {
            "mine": "kldiv.builtin.divergences.kl:KL",
            "unshown": place,
            "shown": kldiv.Lazy(place, examples=("shown(alpha=0.5)", "shown(alpha=1)")),
        }

    @kldiv.hookimpl
    def kldiv_families():
        return {"cauchy": "torch.distributions:Cauchy"}
"""


@pytest.fixture(autouse=True)
def _installed(install_fake):
    install_fake("kldiv-fake", {"kldiv_fake.py": FRONT})


def test_a_plugin_that_is_well_has_no_findings():
    assert diagnose("kldiv-fake") == ()


def test_the_built_in_plugin_is_well_and_is_looked_at_when_it_is_asked_for():
    assert diagnose("kldiv") == ()


def test_the_findings_of_one_distribution_can_be_had(install_fake):
    install_fake("kldiv-bad", {"kldiv_bad.py": "1 / 0"})
    assert diagnose("kldiv-fake") == ()
    assert diagnose("Kldiv_Bad") == (
        Finding("kldiv-bad", "", "failed: ZeroDivisionError: division by zero"),
    )


def test_a_name_that_the_built_in_bears_is_worth_knowing_and_one_of_two_outsiders_is_wrong(
    install_fake,
):
    front = FRONT.replace('"shown"', '"renyi"').replace("shown(", "renyi(")
    install_fake("kldiv-other", {"kldiv_other.py": front})
    found = {each.item: each for each in diagnose("kldiv-other")}
    assert not found["divergence renyi"].serious
    assert "write 'kldiv-other:renyi'" in found["divergence renyi"].text
    assert found["divergence mine"].serious
    assert found["family cauchy"].text.startswith("kldiv-fake offers this name too")


def test_examples_are_those_stated_or_else_the_defaults():
    entries = kldiv.divergences
    assert examples_of(entries["mine"]) == ("kldiv-fake:mine",)
    assert examples_of(entries["unshown"]) == ()
    assert examples_of(entries["shown"]) == (
        *("kldiv-fake:shown(alpha=0.5)", "kldiv-fake:shown(alpha=1)"),
    )
    assert examples_of(kldiv.families["cauchy"]) == ("kldiv-fake:cauchy",)
