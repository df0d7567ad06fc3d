"""A fit's picture shows the fit: its densities, its integrand, its history, its way."""

import matplotlib as mpl
import numpy as np
import pytest
import torch

from matplotlib import pyplot
from torch.distributions import Gamma, MultivariateNormal, Normal, Poisson

import kldiv

from kldiv.errors import InvalidArgument, NotAvailable
from kldiv.pictures import maps
from kldiv.pictures.fits import animate_fit, frames_of, plot_fit
from kldiv.pictures.moving import moving_of
from kldiv.pictures.scenes import members, scene_of

START = {"loc": [0.3, -0.2], "scale": 1.0}


def double(value):
    return torch.tensor(value, dtype=torch.float64)


class Shifted(torch.nn.Module):
    """A module as a family, which is evaluated one member at a time."""

    def __init__(self):
        super().__init__()
        self.mu = torch.nn.Parameter(double(3.0))

    def forward(self):
        return Normal(self.mu, double(1.0))


@pytest.fixture(autouse=True)
def _no_figure_is_left_open():
    with mpl.rc_context({"backend": "agg"}):
        yield
        pyplot.close("all")


def fit_of(target, family, *arguments, **options):
    return kldiv.fit(target, family, *arguments, **options)


FITS = {
    "forward": lambda: fit_of("bimodal", "normal"),
    "reverse": lambda: fit_of("bimodal", "normal", direction="reverse"),
    "half line": lambda: fit_of(Gamma(double(2.0), double(1.0)), "lognormal", direction="reverse"),
    "other divergence": lambda: fit_of("bimodal", "normal", "renyi(alpha=0.5)"),
    "measure": lambda: fit_of("normal_sum", "normal", "squared_l2", starts=2),
    "counts": lambda: fit_of(Poisson(double(4.2)), "geometric", direction="reverse"),
    "samples": lambda: fit_of(torch.linspace(-1, 3, 60, dtype=torch.float64), "normal"),
    "counted samples": lambda: fit_of(torch.arange(40) % 5, "poisson"),
    "plane": lambda: fit_of(
        "correlated_normal",
        "isotropic_normal",
        direction="reverse",
        starts=START,
        solver="quasi_newton",
    ),
    "samples on a plane": lambda: fit_of(
        torch.linspace(-1, 1, 80, dtype=torch.float64).reshape(40, 2), "diagonal_normal"
    ),
    "space": lambda: fit_of(
        MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double()),
        "diagonal_normal",
        direction="reverse",
    ),
    "module": lambda: fit_of("normal", Shifted(), direction="reverse"),
}
ON_A_LINE = ["forward", "reverse"]
MOVING = ["reverse", "half line", "measure", "counts", "plane", "module"]


@pytest.mark.parametrize("name", FITS)
def test_every_fit_has_a_picture_that_pyplot_knows(name):
    fit = FITS[name]()
    figure = plot_fit(fit)

    assert figure.number in pyplot.get_fignums()
    assert figure.axes
    assert fit.divergence.unit in figure.get_suptitle()


@pytest.mark.parametrize("name", ON_A_LINE)
def test_the_integrand_drawn_adds_up_to_the_divergence(name):
    fit = FITS[name]()
    scene = scene_of(fit)

    area = np.trapezoid(scene.integrand(fit.q), scene.x)

    # what is left out are tails beyond 4.5 standard deviations and the step of the grid
    assert area == pytest.approx(float(fit.divergence), rel=2e-2)


def test_the_integrand_of_counts_adds_up_to_the_divergence():
    fit = FITS["counts"]()
    scene = scene_of(fit)

    assert scene.integrand(fit.q).sum() == pytest.approx(float(fit.divergence), rel=1e-2)


def test_samples_have_a_histogram_of_area_one_and_no_integrand():
    fit = FITS["samples"]()
    figure = plot_fit(fit)
    bars = figure.axes[0].patches

    assert sum(bar.get_width() * bar.get_height() for bar in bars) == pytest.approx(1)
    assert scene_of(fit).integrand(fit.q) is None


def test_counted_samples_are_drawn_as_shares():
    figure = plot_fit(FITS["counted samples"]())

    heights = [bar.get_height() for bar in figure.axes[0].patches]

    assert heights == pytest.approx([0.2] * 5)


def test_an_unnormalised_target_is_drawn_normalised():
    target = kldiv.Target(lambda x: 7.0 - x.square() / 2)
    scene = scene_of(kldiv.fit(target, "normal"))

    # 4.5 standard deviations hold all but 7e-6 of a normal distribution
    assert np.trapezoid(scene.p, scene.x) == pytest.approx(1, abs=1e-5)


def test_a_measure_is_drawn_with_its_mass():
    scene = scene_of(FITS["measure"]())

    assert np.trapezoid(scene.p, scene.x) == pytest.approx(2, abs=1e-4)


def test_both_sides_and_the_other_optima_are_seen_at_their_full_height():
    fit = FITS["reverse"]()
    axes = next(each for each in plot_fit(fit).axes if each.get_ylabel() == "density")
    peaks = [line.get_ydata().max() for line in axes.lines]

    assert len(fit.optima) == 3
    assert len(peaks) == 4  # p, q and two others
    assert axes.get_ylim()[1] > max(peaks) > 0.39


