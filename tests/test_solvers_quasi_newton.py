"""Quasi-Newton steps reach every local optimum, all starts and all problems at once."""

import math

import pytest
import torch

from torch.distributions import Cauchy, Gamma, Laplace, Normal, StudentT

import kldiv

from kldiv import QuasiNewton

F64 = torch.float64


def one(value):
    return torch.tensor(value, dtype=F64)


def double(*values):
    return torch.tensor(values, dtype=F64)


@pytest.mark.parametrize(
    ("target", "family", "divergence", "expected"),
    [
        (Normal(one(1.0), 2.0), "normal", "kl", {"loc": 1.0, "scale": 2.0}),
        (Normal(one(1.0), 2.0), "normal", "total_variation", {"loc": 1.0, "scale": 2.0}),
        (Gamma(one(3.0), 2.0), "gamma", "chi2", {"concentration": 3.0, "rate": 2.0}),
        (
            StudentT(one(3.0), 1.0, 2.0),
            "student_t",
            "jensen_shannon",
            {"df": 3.0, "loc": 1.0, "scale": 2.0},
        ),
        (Cauchy(one(1.0), 2.0), "student_t(df=1)", "squared_l2", {"loc": 1.0, "scale": 2.0}),
    ],
)
def test_a_member_of_the_family_finds_itself(target, family, divergence, expected):
    found = kldiv.fit(target, family, divergence, solver="quasi_newton")
    assert found.converged
    for name, value in expected.items():
        # near the optimum the loss is quadratic: 5e-11 of it is √(1e-10) of a parameter
        assert found.parameters[name].item() == pytest.approx(value, abs=1e-4)


def test_the_optimum_of_laplace_onto_normal_is_known_in_both_directions():
    # the mean square is 2 b²; reversed, log σ is balanced by E |x| = σ √(2 / π) / b
    forward = kldiv.fit(Laplace(one(0.5), 1.5), "normal", solver="quasi_newton")
    assert forward.parameters["scale"].item() == pytest.approx(1.5 * math.sqrt(2), abs=1e-8)
    back = kldiv.fit(Laplace(one(0.5), 1.5), "normal", direction="reverse")
    assert back.parameters["scale"].item() == pytest.approx(1.5 * math.sqrt(math.pi / 2), abs=1e-8)
    assert back.parameters["loc"].item() == pytest.approx(0.5, abs=1e-8)


def test_each_problem_of_a_batch_has_its_own_optimum():
    rates = double([1.0, 2.0, 3.0], [0.1, 10.0, 0.5])
    found = kldiv.fit(
        Laplace(torch.zeros(2, 3, dtype=F64), 1 / rates), "normal", direction="reverse"
    )
    assert found.converged
    assert found.parameters["scale"].shape == (2, 3)
    expected = math.sqrt(math.pi / 2) / rates
    assert torch.allclose(found.parameters["scale"], expected, rtol=1e-7)
    assert len(found.optima) == 6


def test_far_from_the_optimum_it_still_arrives():
    found = kldiv.fit(
        Normal(one(0.0), 1.0),
        "normal",
        direction="reverse",
        solver="quasi_newton",
        starts=[{"loc": 1e3, "scale": 1e-3}, {"loc": -50.0, "scale": 1e4}],
    )
    assert found.converged
    assert len(found.optima) == 1
    assert found.optima[0].starts == (0, 1)


def test_the_loss_never_rises():
    found = kldiv.fit("bimodal", "normal", "jensen_shannon", solver="quasi_newton")
    assert (found.paths.loss.diff(dim=0) <= 1e-9).all()


def test_too_few_steps_are_told_with_what_is_left_to_gain():
    with pytest.warns(kldiv.ConvergenceWarning, match="still to be gained; give it more steps"):
        found = kldiv.fit(
            Normal(one(0.0), 1.0),
            "student_t",
            "jensen_shannon",
            solver=QuasiNewton(steps=1),
            starts={"df": 3.0, "loc": 7.0, "scale": 0.2},
        )
    assert not found.converged
    assert found.optima == ()


def test_rows_that_are_infinite_rest_while_the_others_move():
    # forward, q must reach beyond 3: the second start does not
    target = torch.distributions.Uniform(one(0.0), one(3.0))

    class Box(kldiv.Family):
        def declare(self, size):
            from kldiv.definitions.parameters import Parameter

            return {"high": Parameter(torch.distributions.constraints.positive)}

        def distribution(self, high):
            return torch.distributions.Uniform(torch.zeros_like(high), high)

    with pytest.warns(kldiv.ConvergenceWarning):
        found = kldiv.fit(
            target, Box(), starts=[{"high": 8.0}, {"high": 2.0}], solver=QuasiNewton(steps=3)
        )
    losses = found.paths.loss
    assert losses[:, 1].isinf().all()
    assert losses[-1, 0] < losses[0, 0]


def test_sampled_objectives_are_not_for_it():
    with pytest.raises(kldiv.NotAvailable, match="the objective is drawn anew at each step"):
        kldiv.fit(
            "normal", "laplace", estimator=kldiv.MonteCarlo(samples=100), solver="quasi_newton"
        )


@pytest.mark.parametrize("options", [{"steps": 0}, {"tolerance": 0.0}, {"tolerance": math.nan}])
def test_wrong_options_are_an_error_that_names_them(options):
    with pytest.raises(kldiv.InvalidArgument, match="steps and tolerance must be positive, got"):
        QuasiNewton(**options)


def test_many_parameters_do_without_a_hessian_at_the_start():
    size = 70
    weights = torch.linspace(1, 3, size, dtype=F64)
    target = torch.distributions.Categorical(weights)
    found = kldiv.fit(target, "categorical", "squared_hellinger", solver=QuasiNewton(steps=500))
    assert torch.allclose(found.parameters["probs"], weights / weights.sum(), atol=1e-5)


def test_a_saddle_between_two_modes_is_no_optimum():
    """At the symmetric place every gradient vanishes; to both sides the divergence falls."""
    with pytest.warns(kldiv.ConvergenceWarning, match="negative eigenvalues"):
        found = kldiv.fit("bimodal", "student_t(df=4)", "alpha(alpha=0.2)", starts=1)
    assert float(found.parameters["loc"]) == pytest.approx(2.5, abs=1e-6)
    assert not found.converged
    assert found.optima == ()


def test_a_search_for_kinks_leaves_a_saddle_for_a_minimum():
    found = kldiv.fit("bimodal", "laplace", "jensen_shannon(weight=0.3)", starts=1)
    everywhere = kldiv.fit("bimodal", "laplace", "jensen_shannon(weight=0.3)")
    assert found.converged
    assert float(found.divergence) == pytest.approx(float(everywhere.divergence), abs=1e-8)
