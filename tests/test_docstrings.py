"""Every built-in item says what it is, what it claims, where it ends and where it is from."""

import inspect
import math
import re

import pytest

import kldiv

from kldiv.resolving import as_divergence
from tests.cases import DIVERGENCES

ITEMS = {
    f"{kind}: {entry.name}": entry
    for kind in ("divergences", "targets", "families")
    for entry in getattr(kldiv, kind).values()
    if entry.plugin == "kldiv"
}


def parts(entry):
    """The docstring of an item: what it says of it, and each of its sections by its title."""
    documentation = inspect.getdoc(entry.load())
    said, *sections = re.split(r"^([A-Z]\w+):\n", documentation, flags=re.M)
    return said, dict(zip(sections[::2], sections[1::2], strict=True))


@pytest.mark.parametrize("item", ITEMS)
def test_an_item_has_a_summary_a_formula_and_sources_with_their_years(item):
    said, sections = parts(ITEMS[item])
    assert ITEMS[item].summary.endswith(".")
    assert re.search(r"^\.\. math:: \S", said, re.M)
    assert re.search(r"\([^)]+\s\d{4}\)", sections["References"])
    assert ("Arguments" in sections) is bool(ITEMS[item].parameters)


@pytest.mark.parametrize("item", ITEMS)
def test_an_item_says_more_than_its_summary_and_its_formula(item):
    _, *paragraphs = parts(ITEMS[item])[0].split("\n\n")
    prose = "\n".join(each for each in paragraphs if not each.startswith(".. math::"))
    assert len(re.findall(r"\.(?=\s|$)", prose)) >= 2


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_a_divergence_says_what_it_claims_and_whether_it_is_bounded(divergence):
    claims = as_divergence(divergence)
    said, _ = parts(kldiv.divergences[divergence.partition("(")[0]])
    words = " ".join(said.split())
    assert re.search(r"\bbetween 0\b", words)
    assert re.search(r"\bsymmetric\b", words)
    assert re.search(r"\bmetric\b", words) or not claims.metric
    assert re.search(r"\badditive\b", words) or not claims.additive
    assert ("infinite" if math.isinf(claims.upper_bound) else "at most") in words
