"""Vectors of counts are listed one by one, all of them, once."""

import itertools
import math

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Independent,
    Multinomial,
    OneHotCategorical,
    Poisson,
)

from kldiv.estimators.summation.enumeration import box_around, marginal, points_of
from kldiv.resolving import as_target


def target(distribution):
    return as_target(distribution, "p")


def listed(*sides, most=10**6):
    count, points = points_of(*map(target, sides), most)
    return count, sorted(map(tuple, points.tolist()))


@pytest.mark.parametrize(("total", "size"), [(0, 3), (4, 1), (3, 2), (5, 4)])
def test_multinomial_counts_are_all_compositions(total, size):
    die = Multinomial(total, torch.ones(size))
    count, points = listed(die, die)
    every = [x for x in itertools.product(range(total + 1), repeat=size) if sum(x) == total]
    assert points == sorted(tuple(map(float, x)) for x in every)
    assert count == len(every)


def test_totals_that_differ_are_listed_together():
    count, points = listed(Multinomial(2, torch.ones(2)), Multinomial(1, torch.ones(2)))
    assert count == len(points) == 5


def test_one_hot_vectors_are_listed_without_the_batch():
    hot = OneHotCategorical(torch.ones(4, 3))
    assert listed(hot, hot) == (3, [(0, 0, 1), (0, 1, 0), (1, 0, 0)])


def test_too_many_are_counted_and_not_listed():
    die = target(Multinomial(100, torch.ones(9)))
    assert points_of(die, die, 10**6) == (math.comb(108, 8), None)


def test_a_box_around_finite_coordinates_is_exact():
    first = target(Independent(Binomial(torch.tensor([2.0, 5.0]), torch.tensor(0.5)), 1))
    second = target(Independent(Bernoulli(torch.ones(3, 2) / 2), 1))
    box = box_around(first, second)
    assert (box.lower.tolist(), box.upper.tolist(), box.cut) == ([0, 0], [2, 5], False)
    assert box.count == len(box.points(torch.Size([2])).unique(dim=0)) == 18
    labels = target(Independent(Categorical(torch.ones(2, 4)), 1))
    assert box_around(labels, labels).count == 16


def test_a_box_around_endless_coordinates_is_wide_and_knows_where_it_is_cut():
    counts = target(Independent(Poisson(torch.tensor([1.0, 400.0])), 1))
    box = box_around(counts, counts)
    assert box.lower.tolist() == [0, 0]
    assert (box.upper >= torch.tensor([91, 1250])).all()
    assert box.above.all()
    assert not box.below.any()
    smaller = box.within(torch.tensor([0.0, 300.0]), torch.tensor([10.0, 500.0]))
    assert smaller.below.tolist() == [False, True]
    points = smaller.points(torch.Size([2]))
    faces = points[smaller.outermost(points)]
    assert len(faces) == 201 + 2 * 11 - 2


def test_marginals_are_those_of_independent_coordinates():
    counts = Independent(Poisson(torch.ones(2, 3)), 1)
    assert marginal(target(counts)).batch_shape == (2, 3)
    assert marginal(target(Multinomial(2, torch.ones(2)))) is None
    assert marginal(target(Independent(OneHotCategorical(torch.ones(2, 3)), 1))) is None
