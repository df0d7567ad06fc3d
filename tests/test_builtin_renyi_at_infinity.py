"""Rényi's divergence at the ends of its orders: infinity and 0, and what lies between."""

import copy
import math
import pickle

import pytest
import torch

from torch.distributions import (
    Beta,
    Categorical,
    Exponential,
    Independent,
    MultivariateNormal,
    Normal,
    Poisson,
    Uniform,
)

import kldiv

from kldiv.builtin.divergences.renyi import Renyi, RenyiAtInfinity
from kldiv.resolving import as_divergence


def one(kind, *parameters):
    return kind(*(torch.tensor(each, dtype=torch.float64) for each in parameters))


def renyi(p, q, order, estimator="auto"):
    return kldiv.divergence(p, q, f"renyi(alpha={order})", estimator=estimator)


def test_infinity_is_an_order_like_any_other_by_name_and_by_number():
    for found in (Renyi(math.inf), Renyi(alpha=math.inf), as_divergence("renyi(alpha=inf)")):
        assert found == RenyiAtInfinity()
        assert str(found) == "renyi(alpha=inf)"
        assert as_divergence(str(found)) == found


@pytest.mark.parametrize("order", [0.5, math.inf])
def test_it_can_be_copied_and_sent_elsewhere(order):
    item = Renyi(order)
    assert copy.deepcopy(item) == item
    assert pickle.loads(pickle.dumps(item)) == item


PAIRS = {
    "normals": (one(Normal, 0.4, 1.1), one(Normal, -0.7, 1.6)),
    "ends": (one(Exponential, 2.0), one(Exponential, 1.0)),
    "edges": (one(Uniform, 0.0, 1.0), one(Normal, 0.0, 1.0)),
    "betas": (one(Beta, 3.0, 4.0), one(Beta, 2.0, 2.0)),
    "poissons": (one(Poisson, 2.3), one(Poisson, 3.1)),
    "dice": (one(Categorical, [0.2, 0.3, 0.5]), one(Categorical, [0.4, 0.4, 0.2])),
}


@pytest.mark.parametrize("name", PAIRS)
def test_it_is_where_ever_greater_orders_lead(name):
    p, q = PAIRS[name]
    orders = [0, 0.3, 1, 2, 10, 100, 300]
    values = [float(renyi(p, q, order)) for order in orders]
    limit = float(renyi(p, q, "inf"))
    assert all(low <= high + 1e-12 for low, high in zip(values, [*values[1:], limit], strict=True))
    assert limit - values[-1] < 0.05 * limit  # as log(order) / order


def test_orders_may_be_so_great_that_infinity_is_met_to_many_digits():
    p, q = PAIRS["normals"]
    limit = float(renyi(p, q, "inf"))
    assert float(renyi(p, q, 1e8)) == pytest.approx(limit, rel=1e-6)


@pytest.mark.parametrize("estimator", ["exact", "quadrature"])
def test_between_normals_it_is_the_supremum_of_a_quadratic(estimator):
    found = float(renyi(*PAIRS["normals"], "inf", estimator))
    truth = math.log(1.6 / 1.1) + 1.1**2 / (2 * (1.6**2 - 1.1**2))
    assert found == pytest.approx(truth, rel=1e-14)


def vector(covariance, mean=(0.0, 0.0)):
    return one(MultivariateNormal, list(mean), covariance)


UNIT = [[1.0, 0.0], [0.0, 1.0]]
WIDE = [[1.0, 0.0], [0.0, 4.0]]


@pytest.mark.parametrize(
    ("p", "q", "truth"),
    [
        (vector(UNIT), vector(UNIT), 0.0),
        (vector(UNIT), vector(WIDE), math.log(2)),
        (vector(UNIT, (0.0, 3.0)), vector(WIDE), math.log(2) + 1.5),
        (vector(UNIT, (1e-9, 0.0)), vector(WIDE), math.inf),
        (vector(WIDE), vector(UNIT), math.inf),
        (vector([[2.0, 0.9], [0.9, 1.0]]), vector([[2.5, 0.0], [0.0, 1.1]]), math.inf),
    ],
    ids=["same", "flat", "shifted", "tilted", "wider", "crossed"],
)
def test_directions_in_which_two_normals_are_the_same_count_for_nothing(p, q, truth):
    assert float(renyi(p, q, "inf")) == pytest.approx(truth, rel=1e-14)


def test_of_independent_coordinates_each_decides_for_itself():
    p = Independent(one(Normal, [[0.0, 0.0], [0.0, 1.0]], 1.0), 1)
    q = Independent(one(Normal, [0.0, 0.0], [2.0, 1.0]), 1)
    assert renyi(p, q, "inf").value.tolist() == [pytest.approx(math.log(2)), math.inf]


def test_its_gradient_is_that_of_finite_differences():
    def value(mean, root):
        p = MultivariateNormal(mean, root @ root.mT + 0.3 * torch.eye(2).double())
        return renyi(p, vector([[3.0, 0.4], [0.4, 2.0]]), "inf", "exact").value

    leaves = [
        torch.tensor(each, dtype=torch.float64, requires_grad=True)
        for each in ([0.3, -0.2], [[0.7, 0.1], [-0.4, 0.6]])
    ]
    assert torch.autograd.gradcheck(value, leaves)


@pytest.mark.parametrize("estimator", ["exact", "quadrature"])
def test_float32_has_the_digits_of_float32(estimator):
    p, q = Normal(torch.tensor(0.4), torch.tensor(1.1)), Normal(torch.tensor(-0.7), 1.6)
    found = renyi(p, q, "inf", estimator)
    assert found.value.dtype == torch.float32
    assert abs(float(found) - 0.8228415975895589) <= 1e-6


def test_at_order_0_it_is_the_mass_of_q_off_the_support_of_p():
    high = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    found = renyi(Uniform(torch.zeros(()).double(), high), one(Exponential, 2.0), 0)
    inside = 1 - math.exp(-2)
    assert float(found) == pytest.approx(-math.log(inside), rel=1e-10)
    (slope,) = torch.autograd.grad(found.value, high)
    assert float(slope) == pytest.approx(-2 * math.exp(-2) / inside, rel=1e-9)
    assert float(renyi(one(Uniform, 0.0, 1.0), one(Uniform, 2.0, 3.0), 0)) == math.inf
    assert float(renyi(one(Uniform, 0.0, 3.0), one(Uniform, 1.0, 2.0), 0)) == 0
