"""A divergence is declared by a formula; limits, canonical form and text follow from it."""

import math

from dataclasses import dataclass

import pytest
import torch

from torch.distributions import Categorical, Exponential, Normal, Uniform

import kldiv

from kldiv import Divergence, FDivergence, IntegralDivergence


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


class LeCam(FDivergence):
    symmetric = True
    upper_bound = 1.0

    def generator(self, log_u):
        u = log_u.exp()
        return (u - 1).square() / (2 * (u + 1))


class PlainKL(FDivergence):
    def generator(self, log_u):
        return log_u.exp() * log_u


class PlainReverse(FDivergence):
    def generator(self, log_u):
        return -log_u


@dataclass(frozen=True)
class Power(FDivergence):
    order: float = 2.0
    shift: float = 0.0

    def generator(self, log_u):
        return (self.order * log_u).exp() - 1 + self.shift * log_u.expm1()


class TotalVariation(FDivergence):
    def generator(self, log_u):
        return (log_u.exp() - 1).abs() / 2


class SquaredDistance(IntegralDivergence):
    def integrands(self, log_p, log_q):
        return ((log_p.exp() - log_q.exp()).square(),)


P, Q = double(0.5, 0.3, 0.2), double(0.25, 0.25, 0.5)


def of(divergence, p=P, q=Q):
    return float(kldiv.divergence(Categorical(p), Categorical(q), divergence))


@pytest.mark.parametrize(
    ("divergence", "name"),
    [(LeCam(), "le_cam"), (PlainKL(), "plain_kl"), (SquaredDistance(), "squared_distance")],
)
def test_the_name_is_that_of_the_class_in_lower_case(divergence, name):
    assert divergence.name == name


def test_parameters_are_the_fields_in_their_order_and_show_in_the_text():
    assert Power(3.0).parameters == {"order": 3.0, "shift": 0.0}
    assert str(Power(2.5)) == "power(order=2.5, shift=0)"
    assert LeCam().parameters == {}
    assert str(LeCam()) == repr(LeCam()) == "le_cam"


@pytest.mark.parametrize(
    ("divergence", "terms"),
    [
        (LeCam(), (P - Q).square() / (2 * (P + Q))),
        (PlainKL(), P * (P / Q).log()),
        (PlainReverse(), Q * (Q / P).log()),
        (Power(2.0), P.square() / Q - Q),
        (TotalVariation(), (P - Q).abs() / 2),
        (SquaredDistance(), (P - Q).square()),
    ],
)
def test_the_value_is_the_sum_of_the_formula(divergence, terms):
    assert of(divergence) == pytest.approx(float(terms.sum()), rel=1e-14)


def test_adding_a_multiple_of_u_minus_one_changes_nothing():
    assert of(Power(2.0, shift=5.0)) == pytest.approx(of(Power(2.0)), rel=1e-14)


@pytest.mark.parametrize("divergence", [LeCam(), PlainKL(), PlainReverse(), Power(3.0, -2.0)])
def test_the_canonical_integrand_is_never_negative(divergence):
    log_u = torch.linspace(-20, 20, 401, dtype=torch.float64)
    values = divergence.integrand(log_u, torch.zeros_like(log_u))
    assert (values >= -1e-15 * log_u.exp().clamp_min(1)).all()


@pytest.mark.parametrize(
    ("divergence", "at_zero", "at_infinity"),
    [
        (LeCam(), 0.5, 0.5),
        (TotalVariation(), 0.5, 0.5),
        (PlainKL(), 0.0, math.inf),
        (PlainReverse(), math.inf, 0.0),
        (Power(2.0), -1.0, math.inf),
        (Power(0.5), -1.0, 0.0),
    ],
)
def test_the_limits_of_the_generator_are_found(divergence, at_zero, at_infinity):
    shapes = divergence.integrands(double(-math.inf, 0.0), double(0.0, -math.inf))[0]
    slope_at_one = {"plain_kl": 1.0, "plain_reverse": -1.0, "power": None}.get(divergence.name, 0)
    if slope_at_one is None:
        slope_at_one = divergence.order
    assert shapes.tolist() == pytest.approx([at_zero + slope_at_one, at_infinity - slope_at_one])


def test_declared_limits_are_taken_as_they_are():
    class Declared(LeCam):
        at_zero = 0.125
        slope_at_infinity = math.inf

    found = Declared().integrands(double(-math.inf, 0.0), double(0.0, -math.inf))[0]
    assert found.tolist() == [0.125, math.inf]


def test_disjoint_supports_reach_the_sum_of_both_limits():
    p, q = double(0.5, 0.5, 0.0), double(0.0, 0.0, 1.0)
    assert of(LeCam(), p, q) == pytest.approx(1.0, abs=1e-15)
    assert of(TotalVariation(), p, q) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize(
    ("divergence", "p", "q"),
    [
        (PlainKL(), double(0.5, 0.5, 0.0), double(0.5, 0.0, 0.5)),
        (PlainReverse(), double(1.0, 0.0, 0.0), double(0.5, 0.5, 0.0)),
        (Power(2.0), double(0.5, 0.5, 0.0), double(1.0, 0.0, 0.0)),
    ],
)
def test_a_steep_generator_is_infinite_where_one_side_has_no_mass(divergence, p, q):
    found = kldiv.divergence(Categorical(p), Categorical(q), divergence)
    assert float(found) == math.inf
    assert found.reason == "one side has mass where the other has none"


