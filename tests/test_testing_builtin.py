"""Every built-in divergence obeys the laws, for several values of its parameters."""

import pytest

import kldiv

from kldiv.diagnosis import examples_of
from kldiv.resolving import as_divergence

OWN = [each.name for each in kldiv.divergences.values() if each.plugin == "kldiv"]
TYPICAL = {name: examples_of(kldiv.divergences[name])[0].partition(":")[2] for name in OWN}
"""A member of each: that which is shown of those that need a parameter."""

OTHERS = (
    "jensen_shannon(weight=0)",
    "jensen_shannon(weight=0.2)",
    "skew_kl(weight=0)",
    "skew_kl(weight=1)",
    "hockey_stick(gamma=1)",
    "renyi(alpha=0)",
    "renyi(alpha=0.5)",
    "renyi(alpha=1)",
    "renyi(alpha=1.4)",
    "renyi(alpha=2)",
    "renyi(alpha=inf)",
    "tsallis(alpha=0)",
    "tsallis(alpha=0.5)",
    "tsallis(alpha=1)",
    "tsallis(alpha=2)",
    "alpha(alpha=-1)",
    "alpha(alpha=0)",
    "alpha(alpha=0.5)",
    "alpha(alpha=1)",
    "alpha(alpha=2)",
    "density_power(beta=0)",
    "density_power(beta=1)",
    "density_power(beta=1.3)",
    "gamma(gamma=0)",
    "gamma(gamma=1)",
)
"""Members at the limits, at named values, and beyond where a claim ends."""

QUICK = ("coins", "dice", "dice with zeros", "counts", "normals", "heavy tails", "intervals")

KNOWN = {
    "fisher": {"gradient": "its gradient is NaN where it is infinite"},
    "tsallis(alpha=0)": {"slopes": "f jumps at 0: where p vanishes it is 1, next to it 0"},
}
"""What does not hold on all pairs."""


@pytest.mark.parametrize("name", OWN)
def test_a_built_in_divergence_obeys_the_laws(name):
    spec = TYPICAL[name]
    pairs = QUICK[:3] if name == "chernoff" else QUICK  # it searches for an order each time
    report = kldiv.testing.check_divergence(spec, pairs=pairs)
    report.raise_for_failures()


@pytest.mark.slow
@pytest.mark.parametrize("spec", [*(TYPICAL[name] for name in OWN), *OTHERS])
def test_it_and_its_relatives_do_so_on_all_pairs(spec):
    report = kldiv.testing.check_divergence(spec, expected_failures=KNOWN.get(spec))
    report.raise_for_failures()


def test_every_claim_is_made_by_some_and_not_by_all():
    everything = [as_divergence(TYPICAL[name]) for name in OWN]
    everything += [as_divergence(spec) for spec in OTHERS]
    for claim in ("symmetric", "metric", "monotone", "jointly_convex", "invariant", "additive"):
        assert {bool(getattr(each, claim)) for each in everything} == {True, False}


@pytest.mark.parametrize("spec", [*TYPICAL.values(), *OTHERS])
def test_a_limit_that_is_declared_is_a_value_of_a_parameter(spec):
    divergence = as_divergence(spec)
    for name, values in divergence.limits.items():
        assert name in divergence.parameters
        for value in values:
            limit = type(divergence)(**{name: value})
            assert limit.parameters == {name: value}


def test_what_is_known_concerns_every_built_in_divergence_but_that_of_scores():
    of = {spec for each in kldiv.testing.inequalities.INEQUALITIES for spec in each.of}
    named = {spec.partition("(")[0] for spec in of}
    assert set(OWN) - named == {"fisher"}
