"""A registry gives each name its item, and nobody wins a name in silence."""

import threading

import pytest

from kldiv.entry import Entry
from kldiv.errors import (
    AmbiguousName,
    InvalidArgument,
    InvalidType,
    KldivError,
    PluginError,
    UnknownName,
)
from kldiv.lazy import Lazy
from kldiv.registry import Offer, Registry


class Renyi:
    """The divergence of order ``alpha``. More."""

    def __init__(self, alpha, weight=0.5, validate_args=None):
        if alpha == 13:
            raise InvalidArgument("alpha must not be 13")
        self.alpha, self.weight = alpha, weight


class Source:
    """A source of fixed offers that counts its questions."""

    def __init__(self, *offers):
        self.found = offers
        self.refreshed = 0

    def offers(self, kind):
        assert kind == "divergence"
        return self.found

    def hint(self, spec):
        return f"hint for {spec.name}"

    def refresh(self):
        self.refreshed += 1


OFFERS = (
    Offer("kldiv", "1.0", "renyi", Renyi),
    Offer("kldiv", "1.0", "kl", Lazy("kldiv.lazy:Lazy", summary="Mine.", tags=("classic",))),
    Offer("kldiv-foo", "2.0", "renyi", dict),
    Offer("kldiv-foo", "2.0", "le_cam", Lazy("kldiv.no_such_module:LeCam")),
    Offer("kldiv-foo", "2.0", "twice", dict),
    Offer("kldiv-bar", "3.0", "twice", list),
)


@pytest.fixture
def registry():
    return Registry("divergence", Source(*OFFERS))


def test_an_entry_tells_what_is_known_of_its_item(registry):
    entry = registry["kl"]
    assert (entry.name, entry.plugin, entry.version) == ("kl", "kldiv", "1.0")
    assert (entry.summary, entry.tags) == ("Mine.", ("classic",))
    assert entry.qualified_name == "kldiv:kl"
    assert entry.load() is Lazy
    assert repr(entry) == "Entry(kldiv:kl 1.0: Mine.)"


def test_a_class_is_described_by_its_docstring_and_signature(registry):
    entry = registry["renyi"]
    assert entry.summary == "The divergence of order alpha."
    assert entry.parameters == {"alpha": "", "weight": "0.5"}
    assert entry.tags == ()


def test_an_entry_cannot_be_changed(registry):
    with pytest.raises(AttributeError):
        registry["kl"].name = "mine"


@pytest.mark.parametrize("name", ["renyi", "Renyi", " RENYI ", "kldiv:renyi", "KLdiv:Renyi"])
def test_a_name_is_found_however_it_is_written(registry, name):
    assert registry[name].load() is Renyi
    assert name in registry


@pytest.mark.parametrize("name", ["Le-Cam", "le cam", "LE_CAM", "kldiv_foo:le-cam"])
def test_hyphens_and_blanks_are_underscores(registry, name):
    assert registry[name].qualified_name == "kldiv-foo:le_cam"


def test_the_built_in_keeps_the_bare_name_and_the_other_stays_within_reach(registry):
    assert registry["renyi"].plugin == "kldiv"
    assert registry["kldiv-foo:renyi"].load() is dict


def test_a_name_of_two_outsiders_is_an_error_that_lists_both(registry):
    with pytest.raises(AmbiguousName, match="'kldiv-foo:twice' and 'kldiv-bar:twice'"):
        registry["twice"]
    with pytest.raises(AmbiguousName):
        registry.get("twice")
    with pytest.raises(AmbiguousName):
        registry.create("twice")
    assert registry["kldiv-bar:twice"].load() is list


def test_it_is_a_mapping_whose_keys_all_lead_to_their_entries(registry):
    assert list(registry) == [
        "renyi",
        "kl",
        "kldiv-foo:renyi",
        "le_cam",
        "kldiv-foo:twice",
        "kldiv-bar:twice",
    ]
    assert len(registry) == len(OFFERS)
    assert [entry.plugin for entry in registry.values()] == [offer.plugin for offer in OFFERS]
    assert all(registry[name] is entry for name, entry in registry.items())
    assert registry._ipython_key_completions_() == list(registry)


@pytest.mark.parametrize("name", ["unknown", "twice", "renyi(alpha=1)", "kldiv-baz:renyi", "", 3])
def test_what_cannot_be_looked_up_is_not_in_it(registry, name):
    assert name not in registry


def test_get_gives_the_default_for_a_name_that_is_unknown(registry):
    assert registry.get("unknown") is None
    assert registry.get("unknown", 3) == 3
    assert registry.get("kl").name == "kl"


def test_an_unknown_name_offers_close_matches_and_what_else_there_is_to_say(registry):
    with pytest.raises(UnknownName) as caught:
        registry["reny"]
    assert str(caught.value) == "unknown divergence 'reny'; did you mean 'renyi'?; hint for reny"


def test_an_unknown_name_without_a_close_match_lists_those_known(registry):
    with pytest.raises(UnknownName, match="'sinkhorn'; hint for sinkhorn; known: renyi, kl, "):
        registry["sinkhorn"]


def test_a_name_with_arguments_is_not_looked_up_but_created(registry):
    with pytest.raises(InvalidArgument, match=r"look up 'renyi', or create\('renyi\(alpha=1\)'\)"):
        registry["renyi(alpha=1)"]


