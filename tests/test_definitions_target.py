"""A target is a log density, a distribution or samples, seen by all estimators in one way."""

import math

import pytest
import torch

from torch.distributions import (
    Distribution,
    Exponential,
    Gamma,
    Normal,
    Uniform,
    VonMises,
    constraints,
)

import kldiv

from kldiv import Target
from kldiv.definitions.target import DistributionTarget

F64 = torch.float64


def double(*values):
    return torch.tensor(values, dtype=F64)


def bell(x):
    return -x.square() / 2


def test_a_log_density_is_minus_infinity_outside_of_its_support():
    target = Target(lambda x: -x, support=constraints.positive)
    assert target.log_prob(double(-1, 0, 2)).tolist() == [-math.inf, -math.inf, -2]


def test_a_log_density_is_called_inside_of_its_support_only():
    seen = []

    def log_prob(x):
        seen.append(x)
        return x.log()

    target = Target(log_prob, support=constraints.interval(0.0, 1.0))
    x = double(-3.0, 0.25, 7.0).requires_grad_()
    (slope,) = torch.autograd.grad(target.log_prob(x)[1], x)
    assert all(((points > 0) & (points < 1)).all() for points in seen)
    assert slope.tolist() == [0, 4, 0]


def test_a_log_density_of_vectors_has_one_value_a_point():
    target = Target(lambda x: -x.sum(-1), event_shape=(2,), support=constraints.positive)
    x = double([1, 2], [-1, 2])
    assert target.log_prob(x).tolist() == [-3, -math.inf]
    assert target.batch_shape == ()


def test_the_batch_shape_is_that_of_the_log_density():
    loc = double([0, 1, 2], [3, 4, 5])
    target = Target(lambda x: -(x - loc).square())
    assert target.batch_shape == (2, 3)
    assert target.log_prob(torch.zeros(7, 2, 3, dtype=F64)).shape == (7, 2, 3)


def test_the_type_of_results_is_that_of_the_log_density():
    assert Target(bell).dtype == F64
    assert Target(lambda x: bell(x).float()).dtype == torch.float32


def test_a_target_samples_by_its_sampler_and_repeats_itself():
    target = Target(bell, sample=torch.randn)
    before = torch.get_rng_state()
    first, second = (target.sample(torch.Size([5]), seed=3) for _ in range(2))
    assert first.dtype == F64
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
    assert target.has_sampler


def test_a_target_without_a_sampler_says_how_to_get_one():
    assert not Target(bell).has_sampler
    with pytest.raises(kldiv.NotAvailable, match=r"pass sample= to kldiv.Target"):
        Target(bell).sample(torch.Size([5]), seed=0)


def test_an_unnormalised_target_is_normalised():
    target = Target(lambda x: bell(x) + 3)
    found = kldiv.divergence(target, Normal(double(0.5), double(1.0)))
    assert float(found) == pytest.approx(0.125, abs=1e-9)
    assert abs(float(found) - 0.125) <= float(found.error)


def test_the_normaliser_carries_gradients():
    width = torch.tensor(2.0, dtype=F64, requires_grad=True)
    target = Target(lambda x: bell(x / width))
    value = kldiv.divergence(target, Normal(double(0.0), double(1.0))).value
    (slope,) = torch.autograd.grad(value.sum(), width)
    # KL(N(0, w²) ‖ N(0, 1)) = (w² - 1) / 2 - log w
    assert float(slope) == pytest.approx(2 - 0.5, rel=1e-8)


def test_a_measure_is_taken_as_it_stands():
    measure = Target(lambda x: Normal(0.0, 1.0).log_prob(x) + math.log(2), normalize=False)
    found = kldiv.divergence(measure, Normal(torch.zeros((), dtype=F64), 1.0))
    assert float(found) == pytest.approx(2 * math.log(2), rel=1e-9)


def test_a_measure_may_stand_on_either_side():
    measure = Target(lambda x: Normal(0.0, 1.0).log_prob(x) + math.log(2), normalize=False)
    normal = Normal(torch.zeros((), dtype=F64), 1.0)
    assert float(kldiv.divergence(normal, measure)) == pytest.approx(-math.log(2), rel=1e-9)
    distance = kldiv.divergence(measure, normal, "squared_l2")
    assert float(distance) == pytest.approx(1 / (2 * math.sqrt(math.pi)), rel=1e-9)


