"""A fit begins where the target has mass: the whole of it, and each of its modes."""

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Categorical,
    Cauchy,
    Dirichlet,
    Gamma,
    Independent,
    MixtureSameFamily,
    Multinomial,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Poisson,
    VonMises,
    constraints,
)

import kldiv

from kldiv.definitions.sample_target import SampleTarget
from kldiv.resolving import as_target
from kldiv.solvers.places import draws, exact_place, places
from kldiv.solvers.under_target import UnderTarget

F64 = torch.float64


def double(*values):
    return torch.tensor(values, dtype=F64)


def places_of(target):
    return places(target, UnderTarget(target).place)


def told(target):
    return [
        (place.mean.tolist(), place.variance.tolist())
        for place in places_of(as_target(target, "target"))
    ]


def near(expected):
    return [(pytest.approx(mean), pytest.approx(variance)) for mean, variance in expected]


def test_one_mode_is_one_place():
    assert told(Normal(torch.tensor(1.0, dtype=F64), 2.0)) == near([(1, 4)])
    assert told(Poisson(torch.tensor(3.0, dtype=F64))) == near([(3, 3)])


def test_a_mixture_is_a_place_as_a_whole_and_one_for_each_mode():
    mixture = MixtureSameFamily(
        Categorical(double(0.25, 0.75)), Normal(double(-1, 3), double(1, 2))
    )
    assert told(mixture) == near([(2, 0.25 + 3 + 3), (-1, 1), (3, 4)])


def counts():
    return MixtureSameFamily(Categorical(double(0.3, 0.7)), Poisson(double(0.1, 300)))


def test_counts_have_a_place_for_each_mode():
    whole, *modes = told(counts())
    assert whole[0] == pytest.approx(0.3 * 0.1 + 0.7 * 300)
    assert modes == near([(0.1, 0.1), (300, 300)])
    bare = kldiv.Target(counts().log_prob, support=constraints.nonnegative_integer)
    (low, _), (high, _) = told(bare)[1:]
    assert 0 < low < 1
    assert high == pytest.approx(300, abs=2)


@pytest.mark.parametrize("divergence", ["skew_kl(weight=0.3)", "gamma(gamma=0.5)"])
def test_a_fit_to_counts_finds_the_lower_of_two_optima_alone_and_in_a_batch(divergence):
    alone = kldiv.fit(counts(), "geometric", divergence)
    weights = Categorical(double([0.5, 0.5], [0.9, 0.1], [0.3, 0.7]))
    batch = MixtureSameFamily(weights, Poisson(double([1, 20], [3, 4], [0.1, 300])))
    together = kldiv.fit(batch, "geometric", divergence)
    for found in (alone.parameters["probs"], together.parameters["probs"][2]):
        assert float(found) == pytest.approx(0.9, abs=0.02)
    assert len(alone.optima) == len(together.optima[2]) == 2


def test_a_mixture_of_vectors_has_the_covariance_of_the_whole():
    parts = MultivariateNormal(double([-1, 0], [1, 2]), torch.eye(2, dtype=F64))
    mixture = MixtureSameFamily(Categorical(double(0.5, 0.5)), parts)
    place = exact_place(as_target(mixture, "target"))
    assert place.mean.tolist() == [0, 1]
    assert place.covariance.tolist() == [[2, 1], [1, 2]]


def test_independent_parts_have_a_diagonal_covariance():
    place = exact_place(as_target(Independent(Gamma(double(2, 4), double(1, 2)), 1), "target"))
    assert place.covariance.tolist() == [[2, 0], [0, 1]]


def test_a_bare_log_density_is_integrated():
    target = kldiv.Target(lambda x: -3 * x, support=constraints.positive)
    assert told(target)[0] == (pytest.approx(1 / 3), pytest.approx(1 / 9))
    plane = kldiv.Target(lambda x: -(x - 1).square().sum(-1) / 2, event_shape=(2,))
    assert told(plane)[0] == (pytest.approx([1, 1]), pytest.approx([1, 1]))
    counts = kldiv.Target(
        lambda k: k * torch.log(torch.tensor(4.0)) - torch.lgamma(k + 1),
        support=constraints.nonnegative_integer,
    )
    assert told(counts)[0] == (pytest.approx(4), pytest.approx(4))


def test_without_moments_the_mode_is_the_place():
    assert told(Cauchy(torch.tensor(3.0, dtype=F64), 2.0)) == near([(3, 4)])


def test_where_nothing_is_known_the_origin_is_the_place():
    cube = kldiv.Target(lambda x: -x.square().sum(-1), event_shape=(3,))
    assert told(cube) == [([0, 0, 0], [1, 1, 1])]


def test_a_simplex_has_its_moments_but_no_modes():
    assert told(Dirichlet(double(1, 1))) == near([([0.5, 0.5], [1 / 12, 1 / 12])])


def test_samples_have_the_weighted_moments():
    points = torch.tensor([[0.0, 0.0], [2.0, 4.0]])
    place = exact_place(SampleTarget(points, torch.tensor([1.0, 1.0])))
    assert place.mean.tolist() == [1, 2]
    assert place.covariance.tolist() == [[1, 2], [2, 4]]
    scalar = exact_place(SampleTarget(double(0.0, 4.0), double(3.0, 1.0)))
    assert (float(scalar.mean), float(scalar.variance)) == (1, 3)


