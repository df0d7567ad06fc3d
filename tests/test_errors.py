"""Every error is a `KldivError` and the builtin that fits."""

import inspect
import pickle

import pytest

from kldiv import errors


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InvalidArgument", ValueError),
        ("InvalidType", TypeError),
        ("UnknownName", LookupError),
        ("AmbiguousName", LookupError),
        ("PluginError", RuntimeError),
        ("LawBroken", AssertionError),
        ("ShapeMismatch", ValueError),
        ("SupportMismatch", ValueError),
        ("NotAvailable", NotImplementedError),
        ("ToleranceNotMet", ArithmeticError),
        ("NotFinite", ArithmeticError),
    ],
)
def test_an_error_is_a_kldiv_error_and_a_builtin(name, builtin):
    assert issubclass(getattr(errors, name), errors.KldivError)
    assert issubclass(getattr(errors, name), builtin)


def test_every_class_of_the_module_is_public_and_documented():
    classes = [each for _, each in inspect.getmembers(errors, inspect.isclass)]
    own = [each for each in classes if each.__module__ == errors.__name__]
    assert {each.__name__ for each in own} == set(errors.__all__)
    assert all(each.__doc__ for each in own)


def test_a_tolerance_not_met_carries_its_estimate_through_pickle():
    error = errors.ToleranceNotMet("asked for 1e-9, reached 1e-6", estimate=(0.5, 1e-6))
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.ToleranceNotMet
    assert str(copy) == str(error)
    assert copy.estimate == (0.5, 1e-6)


@pytest.mark.parametrize("warning", [errors.PluginWarning, errors.ConvergenceWarning])
def test_a_warning_can_be_filtered_as_a_user_warning(warning):
    assert issubclass(warning, UserWarning)
