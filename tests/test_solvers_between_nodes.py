"""Nodes between those of a sum tell what it errs by."""

import numpy as np
import pytest
import torch

from torch.distributions import Categorical, MixtureSameFamily, Normal

from kldiv.resolving import as_target, family_for
from kldiv.solvers.between_nodes import between_nodes
from kldiv.solvers.newton_rows import Rows, evaluate
from kldiv.solvers.normal_charts import chart_of

F64 = torch.float64


def sums_of(loc, spacing, offsets):
    """The sums, their means and how far they are apart, and what they are to be."""
    parts = Normal(loc, torch.full_like(loc, 0.8))
    target = as_target(MixtureSameFamily(Categorical(torch.ones_like(loc)), parts), "p")
    chart = chart_of(family_for("normal", target))
    rows = Rows.of(target, torch.zeros(len(loc), dtype=F64), np.arange(len(loc)))
    mean, root = np.linspace(-0.2, 0.3, len(loc))[:, None], np.ones((len(loc), 1, 1))
    state = evaluate(rows, chart, chart.tables((spacing, 8.0)), mean, root)
    others = [chart.tables((spacing, 8.0), each) for each in offsets]
    value, apart = between_nodes(rows, chart, state, others)
    exact = evaluate(rows, chart, chart.tables((0.01, 8.5)), mean, root).loss
    return state, value, apart, exact


@pytest.mark.parametrize("spacing", [1.5, 1.0, 0.7, 0.4])
def test_three_sums_are_further_apart_than_each_is_off(spacing):
    loc = torch.tensor([[-2.0, 1.0], [-4.0, 3.5]], dtype=F64)
    state, value, apart, exact = sums_of(loc, spacing, (1 / 3, 2 / 3))
    assert (abs(state.loss - exact) <= apart + 1e-13).all()
    assert (abs(value - exact) <= apart + 1e-13).all()


@pytest.mark.parametrize("spacing", [0.7, 0.5, 0.4, 0.3])
def test_the_mean_of_two_sums_is_off_by_less_than_they_are_apart(spacing):
    generator = torch.Generator().manual_seed(0)
    loc = 3 * torch.randn(2000, 2, generator=generator, dtype=F64)
    _, value, apart, exact = sums_of(loc, spacing, (1 / 2,))
    assert (abs(value - exact) <= apart + 1e-13).mean() >= 0.99
