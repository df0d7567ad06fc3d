"""A page for each item of the catalogue, from whatever plugin, and links to it."""

import re

from types import SimpleNamespace

import pytest

import kldiv

from kldiv.sphinxext.pages import page_of, write_pages


@pytest.fixture
def pages(tmp_path):
    """Writes the pages, and returns the text of one."""

    def written(kind, name, hosts=("kldiv",), on=True):
        config = SimpleNamespace(kldiv_pages=on, kldiv_hosts=hosts)
        write_pages(SimpleNamespace(srcdir=tmp_path, config=config))
        return (tmp_path / f"{page_of(kind, name)}.rst").read_text(encoding="utf-8")

    return written


def test_there_is_a_page_for_every_item(pages, tmp_path):
    pages("divergences", "kl")
    for kind in ("divergences", "targets", "families"):
        found = {path.stem for path in (tmp_path / "catalogue" / kind).iterdir()}
        assert found == {re.sub(r"\W+", "-", name) for name in getattr(kldiv, kind)}


def test_a_page_names_claims_parameters_and_the_docstring(pages):
    text = pages("divergences", "jensen_shannon")
    assert "``weight``" in text
    assert "counted in nats" in text
    assert ".. autoclass:: kldiv.builtin.divergences" in text
    assert "at most 1" in pages("divergences", "total_variation")
    assert "symmetric" in pages("divergences", "jeffreys")


def test_closed_forms_are_named_by_their_types(pages):
    assert "``Cauchy`` and ``Cauchy``" in pages("divergences", "kl")


def test_a_docstring_of_others_is_shown_as_it_is_written(pages):
    mine = type("Mine", (kldiv.Divergence,), {"__doc__": "Mine :nosuchrole:`alone`.", "unit": ""})
    with kldiv.divergences.temporary("mine", mine):
        text = pages("divergences", "mine", hosts=())
        assert "autoclass" not in text
        assert "\n   Mine :nosuchrole:`alone`." in text
        assert "It is a plain number." in text


def test_what_does_not_load_has_a_page_that_says_so(pages):
    with kldiv.divergences.temporary("broken", "no_such_module:Broken"):
        assert "It does not load" in pages("divergences", "broken")


def test_the_page_of_what_is_gone_goes_and_others_are_left_untouched(pages, tmp_path):
    with kldiv.divergences.temporary("mine", kldiv.divergences["kl"].load()):
        pages("divergences", "mine")
    path = tmp_path / f"{page_of('divergences', 'kl')}.rst"
    before = path.stat().st_mtime_ns
    pages("divergences", "kl")
    assert not (tmp_path / f"{page_of('divergences', 'mine')}.rst").exists()
    assert path.stat().st_mtime_ns == before


def test_sites_have_none_unless_they_ask(pages, tmp_path):
    with pytest.raises(FileNotFoundError):
        pages("divergences", "kl", on=False)
    assert not (tmp_path / "catalogue").exists()
