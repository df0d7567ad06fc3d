"""An item is named and described without being imported."""

import sys

from types import ModuleType

import pytest

from kldiv.errors import InvalidArgument, InvalidType, PluginError
from kldiv.lazy import Lazy, as_item, deferred, first_sentence, forget_sources

_SOURCE = '''
"""A module that must not be imported to be described."""
raise RuntimeError("imported")

class Renyi:
    r"""The order :math:`\\alpha` of :class:`~kldiv.Renyi`, in ``nats``; see `kl`. More.

    And more.
    """

def plain():
    """No full stop"""

class Silent:
    pass
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose modules raise when they are imported, and one that re-exports them."""
    folder = tmp_path / "lazy_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\nfrom .heavy import Renyi")
    (folder / "heavy.py").write_text(_SOURCE)
    (folder / "front.py").write_text(
        "from . import heavy\nfrom lazy_package import Renyi as Order"
    )
    (folder / "broken.py").write_text("class Renyi(")
    (folder / "loop.py").write_text("from lazy_package.loop import Renyi")
    monkeypatch.syspath_prepend(tmp_path)
    return "lazy_package"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("heavy:Renyi", r"The order \alpha of kldiv.Renyi, in nats; see kl."),
        ("heavy:plain", "No full stop"),
        ("heavy:Silent", ""),
        ("heavy:Missing", ""),
        ("front:Order", r"The order \alpha of kldiv.Renyi, in nats; see kl."),
        ("loop:Renyi", ""),
        ("broken:Renyi", ""),
        ("nowhere:Renyi", ""),
        ("heavy.deeper:Renyi", ""),
    ],
)
def test_the_summary_is_read_from_the_source_and_nothing_is_imported(package, target, expected):
    assert Lazy(f"{package}.{target}").describe() == expected
    assert package not in sys.modules


def test_a_package_that_does_not_exist_has_no_summary():
    assert Lazy("no_such_package.module:Name").describe() == ""


def test_a_module_without_a_source_has_no_summary(monkeypatch):
    monkeypatch.setitem(sys.modules, "made_by_hand", ModuleType("made_by_hand"))
    assert Lazy("made_by_hand:Name").describe() == ""
    assert Lazy("sys:Name").describe() == ""


def test_a_summary_that_is_declared_is_taken(package):
    assert Lazy(f"{package}.heavy:Renyi", summary="Mine.").describe() == "Mine."


def test_an_item_of_torch_is_described_through_its_re_export():
    assert "normal" in Lazy("torch.distributions:Normal").describe()


def test_the_item_is_loaded():
    assert Lazy("kldiv.lazy:Lazy").load() is Lazy


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        ("kldiv.no_such_module:Name", ModuleNotFoundError),
        ("kldiv.lazy:NoSuchName", AttributeError),
        ("exiting_module:Name", SystemExit),
    ],
)
def test_an_item_that_cannot_be_loaded_is_an_error_with_cause_and_remedy(
    target, cause, tmp_path, monkeypatch
):
    (tmp_path / "exiting_module.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=r"pip install 'kldiv-foo\[bar\]'") as caught:
        Lazy(target, extra="kldiv-foo[bar]").load()
    assert isinstance(caught.value.__cause__, cause)
    assert target in str(caught.value)


@pytest.mark.parametrize("target", ["", "module", "module:", ":Name", "a b:Name", "a.:B", "a:b:c"])
def test_a_place_of_another_form_is_refused(target):
    with pytest.raises(InvalidArgument, match=r"must have the form 'package\.module:Name'"):
        Lazy(target)


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        (None, ""),
        ("", ""),
        ("One sentence.", "One sentence."),
        ("One over\n    two lines. Another.", "One over two lines."),
        ("Of order 0.5, i.e. small. Another.", "Of order 0.5, i.e. small."),
        ("A title\n\nA text.", "A title"),
    ],
)
def test_the_first_sentence_ends_where_the_next_begins(docstring, expected):
    assert first_sentence(docstring) == expected


def test_an_item_is_a_class_a_function_text_or_lazy():
    lazy = Lazy("kldiv.lazy:Lazy")
    assert as_item("kldiv.lazy:Lazy") == lazy
    assert as_item(lazy) is lazy
    assert as_item(dict) is dict
    with pytest.raises(InvalidType, match="3 of type int cannot be offered"):
        as_item(3)


def test_a_source_that_has_changed_is_read_again_once_the_former_is_forgotten(
    tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    place = Lazy("kldiv_changing:Item")
    for word in ("First", "Second"):
        text = f"class Item:\n    '{word}.'"
        (tmp_path / "kldiv_changing.py").write_text(text)
        forget_sources()
        assert place.describe() == f"{word}."


def test_what_is_deferred_is_imported_when_it_is_called(tmp_path, monkeypatch):
    (tmp_path / "deferred_module.py").write_text(
        "def double(x, *, times=2): return times * x\nclass Pair:\n    made = staticmethod(double)"
    )
    monkeypatch.syspath_prepend(tmp_path)
    double, made = (deferred(f"deferred_module:{name}") for name in ("double", "Pair.made"))
    assert "deferred_module" not in sys.modules
    assert (double(3), made(3, times=3)) == (6, 9)
    assert sys.modules.pop("deferred_module")


def test_what_is_no_text_names_nothing():
    with pytest.raises(InvalidType, match=r"takes 'package\.module:Name', got 3"):
        Lazy(3)
