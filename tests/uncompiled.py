"""Compiled functions as they are written, which a test need not wait for."""

from contextlib import contextmanager
from unittest import mock

import torch

from kldiv import compiling
from kldiv.builtin.closed_forms import large_compiled, normal_compiled


@contextmanager
def not_compiled():
    """What would be compiled is run as it is written, and a compiler is there."""
    caches = (
        large_compiled._function,
        normal_compiled._function,
        normal_compiled._function_in_planes,
    )
    with (
        mock.patch.object(compiling.torch, "compile", _as_it_is),
        mock.patch.object(compiling, "_is_found", return_value=True),
    ):
        for each in caches:
            each.cache_clear()
        yield
    for each in caches:
        each.cache_clear()


def _as_it_is(function, **_):
    def run(*tensors):
        assert not torch.is_grad_enabled()
        return function(*tensors)

    return run
