"""Mixtures, images and circles live where they have mass, whatever torch says of them."""

import math

import numpy as np
import pytest
import torch

from torch.distributions import (
    AffineTransform,
    Beta,
    Binomial,
    Categorical,
    ComposeTransform,
    Exponential,
    ExpTransform,
    Gamma,
    Geometric,
    HalfCauchy,
    Independent,
    InverseGamma,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Pareto,
    Poisson,
    PowerTransform,
    SigmoidTransform,
    TanhTransform,
    TransformedDistribution,
    Uniform,
    VonMises,
)

import kldiv

from kldiv.definitions.composed_support import support_of
from kldiv.definitions.log_density import log_density_of
from kldiv.definitions.support import box, lattice


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


ONE = torch.ones((), dtype=torch.float64)


def moved(base, loc, scale=1.0):
    return TransformedDistribution(base, AffineTransform(loc, scale), validate_args=False)


CIRCLE = VonMises(torch.zeros(2, dtype=torch.float64), ONE)
INTERVALS = {
    "a half line": (moved(Exponential(ONE), 2.0), (2.0, math.inf)),
    "a half line turned round": (moved(Exponential(ONE), 2.0, -3.0), (-math.inf, 2.0)),
    "an interval": (moved(Uniform(0 * ONE, ONE), -1.0, 4.0), (-1.0, 3.0)),
    "the line": (moved(Normal(0 * ONE, ONE), 2.0, 3.0), (-math.inf, math.inf)),
    "twice moved": (moved(moved(Exponential(ONE), 1.0), 2.0, 2.0), (4.0, math.inf)),
    "of another kind": (
        TransformedDistribution(Normal(0 * ONE, ONE), ExpTransform()),
        (0.0, math.inf),
    ),
    "a circle": (VonMises(0 * ONE, ONE), (-math.pi, math.pi)),
    "a mixture on a circle": (
        MixtureSameFamily(Categorical(torch.ones(2)), CIRCLE),
        (-math.pi, math.pi),
    ),
    "two circles": (Independent(CIRCLE, 1), (-math.pi, math.pi)),
}


@pytest.mark.parametrize("name", INTERVALS)
def test_the_ends_of_an_interval(name):
    distribution, (lower, upper) = INTERVALS[name]
    support = support_of(distribution)
    ends = box(support)
    assert (float(ends.lower), float(ends.upper)) == (lower, upper)
    assert support.event_dim == len(distribution.event_shape)


def test_each_element_of_a_batch_has_its_ends():
    batch = moved(
        Exponential(torch.ones(2, dtype=torch.float64)),
        torch.tensor([1.0, 5.0], dtype=torch.float64),
    )
    assert box(support_of(batch)).lower.tolist() == [1, 5]
    vector = moved(Independent(Exponential(double(1.0, 1.0)), 1), 3.0)
    support = support_of(vector)
    assert (box(support).lower.tolist(), support.event_dim) == (3, 1)


def test_integers_stay_integers_where_they_are_moved_by_integers():
    support = support_of(moved(Geometric(ONE / 2), 1.0))
    ends = lattice(support)
    assert (float(ends.lower), float(ends.upper)) == (1, math.inf)
    assert support.check(torch.tensor([0.0, 1.0, 1.5])).tolist() == [False, True, False]


def test_a_moved_pair_is_computed_where_it_has_mass():
    p, q = moved(Gamma(2 * ONE, ONE), 1.0), moved(Gamma(3 * ONE, ONE), 1.0)
    plain = kldiv.divergence(Gamma(2 * ONE, ONE), Gamma(3 * ONE, ONE))
    for estimator in ("exact", "quadrature"):
        found = kldiv.divergence(p, q, estimator=estimator)
        assert float(found) == pytest.approx(float(plain), rel=1e-9)


def image(base, *transforms):
    return TransformedDistribution(base, list(transforms))


def mixture(parts, weights=(0.5, 0.5)):
    return MixtureSameFamily(Categorical(double(*weights)), parts)


