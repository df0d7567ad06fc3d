"""The front door to fits: nearest members, every optimum, and a plain sentence on each."""

import dataclasses
import math
import warnings

import pytest
import torch

from torch.distributions import (
    Bernoulli,
    Categorical,
    Cauchy,
    Gamma,
    HalfNormal,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Pareto,
    Poisson,
    StudentT,
)

import kldiv

from kldiv import fitting
from kldiv.solvers import Step

F64 = torch.float64


def one(value):
    return torch.tensor(value, dtype=F64)


def double(*values):
    return torch.tensor(values, dtype=F64)


def places(found):
    return [
        {name: pytest.approx(value.item(), abs=1e-4) for name, value in each.parameters.items()}
        for each in found.optima
    ]


def cup(x):
    return -x.pow(4).sum(-1)


def interrupt(step):
    if step.index == 3:
        raise KeyboardInterrupt


def not_converged(message=""):
    return pytest.warns(kldiv.ConvergenceWarning, match=message)


def test_the_fourth_experiment_reversed_has_two_modes_and_a_trap():
    found = kldiv.fit("bimodal", "normal", direction="reverse")
    assert found.converged
    assert sorted(each["loc"].expected for each in places(found)) == pytest.approx(
        [-5, 2.5, 10], abs=1e-6
    )
    first, second, trap = found.optima
    assert [first.value, second.value] == pytest.approx([math.log(2)] * 2, abs=1e-9)
    assert trap.parameters["loc"].item() == pytest.approx(2.5, abs=1e-6)
    assert trap.parameters["scale"].item() == pytest.approx(6.1457, abs=1e-4)
    assert trap.value == pytest.approx(8.6034, abs=1e-4)
    assert all(each.signature == (1, 1) for each in found.optima)
    assert sorted(start for each in found.optima for start in each.starts) == list(range(6))
    assert "the best of 3 local minima reached from 6 starts" in found.verdict


def test_with_unequal_weights_the_best_mode_is_the_heavier_one():
    found = kldiv.fit("bimodal(weights=[0.3, 0.7])", "normal", direction="reverse")
    assert found.parameters["loc"].item() == pytest.approx(10, abs=1e-5)
    assert float(found.divergence) == pytest.approx(-math.log(0.7), abs=1e-8)


def test_orders_between_cover_and_seek():
    covering = kldiv.fit("bimodal", "normal", "alpha(alpha=0.9)", direction="forward")
    seeking = kldiv.fit("bimodal", "normal", "alpha(alpha=0.1)", direction="forward")
    assert covering.parameters["scale"] > 5
    assert seeking.parameters["scale"] < 2


@pytest.mark.parametrize("divergence", ["squared_l2", "cosine"])
def test_the_losses_of_the_fifth_experiment_end_on_the_mode_they_began_at(divergence):
    left = kldiv.fit("normal_sum", "normal", divergence, starts={"loc": -4.0, "scale": 1.0})
    right = kldiv.fit("normal_sum", "normal", divergence, starts={"loc": 9.0, "scale": 1.0})
    assert left.parameters["loc"].item() == pytest.approx(-5, abs=1e-4)
    assert right.parameters["loc"].item() == pytest.approx(10, abs=1e-4)


def test_a_fit_tells_all_of_itself():
    found = kldiv.fit(Laplace(one(0.0), 1.0), "normal", "jensen_shannon")
    assert isinstance(found.q, Normal)
    assert found.family.name == "normal"
    assert found.family().loc.item() == found.parameters["loc"].item()
    assert (found.direction, str(found.objective)) == ("forward", "jensen_shannon(weight=0.5)")
    assert found.solver == "quasi_newton"
    assert found.evaluations > 0
    assert float(found.diagnostics["gradient_norm"]) < 1e-6
    assert found.diagnostics["signature"].tolist() == [1, 1]
    assert float(found.diagnostics["newton_decrement"]) < 1e-4
    afresh = kldiv.divergence(Laplace(one(0.0), 1.0), found.q, "jensen_shannon")
    assert float(found.divergence) == float(afresh)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.q = None


def test_the_history_is_that_of_the_start_that_won():
    found = kldiv.fit("bimodal", "normal", direction="reverse")
    steps = len(found.history)
    assert found.paths.loss.shape == (steps, 6)
    assert found.history.loss.shape == found.history.parameters["loc"].shape == (steps,)
    assert found.history.step.tolist() == list(range(steps))
    assert (found.history.seconds.diff() >= 0).all()
    assert found.history.loss[-1].item() == pytest.approx(float(found.divergence), abs=1e-9)
    assert found.history.parameters["loc"][-1].item() == found.parameters["loc"].item()
    assert torch.equal(found.history.evaluations, found.paths.evaluations)
    assert repr(found.history).startswith(f"History({steps} steps, ")


