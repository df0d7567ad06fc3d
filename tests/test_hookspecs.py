"""The extension API is a module of empty, documented functions."""

import inspect

import pluggy
import pytest

from kldiv import hookspecs

HOOKS = [name for name in hookspecs.__all__ if name.startswith("kldiv_")]


def test_the_number_of_the_api_is_an_integer():
    assert type(hookspecs.PLUGIN_API) is int


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_takes_nothing_says_what_it_returns_and_does_nothing(name):
    hook = getattr(hookspecs, name)
    assert not inspect.signature(hook).parameters
    assert "Returns:" in hook.__doc__
    assert hook() is None


def test_every_hook_is_known_to_pluggy():
    manager = pluggy.PluginManager("kldiv")
    manager.add_hookspecs(hookspecs)
    assert {name for name in vars(manager.hook) if name.startswith("kldiv_")} == set(HOOKS)


def test_the_mark_leaves_the_function_as_it_is():
    def kldiv_targets():
        return {}

    assert hookspecs.hookimpl(kldiv_targets) is kldiv_targets