UNIT = Uniform(0 * ONE, ONE)
IMAGES = {
    "the exponential of a half line": (
        image(Exponential(ONE), ExpTransform()),
        (1.0, math.inf),
    ),
    "a moved log-normal": (
        image(Normal(0 * ONE, ONE), ExpTransform(), AffineTransform(1.0, 2.0)),
        (1.0, math.inf),
    ),
    "the same composed": (
        image(Normal(0 * ONE, ONE), ComposeTransform([ExpTransform(), AffineTransform(1.0, 2.0)])),
        (1.0, math.inf),
    ),
    "a logit-normal on an interval": (
        image(Normal(0 * ONE, ONE), SigmoidTransform(), AffineTransform(-1.0, 4.0)),
        (-1.0, 3.0),
    ),
    "a logistic distribution": (
        image(UNIT, SigmoidTransform().inv, AffineTransform(1.0, 2.0)),
        (-math.inf, math.inf),
    ),
    "reciprocals": (image(Uniform(ONE, 4 * ONE), PowerTransform(-ONE)), (0.25, 1.0)),
    "uniform ones": (mixture(Uniform(double(0, 2), double(1, 5))), (0.0, 5.0)),
    "moved exponentials": (
        mixture(moved(Exponential(double(1, 2)), double(3, -4))),
        (-4, math.inf),
    ),
    "vectors": (Independent(moved(Exponential(double(1, 2)), -1.0), 1), (-1.0, math.inf)),
}


@pytest.mark.parametrize("name", IMAGES)
def test_the_ends_of_what_is_made_of_others(name):
    distribution, expected = IMAGES[name]
    ends = box(support_of(distribution))
    assert (float(ends.lower), float(ends.upper)) == pytest.approx(expected, abs=1e-15)


def test_a_batch_of_mixtures_has_the_outermost_ends_of_each():
    low = double([0, 2], [-1, 3]).requires_grad_()
    support = support_of(
        MixtureSameFamily(Categorical(torch.ones(2, 2)), Uniform(low, low.detach() + 2))
    )
    ends = box(support)
    assert ends.lower.tolist() == [0, -1]
    assert ends.upper.tolist() == [4, 5]
    assert support.check(double(3.0, 3.0)).tolist() == [True, True]  # torch asks for every part
    (slope,) = torch.autograd.grad(ends.lower.sum(), low)
    assert slope.tolist() == [[1, 0], [1, 0]]


def test_a_mixture_of_counts_has_the_largest_of_them():
    ends = lattice(support_of(mixture(Binomial(double(10, 12), double(0.1, 0.8)))))
    assert (float(ends.lower), float(ends.upper)) == (0, 12)


def test_an_end_is_no_point_where_the_way_back_is_infinite():
    squashed = support_of(image(Normal(0 * ONE, ONE), TanhTransform()))
    assert squashed.check(double(-1, 0, 1)).tolist() == [False, True, False]
    assert support_of(moved(Exponential(ONE), 2.0)).check(double(2)).all()


WIDE = Normal(0.5 * ONE, 3 * ONE)
APART = {
    "uniform": Uniform(double(0, 2), double(1, 5)),
    "triangular powers": moved(Beta(double(2, 1), double(1, 3)), double(-3, 1), double(2, 1)),
    "exponentials of uniform": image(Uniform(double(0, 2), double(1, 3)), ExpTransform()),
}


@pytest.mark.parametrize("name", APART)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_components_that_are_apart_add_up(name, order):
    """Then KL to anything is the sum of w (KL + log w)."""
    weights, parts = (0.3, 0.7), APART[name]
    each = kldiv.divergence(parts, WIDE).value
    expected = sum(w * (float(d) + math.log(w)) for w, d in zip(weights, each, strict=True))
    p = mixture(parts, weights)
    found = kldiv.divergence(p, WIDE)
    assert abs(float(found) - expected) <= float(found.error) <= 1e-6
    sides = [p, WIDE]
    half = kldiv.divergence(*(sides[i] for i in order), "squared_hellinger")
    lone = 1 - kldiv.divergence(parts, WIDE, "squared_hellinger").value
    overlap = sum(math.sqrt(w) * float(c) for w, c in zip(weights, lone, strict=True))
    assert float(half) == pytest.approx(1 - overlap, abs=1e-8)


def test_a_mixture_of_powers_with_other_ends_has_no_density_below_them():
    p = mixture(Pareto(double(1, 3), double(3, 3)))
    x = double(2, 4).requires_grad_()
    density = kldiv.divergence(p, LogNormal(0.5 * ONE, ONE))
    assert float(density) == pytest.approx(0.6839256149, abs=1e-8)  # scipy's quad, cut at 3
    logs = log_density_of(p)(x)
    expected = [0.5 * 3 / 2**4, 0.5 * 3 / 4**4 + 0.5 * 3 * 3**3 / 4**4]
    assert logs.exp().tolist() == pytest.approx(expected)
    (slope,) = torch.autograd.grad(logs.sum(), x)
    assert slope.tolist() == pytest.approx([-4 / 2, -4 / 4])