def test_infinity_and_vanishing_mass_send_no_nan_into_gradients():
    logits = double(0.3, 0.1).requires_grad_()
    q = double(0.5, 0.0, 0.5)
    for divergence in (PlainKL(), PlainReverse(), LeCam(), TotalVariation()):
        shares = logits.softmax(-1)
        p = torch.stack([*shares, shares.sum() * 0])
        value = kldiv.divergence(Categorical(p), Categorical(q), divergence).value
        (slope,) = torch.autograd.grad(value, logits)
        assert slope.isfinite().all()


def test_nothing_but_the_generator_is_needed_for_continuous_densities_far_apart():
    far = kldiv.divergence(Normal(double(0.0), 1.0), Normal(double(40.0), 1.0), LeCam())
    assert float(far) == pytest.approx(1.0, abs=1e-12)
    # p / q goes up to e^436 where p is not yet 0 in float64
    found = kldiv.divergence(Normal(double(0.0), 1.0), Normal(double(10.0), 1.0), PlainKL())
    assert float(found) == pytest.approx(50.0, rel=1e-9)


def test_a_generator_that_overflows_is_infinite_where_its_integral_diverges():
    p, q = Exponential(double(1e-3)), Normal(double(0.0), double(1.0))
    folded = kldiv.Target(lambda x: q.log_prob(x), support=p.support, normalize=False)
    found = kldiv.divergence(p, folded, Power(3.0), estimator="quadrature")
    assert float(found) == math.inf
    assert "diverges" in found.reason


@pytest.mark.parametrize("value", [None, 1.0, double(1.0, 2.0)])
def test_a_generator_must_return_a_tensor_of_the_right_shape(value):
    class Wrong(FDivergence):
        def generator(self, log_u):
            return value

    with pytest.raises(kldiv.InvalidType, match=r"Wrong\.generator must return a tensor"):
        of(Wrong())


def test_a_constant_generator_has_no_slope():
    class Nothing(FDivergence):
        def generator(self, log_u):
            return torch.zeros_like(log_u).detach()

    assert of(Nothing()) == 0


def test_the_definition_itself_is_taken_for_measures():
    mass = 3.0
    p = kldiv.Target(
        lambda x: Normal(double(0.0), 1.0).log_prob(x) + math.log(mass), normalize=False
    )
    q = Normal(torch.tensor(1.0, dtype=torch.float64), 2.0)
    # ∫ 3 N log(3 N / q) = 3 log 3 + 3 KL
    truth = mass * math.log(mass) + mass * float(
        torch.distributions.kl_divergence(Normal(double(0.0), 1.0), q)
    )
    assert kldiv.divergence(p, q, PlainKL()).value.item() == pytest.approx(truth, rel=1e-9)


def test_combine_is_applied_to_the_integrals():
    class Root(SquaredDistance):
        def combine(self, *integrals):
            return integrals[0].sqrt()

    assert of(Root()) == pytest.approx(of(SquaredDistance()) ** 0.5, rel=1e-15)


def test_a_bare_divergence_makes_no_claim_and_cannot_be_integrated():
    class Bare(Divergence):
        """Only a name."""

    bare = Bare()
    assert (bare.symmetric, bare.metric, bare.upper_bound) == (False, False, math.inf)
    with pytest.raises(kldiv.NotAvailable, match="bare is no integral of a function"):
        of(bare)


@pytest.mark.parametrize("kind", [FDivergence, IntegralDivergence])
def test_a_divergence_without_its_formula_cannot_be_made(kind):
    with pytest.raises(TypeError, match="abstract"):
        kind()


def test_the_smallest_plugin_of_the_manual_can_be_evaluated_and_fitted_with():
    with kldiv.divergences.temporary("le_cam_of_the_test", LeCam):
        value = kldiv.divergence(
            Normal(torch.tensor(0.0), 1.0), Uniform(-1.0, 1.0), "le_cam_of_the_test"
        )
        found = kldiv.fit(Normal(double(1.0), double(2.0)), "normal", "le_cam_of_the_test")
    assert 0 < float(value) < 1
    assert found.parameters["loc"].item() == pytest.approx(1.0, abs=1e-5)
    assert found.parameters["scale"].item() == pytest.approx(2.0, abs=1e-5)


def test_parameters_that_are_no_numbers_are_shown_as_they_are_written():
    @dataclass(frozen=True)
    class Of(kldiv.Divergence):
        kernel: str = "gaussian"
        width: float = 0.5
        count: int = 1_000_000
        biased: bool = True

    assert str(Of()) == "of(kernel='gaussian', width=0.5, count=1000000, biased=True)"


def test_a_generator_that_overflows_has_no_limit_rather_than_an_infinite_one():
    class Overflowing(FDivergence):
        def generator(self, log_u):
            u = log_u.exp()
            return (u - 1) ** 4 / (2 * (u + 1) ** 3)

    zero, nowhere = torch.zeros(2).double(), torch.full((2,), -math.inf).double()
    (only_p,) = Overflowing().integrands(zero, torch.stack([zero[0], nowhere[0]]))
    assert only_p[0] == 0
    assert only_p[1].isnan()
    p, q = torch.distributions.Bernoulli(0.5), torch.distributions.Bernoulli(1.0)
    with pytest.raises(kldiv.NotFinite):
        kldiv.divergence(p, q, Overflowing())
