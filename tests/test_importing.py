"""Modules are imported without collections, and the collector is left as it was."""

import gc
import subprocess
import sys
import weakref

import pytest

from kldiv.importing import imported


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A module that makes enough objects for collections of all generations."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "large_module.py").write_text("made = [[] for _ in range(200_000)]")
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('broken')")
    yield "large_module"
    sys.modules.pop("large_module", None)


@pytest.fixture
def off():
    """The collector switched off for a while."""
    gc.disable()
    yield
    gc.enable()


def collections():
    return [generation["collections"] for generation in gc.get_stats()]


def test_an_import_is_not_interrupted_and_what_it_made_is_not_young(large):
    before = collections()
    made = imported(large).made
    assert collections() == before
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert len(made) == 200_000
    assert gc.get_count()[0] < gc.get_threshold()[0]


def test_a_module_that_fails_leaves_the_collector_as_it_was(large):
    thresholds = gc.get_threshold()
    with pytest.raises(RuntimeError, match="broken"):
        imported("broken_module")
    assert gc.isenabled()
    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() == 0


def test_cycles_made_before_an_import_are_still_collected(large):
    class Knot:
        def __init__(self):
            self.itself = self

    gone = weakref.ref(Knot())
    imported(large)
    gc.collect()
    assert gone() is None


def test_a_collector_that_is_off_stays_off(large, off):
    imported(large)
    assert not gc.isenabled()


def test_what_was_frozen_stays_frozen(large):
    gc.freeze()
    try:
        imported(large)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


SCRIPT = """
import os, kldiv

class Ending:
    def __init__(self):
        self.itself = self
    def __del__(self):
        print(os.path.basename("folder/ended"))

kept = Ending()
kldiv.divergence
"""


def test_what_a_script_keeps_is_still_finalised_when_it_ends():
    """Objects frozen for good would not be, as its own names lie among them."""
    printed = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (printed.stdout, printed.stderr, printed.returncode) == ("ended\n", "", 0)
