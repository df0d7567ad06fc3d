"""Half-lines from what two sides state."""

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    MixtureSameFamily,
    MultivariateNormal,
    Poisson,
    constraints,
)

import kldiv

from kldiv.estimators.summation.lattice_lines import lines_of
from kldiv.resolving import as_target


def targets(*sides):
    return [as_target(side, "p") for side in sides]


def test_the_line_holds_both_supports_and_their_edges():
    (line,) = lines_of(*targets(Binomial(90, torch.tensor(0.5)), Poisson(torch.tensor(3.0))))
    assert (float(line.origin), line.direction, float(line.count)) == (0, 1, torch.inf)
    assert 91 in [float(edge) for edge in line.edges]
    assert line.dense == 64


def test_landmarks_are_those_of_all_components():
    mixture = MixtureSameFamily(
        Categorical(torch.ones(2)), Poisson(torch.tensor([4.0, 900.0], dtype=torch.float64))
    )
    (line,) = lines_of(*targets(mixture, Poisson(torch.tensor(25.0))))
    assert line.centres.tolist() == [4, 900, 25]
    assert line.scales.tolist() == [2, 30, 5]


def test_what_may_be_rough_is_summed_term_by_term():
    (line,) = lines_of(*targets(Categorical(torch.ones(5_000)), Categorical(torch.ones(9))))
    assert line.dense == 5_000
    bare = kldiv.Target(lambda k: -k, support=constraints.nonnegative_integer)
    (line,) = lines_of(bare, bare)
    assert line.dense == 4_096


def test_integers_without_a_first_one_are_two_half_lines():
    below = constraints.integer_interval(-torch.inf, 3)
    target = kldiv.Target(lambda k: -(k + 7).abs(), support=below)
    above, line = lines_of(target, target)
    assert (float(above.origin), float(above.count)) == (3, 1)
    assert (float(line.origin), line.direction) == (2, -1)
    assert 9 in line.centres.tolist()  # 2 - 9 = -7
    mass, error = kldiv.Sum().mass(target)
    truth = 1 + 2 / (torch.e - 1) - torch.e**-10 / (torch.e - 1)
    assert abs(float(mass) - truth) <= float(error) + 1e-14


def test_a_support_that_is_no_set_of_integers_is_an_error():
    plane = MultivariateNormal(torch.zeros(2), torch.eye(2))
    with pytest.raises(kldiv.NotAvailable, match="is no set of integers"):
        lines_of(*targets(plane, plane))
    coin = Bernoulli(torch.tensor(0.5))
    assert len(lines_of(*targets(coin, coin))) == 1