HALF = math.log(2 * math.pi) / 2
SIDES = {
    "a distribution": Normal(double(0.5).squeeze(), 1.0),
    "a log density": Target(lambda x: bell(x - 0.5) - HALF),
    "a log density of mass 20": Target(lambda x: bell(x - 0.5) - HALF + math.log(20)),
    "a log density of mass e^-700": Target(lambda x: bell(x - 0.5) - 700),
}
OTHERS = {
    "a distribution": Normal(double(0.0).squeeze(), 1.0),
    "a log density of mass 20": Target(lambda x: bell(x) - HALF + math.log(20)),
}


@pytest.mark.parametrize("name", ["kl", "squared_hellinger", "squared_l2", "renyi(alpha=0.5)"])
@pytest.mark.parametrize("q", OTHERS)
@pytest.mark.parametrize("p", SIDES)
def test_what_is_normalised_has_the_same_divergences_whatever_its_mass(p, q, name):
    expected = kldiv.divergence(SIDES["a distribution"], OTHERS["a distribution"], name)
    for first, second in ((SIDES[p], OTHERS[q]), (OTHERS[q], SIDES[p])):  # all are symmetric here
        found = kldiv.divergence(first, second, name)
        assert float(found) == pytest.approx(float(expected), rel=1e-9)


def test_of_two_measures_the_divergence_is_that_of_their_definition():
    p = Target(bell, normalize=False)
    q = Target(lambda x: bell(x - 1) + 1, normalize=False)
    # log p / q = -x - 1/2 has the mean -1/2 under p, of mass √2π
    assert float(kldiv.divergence(p, q)) == pytest.approx(-((math.pi / 2) ** 0.5), rel=1e-9)


def test_single_precision_is_returned_with_its_own_error():
    single = Target(lambda x: bell(x.float() - 0.5))
    found = kldiv.divergence(single, Normal(torch.tensor(0.0), 1.0), "total_variation")
    exact = kldiv.divergence(SIDES["a distribution"], OTHERS["a distribution"], "total_variation")
    assert found.value.dtype == torch.float32
    assert float(found) == pytest.approx(float(exact), rel=1e-5)