def test_an_object_is_created_from_a_name_with_arguments(registry):
    made = registry.create("renyi(alpha=2, weight=0.25)")
    assert (made.alpha, made.weight) == (2, 0.25)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("renyi(alpha=1, wieght=2)", "no argument 'wieght'; did you mean 'weight'. allowed: 'al"),
        ("renyi", r"needs alpha: write 'renyi\(alpha=…\)'"),
        ("renyi(alpha=13)", "^alpha must not be 13$"),
    ],
)
def test_wrong_arguments_are_refused_with_the_remedy(registry, text, message):
    with pytest.raises(InvalidArgument, match=message):
        registry.create(text)


def test_a_shared_object_is_made_once_for_a_text(registry):
    made = registry.shared("renyi(alpha=0.5)")
    assert registry.shared("renyi(alpha=0.5)") is made
    assert registry.shared("renyi(alpha=2)").alpha == 2
    assert registry.create("renyi(alpha=0.5)") is not made


def test_shared_objects_are_not_kept_without_end(registry, monkeypatch):
    monkeypatch.setattr("kldiv.registry._KEPT", 2)
    first = registry.shared("renyi(alpha=2)")
    for alpha in (3, 4):
        registry.shared(f"renyi(alpha={alpha})")
    assert registry.shared("renyi(alpha=2)") is not first


def test_a_shared_object_is_made_anew_where_others_bear_names(registry):
    with registry.temporary("mine", Renyi):
        mine = registry.shared("mine(alpha=3)")
        assert mine.alpha == 3
    with pytest.raises(UnknownName):
        registry.shared("mine(alpha=3)")
    with registry.temporary("mine", Renyi):
        assert registry.shared("mine(alpha=3)") is not mine


def test_an_item_that_cannot_be_imported_marks_only_itself(registry):
    with pytest.raises(
        PluginError, match=r"'le_cam' of plugin 'kldiv-foo': 'kldiv\.no_such_mod"
    ) as caught:
        registry.create("le_cam")
    assert isinstance(caught.value.__cause__.__cause__, ImportError)
    assert registry["le_cam"].summary == ""
    assert registry.create("renyi(alpha=1)").alpha == 1


def test_a_builder_is_given_the_item_and_the_arguments(tmp_path, monkeypatch):
    (tmp_path / "pair_builder.py").write_text("def as_pair(*given): return given")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("divergence", Source(*OFFERS), build=Lazy("pair_builder:as_pair"))
    assert registry.create("renyi") == (Renyi, {})
    assert registry.create("renyi(weight=1)") == (Renyi, {"weight": 1})


def test_something_temporary_is_there_for_the_block_only(registry):
    with registry.temporary("My-Own", Renyi) as entry:
        assert registry["my_own"] is entry
        assert entry.qualified_name == "temporary:my_own"
        with registry.temporary("inner", "kldiv.lazy:Lazy"):
            assert registry["inner"].load() is Lazy
            assert list(registry)[-2:] == ["my_own", "inner"]
        assert "inner" not in registry
    assert "my_own" not in registry


def test_something_temporary_is_gone_after_an_error(registry):
    with pytest.raises(ZeroDivisionError), registry.temporary("mine", Renyi):
        raise ZeroDivisionError
    assert "mine" not in registry


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("kl", "is taken by kldiv:kl"),
        ("Twice", "is taken by kldiv-foo:twice, kldiv-bar:twice"),
        ("mine", "is taken by temporary:mine"),
        ("other(a=1)", "is not a plain name"),
        ("kldiv-foo:other", "is not a plain name"),
    ],
)
def test_something_temporary_shadows_nothing(registry, name, reason):
    with (
        registry.temporary("mine", Renyi),
        pytest.raises(InvalidArgument, match=reason),
        registry.temporary(name, Renyi),
    ):
        pytest.fail("the name was taken")


def test_something_temporary_is_checked(registry):
    with pytest.raises(InvalidType, match="cannot be offered"), registry.temporary("mine", 3):
        pytest.fail("3 is no item")


def test_it_follows_its_source():
    source = Source(OFFERS[0])
    registry = Registry("divergence", source)
    assert list(registry) == ["renyi"]
    assert registry["renyi"] is registry["renyi"]
    source.found = OFFERS[1:2]
    assert list(registry) == ["kl"]
    registry.refresh()
    assert source.refreshed == 1


def test_it_is_shown_as_a_table(registry, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = repr(registry).splitlines()
    assert lines[0].split() == ["name", "summary", "plugin"]
    assert lines[2].split()[0] == "renyi"
    assert lines[2].split()[-1] == "kldiv"
    assert max(map(len, lines)) <= 60
    assert "<td>The divergence of order alpha." in registry._repr_html_()


def test_an_empty_one_can_be_shown_and_asked():
    registry = Registry("divergence", Source())
    assert "name" in repr(registry)
    with pytest.raises(UnknownName, match="known: none"):
        registry["kl"]


def test_threads_see_the_same(registry):
    seen, failures = [], []

    def work(index):
        try:
            with registry.temporary(f"mine_{index}", Renyi):
                seen.append((registry["kl"].name, registry.create(f"mine_{index}(alpha=1)").alpha))
        except KldivError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert seen == [("kl", 1)] * 16
    assert len(registry) == len(OFFERS)


def test_an_entry_of_a_torch_class_leaves_out_the_switch_for_checks():
    entry = Entry("normal", "kldiv", "", Lazy("torch.distributions:Normal"))
    assert set(entry.parameters) == {"loc", "scale"}
