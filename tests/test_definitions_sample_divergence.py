"""A divergence of samples: written as one method, had from data and from distributions."""

import math

import pytest
import torch

from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import kldiv

from kldiv.definitions.sample_target import SampleTarget


class Energy(kldiv.SampleDivergence):
    """The energy distance, twice the mean distance between sides less those within them."""

    symmetric = True

    def compare(self, points_p, weights_p, points_q, weights_q):
        def mean(x, v, y, w):
            x, y = (each.reshape(len(each), -1) for each in (x, y))
            return v @ torch.cdist(x, y) @ w

        return (
            2 * mean(points_p, weights_p, points_q, weights_q)
            - mean(points_p, weights_p, points_p, weights_p)
            - mean(points_q, weights_q, points_q, weights_q)
        )


def normal(loc, scale=1.0):
    return Normal(torch.tensor(loc, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64))


def energy_of_normals(gap):
    """By hand: the mean of |x| for x normal with mean m and variance 2 is that of three terms."""
    m, s = gap, math.sqrt(2)
    between = 2 * s * math.exp(-(m**2) / 4) / math.sqrt(2 * math.pi) + m * math.erf(m / 2)
    return 2 * between - 4 * s / math.sqrt(2 * math.pi)


def test_the_value_is_that_of_the_samples_as_they_are():
    p, q = torch.tensor([0.0, 2.0]).double(), torch.tensor([1.0, 5.0]).double()
    # between: (1 + 5 + 1 + 3) / 4; within: 2 / 2 and 4 / 2
    assert float(kldiv.divergence(p, q, Energy())) == pytest.approx(2 * 2.5 - 1 - 2, rel=1e-14)


def test_a_weight_is_as_good_as_repetition():
    q = torch.tensor([1.0, 5.0, 7.0]).double()
    p = torch.tensor([0.0, 2.0]).double()
    weighted = SampleTarget(p, torch.tensor([1.0, 3.0]).double())
    found = kldiv.divergence(weighted, q, Energy())
    truth = kldiv.divergence(p[[0, 1, 1, 1]], q, Energy())
    assert float(found) == pytest.approx(float(truth), rel=1e-14)


def test_the_error_covers_the_distance_of_the_distributions():
    misses = 0
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        p, q = torch.randn(2, 200, generator=generator, dtype=torch.float64)
        found = kldiv.divergence(p, q + 1, Energy(), seed=seed)
        misses += abs(float(found) - energy_of_normals(1.0)) > float(found.error)
        assert 0 < float(found.stderr) < float(found.error) < 1
    assert misses == 0


def test_distributions_with_samplers_are_drawn_from():
    p, q = normal([0.0, 0.0, 0.0]), normal([0.0, 1.0, 3.0])
    few = kldiv.Samples(points=400)
    found = kldiv.divergence(p, q, Energy(), estimator=few, seed=1)
    truth = torch.tensor([energy_of_normals(gap) for gap in (0.0, 1.0, 3.0)]).double()
    assert found.method == "samples"
    assert found.value.shape == (3,)
    assert ((found.value - truth).abs() <= found.error).all()
    again = kldiv.divergence(p, q, Energy(), estimator=few, seed=1)
    assert torch.equal(found.value, again.value)
    assert torch.equal(found.error, again.error)


def test_data_is_compared_with_a_distribution():
    points = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    q = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    found = kldiv.divergence(points, q, Energy(), estimator=kldiv.Samples(points=300), seed=0)
    assert found.evaluations == 700
    assert abs(float(found)) <= float(found.error)


def test_a_density_without_a_sampler_is_refused():
    target = kldiv.Target(lambda x: -x.square())
    with pytest.raises(kldiv.NotAvailable, match="no sampler to draw"):
        kldiv.divergence(target, normal(0.0), Energy())


def test_the_earlier_rungs_say_why_they_do_not_apply():
    explanation = kldiv.explain(normal(0.0), normal(1.0), Energy())
    assert explanation.method == "samples"
    assert list(explanation.rejected) == ["exact", "sum", "quadrature", "monte_carlo"]


def test_what_is_no_number_is_refused():
    class Vector(kldiv.SampleDivergence):
        def compare(self, points_p, weights_p, points_q, weights_q):
            return points_p

    with pytest.raises(kldiv.InvalidType, match="must return a tensor with shape"):
        kldiv.divergence(torch.zeros(3), torch.ones(3), Vector())


def test_a_single_point_has_no_error():
    with pytest.raises(kldiv.NotAvailable, match="q is a single point"):
        kldiv.divergence(torch.zeros(3), torch.ones(1), Energy())


class Stein(kldiv.SampleScoreDivergence):
    """The squared norm of a mean score, which is 0 where p and q are equal."""

    def compare(self, points, weights, scores):
        return (weights @ scores).square().sum()


def test_a_score_is_had_of_a_density_that_is_not_normalised():
    points = torch.tensor([1.0, 2.0, 6.0]).double()
    target = kldiv.Target(lambda x: -x.square() / 2 + 17.0)
    found = kldiv.divergence(points, target, Stein())
    assert float(found) == pytest.approx(9.0)
    with pytest.raises(kldiv.NotAvailable, match="has no score"):
        kldiv.divergence(points, points, Stein())