def test_one_sample_alone_has_no_variance_and_small_numbers_have_theirs():
    assert float(exact_place(SampleTarget(double(5.0))).variance) == 0
    small = exact_place(SampleTarget(double(1e-9, 3e-9)))
    assert float(small.variance) == pytest.approx(1e-18)


def test_a_batch_has_a_place_for_each_of_its_problems():
    ((mean, variance),) = told(Normal(double(0, 1, 2), double(1, 2, 3)))
    assert (mean, variance) == ([0, 1, 2], [1, 4, 9])


def test_draws_are_those_of_the_target_and_of_the_seed():
    target = as_target(Normal(torch.tensor(0.0, dtype=F64), 1.0), "target")
    first, second = draws(target, 1), draws(target, 1)
    assert first.shape == (512,)
    assert torch.equal(first, second)
    assert not torch.equal(first, draws(target, 2))
    assert draws(kldiv.Target(lambda x: -x.square()), 1) is None


def test_of_samples_no_more_are_taken_than_needed_and_from_all_over():
    points = torch.arange(10_000.0)
    found = draws(SampleTarget(points), 0)
    assert (len(found), found.min(), found.max()) == (512, 0, 9_999)
    assert draws(SampleTarget(points[:7]), 0).tolist() == list(range(7))


def test_a_mixture_of_parts_without_moments_is_told_by_its_modes():
    mixture = MixtureSameFamily(Categorical(double(0.5, 0.5)), Cauchy(double(-9, 9), double(1, 1)))
    assert exact_place(as_target(mixture, "target")) is None
    assert [mean for mean, _ in told(mixture)] == [-9, 9]


def test_an_angle_has_the_variance_of_a_number():
    """Torch states those of the circle."""
    p = VonMises(torch.tensor(0.0).double(), torch.tensor(1.0).double())
    (place,) = places_of(as_target(p, "p"))
    assert exact_place(as_target(p, "p")) is None
    assert float(place.variance) == pytest.approx(1.604254, abs=1e-6)


@pytest.mark.parametrize(
    "distribution",
    [
        Dirichlet(double(1.0, 2.0, 3.0)),
        Dirichlet(double([1.0, 2.0, 3.0], [4.0, 0.5, 0.5])),
        OneHotCategorical(double(0.2, 0.3, 0.5)),
        Multinomial(5, double(0.2, 0.3, 0.5)),
    ],
)
def test_shares_of_a_total_are_correlated(distribution):
    place = exact_place(as_target(distribution, "target"))
    torch.manual_seed(0)
    points = distribution.sample(torch.Size([40_000]))
    centred = points - points.mean(0)
    sample = torch.einsum("n...i,n...j->...ij", centred, centred) / len(points)
    # a covariance has the standard error sqrt((1 + kurtosis) / n) of the variances, some 1 %
    assert torch.allclose(place.matrix, sample, rtol=0.05, atol=0.01 * float(sample.max()))
    torch.testing.assert_close(place.variance, distribution.variance)


def test_vectors_of_unknown_covariance_have_no_exact_place_but_a_start():
    class Plain(Normal):
        """A vector that tells its mean and variance only."""

        def __init__(self):
            super().__init__(double(1.0, 2.0, 3.0), double(1.0, 2.0, 3.0), validate_args=False)
            self._batch_shape, self._event_shape = torch.Size(), torch.Size([3])

        support = torch.distributions.constraints.real_vector

    target = as_target(Plain(), "target")
    assert exact_place(target) is None
    assert places_of(target)[0].mean.tolist() == [1, 2, 3]
    assert places_of(target)[0].variance.tolist() == [1, 4, 9]


def test_where_one_place_is_enough_the_modes_are_not_looked_for():
    target = as_target("bimodal", "target")
    whole = UnderTarget(target).place
    assert places(target, whole, first_only=True) == [whole]
    assert len(places(target, whole)) == 3


@pytest.mark.parametrize(("a", "b"), [(3.0, 5.0), (1.0, 1.0), (2.0, 0.5), (3.0, 40.0)])
def test_the_rounding_next_to_an_end_makes_no_modes(a, b):
    target = kldiv.Target(
        lambda x: a * x.log() + b * (-x).log1p(), support=constraints.unit_interval
    )
    assert all(place.variance > 1e-6 for place in places_of(as_target(target, "p")))


@pytest.mark.parametrize("divergence", ["kl", "jensen_shannon", "squared_hellinger"])
@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_a_number_that_has_all_the_mass_is_a_place(probability, divergence):
    target = Bernoulli(torch.tensor(probability, dtype=F64))
    place = exact_place(as_target(target, "target"))
    assert (float(place.mean), float(place.variance)) == (probability, 0.0)
    fitted = kldiv.fit(target, "bernoulli", divergence)
    assert fitted.converged
    assert float(fitted.parameters["probs"]) == pytest.approx(probability, abs=1e-12)
