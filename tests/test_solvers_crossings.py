"""Where functions on a line take a value is found, also where they hardly reach it."""

import math

import pytest
import torch

from kldiv.solvers.crossings import crossings

F64 = torch.float64
Y = torch.linspace(-3.0, 3.0, 41, dtype=F64)


def found(function, level):
    roots = crossings(function, Y, function(Y), level)
    return sorted(roots[roots.isfinite()].tolist())


CASES = [
    ("a line", lambda y: 2 * y, 1.0, [0.5]),
    ("a wave", torch.sin, 0.5, [math.pi / 6, 5 * math.pi / 6]),
    ("two between neighbours", lambda y: (y - 0.07).square(), 1e-6, [0.069, 0.071]),
    ("two about a peak", lambda y: -(y - 0.52).square(), -1e-4, [0.51, 0.53]),
    ("a miss", lambda y: (y - 0.07).square() + 0.1, 0.0, []),
    ("never", torch.cos, 2.0, []),
]


@pytest.mark.parametrize(("function", "level", "truth"), [case[1:] for case in CASES])
def test_a_value_is_found_wherever_it_is_taken(function, level, truth):
    assert found(function, level) == pytest.approx(truth, abs=1e-8)


def test_each_function_of_a_batch_has_its_own():
    shift = torch.tensor([-1.0, 0.2, 9.0], dtype=F64)
    y = Y.unsqueeze(-1).expand(-1, 3)
    roots = crossings(lambda u: u - shift, y, y - shift, 0.0)
    assert roots[0, :2].tolist() == pytest.approx([-1.0, 0.2])
    assert bool(roots[:, 2].isinf().all())