def test_a_density_of_infinite_mass_cannot_be_normalised():
    with pytest.raises(kldiv.NotFinite, match=r"cannot be normalised.*normalize=False"):
        kldiv.divergence(Target(lambda x: 0 * x), Normal(0.0, 1.0))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Target(3.0), kldiv.InvalidType, "log_prob must be a function of points, got 3.0"),
        (
            lambda: Target(bell, sample="yes"),
            kldiv.InvalidType,
            "sample must be a function of a shape, or None, got 'yes'",
        ),
        (
            lambda: Target(bell, support=(0, 1)),
            kldiv.InvalidType,
            r"support must be a constraint of torch\.distributions.* got \(0, 1\)",
        ),
        (
            lambda: Target(bell, support=constraints.dependent),
            kldiv.InvalidType,
            "support must be a constraint .* got Dependent",
        ),
        (
            lambda: Target(bell, support=constraints.simplex),
            kldiv.ShapeMismatch,
            r"event_shape \(\) has fewer dimensions than support Simplex",
        ),
        (
            lambda: Target(lambda x: 0.0).batch_shape,
            kldiv.InvalidType,
            "log_prob must return a tensor, got float: 0.0; compute it with torch",
        ),
        (
            lambda: kldiv.divergence(Target(lambda x: -(x.numpy() ** 2)), Normal(0.0, 1.0)),
            kldiv.InvalidType,
            "log_prob must return a tensor, got float64",
        ),
        (
            lambda: Target(lambda x: -(x.numpy() ** 2)).log_prob(torch.ones(3).requires_grad_()),
            kldiv.InvalidType,
            "log_prob calls functions of numpy, which have no gradient; compute it with torch",
        ),
        (
            lambda: kldiv.divergence(Target(lambda x: bell(x) + 0j), Normal(0.0, 1.0)),
            kldiv.InvalidType,
            r"log_prob must return real numbers, got a tensor of torch\.complex128",
        ),
        (
            lambda: kldiv.divergence(Target(lambda x: (x * 0).long()), Normal(0.0, 1.0)),
            kldiv.InvalidType,
            r"log_prob must return real numbers, got a tensor of torch\.int64",
        ),
        (
            lambda: kldiv.divergence(Target(lambda x: bell(x).sum()), Normal(0.0, 1.0)),
            kldiv.ShapeMismatch,
            r"with shape \((\d+),\) for points of shape \(\1,\), got \(\); reduce the",
        ),
        (
            lambda: Target(bell, event_shape=(2,)).log_prob(torch.zeros(5, 2)),
            kldiv.ShapeMismatch,
            r"for points of shape \(5, 2\), got \(5, 2\); reduce the dimensions of event_shape",
        ),
        (
            lambda: Target(bell, event_shape=3),
            kldiv.InvalidArgument,
            r"event_shape must be a tuple of positive integers such as \(2,\).* got 3",
        ),
        (lambda: Target(bell, event_shape=(0,)), kldiv.InvalidArgument, r"got \(0,\)"),
        (lambda: Target(bell, event_shape="ab"), kldiv.InvalidArgument, "got 'ab'"),
        (
            lambda: kldiv.divergence(Target(lambda x: (x - 7).log()), Normal(0.0, 1.0)),
            kldiv.InvalidArgument,
            "is NaN inside its support Real.*return -inf where the density vanishes",
        ),
    ],
)
def test_a_wrong_target_is_an_error_that_names_it(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_text_of_a_target_names_its_function():
    assert repr(Target(bell)) == "Target(bell, event_shape=(), support=Real())"


def test_a_distribution_is_a_normalised_target_in_float64():
    target = DistributionTarget(Normal(torch.tensor([0.0, 1.0]), 1.0))
    assert target.normalized
    assert target.batch_shape == (2,)
    assert target.dtype == torch.float32
    assert target.log_prob(double(0.0)).dtype == F64
    assert target.sample(torch.Size([3]), seed=1).dtype == F64
    assert repr(target) == repr(Normal(torch.tensor([0.0, 1.0]), 1.0))


def test_a_distribution_is_minus_infinity_outside_of_its_support():
    target = DistributionTarget(Uniform(double(0.0), double(2.0)))
    assert target.log_prob(double(-1, 1, 3)).tolist() == [-math.inf, -math.log(2), -math.inf]


def test_a_circle_is_cut_open():
    p, q = VonMises(double(0.0), double(1.0)), VonMises(double(1.0), double(1.0))
    assert float(kldiv.divergence(p, q, "total_variation")) < 1
    # E_p[cos] (1 - cos 1) with A(1) = I₁(1) / I₀(1)
    ratio = float(torch.special.i1(double(1.0)) / torch.special.i0(double(1.0)))
    found = kldiv.divergence(p, q, estimator="quadrature")
    assert float(found) == pytest.approx(ratio * (1 - math.cos(1)), rel=1e-7)


def test_a_distribution_without_a_support_is_refused():
    class Nowhere(Distribution):
        """Says nothing."""

    with pytest.raises(
        kldiv.InvalidArgument, match=r"Nowhere does not state its support; a kldiv\.Target"
    ):
        DistributionTarget(Nowhere(validate_args=False))


def test_a_distribution_that_cannot_show_itself_is_shown_by_its_class():
    class Plain(Distribution):
        support = constraints.real

        def log_prob(self, x):
            return bell(x) - math.log(2 * math.pi) / 2

    target = DistributionTarget(Plain(validate_args=False))
    assert repr(target) == "Plain()"
    assert float(kldiv.divergence(target, Normal(double(0.0), double(1.0)))) < 1e-12


def test_densities_with_an_end_where_they_are_infinite_are_normalised():
    # x^(-1/2) e^-x has mass Γ(1/2)
    target = Target(lambda x: -x - x.log() / 2, support=constraints.positive)
    found = kldiv.divergence(target, Gamma(double(0.5), double(1.0)))
    assert abs(float(found)) <= float(found.error) + 1e-12
    assert float(kldiv.divergence(target, Exponential(double(1.0)))) > 0.1


def test_what_a_sampler_returns_is_a_tensor_of_the_shape_asked_for():
    lists = Target(bell, sample=lambda shape: [0.0] * shape.numel())
    with pytest.raises(kldiv.InvalidType, match="must return a tensor, got list"):
        lists.sample(torch.Size((3,)), seed=0)
    short = Target(
        lambda x: bell(x).sum(-1), event_shape=(2,), sample=lambda shape: torch.zeros(shape)
    )
    with pytest.raises(kldiv.ShapeMismatch, match=r"shape \(3, 2\) here, got \(3,\)"):
        short.sample(torch.Size((3,)), seed=0)
