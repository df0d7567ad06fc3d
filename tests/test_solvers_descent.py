"""Descent takes the steps of a loop written by hand, and ends honestly where it must."""

import pytest
import torch

from torch.distributions import Normal, Poisson

import kldiv

from kldiv import Descent

F64 = torch.float64
START = {"loc": 0.0, "scale": 1.0}


def one(value):
    return torch.tensor(value, dtype=F64)


def normal_sum(x):
    return torch.logaddexp(Normal(-5.0, 1.0).log_prob(x), Normal(10.0, 1.0).log_prob(x))


def by_hand(optimizer, loss, steps, **options):
    """The path of a loop that moves a mean and a scale."""
    loc, scale = one(0.0).requires_grad_(), one(1.0).requires_grad_()
    made = optimizer([loc, scale], **options)
    path = []
    for _ in range(steps):
        made.zero_grad()
        value = loss(loc, scale)
        value.backward()
        path.append((float(value.detach()), float(loc.detach()), float(scale.detach())))
        made.step()
    path.append((float(loss(loc, scale).detach()), float(loc.detach()), float(scale.detach())))
    return torch.tensor(path, dtype=F64)


def path_of(found):
    columns = [found.history.loss, *found.history.parameters.values()]
    return torch.stack([column.double() for column in columns], -1)


def not_converged(message=""):
    return pytest.warns(kldiv.ConvergenceWarning, match=message)


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (torch.optim.Adam, {"lr": 1e-2}),
        (torch.optim.SGD, {"lr": 1e-2, "momentum": 0.5}),
        (torch.optim.RMSprop, {"lr": 1e-3}),
    ],
)
def test_every_step_is_that_of_a_loop_written_by_hand(optimizer, options):
    target = Normal(one(0.5), 2.0)
    expected = by_hand(
        optimizer,
        lambda loc, scale: torch.distributions.kl_divergence(target, Normal(loc, scale)),
        50,
        **options,
    )
    with not_converged():
        found = kldiv.fit(
            target, "normal", solver=Descent(optimizer, steps=50, **options), starts=START
        )
    assert len(found.history) == 51
    assert torch.allclose(path_of(found), expected, rtol=1e-12, atol=1e-12)


def test_the_original_path_of_the_fifth_experiment_is_followed_step_by_step():
    grid = torch.linspace(-15, 15, 1000, dtype=F64)
    log_p = normal_sum(grid)
    width = float(grid[1] - grid[0])

    def loss(loc, scale):
        return (log_p.exp() * (log_p - Normal(loc, scale).log_prob(grid))).mean()

    with not_converged():
        found = kldiv.fit(
            "normal_sum",
            "normal",
            solver=Descent(torch.optim.Adam, lr=1e-3, steps=300),
            starts=START,
        )
    expected = by_hand(torch.optim.Adam, loss, 300, lr=1e-3)
    # Adam's step does not depend on the scale of the loss; the grid ends 5 deviations from a mode
    # and so misses 3e-7 of the mass, of which Adam's normalised steps make a part
    assert torch.allclose(path_of(found)[:, 1:], expected[:, 1:], rtol=0, atol=2e-6)
    # the original's loss is a mean over the grid: the integral over its width of 1000 cells
    assert torch.allclose(path_of(found)[:, 0] / (1000 * width), expected[:, 0], rtol=1e-4, atol=0)
    assert float(expected[0, 0]) == pytest.approx(2.0812, abs=5e-5)


@pytest.mark.slow
def test_the_original_of_the_fifth_experiment_had_not_converged_after_ten_thousand_steps():
    with not_converged():
        found = kldiv.fit(
            "normal_sum",
            "normal",
            solver=Descent(torch.optim.Adam, lr=1e-3, steps=10_000),
            starts=START,
        )
    assert found.parameters["loc"].item() == pytest.approx(2.4994, abs=5e-5)
    assert found.parameters["scale"].item() == pytest.approx(5.231, abs=5e-4)
    assert "still to be gained" in found.verdict


def test_it_converges_where_the_gradient_has_vanished_if_no_steps_are_given():
    found = kldiv.fit(Normal(one(0.5), 2.0), "normal", solver=Descent(torch.optim.SGD, lr=0.5))
    assert found.converged
    assert len(found.history) < 1_000
    assert found.parameters["loc"].item() == pytest.approx(0.5, abs=1e-7)


def test_the_real_numbers_behind_the_parameters_can_be_moved_instead():
    target = Poisson(one(3.0))
    found = kldiv.fit(
        target, "poisson", solver=Descent(torch.optim.SGD, lr=0.2, unconstrained=True)
    )
    # of exp(θ) - 3 θ the derivative in θ is exp(θ) - 3, which one step of SGD follows
    first = found.history.parameters["rate"][:2].log()
    assert float(first[1] - first[0]) == pytest.approx(-0.2 * float(first[0].exp() - 3), abs=1e-12)
    assert found.parameters["rate"].item() == pytest.approx(3, abs=1e-7)