@pytest.mark.parametrize("counts", [(10, 10), (10, 12), (3, 40)])
def test_a_mixture_of_binomial_counts_is_summed_to_its_last(counts):
    parts = Binomial(double(*counts), double(0.1, 0.8))
    q, p = Poisson(3 * ONE), mixture(parts)
    k = torch.arange(41, dtype=torch.float64)
    probs = sum(
        0.5 * torch.where(k <= n, Binomial(n, r * ONE).log_prob(k.clamp_max(n)).exp(), 0.0)
        for n, r in zip(counts, (0.1, 0.8), strict=True)
    )
    expected = (torch.special.xlogy(probs, probs) - probs * q.log_prob(k)).sum()
    assert float(kldiv.divergence(p, q)) == pytest.approx(float(expected), rel=1e-12)
    fitted = kldiv.fit(p, "poisson")
    assert float(fitted.parameters["rate"]) == pytest.approx(float((probs * k).sum()))


ONTO = {
    "an interval": (SigmoidTransform(), AffineTransform(-1.0, 4.0)),
    "an interval by its tangent": (TanhTransform(),),
    "another by its tangent": (TanhTransform(), AffineTransform(-1.0, 4.0)),
    "a moved half line": (ExpTransform(), AffineTransform(1.0, 2.0)),
}


@pytest.mark.parametrize("name", ONTO)
def test_images_of_normals_have_their_divergence(name):
    base = Normal(0.3 * ONE, 0.8 * ONE)
    p = image(base, *ONTO[name])
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    z = 0.3 + 0.8 * torch.as_tensor(nodes)
    x, slopes = z, 0.0
    for transform in ONTO[name]:
        slopes = slopes + transform.log_abs_det_jacobian(x, transform(x))
        x = transform(x)
    terms = base.log_prob(z) - slopes - WIDE.log_prob(x)
    expected = float((torch.as_tensor(weights / weights.sum()) * terms).sum())
    found = kldiv.divergence(p, WIDE)
    assert abs(float(found) - expected) <= 1e-9
    assert float(found.error) <= 1e-9


def test_vectors_of_moved_coordinates_live_where_these_do():
    p = Independent(moved(Exponential(double(2, 3)), 1.0), 1)
    q = MultivariateNormal(double(1, 1), torch.eye(2, dtype=torch.float64) + 0.3)
    square = 0.8125 * (1 / 2 + 2 / 9) - 2 * 0.1875 / 6  # E of the quadratic form of q
    expected = math.log(6) - 2 + math.log(2 * math.pi) + math.log(1.6) / 2 + square / 2
    found = kldiv.divergence(p, q)
    assert abs(float(found) - expected) <= float(found.error) <= 1e-6


def test_a_fit_to_an_image_does_not_leave_it():
    """It is Pareto's distribution."""
    pareto = kldiv.fit(Pareto(ONE, 2 * ONE), "lognormal", "squared_hellinger")
    image_of = kldiv.fit(
        image(Exponential(2 * ONE), ExpTransform()), "lognormal", "squared_hellinger"
    )
    for name, value in pareto.parameters.items():
        assert float(image_of.parameters[name]) == pytest.approx(float(value), rel=1e-6)


TURNED = image(Beta(2 * ONE, 3 * ONE), AffineTransform(ONE, -ONE))
LOGARITHMS = image(Gamma(2 * ONE, ONE), ExpTransform().inv)


@pytest.mark.parametrize(
    ("pair", "same"),
    [
        ((Beta(2 * ONE, 5 * ONE), TURNED), (Beta(2 * ONE, 5 * ONE), Beta(3 * ONE, 2 * ONE))),
        ((LOGARITHMS, Normal(0 * ONE, ONE)), (Gamma(2 * ONE, ONE), LogNormal(0 * ONE, ONE))),
        ((Normal(0 * ONE, ONE), LOGARITHMS), (LogNormal(0 * ONE, ONE), Gamma(2 * ONE, ONE))),
    ],
)
def test_the_way_back_may_round_to_an_end_or_overflow(pair, same):
    """1 - x is 1 where x is below 1e-16, and e^x is 0 or infinite far out."""
    expected = kldiv.divergence(*same)
    found = kldiv.divergence(*pair)
    assert abs(float(found) - float(expected)) <= float(found.error) + float(expected.error)
    assert float(found.error) <= 1e-9


def test_a_reciprocal_that_has_no_mean_is_infinite():
    """E 1 / x under a density that is positive at 0; torch's density overflows before that."""
    for p in (Exponential(ONE), HalfCauchy(ONE)):
        assert float(kldiv.divergence(p, InverseGamma(3 * ONE, 2 * ONE))) == math.inf