def test_the_loss_is_drawn_above_the_best_optimum():
    fit = FITS["plane"]()
    axes = plot_fit(fit).axes[1]
    drawn = axes.lines[-1].get_ydata()

    assert axes.get_yscale() == "log"
    assert drawn[0] == pytest.approx(float(fit.history.loss[0]) - fit.optima[0].value)
    assert drawn[-1] < 1e-9


def test_a_fit_without_an_optimum_shows_its_loss_as_it_is():
    descent = kldiv.Descent(torch.optim.SGD, lr=1e-3, steps=5)
    with pytest.warns(kldiv.ConvergenceWarning):
        fit = kldiv.fit("bimodal", "normal", solver=descent, starts={"loc": 0.0, "scale": 3.0})
    figure = plot_fit(fit)
    loss = next(axes for axes in figure.axes if axes.get_title(loc="left") == "loss (nats)")

    assert loss.lines[-1].get_ydata() == pytest.approx(fit.history.loss.numpy())
    assert "not converged" in figure.get_suptitle()


def test_the_way_on_a_plane_is_that_of_the_mean():
    fit = FITS["plane"]()
    axes = plot_fit(fit).axes[0]
    way = max((line.get_xydata() for line in axes.lines), key=len)

    assert way == pytest.approx(fit.history.parameters["loc"].numpy())


def test_contours_of_a_normal_stand_at_one_two_and_three_standard_deviations():
    line = torch.linspace(-4, 4, 401)
    x, y = torch.meshgrid(line, line, indexing="xy")
    _, axes = pyplot.subplots()

    contours = maps.draw_contours(axes, line, line, (-(x**2 + y**2) / 2).exp())

    radii = [np.linalg.norm(part, axis=-1) for parts in contours.allsegs for part in parts]
    for found, radius in zip(radii, (3.0, 2.0, 1.0), strict=True):
        assert found == pytest.approx(radius, abs=1e-3)


def test_a_batch_of_fits_is_refused_with_the_remedy():
    fit = kldiv.fit(Normal(torch.zeros(3), torch.ones(3)), "laplace")

    with pytest.raises(InvalidArgument, match=r"3 targets.*\(3,\).*on its own"):
        fit.plot()
    with pytest.raises(InvalidArgument, match="3 targets"):
        fit.animate()


def test_points_in_space_cannot_be_animated():
    with pytest.raises(NotAvailable, match=r"event shape \(3,\).*plot\(\)"):
        animate_fit(FITS["space"]())


@pytest.mark.parametrize(
    ("method", "given", "message"),
    [
        ("plot", "foo", "'plot' takes no argument 'foo'; allowed: 'size'"),
        ("plot", "fit", "'plot' takes no argument 'fit'; allowed: 'size'"),
        ("animate", "frame", "did you mean 'frames'. allowed: 'frames', 'size', 'interval'"),
    ],
)
def test_an_option_that_there_is_none_of_is_told_with_those_that_there_are(method, given, message):
    with pytest.raises(InvalidArgument, match=message):
        getattr(FITS["forward"](), method)(**{given: 1})


def test_an_animation_has_at_least_two_frames():
    with pytest.raises(InvalidArgument, match="frames must be at least 2, got 1"):
        animate_fit(FITS["plane"](), frames=1)


@pytest.mark.parametrize("name", MOVING)
def test_an_animation_plays(name):
    animation = animate_fit(FITS[name](), frames=3, size=(3, 2))

    assert animation.to_jshtml().count("data:image/png") >= 2


def test_the_frames_go_from_the_first_step_to_the_last_at_even_progress():
    descent = kldiv.Descent(torch.optim.SGD, lr=0.05, steps=300)
    with pytest.warns(kldiv.ConvergenceWarning):
        fit = kldiv.fit("normal", "normal", solver=descent, starts={"loc": 3.0, "scale": 2.0})
    scene = scene_of(fit, start=True)

    steps = frames_of(scene, 10)
    shown = np.stack([scene.q(member) for member in members(fit, fit.history, steps)])
    moved = np.abs(np.diff(shown, axis=0)).sum(1)

    assert steps[0] == 0
    assert steps[-1] == 300
    assert len(steps) == 10
    assert steps[1] < 300 / 10  # gradient descent moves most in the beginning
    assert moved.max() < 2 * moved.min()


def test_a_short_fit_shows_every_step():
    fit = FITS["plane"]()

    assert frames_of(scene_of(fit), 40) == list(range(len(fit.history)))


@pytest.mark.parametrize("name", ["reverse", "counts"])
def test_a_frame_shows_the_member_of_its_step(name):
    fit = FITS[name]()
    scene = scene_of(fit, start=True)
    _, axes = pyplot.subplots()
    moving = moving_of(axes, scene, [0, len(fit.history) - 1])

    moving.show(1)

    assert moving.line.get_ydata() == pytest.approx(scene.q(fit.q))


def test_a_start_is_seen_but_does_not_dwarf_the_rest():
    def ends(loc):
        start = {"loc": loc, "scale": 1.0}
        scene = scene_of(fit_of("normal", "normal", direction="reverse", starts=start), start=True)
        return scene.x[0], scene.x[-1]

    assert ends(7.0) == pytest.approx((-4.5, 7.0 + 2.0))  # two of its scales
    assert ends(1e5) == pytest.approx((-4.5, 4.5 + 9.0))  # the width of the rest


def test_pictures_leave_the_style_as_it_was():
    before = dict(mpl.rcParams)
    plot_fit(FITS["forward"]())
    animate_fit(FITS["plane"](), frames=2).to_jshtml()

    assert dict(mpl.rcParams) == before