LINE, CUP = (kldiv.Target(lambda x: -x.pow(4)), kldiv.Target(cup, event_shape=(3,)))
SOLVED = {
    "moment_matching": ("bimodal", "normal", "forward"),
    "moving_nodes": (LINE, "normal", "reverse"),
    "on_projections": ("logistic_regression", "diagonal_normal", "reverse"),
    "quasi_newton": (LINE, "laplace", "reverse"),
    "fixed_draws": (CUP, "diagonal_normal", "reverse"),
    "descent": (CUP, "diagonal_normal", "reverse"),
}


@pytest.mark.filterwarnings("ignore::kldiv.ConvergenceWarning")
@pytest.mark.parametrize("solver", SOLVED)
def test_the_history_counts_the_evaluations_up_to_each_step(solver):
    target, family, direction = SOLVED[solver]
    moving = kldiv.Descent(lr=0.01, steps=5) if solver == "descent" else solver
    found = kldiv.fit(target, family, direction=direction, solver=moving, starts=1)
    counted = found.history.evaluations
    assert counted.shape == (len(found.history),)
    assert counted[0] > 0
    assert (counted.diff() >= 0).all()
    assert counted[-1] <= found.evaluations


def test_the_history_counts_as_the_target_itself_would():
    asked, seen = [0], []

    def counted(x):
        asked[0] += len(x.reshape(-1, 10))
        return cup(x)

    found = kldiv.fit(
        kldiv.Target(counted, event_shape=(10,)),
        "full_normal",
        direction="reverse",
        starts={"loc": torch.zeros(10), "covariance_matrix": torch.eye(10)},
        callback=lambda step: seen.append(asked[0]),
    )
    steps = found.history.step.diff().cumsum(0)
    own, outside = found.history.evaluations, torch.tensor(seen)
    assert own[0] == 2 * 10  # sigma points
    off = (own - own[0])[1:] - (outside - outside[0])[1:]
    assert ((off >= 0) & (off <= 2 * steps)).all()


def test_the_history_begins_when_the_fit_is_called(monkeypatch):
    now = [100.0]

    def slow(function, seconds):
        def late(*args, **options):
            now[0] += seconds
            return function(*args, **options)

        return late

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setattr("kldiv.fitting._objective", slow(fitting._objective, 2.0))
    monkeypatch.setattr("kldiv.fitting.first_points", slow(fitting.first_points, 3.0))
    assert set(kldiv.fit("bimodal", "normal").history.seconds.tolist()) == {5.0}


def test_its_text_is_the_verdict_the_numbers_and_the_optima():
    text = repr(kldiv.fit("bimodal", "normal", direction="reverse"))
    assert text.startswith("Fit of normal by kl(q‖p): Converged: the best of 3 local minima")
    assert "  loc         " in text
    assert text.count("loc=") == 3
    vector = repr(kldiv.fit("correlated_normal", "diagonal_normal"))
    assert "[0.948683, 0.948683]" in vector


def test_a_batch_of_targets_is_fitted_at_once():
    weights = double([0.5, 0.5], [0.3, 0.7], [0.9, 0.1])
    parts = Normal(double(-5, 10).expand(3, 2), 1.0)
    found = kldiv.fit(
        MixtureSameFamily(Categorical(weights), parts), "normal", direction="reverse"
    )
    assert found.converged
    assert found.parameters["loc"].shape == found.divergence.value.shape == (3,)
    heavier = weights.max(-1).values
    assert torch.allclose(found.divergence.value, -heavier.log(), atol=1e-8)
    assert found.parameters["loc"][1:].tolist() == pytest.approx([10, -5], abs=1e-4)
    assert found.history.loss.shape == (len(found.history), 3)
    alone = kldiv.fit("bimodal(weights=[0.3, 0.7])", "normal", direction="reverse")
    assert found.parameters["scale"][1].item() == pytest.approx(
        alone.parameters["scale"].item(), abs=1e-6
    )
    assert len(found.optima[0]) == 3
    assert len(found.optima[1]) == len(alone.optima)
    assert "all 3 fits of the batch" in found.verdict