def test_a_step_out_of_the_domain_ends_the_fit_at_the_best_so_far():
    with not_converged():
        found = kldiv.fit(
            Normal(one(0.0), 0.1),
            "normal",
            solver=Descent(torch.optim.SGD, lr=0.8, steps=50),
            starts=START,
        )
    assert "took scale out of GreaterThan(lower_bound=0.0)" in found.verdict
    assert "a smaller lr or unconstrained=True" in found.verdict
    losses = found.history.loss
    assert float(found.divergence) == pytest.approx(float(losses.min()), abs=1e-12)
    assert all(value.isfinite().all() for value in found.parameters.values())


def test_lbfgs_asks_for_the_loss_as_often_as_it_likes():
    found = kldiv.fit(
        Normal(one(0.5), 2.0),
        "normal",
        solver=Descent(
            torch.optim.LBFGS, steps=10, unconstrained=True, line_search_fn="strong_wolfe"
        ),
    )
    assert found.converged
    assert found.parameters["scale"].item() == pytest.approx(2.0, abs=1e-6)


def test_a_class_of_optimizers_is_enough_of_a_solver():
    with pytest.warns(kldiv.ConvergenceWarning):
        found = kldiv.fit(
            Normal(one(0.5), 2.0),
            "normal",
            solver=torch.optim.Adam,
            starts=START,
            callback=lambda step: step.index == 3,
        )
    assert found.solver == "descent"
    assert len(found.history) == 5


def test_sampled_objectives_are_descended_and_never_called_certain():
    with pytest.warns(kldiv.ConvergenceWarning, match="Not certain: the objective is sampled"):
        found = kldiv.fit(
            Normal(one(1.0), 2.0),
            "normal",
            "jensen_shannon",
            estimator=kldiv.MonteCarlo(samples=500),
            solver=Descent(torch.optim.Adam, lr=0.05, steps=150),
        )
    assert not found.converged
    assert found.parameters["loc"].item() == pytest.approx(1.0, abs=0.3)
    assert found.parameters["scale"].item() == pytest.approx(2.0, abs=0.4)


