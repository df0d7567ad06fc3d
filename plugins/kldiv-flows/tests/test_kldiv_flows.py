"""Flows are found by name, take the target's size, and are fitted, kept and drawn from."""

import importlib

import pytest
import torch

import kldiv

from kldiv.registries import plugin_galleries, plugin_report

F64 = torch.float64
NAMES = (
    "coupling_flow",
    "masked_autoregressive_flow",
    "neural_spline_flow",
    "neural_autoregressive_flow",
)
QUICK = {
    "solver": kldiv.Descent(lr=0.01, steps=3, unconstrained=True),
    "estimator": kldiv.MonteCarlo(64),
}
uncertain = pytest.mark.filterwarnings("ignore::kldiv.ConvergenceWarning")


def sized(name):
    return kldiv.families.create(name, size=2)


def test_the_plugin_is_found_and_whole():
    (plugin,) = [each for each in plugin_report() if each.distribution == "kldiv-flows"]
    assert plugin.state == "ok"
    assert set(plugin.components["families"]) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_flow_is_listed_with_what_it_is(name):
    assert kldiv.families[name].summary.startswith("Flows ")
    assert kldiv.families[name].plugin == "kldiv-flows"


@pytest.mark.parametrize("name", NAMES)
def test_densities_and_draws_agree(name):
    # the mass of q by importance sampling from a normal that is wider: 1 within 4 standard errors
    q = sized(name)()
    wide = torch.distributions.Independent(
        torch.distributions.Normal(torch.zeros(2, dtype=F64), 2.5), 1
    )
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        x, y = wide.sample((20_000,)), q.sample((5_000,))
        ratio = (q.log_prob(x) - wide.log_prob(x)).exp()
        spread = ratio.std() / 20_000**0.5
        assert abs(ratio.mean() - 1) < 4 * spread
        # and the means of the draws are those of the density
        means = (ratio.unsqueeze(-1) * x).mean(0)
        errors = (ratio.unsqueeze(-1) * x).std(0) / 20_000**0.5 + y.std(0) / 5_000**0.5
        assert ((means - y.mean(0)).abs() < 4 * errors).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_gradient_in_the_density_and_in_draws(name):
    family = sized(name)
    theta = family.present().requires_grad_()
    x = torch.randn(64, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    (slope,) = torch.autograd.grad(family.at(theta).log_prob(x).sum(), theta)
    slopes = family.space.constrain(slope)
    assert all(each.isfinite().all() for each in slopes.values())
    assert all(slopes[each].any() for each in ("loc", "log_scale"))
    assert slope.ne(0).double().mean() > 0.3  # masked weights have none, nor have idle units
    (slope,) = torch.autograd.grad(family.at(theta).rsample((64,)).sum(), theta)
    assert slope.isfinite().all()
    assert slope.any()


def test_the_gradient_of_a_density_is_that_of_finite_differences():
    family = sized("neural_spline_flow")
    theta = family.present().requires_grad_()
    x = torch.tensor([[0.3, -0.4], [1.2, 0.1]], dtype=F64)
    (slope,) = torch.autograd.grad(family.at(theta).log_prob(x).sum(), theta)
    along = torch.randn(theta.shape, dtype=F64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ends = [family.at(theta + step * along).log_prob(x).sum() for step in (1e-6, -1e-6)]
    assert float(slope @ along) == pytest.approx(float(ends[0] - ends[1]) / 2e-6, rel=1e-4)


@uncertain
def test_the_size_is_read_off_the_target_and_the_place_too():
    found = kldiv.fit(
        torch.randn(50, 3, dtype=F64) * 4 + 100, "coupling_flow", solver=QUICK["solver"]
    )
    assert found.q.event_shape == (3,)
    assert (found.parameters["loc"] - 100).abs().max() < 3
    assert repr(found.family) == "coupling_flow(size=3, transforms=6, hidden_features=(32, 32))"


@uncertain
@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("name", NAMES)
def test_each_flow_is_fitted_in_both_directions(name, direction):
    found = kldiv.fit("banana", name, direction=direction, **QUICK)
    assert found.solver == "descent"
    assert all(value.isfinite().all() for value in found.parameters.values())
    assert found.history.loss[-1] < found.history.loss[0] + 0.5


@uncertain
def test_the_same_seed_gives_the_same_fit_and_another_weights_of_its_own():
    first, again = (kldiv.fit("ring", "coupling_flow", **QUICK) for _ in range(2))
    other = kldiv.fit("ring", "coupling_flow(seed=1)", **QUICK)
    for name, value in first.parameters.items():
        assert torch.equal(value, again.parameters[name])
    assert float(first.divergence) != float(other.divergence)


@uncertain
def test_a_fit_goes_on_where_another_ended():
    first = kldiv.fit("ring", "coupling_flow", **QUICK)
    second = kldiv.fit("ring", first.family, **QUICK)
    start = {name: path[0] for name, path in second.history.parameters.items()}
    assert all(torch.equal(start[name], value) for name, value in first.parameters.items())


@uncertain
def test_a_fit_is_kept_in_a_file(tmp_path):
    found = kldiv.fit("ring", "neural_spline_flow(bins=4)", **QUICK)
    found.save(tmp_path / "ring.safetensors")
    again = kldiv.load_fit(tmp_path / "ring.safetensors")
    x = torch.randn(20, 2, dtype=F64)
    assert again.family.bins == 4
    assert torch.equal(again.q.log_prob(x), found.q.log_prob(x))
    assert torch.equal(again.family().log_prob(x), found.q.log_prob(x))


@pytest.mark.slow
def test_a_flow_fits_what_no_normal_distribution_can():
    found = kldiv.fit("banana", "neural_spline_flow", estimator=kldiv.MonteCarlo(256))
    assert found.verdict.startswith("Settled")
    value = kldiv.divergence("banana", found.q, "total_variation")
    assert value.value + value.error < 0.05


@uncertain
def test_zukos_own_flows_are_families_as_they_stand():
    flows = importlib.import_module("kldiv_flows.zuko_flows").flows
    found = kldiv.fit("ring", flows.MAF(2).double(), direction="reverse", **QUICK)
    assert found.family.name == "MAF"


def test_torch_still_checks_its_arguments():
    importlib.import_module("kldiv_flows.zuko_flows")
    with pytest.raises(ValueError, match="scale"):
        torch.distributions.Normal(0.0, -1.0)
    with pytest.raises(NotImplementedError):
        torch.distributions.Distribution(validate_args=False).arg_constraints  # noqa: B018


@pytest.mark.parametrize(
    "name",
    [
        "coupling_flow",
        pytest.param("neural_spline_flow", marks=pytest.mark.slow),
        pytest.param("masked_autoregressive_flow", marks=pytest.mark.slow),
    ],
)
def test_a_flow_obeys_the_laws_of_families(name):
    kldiv.testing.check_family(name).raise_for_failures()


def test_scalars_are_refused_with_another_family():
    with pytest.raises(kldiv.ShapeMismatch, match=r"of vectors of any length.*'normal_mixture'"):
        kldiv.fit("bimodal", "neural_spline_flow")
    with pytest.raises(kldiv.ShapeMismatch, match="of vectors of length 3, the target"):
        kldiv.fit("ring", "neural_spline_flow(size=3)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transforms": 0}, "transforms must be a positive whole number, got 0"),
        ({"hidden_features": (8, -1)}, "hidden_features must be positive whole numbers"),
        ({"size": 2.5}, "size must be a positive whole number, got 2.5"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(kldiv.InvalidArgument, match=message):
        kldiv.families.create("coupling_flow", **options)


def test_the_gallery_is_part_of_the_package():
    (gallery,) = [each for each in plugin_galleries() if each.plugin == "kldiv-flows"]
    assert (gallery.folder / "GALLERY_HEADER.rst").is_file()
    assert list(gallery.folder.glob("plot_*.py"))
