"""Sums over runs of integers from 16 of their terms."""

import pytest
import torch

from kldiv.estimators.summation.integer_rules import LEVELS, SIZE, rules


@pytest.mark.parametrize("level", [0, 1, 2, 5, 10, 12, 13])
def test_polynomials_of_degree_15_have_their_sum(level):
    count = SIZE << level
    places = (2 * torch.arange(count, dtype=torch.float64) + 1) / count - 1
    offsets = rules().offsets[level].long()
    for degree in range(SIZE):
        truth = float((places**degree).sum())
        found = float((places[offsets] ** degree * rules().weights[level]).sum())
        assert abs(found - truth) <= 1e-13 * count


def test_the_nodes_are_integers_of_the_run_and_weigh_something():
    lengths = SIZE * torch.exp2(torch.arange(LEVELS + 1, dtype=torch.float64))
    offsets, weights = rules().offsets, rules().weights
    assert torch.equal(offsets, offsets.round())
    assert (offsets.diff(dim=-1) >= 1).all()
    assert (offsets[:, 0] >= 0).all()
    assert (offsets[:, -1] < lengths).all()
    assert (weights > 0.5).all()
    torch.testing.assert_close(weights.sum(-1), lengths)


@pytest.mark.parametrize("level", [1, 3, 8, 30])
def test_the_details_are_cautious_about_smooth_terms_and_see_rough_ones(level):
    count = SIZE * 2.0**level
    k = count + rules().offsets[level]
    terms = 1 / (k * (k + 1))
    truth = 1 / count - 1 / (2 * count)  # the sum telescopes
    error = abs(float((terms * rules().weights[level]).sum()) - truth)
    detail = float((rules().details[level] @ terms).abs().sum())
    assert error <= detail <= 1e-8 * truth
    rough = terms * (1 + k % 2)
    assert float((rules().details[level] @ rough).abs().sum()) > 1e-3 * truth