def test_samples_are_fitted_by_maximum_likelihood():
    points = StudentT(one(4.0), 1.0, 2.0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        points = points.sample(torch.Size([2_000]))
    found = kldiv.fit(points, "student_t")
    likelihood = -found.q.log_prob(points).mean()
    assert float(found.divergence) == pytest.approx(float(likelihood), rel=1e-9)
    for name, move in [("df", 0.2), ("loc", 0.05), ("scale", 0.05)]:
        for sign in (1, -1):
            moved = {**found.parameters, name: found.parameters[name] + sign * move}
            assert -StudentT(**moved).log_prob(points).mean() > likelihood
    # the standard errors of location and scale are about scale √(1.4 / n)
    assert found.parameters["loc"].item() == pytest.approx(1.0, abs=4 * 2 * (1.4 / 2_000) ** 0.5)


def test_parameters_given_in_the_name_are_held_fixed():
    found = kldiv.fit("bimodal", "student_t(df=4)")
    assert found.parameters["df"].item() == 4
    assert list(found.history.parameters) == ["loc", "scale"]
    by_class = kldiv.fit("bimodal", kldiv.Family.of(StudentT, df=4.0))
    assert by_class.parameters["scale"].item() == pytest.approx(found.parameters["scale"].item())


@pytest.mark.parametrize("family", ["normal", Normal, kldiv.Family.of(Normal)])
def test_a_name_a_class_and_a_family_are_the_same(family):
    found = kldiv.fit("bimodal", family)
    assert found.parameters["scale"].item() == pytest.approx(math.sqrt(57.25))


def test_a_family_that_was_given_is_left_as_it_was():
    family = kldiv.Family.of(Normal)
    kldiv.fit("bimodal", family)
    assert family().loc.tolist() == 0


@pytest.mark.parametrize(
    ("target", "family"),
    [
        (Bernoulli(one(0.3)), "bernoulli"),
        (Poisson(one(3.0)), "poisson"),
        (Categorical(double(0.2, 0.3, 0.5)), "categorical"),
        (Gamma(one(3.0), 2.0), "gamma"),
        (MultivariateNormal(double(1, 2), torch.diag(double(1, 4))), "full_normal"),
    ],
)
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_member_of_the_family_is_its_own_nearest(target, family, direction):
    found = kldiv.fit(target, family, direction=direction)
    assert found.converged
    assert float(found.divergence) == pytest.approx(0, abs=1e-9)


def test_the_same_seed_gives_the_same_result_and_leaves_torch_alone():
    def run(seed):
        return kldiv.fit(
            Independent(Laplace(torch.zeros(3, dtype=F64), 1.0), 1),
            "diagonal_normal",
            "jensen_shannon",
            solver=kldiv.Descent(torch.optim.Adam, lr=0.05, steps=5),
            seed=seed,
        )

    before = torch.get_rng_state()
    with not_converged("the objective is sampled"):
        first, second, third = run(1), run(1), run(2)
    assert torch.equal(first.history.loss, second.history.loss)
    assert not torch.equal(first.history.loss, third.history.loss)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_default_dtype() == torch.float32


def test_a_generator_may_be_the_seed():
    first, second = (
        kldiv.fit("bimodal", "laplace", starts=9, seed=torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    assert torch.equal(first.paths.loss, second.paths.loss)


def test_float32_in_is_float32_out():
    found = kldiv.fit(Normal(torch.tensor(1.0), torch.tensor(2.0)), "laplace")
    dtypes = {value.dtype for value in found.parameters.values()}
    assert dtypes == {found.divergence.value.dtype, found.q.loc.dtype} == {torch.float32}
    double_fit = kldiv.fit(Normal(one(1.0), one(2.0)), "laplace")
    assert found.parameters["scale"].item() == pytest.approx(
        double_fit.parameters["scale"].item(), rel=1e-6
    )


@pytest.mark.parametrize(
    "solver",
    ["quasi_newton", kldiv.Descent(torch.optim.Adam, lr=0.1, steps=30)],
    ids=["quasi_newton", "descent"],
)
def test_an_interrupt_returns_the_best_so_far_and_says_so(solver):
    with not_converged("Not converged: it was interrupted at step 3; this is the best so far"):
        found = kldiv.fit(
            Normal(one(0.0), 1.0),
            "laplace",
            "squared_hellinger",
            solver=solver,
            starts={"loc": 4.0, "scale": 3.0},
            callback=interrupt,
        )
    assert not found.converged
    assert len(found.history) == 4
    assert found.history.loss[-1] < found.history.loss[0]
    lowest = found.history.loss.argmin()
    assert found.parameters["loc"].item() == found.history.parameters["loc"][lowest].item()
    assert float(found.divergence) == pytest.approx(float(found.history.loss.min()), abs=1e-9)


def test_an_interrupt_in_a_closed_form_still_returns():
    def now(step):
        raise KeyboardInterrupt

    with not_converged("it was interrupted at step 0"):
        found = kldiv.fit("bimodal", "normal", callback=now)
    assert found.parameters["loc"].item() == pytest.approx(2.5)


def test_a_callback_sees_every_step_and_may_stop():
    seen = []

    def watch(step):
        seen.append(step)
        return step.index == 2

    with not_converged("the callback stopped it at step 2"):
        found = kldiv.fit("bimodal", "normal", direction="reverse", callback=watch)
    assert [step.index for step in seen] == [0, 1, 2]
    assert all(isinstance(step, Step) and step.loss.shape == (6,) for step in seen)
    assert len(found.history) == 3
    assert not found.converged


def test_a_fit_that_converged_warns_of_nothing():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert kldiv.fit("bimodal", "normal").converged
    assert caught == []


def test_progress_is_shown_where_it_is_asked_for(capsys):
    kldiv.fit("bimodal", "laplace", progress=True)
    assert "objective" in capsys.readouterr().err
    kldiv.fit("bimodal", "laplace")
    assert capsys.readouterr().err == ""


def test_an_explanation_names_the_solver_and_what_does_not_apply():
    assert str(kldiv.explain_fit("bimodal", "normal")) == "moment_matching: yes"
    assert str(kldiv.explain_fit("bimodal", "laplace")) == (
        "moment_matching: no, laplace is not known to be an exponential family\n"
        "on_projections: no, it is for the reverse kl, not for kl in this direction\n"
        "moving_nodes: no, it is for the reverse kl, not for kl in this direction\n"
        "quasi_newton: yes"
    )
    cube = Independent(Laplace(torch.zeros(3), 1.0), 1)
    assert kldiv.explain_fit(cube, "diagonal_normal", "chi2").method == "fixed_draws"


def test_a_tolerance_that_is_not_met_carries_the_best_estimate():
    with pytest.raises(kldiv.ToleranceNotMet) as raised:
        kldiv.fit(
            StudentT(one(3.0)),
            "normal",
            estimator=kldiv.Quadrature(rtol=1e-14, max_evaluations=200),
        )
    assert raised.value.estimate.value.isfinite().all()


FREE = {"direction": "reverse"}
BAD = {
    "unknown target": (("bimodla", "normal"), {}, LookupError, "did you mean 'bimodal'"),
    "unknown family": (("bimodal", "nromal"), {}, LookupError, "did you mean 'normal'"),
    "unknown divergence": (("bimodal", "normal", "k1"), {}, LookupError, "'k1'"),
    "unknown parameter": (
        ("bimodal", "normal(sclae=1.0)"),
        {},
        ValueError,
        "did you mean 'scale'",
    ),
    "parameter out of range": (
        ("bimodal", "normal(scale=-1.0)"),
        {},
        ValueError,
        "scale .*got -1",
    ),
    "nothing to fit": (
        ("bimodal", "normal(loc=0.0, scale=1.0)"),
        {},
        ValueError,
        "has no free parameter to fit",
    ),
    "direction": (
        ("bimodal", "normal"),
        {"direction": "backward"},
        ValueError,
        "direction must be 'forward' or 'reverse', got 'backward'",
    ),
    "unknown estimator": (
        ("bimodal", "normal"),
        {"estimator": "magic"},
        ValueError,
        "estimator must be 'auto'.* got 'magic'",
    ),
    "estimator that does not apply": (
        ("bimodal", "normal"),
        {"estimator": "sum"},
        NotImplementedError,
        "estimator 'sum' does not apply: the support is continuous",
    ),
    "unknown solver": (
        ("bimodal", "normal"),
        {"solver": "newton"},
        ValueError,
        "solver must be 'auto', 'moment_matching', .* got 'newton'",
    ),
    "solver of no type": (("bimodal", "normal"), {"solver": 3}, TypeError, "solver must be .* 3"),
    "solver class": (
        ("bimodal", "normal"),
        {"solver": kldiv.QuasiNewton},
        TypeError,
        "solver must be a name, a solver object",
    ),
    "solver that does not apply": (
        ("bimodal", "normal", "chi2"),
        {"solver": "moment_matching"},
        NotImplementedError,
        "solver 'moment_matching' does not apply: chi2 .*; solver='auto' finds one",
    ),
    "starts": (("bimodal", "normal"), {"starts": 0}, ValueError, "starts must be positive, got 0"),
    "seed": (("bimodal", "normal"), {"seed": 0.5}, TypeError, "seed must be an integer.* 0.5"),
    "callback": (
        ("bimodal", "normal"),
        {"callback": "print"},
        TypeError,
        "callback must be a function of a step, got 'print'",
    ),
    "family of vectors": (
        ("bimodal", "diagonal_normal"),
        {},
        ValueError,
        "has vectors as events, the target has event shape",
    ),
    "family of counts": (("bimodal", "poisson"), {}, ValueError, "is discrete|is continuous"),
    "supports": (("normal", "gamma"), {}, ArithmeticError, "not finite at any start.*direction"),
    "tails": (
        ("bimodal", Cauchy),
        {"direction": "reverse"},
        ArithmeticError,
        "not finite at any start.*other direction",
    ),
    "empty data": ((torch.zeros(0), "normal"), {}, ValueError, "samples must not be empty"),
    "data outside": (([-1.0, 2.0], "gamma"), {}, ArithmeticError, "not finite at any start"),
    "data in reverse": (([1.0, 2.0], "normal"), FREE, NotImplementedError, "q is a sample"),
    "data need kl": (
        ([1.0, 2.0], "normal", "chi2"),
        {},
        NotImplementedError,
        "chi2 needs the density of p, and p is only samples; kl, density_power, gamma, ",
    ),
    "family of no type": (("bimodal", 3), {}, TypeError, "a family must be a class .* got 3"),
    "target of no type": ((3.5, "normal"), {}, TypeError, "target must be a torch or scipy"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_error_that_names_argument_value_and_remedy(case):
    arguments, options, builtin, message = BAD[case]
    with pytest.raises(kldiv.KldivError, match=message) as raised:
        kldiv.fit(*arguments, **options)
    assert isinstance(raised.value, builtin)


@pytest.mark.parametrize(
    "case", ["unknown family", "direction", "nothing to fit", "target of no type"]
)
def test_an_explanation_refuses_the_same(case):
    arguments, options, builtin, message = BAD[case]
    with pytest.raises(builtin, match=message):
        kldiv.explain_fit(*arguments, **options)


def test_no_solver_is_an_error_that_says_why(monkeypatch):
    monkeypatch.setattr("kldiv.fitting._SOLVERS", {"moment_matching": kldiv.MomentMatching})
    assert str(kldiv.explain_fit("bimodal", "laplace")).endswith("no estimator applies")


def test_its_text_abbreviates_large_parameters():
    found = kldiv.fit(MultivariateNormal(torch.zeros(4), torch.eye(4)), "full_normal")
    assert "covariance_matrix  (4, 4) values in [0, 1]" in repr(found)


def test_no_fit_converges_to_an_infinite_divergence():
    """The mean of the target does not exist; on any nodes it looks finite."""
    with pytest.warns(kldiv.ConvergenceWarning, match="the divergence is infinite"):
        fitted = kldiv.fit(Cauchy(one(0.0), 1.0), "laplace")
    assert float(fitted.divergence.value) == math.inf
    assert not fitted.converged


def test_no_fit_begins_where_all_integrals_diverge():
    with pytest.raises(kldiv.NotFinite, match="not finite at any start"):
        kldiv.fit(Pareto(one(1.0), 1.0), "gumbel")


def test_starts_whose_integrals_diverge_are_left_and_no_lower_than_the_answer():
    """Of six starts two have no square integral: sums over nodes say nothing of them."""
    fitted = kldiv.fit(HalfNormal(one(1.0)), "gamma", "cosine")
    assert fitted.converged
    assert "lower" not in fitted.verdict
    assert fitted.evaluations < 100_000
    concentration, rate = (fitted.parameters[name] for name in ("concentration", "rate"))
    assert float(concentration) == pytest.approx(1.208337, abs=1e-6)  # scipy's optimize and quad
    assert float(rate) == pytest.approx(1.2729261, abs=1e-6)


def test_an_empty_batch_of_targets_is_refused():
    with pytest.raises(kldiv.InvalidArgument, match=r"target is empty, of batch shape \(0,\)"):
        kldiv.fit(Normal(torch.zeros(0), 1.0), "laplace")


def test_data_with_a_gradient_are_fitted_without_a_warning():
    points = torch.tensor([0.0, 1.0, 3.0, 4.0], requires_grad=True)
    assert float(kldiv.fit(points, "normal").parameters["loc"]) == 2.0
