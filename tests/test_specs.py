"""Names with arguments are taken apart, without being evaluated."""

import keyword
import math

import pytest

from hypothesis import given
from hypothesis import strategies as st

from kldiv.errors import InvalidArgument, InvalidType
from kldiv.specs import (
    Spec,
    normalise_distribution,
    parameters_of,
    parse,
    required_parameters,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kl", Spec(None, "kl")),
        ("renyi()", Spec(None, "renyi")),
        ("renyi(alpha=0.5)", Spec(None, "renyi", {"alpha": 0.5})),
        (" Renyi( alpha = .5, ) ", Spec(None, "renyi", {"alpha": 0.5})),
        ("Jensen-Shannon", Spec(None, "jensen_shannon")),
        ("total variation", Spec(None, "total_variation")),
        ("kldiv-foo:renyi", Spec("kldiv-foo", "renyi")),
        ("Kldiv_Foo:Skew-KL(weight=1)", Spec("kldiv-foo", "skew_kl", {"weight": 1})),
        ("bimodal(weights=[0.3,0.7])", Spec(None, "bimodal", {"weights": [0.3, 0.7]})),
        ("f(a=[-1,1], b=(1,+2))", Spec(None, "f", {"a": [-1, 1], "b": (1, 2)})),
        ("f(a=True, b=None)", Spec(None, "f", {"a": True, "b": None})),
        ("f(a='x:(y)', b=-inf)", Spec(None, "f", {"a": "x:(y)", "b": -math.inf})),
        ("f(a=[[1, 2],\n [3, 4]])", Spec(None, "f", {"a": [[1, 2], [3, 4]]})),
    ],
)
def test_a_name_with_arguments_is_taken_apart(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "()", ":", "a:b:c", "kldiv-foo:", ":renyi", "2d", "renyi(", "renyi)", "renyi()()"),
        *("renyi(alpha)", "renyi(alpha=)", "renyi(alpha=1)(beta=2)", "renyi(alpha=1) + f(b=2)"),
        *("renyi(alpha=1, alpha=2)", "renyi(**{'alpha': 1})", "renyi(alpha=1 # order)"),
        *("renyi(alpha=nan)", "renyi(alpha=beta)", "renyi(alpha=1/2)", "renyi(alpha=-True)"),
        *("renyi(alpha=2j)", "renyi(alpha=b'x')", "renyi(alpha=...)", "renyi(alpha={1: 2})"),
        *("renyi(alpha=__import__('os'))", "renyi(alpha=-'x')", "renyi(alpha=f'{1}')"),
        "renyi(alpha=" + "[" * 500 + "]" * 500 + ")",
        "renyi(alpha=\0)",
    ],
)
def test_malformed_text_is_refused_with_the_text_or_the_value_that_is_wrong(text):
    with pytest.raises(InvalidArgument, match=r"write|must be a number"):
        parse(text)


def test_a_malformed_name_is_shown_beside_a_right_example():
    with pytest.raises(InvalidArgument, match=r"'renyi\(alpha' is not a name; .*'renyi\(alpha=0"):
        parse("renyi(alpha")


def test_an_argument_without_a_name_is_refused_with_the_remedy():
    with pytest.raises(InvalidArgument, match=r"'renyi\(0.5\)' gives 0.5 without a name; write"):
        parse("renyi(0.5)")


def test_a_value_that_is_no_literal_is_named():
    with pytest.raises(InvalidArgument, match=r"'alpha' must be a number, .*; got 1 / 2"):
        parse("renyi(alpha=1/2)")


def test_what_is_not_text_is_refused():
    with pytest.raises(InvalidType, match="got 3 of type int"):
        parse(3)


_names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
_numbers = st.integers() | st.floats(allow_nan=False)
_scalars = _numbers | st.booleans() | st.none() | st.text(max_size=5)
_values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
_arguments = st.dictionaries(_names.filter(lambda name: name.isidentifier()), _values, max_size=3)


@given(plugin=st.none() | st.just("kldiv-foo"), name=_names, arguments=_arguments)
def test_a_spec_survives_being_written_and_read(plugin, name, arguments):
    arguments = {each: value for each, value in arguments.items() if not keyword.iskeyword(each)}
    spec = Spec(plugin, name, arguments)
    assert parse(str(spec)) == spec


@given(st.text(max_size=20))
def test_any_text_is_parsed_or_refused(text):
    try:
        spec = parse(text)
    except InvalidArgument:
        return
    assert spec.name.isidentifier()
    assert spec.name == spec.name.lower()


def test_names_of_distributions_are_compared_as_pip_does():
    assert normalise_distribution(" Kldiv._-Foo ") == "kldiv-foo"


def _renyi(alpha, *, weight: float, order: "int", limit=1, validate_args=None):
    """Takes parameters of every kind."""


def test_parameters_are_those_that_can_be_given_by_name():
    assert parameters_of(_renyi) == {"alpha": "", "weight": "float", "order": "int", "limit": "1"}


def test_what_tells_no_signature_has_no_parameters():
    assert parameters_of(dict) == {}


def test_an_argument_that_is_not_taken_is_refused_with_those_allowed():
    with pytest.raises(
        InvalidArgument, match=r"no argument 'alpah'; did you mean 'alpha'\? .*'limit'"
    ):
        Spec(None, "renyi", {"alpah": 1}).call(_renyi)


def test_an_argument_that_is_missing_is_refused_with_the_call_to_write():
    with pytest.raises(
        InvalidArgument, match=r"needs weight, order: write 'renyi\(alpha=…, weigh"
    ):
        Spec(None, "renyi", {"alpha": 1}).call(_renyi)


def test_what_takes_any_name_is_given_any_name():
    assert Spec(None, "anything", {"whatever": 1}).call(dict) == {"whatever": 1}
    assert Spec(None, "any", {"other": 1}).call(lambda **options: options) == {"other": 1}


def test_what_an_item_must_be_given_is_known():
    assert required_parameters(lambda a, b=1, *, c: None) == ["a", "c"]
    assert required_parameters(dict) == []


def test_the_name_of_a_distribution_is_text():
    with pytest.raises(InvalidType, match="must be text, got None"):
        normalise_distribution(None)
