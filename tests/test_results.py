"""A fit and its history show themselves in short and cannot be changed."""

from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv.results import History
from kldiv.solvers.optima import Optimum

F64 = torch.float64


def one(value):
    return torch.tensor(value, dtype=F64)


@pytest.fixture(scope="module")
def found():
    return kldiv.fit(Normal(one(1.0), one(2.0)), "normal", starts=1)


def test_a_history_shows_how_many_steps_it_has_and_how_long_they_took():
    steps = torch.arange(3)
    history = History(
        steps, one([3.0, 2.0, 1.0]), {}, one([1.0, 0.5, 0.1]), one([0.0, 0.1, 0.256])
    )
    assert len(history) == 3
    assert repr(history) == "History(3 steps, 0.26 s)"


def test_a_fit_shows_family_direction_verdict_divergence_and_parameters(found):
    shown = replace(found, verdict="Good.", parameters={"loc": one(1.0), "scale": one([2.0, 0.5])})
    assert repr(shown).splitlines() == [
        f"Fit of {found.family!r} by kl(p‖q): Good.",
        f"  divergence  {found.divergence!r}",
        "  loc         1",
        "  scale       [2.0, 0.5]",
    ]
    assert "by kl(q‖p): " in repr(replace(found, direction="reverse"))


def test_parameters_too_large_to_read_are_shown_by_their_shape(found):
    shown = repr(replace(found, parameters={"loc": torch.zeros(2, 5, dtype=F64)}))
    assert shown.endswith("  loc         tensor of shape (2, 5)")


def test_several_optima_are_a_table_and_a_single_one_is_not(found):
    optima = tuple(
        Optimum(value, {"loc": one(loc)}, (1, 1), starts)
        for value, loc, starts in [(0.5, -5.0, (0, 2)), (0.75, 10.0, (1,))]
    )
    lines = repr(replace(found, optima=optima)).splitlines()
    assert "optimum (nats)" in "\n".join(lines)
    assert [line.split() for line in lines[-2:]] == [
        ["0.5", "loc=-5", "2"],
        ["0.75", "loc=10", "1"],
    ]
    assert "optimum (nats)" not in repr(replace(found, optima=optima[:1]))


def test_a_fit_and_its_history_cannot_be_changed(found):
    with pytest.raises(FrozenInstanceError):
        found.converged = False
    with pytest.raises(FrozenInstanceError):
        found.history.loss = one(0.0)
