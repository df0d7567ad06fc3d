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


@pytest.mark.parametrize("spacing", [1.5, 1.0, 0.7, 0.4])
def test_three_sums_are_further_apart_than_each_is_off(spacing):
    loc = torch.tensor([[-2.0, 1.0], [-4.0, 3.5]], dtype=F64)
    parts = Normal(loc, torch.full_like(loc, 0.8))
    target = as_target(MixtureSameFamily(Categorical(torch.ones(2, 2, dtype=F64)), parts), "p")
    chart = chart_of(family_for("normal", target))
    rows = Rows.of(target, torch.zeros(2, dtype=F64), np.arange(2))
    mean, root = np.array([[0.3], [-0.2]]), np.ones((2, 1, 1))
    grid = (spacing, 8.0)
    state = evaluate(rows, chart, chart.tables(grid), mean, root)
    thirds = chart.tables(grid, 1 / 3), chart.tables(grid, 2 / 3)
    value, apart = between_nodes(rows, chart, state, thirds)
    exact = evaluate(rows, chart, chart.tables((0.01, 8.5)), mean, root).loss
    assert (abs(state.loss - exact) <= apart + 1e-13).all()
    assert (abs(value - exact) <= apart + 1e-13).all()