def test_scores_of_a_batch_are_those_of_its_elements():
    q = normal([0.0, 1.0, 3.0])
    found = kldiv.divergence(torch.tensor([1.0, 2.0, 6.0]), q, Stein())
    torch.testing.assert_close(found.value, torch.tensor([9.0, 4.0, 0.0]).double())


@pytest.mark.parametrize("divergence", [Energy(), Stein()])
def test_the_value_is_differentiable_in_points_and_parameters(divergence):
    points = torch.linspace(-1, 2, 24, dtype=torch.float64).requires_grad_()
    loc = torch.tensor([0.2, 0.5], dtype=torch.float64, requires_grad=True)
    few = kldiv.Samples(points=30)

    def value(points, loc):
        return kldiv.divergence(points, Normal(loc, 1.0), divergence, estimator=few, seed=3).value

    assert torch.autograd.gradcheck(value, (points, loc))


def test_the_shares_of_a_mixture_have_gradients_too():
    weights = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    parts = normal([-1.0, 2.0])

    def value(weights):
        q = MixtureSameFamily(Categorical(weights / weights.sum()), parts)
        few = kldiv.Samples(points=25)
        return kldiv.divergence(normal(0.0), q, Energy(), estimator=few, seed=3).value

    assert torch.autograd.gradcheck(value, weights)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_fit_holds_its_draws_fixed(direction):
    points = torch.randn(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = 2 * points + 1 if direction == "forward" else normal(1.0, 2.0)
    few = kldiv.Samples(points=128)
    fit = kldiv.fit(target, "normal", Energy(), direction=direction, estimator=few)
    assert fit.converged
    assert abs(float(fit.parameters["loc"]) - 1) < 0.2
    assert abs(float(fit.parameters["scale"]) - 2) < 0.2


def test_a_family_whose_draws_do_not_move_is_refused():
    with pytest.raises(kldiv.NotAvailable, match="do not move with them"):
        kldiv.fit(
            torch.ones(30).cumsum(0), "student_t", Energy(), estimator=kldiv.Samples(points=50)
        )


def test_batch_shapes_of_distributions_broadcast():
    column, row = normal([[0.0], [1.0]]), normal([0.0, 2.0, 4.0])
    found = kldiv.divergence(column, row, Energy(), estimator=kldiv.Samples(points=400), seed=0)
    assert found.value.shape == (2, 3)
    for i, first in enumerate((0.0, 1.0)):
        for j, second in enumerate((0.0, 2.0, 4.0)):
            truth = energy_of_normals(abs(first - second))
            assert abs(float(found.value[i, j]) - truth) <= 2 * float(found.error[i, j])


def test_it_can_be_held_to_the_laws_by_few_draws():
    report = kldiv.testing.check_divergence(Energy(), pairs=["coins", "dice with zeros", "planes"])
    assert report.passed, report
    checked = [each.law for each in report.outcomes if each.checks]
    assert checked == ["non_negative", "identity", "symmetry", "edges", "batch"]


class RootOfEnergy(Energy):
    """The root of the energy distance."""

    def combine(self, value):
        return value.clamp_min(0).sqrt()


def test_the_error_goes_through_what_is_made_of_the_value():
    p, q = (torch.randn(2, 200, generator=torch.Generator().manual_seed(0)) + 1).double()
    square, root = (kldiv.divergence(p, q, each, seed=0) for each in (Energy(), RootOfEnergy()))
    value, error = float(square), float(square.error)
    assert float(root) == pytest.approx(math.sqrt(value))
    above, below = math.sqrt(value + error), math.sqrt(max(value - error, 0))
    assert float(root.error) == pytest.approx(max(above - float(root), float(root) - below))
    assert float(root) - float(root.error) <= 0  # two samples of one distribution


class Weighed(Energy):
    """The same for many weightings, whose claim holds."""

    weightings = True

    def compare(self, points_p, weights_p, points_q, weights_q):
        def mean(x, v, y, w):
            return (v @ torch.cdist(x[:, None], y[:, None]) * w).sum(-1)

        p, q = (points_p, weights_p), (points_q, weights_q)
        return 2 * mean(*p, *q) - mean(*p, *p) - mean(*q, *q)


class WronglyWeighed(Weighed):
    """Its points within p count as in the whole sample."""

    def compare(self, points_p, weights_p, points_q, weights_q):
        every = torch.full((len(points_p),), 1 / len(points_p), dtype=torch.float64)
        whole = super().compare(points_p, every, points_p, weights_p)
        return super().compare(points_p, weights_p, points_q, weights_q) + whole


def test_weightings_are_checked_against_the_points_that_they_leave():
    check = lambda divergence: kldiv.testing.check_divergence(
        divergence, laws=["batch"], pairs=["coins"]
    )
    assert check(Weighed()).passed
    assert [each.law for each in check(WronglyWeighed()).failures] == ["batch"]


def test_many_weightings_change_nothing_but_the_time():
    p, q = torch.linspace(0, 1, 40).double(), torch.linspace(0, 2, 30).double().square()
    plain, weighed = (kldiv.divergence(p, q, each, seed=0) for each in (Energy(), Weighed()))
    assert float(weighed) == pytest.approx(float(plain), rel=1e-14)
    assert float(weighed.error) == pytest.approx(float(plain.error), rel=1e-10)
