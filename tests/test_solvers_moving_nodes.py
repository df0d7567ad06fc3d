"""Normals in reverse, by Newton's method on nodes that move with them."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from torch.distributions import (
    Categorical,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
)

import kldiv

from kldiv.definitions.parameters import Parameter
from kldiv.resolving import as_target
from kldiv.solvers import mixture_slopes, node_search, row_states
from kldiv.solvers.newton_rows import Rows, evaluate, newton
from kldiv.solvers.normal_charts import chart_of
from kldiv.solvers.row_states import Rest

F64 = torch.float64
REVERSE = {"direction": "reverse"}


def double(*values):
    return [torch.tensor(value, dtype=F64) for value in values]


def mixture(weights, loc, scale):
    weights, loc, scale = double(weights, loc, scale)
    return MixtureSameFamily(Categorical(weights), Normal(loc, scale))


def many(count):
    generator = torch.Generator().manual_seed(3)
    share = 0.2 + 0.6 * torch.rand(count, 1, generator=generator, dtype=F64)
    loc = 2 * torch.randn(count, 2, generator=generator, dtype=F64)
    scale = 0.5 + torch.rand(count, 2, generator=generator, dtype=F64)
    return MixtureSameFamily(Categorical(torch.cat([share, 1 - share], 1)), Normal(loc, scale))


def plane():
    weights, loc = double([0.4, 0.6], [[-1.0, 0.0], [1.5, 1.0]])
    covariance = torch.tensor([[1.0, 0.6], [0.6, 1.0]], dtype=F64).expand(2, 2, 2)
    return MixtureSameFamily(Categorical(weights), MultivariateNormal(loc, covariance))


CASES = {
    "two modes": (mixture([0.5, 0.5], [-5.0, 10.0], [1.0, 1.0]), "normal"),
    "a shoulder": (mixture([0.35, 0.65], [-2.0, 2.0], [0.8, 1.0]), "normal"),
    "heavy tails": (StudentT(*double(3.0, 1.0, 2.0)), "normal"),
    "a fixed mean": (mixture([0.35, 0.65], [-2.0, 2.0], [0.8, 1.0]), "normal(loc=0.5)"),
    "a fixed scale": (mixture([0.35, 0.65], [-2.0, 2.0], [0.8, 1.0]), "normal(scale=0.7)"),
    "a density": (kldiv.Target(lambda x: -x.cosh()), "normal"),
    "one scale": (plane(), "isotropic_normal"),
    "two scales": (plane(), "diagonal_normal"),
    "a covariance": (plane(), "full_normal"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_ends_where_the_method_for_everything_ends(case):
    target, family = CASES[case]
    found = kldiv.fit(target, family, **REVERSE)
    other = kldiv.fit(target, family, solver="quasi_newton", **REVERSE)
    assert (found.solver, other.solver) == ("moving_nodes", "quasi_newton")
    assert found.converged
    assert found.divergence.value <= other.divergence.value + 1e-9
    assert found.optima[0].value == pytest.approx(float(found.divergence), abs=1e-9)
    for name, value in found.parameters.items():
        torch.testing.assert_close(value, other.parameters[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", ["a shoulder", "a covariance", "one scale"])
def test_its_gradients_are_those_of_the_family_s_real_vectors(case):
    target, family = CASES[case]
    found = kldiv.fit(target, family, starts=1, **REVERSE)
    values = {name: each[0] for name, each in found.history.parameters.items()}
    descent = kldiv.Descent(steps=1, lr=0.0, unconstrained=True)
    with pytest.warns(kldiv.ConvergenceWarning):
        again = kldiv.fit(target, family, starts=values, solver=descent, **REVERSE)
    assert found.history.gradient_norm[0] == pytest.approx(
        float(again.history.gradient_norm[0]), rel=1e-2
    )


def test_the_trap_between_two_modes_is_listed_as_the_minimum_that_it_is():
    found = kldiv.fit("bimodal", "normal", **REVERSE)
    values = [optimum.value for optimum in found.optima]
    assert values[:2] == pytest.approx([math.log(2)] * 2)
    assert len(values) == 3
    assert values[2] > 7


def test_rows_that_have_settled_stay_while_the_others_move():
    target = kldiv.Target(lambda x: -(x - 1).square() / 2 - x.pow(4) / 20)
    chart = chart_of(kldiv.families.create("normal"))
    loc = torch.linspace(-1, 3, 10, dtype=torch.float64).unsqueeze(-1)
    rows = Rows.of(target, loc.new_zeros(1), torch.zeros(10, dtype=torch.long))
    tables = chart.tables((0.3, 8.25))
    state = evaluate(rows, chart, tables, loc, torch.ones_like(loc).unsqueeze(-1))
    rest = Rest.below(1e-12, state.loss)
    rest.tolerance[0] = torch.inf
    rest.widest[1] = 0.5
    sum(newton(rows, chart, tables, state, rest, 20))
    assert torch.equal(state.loc[:2], loc[:2])
    assert torch.allclose(state.loc[2:], state.loc[2], atol=1e-5)


@pytest.mark.parametrize("target", [mixture([0.35, 0.65], [-2.0, 2.0], [0.8, 1.0]), many(1)])
@pytest.mark.parametrize("written_out", [True, False])
def test_each_sum_tells_what_one_over_every_other_node_would_be_off(target, written_out):
    chart = chart_of(kldiv.families.create("normal"))
    rows = Rows.of(as_target(target, "p"), torch.zeros(1, dtype=F64), np.zeros(3, dtype=int))
    rows = rows if written_out else dataclasses.replace(rows, formula=None)
    loc = torch.tensor([[-1.0], [0.0], [2.5]], dtype=F64).numpy()
    root = torch.tensor([0.5, 1.0, 2.0], dtype=F64).reshape(3, 1, 1).numpy()
    fine, coarse = (
        evaluate(rows, chart, chart.tables((spacing, 8.0)), loc, root) for spacing in (0.4, 0.8)
    )
    assert fine.gap == pytest.approx(abs(fine.loss - coarse.loss), abs=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_tensors_as_on_another_device_end_where_arrays_do(case, monkeypatch):
    target, family = CASES[case]
    expected = kldiv.fit(target, family, direction="reverse")
    for module in (node_search, row_states, mixture_slopes):
        monkeypatch.setattr(module, "at_hand", lambda tensor: tensor)
    found = kldiv.fit(target, family, direction="reverse")
    assert found.evaluations == expected.evaluations
    torch.testing.assert_close(found.divergence.value, expected.divergence.value)
    torch.testing.assert_close(found.parameters, expected.parameters)


def test_no_row_goes_on_where_its_nodes_no_longer_see_the_target():
    target = mixture([0.35, 0.65], [-2.0, 2.0], [0.8, 1.0])
    found = kldiv.fit(target, "normal", direction="reverse", starts={"loc": 0.0, "scale": 1.0})
    assert found.converged
    assert float(found.history.loss.min()) > float(found.divergence.value) - 1e-6


def test_a_saddle_is_never_a_minimum():
    target = mixture([0.5, 0.5], [-3.0, 3.0], [1.0, 1.0])
    with pytest.warns(kldiv.ConvergenceWarning, match="no minimum"):
        found = kldiv.fit(target, "normal(scale=1.0)", starts={"loc": 0.0}, **REVERSE)
    assert not found.converged
    assert found.optima == ()


def test_a_mode_too_narrow_for_any_nodes_is_left_to_rules_of_its_own():
    target = mixture([0.9, 0.1], [0.0, 0.3], [1.0, 0.001])
    found = kldiv.fit(target, "normal", **REVERSE)
    assert found.converged
    assert found.optima[0].value == pytest.approx(float(found.divergence), abs=1e-8)


def test_many_problems_end_where_each_ends_by_itself_with_true_errors():
    target = many(200)
    found = kldiv.fit(target, "normal", **REVERSE)
    assert found.converged
    assert len(found.optima) == 200
    exact = kldiv.divergence(found.q, target)
    gap = (found.divergence.value - exact.value).abs()
    assert (gap <= found.divergence.error + exact.error.clamp_min(1e-10)).all()
    assert found.divergence.error.max() < 1e-5
    for index in (0, 63, 199):
        one = kldiv.fit(
            mixture(*(each[index].tolist() for each in parts(target))), "normal", **REVERSE
        )
        assert found.divergence.value[index] == pytest.approx(float(one.divergence), abs=1e-9)


def parts(target):
    inner = target.component_distribution
    return target.mixture_distribution.probs, inner.loc, inner.scale


def test_a_crowd_that_goes_most_of_the_way_in_single_precision_ends_where_each_ends():
    near = many(1000)
    inner = near.component_distribution
    far = MixtureSameFamily(near.mixture_distribution, Normal(inner.loc + 1e6, inner.scale))
    found, other = (kldiv.fit(each, "normal", **REVERSE) for each in (far, near))
    assert found.solver == "moving_nodes"
    assert found.converged
    exact = kldiv.divergence(other.q, near)
    gap = (found.divergence.value - exact.value).abs()
    assert (gap <= found.divergence.error + exact.error.clamp_min(1e-10) + 1e-8).all()
    assert (found.divergence.error <= 1e-5 * (1 + found.divergence.value)).all()


def test_a_callback_ends_it_with_what_it_has():
    with pytest.warns(kldiv.ConvergenceWarning, match="the callback stopped it at step 2"):
        found = kldiv.fit("bimodal", "normal", callback=lambda step: step.index == 2, **REVERSE)
    assert len(found.history) == 3


@pytest.mark.parametrize("case", ["two modes", "a shoulder", "a density", "one scale"])
def test_the_nodes_make_an_estimate_that_quadrature_confirms(case):
    target, family = CASES[case]
    found = kldiv.fit(target, family, **REVERSE)
    other = kldiv.divergence(found.q, target)
    gap = abs(float(found.divergence) - float(other))
    assert gap <= float(found.divergence.error) + float(other.error)
    assert found.divergence.error <= 1e-10 * (1 + abs(float(other)))


def test_the_error_of_a_mass_is_in_the_estimate():
    bare = kldiv.fit(kldiv.Target(lambda x: -x.cosh() + 600.0), "normal", **REVERSE)
    plain = kldiv.fit(kldiv.Target(lambda x: -x.cosh()), "normal", **REVERSE)
    gap = abs(float(bare.divergence) - float(plain.divergence))
    assert gap <= float(bare.divergence.error) + float(plain.divergence.error)


def test_a_kink_that_no_landmark_tells_of_is_left_to_quadrature():
    target = kldiv.Target(lambda x: torch.logaddexp(-(x - 3).abs(), -x.square() / 2))
    found = kldiv.fit(target, "normal", starts={"loc": 0.0, "scale": 1.0}, **REVERSE)
    other = kldiv.divergence(found.q, target, estimator=kldiv.Quadrature(rtol=1e-9))
    assert float(found.divergence) == pytest.approx(float(other), abs=1e-8)


def test_a_tolerance_that_was_asked_for_is_kept():
    target, family = CASES["a shoulder"]
    asked = kldiv.Quadrature(rtol=1e-12)
    found = kldiv.fit(target, family, estimator=asked, **REVERSE)
    assert found.solver == "moving_nodes"
    assert found.divergence.error <= 1e-12 * found.divergence.value


class Scaled(torch.nn.Module):
    """A module with parameters of a normal distribution's names and another meaning."""

    def __init__(self):
        super().__init__()
        self.loc = torch.nn.Parameter(torch.zeros((), dtype=F64))
        self.scale = torch.nn.Parameter(torch.zeros((), dtype=F64))

    def forward(self):
        return Normal(self.loc, self.scale.exp())


class Variance(kldiv.Family):
    """A family that calls a variance its scale."""

    def declare(self, size):
        positive = torch.distributions.constraints.positive
        real = torch.distributions.constraints.real
        return {"loc": Parameter(real), "scale": Parameter(positive)}

    def distribution(self, **parameters):
        return Normal(parameters["loc"], parameters["scale"].sqrt())


@pytest.mark.parametrize("family", [Scaled(), Variance()])
@pytest.mark.parametrize("target", ["bimodal", "normal(loc=3.0, scale=2.0)"])
def test_parameters_are_not_taken_for_what_they_are_called(family, target):
    found = kldiv.fit(target, family, **REVERSE)
    best = kldiv.fit(target, "normal", **REVERSE)
    assert found.solver == "quasi_newton"
    assert found.converged
    assert float(found.divergence) == pytest.approx(float(best.divergence), abs=1e-7)
    assert float(found.q.scale) == pytest.approx(float(best.q.scale), rel=1e-4)