def test_several_starts_descend_at_once():
    with not_converged():
        found = kldiv.fit(
            "bimodal",
            "normal",
            direction="reverse",
            solver=Descent(torch.optim.Adam, lr=0.05, steps=40),
            starts=[{"loc": -4.0, "scale": 1.0}, {"loc": 9.0, "scale": 1.0}],
        )
    assert found.paths.loss.shape == (41, 2)
    assert found.paths.parameters["loc"].shape == (41, 2)
    assert found.history.loss.shape == (41,)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Descent("adam"),
            kldiv.InvalidType,
            "optimizer must be a class of torch.optim.*'adam'",
        ),
        (lambda: Descent(steps=0), kldiv.InvalidArgument, "steps must be positive, got 0"),
        (
            lambda: Descent(torch.optim.Adam, rate=1.0),
            kldiv.InvalidArgument,
            r"Adam does not take \{'rate': 1.0\}",
        ),
        (
            lambda: Descent(torch.optim.Adam, lr=-1.0),
            kldiv.InvalidArgument,
            "Adam does not take .*Invalid learning rate",
        ),
    ],
)
def test_wrong_options_are_an_error_that_names_them(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_its_text_is_the_call_that_makes_it():
    assert repr(Descent()) == "Descent(Adam)"
    made = Descent(torch.optim.SGD, lr=0.1, steps=5, unconstrained=True)
    assert repr(made) == "Descent(SGD, steps=5, unconstrained=True, lr=0.1)"


def test_a_parameter_that_the_loss_does_not_depend_on_stays():
    class Lazy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.loc = torch.nn.Parameter(one(0.0))
            self.idle = torch.nn.Parameter(one(7.0))

        def forward(self):
            return Normal(self.loc, 1.0)

    with not_converged():
        found = kldiv.fit(
            Normal(one(1.0), 1.0), Lazy(), solver=Descent(torch.optim.SGD, lr=0.1, steps=3)
        )
    assert found.parameters["idle"].item() == 7


def test_lbfgs_out_of_the_domain_ends_at_the_best_so_far():
    with not_converged("took the parameters out of their domain"):
        found = kldiv.fit(
            Normal(one(0.5), 0.1),
            "normal",
            solver=Descent(torch.optim.LBFGS, steps=10, lr=1.0),
            starts={"loc": 3.0, "scale": 0.3},
        )
    assert float(found.divergence) == pytest.approx(float(found.history.loss.min()), abs=1e-12)


def test_an_error_of_the_target_is_not_taken_for_a_step_too_far():
    calls = []

    def log_prob(x):
        calls.append(x)
        return (0 * x if len(calls) < 12 else x * float("nan")) - x.square()

    with pytest.raises(kldiv.InvalidArgument, match="NaN inside its support"):
        kldiv.fit(
            kldiv.Target(log_prob, normalize=False),
            "normal",
            direction="reverse",
            estimator=kldiv.Quadrature(max_evaluations=1),
            solver=Descent(torch.optim.SGD, lr=1e-3, steps=50),
            starts=START,
        )


def test_parameters_that_ran_away_are_an_error_not_a_result():
    with pytest.raises(kldiv.NotFinite, match=r"ran away|is NaN"):
        kldiv.fit(
            Normal(one(0.5), 0.1),
            "normal",
            solver=Descent(torch.optim.SGD, lr=1e200, steps=10, unconstrained=True),
            starts={"loc": 3.0, "scale": 0.3},
        )


class Shear(torch.distributions.Transform):
    """From points to noise: the second coordinate is moved by a network of the first."""

    domain = codomain = torch.distributions.constraints.real_vector
    bijective = True

    def __init__(self, network):
        super().__init__()
        self.network = network

    def moved(self, x, sign):
        shift = self.network(x[..., :1])
        return torch.cat([x[..., :1], x[..., 1:] + sign * shift], -1)

    def _call(self, x):
        return self.moved(x, 1)

    def _inverse(self, z):
        return self.moved(z, -1)

    def log_abs_det_jacobian(self, x, z):
        return torch.zeros_like(x[..., 0])


class Bent(torch.nn.Module):
    """A flow of one layer, which asks its network when it is evaluated."""

    def __init__(self, width=24):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            layers = torch.nn.Linear(1, width), torch.nn.Tanh(), torch.nn.Linear(width, 1)
            self.network = torch.nn.Sequential(*layers).double()

    def forward(self):
        noise = torch.distributions.Independent(Normal(torch.zeros(2, dtype=F64), one(1.0)), 1)
        return torch.distributions.TransformedDistribution(noise, [Shear(self.network).inv])


def parabola(x):
    """A normal whose second coordinate follows the square of the first, up to a constant."""
    return -x[..., 0].square() / 2 - (x[..., 1] - x[..., 0].square()).square() / 2


BENT = kldiv.Target(parabola, event_shape=(2,))


def test_a_flow_is_moved_until_it_settles():
    found = kldiv.fit(BENT, Bent(), direction="reverse", estimator=kldiv.MonteCarlo(256))
    assert found.solver == "descent"
    assert found.converged
    assert found.verdict.startswith(f"Settled: after {int(found.history.step[-1])} steps")
    assert float(kldiv.divergence(found.q, BENT)) < 0.02


def briefly(width=24):
    with not_converged("its last value may still be moving"):
        return kldiv.fit(
            BENT,
            Bent(width),
            direction="reverse",
            solver=Descent(lr=0.01, steps=20, unconstrained=True),
            estimator=kldiv.MonteCarlo(256),
        )


def test_a_flow_ends_at_the_same_parameters_for_the_same_seed():
    first, again = briefly(), briefly()
    for name, value in first.parameters.items():
        assert torch.equal(value, again.parameters[name])


def test_of_many_parameters_not_every_step_is_kept():
    # 331 parameters: every fourth step, and the last one
    found = briefly(width=110)
    assert found.history.step.tolist() == [0, 4, 8, 12, 16, 20]
    assert "descent: 20 steps from 1 start" in repr(found)


def test_the_solvers_before_it_leave_large_modules_to_it():
    said = kldiv.explain_fit(BENT, Bent(), direction="reverse")
    assert said.method == "descent"
    assert "73 parameters would learn the draws" in said.rejected["fixed_draws"]
    said = kldiv.explain_fit(torch.zeros(5, 2, dtype=F64), Bent(width=700))
    assert "it keeps a matrix of 2101 x 2101 numbers" in said.rejected["quasi_newton"]


def test_a_flow_in_the_plane_is_no_matter_for_quadrature():
    said = kldiv.explain("banana", Bent())
    assert said.method == "monte_carlo"
    assert "a flow, whose density has more bends" in said.rejected["quadrature"]


def test_an_optimizer_that_ended_by_its_own_tolerances_takes_no_more_steps():
    found = kldiv.fit("bimodal", "normal", direction="reverse", solver=torch.optim.LBFGS)
    assert found.converged
    assert len(found.history) < 100
