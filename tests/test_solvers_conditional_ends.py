"""Fits to targets that are normal given a coordinate end at the optimum, and know it."""

import math

import pytest
import torch

import kldiv

from kldiv.errors import ConvergenceWarning
from tests.conditional_targets import F64, funnel, hierarchy

SAID = "the target is normal given x["
FAMILIES = ["isotropic_normal", "diagonal_normal", "full_normal"]


def dense(fit, target, coordinate):
    """The divergence at a fit's end and at the end of a descent from it, on many even nodes."""
    size = target.event_shape[0]
    loc, root = fit.q.mean, torch.linalg.cholesky(_covariance(fit.q))
    s = torch.arange(-9, 9.01, 0.03, dtype=F64)
    weights = (-s.square() / 2).softmax(0)
    axis = (root[coordinate] / root[coordinate].norm()).unsqueeze(-1)
    frame = torch.linalg.qr(torch.cat([axis, torch.eye(size, dtype=F64)], -1))[0]
    signs = torch.cat([torch.eye(size - 1, dtype=F64), -torch.eye(size - 1, dtype=F64)])
    aside = (size - 1) ** 0.5 * signs @ frame[:, 1:].mT
    z = s[:, None, None] * frame[:, 0] + aside
    free = torch.zeros(fit_size(fit), dtype=F64, requires_grad=True)

    def value():
        shift, factor = _step(fit, free, size)
        x = loc + (shift + z @ factor.mT) @ root.mT
        entropy = factor.diagonal().log().sum() + root.diagonal().log().sum()
        return -(weights @ target.log_prob(x).mean(-1)) - entropy

    began = float(value().detach())
    search = torch.optim.LBFGS([free], max_iter=100, line_search_fn="strong_wolfe")
    search.step(lambda: (search.zero_grad(), loss := value(), loss.backward())[1])
    return began - size * (1 + math.log(2 * math.pi)) / 2, began - float(value().detach())


def fit_size(fit):
    return fit.family.space.size


def _step(fit, free, size):
    shift, rest = free[:size], free[size:]
    if len(rest) <= size:
        return shift, torch.diag(rest.exp().expand(size))
    rows, columns = torch.tril_indices(size, size)
    matrix = torch.zeros(size, size, dtype=F64).index_put((rows, columns), rest)
    return shift, matrix.tril(-1) + torch.diag(matrix.diagonal().exp())


def _covariance(member):
    if hasattr(member, "covariance_matrix"):
        return member.covariance_matrix
    return torch.diag_embed(member.variance)


def along():
    """Log densities of the coordinate."""
    yield "normal", lambda t: -t.square() / 2
    yield "heavy", lambda t: -2 * (t.square() / 3).log1p()
    yield "light", lambda t: -t.pow(4) / 10
    yield "skew", lambda t: 2 * t - t.exp()
    yield "waves", lambda t: t.cos() - t.square() / 2


@pytest.mark.parametrize("along", [pytest.param(each, id=name) for name, each in along()])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("size", "seed"), [(3, 0), (6, 1)])
def test_the_end_is_the_optimum_and_its_excess_is_true(along, family, size, seed):
    target = hierarchy(size, seed, seed=seed, along=along)
    fit = kldiv.fit(target, family, direction="reverse", seed=seed)
    assert fit.converged
    assert SAID + f"{seed}]" in fit.verdict
    loss, gain = dense(fit, target, seed)
    stated = float(fit.diagnostics["excess"])
    assert gain <= stated < 1e-5
    assert float(fit.history.loss[-1]) == pytest.approx(loss, abs=1e-4)
    assert (fit.diagnostics["signature"] == 1).all()


@pytest.mark.parametrize("family", ["diagonal_normal", "full_normal"])
def test_a_funnel_takes_a_few_hundred_points_a_step(family):
    fit = kldiv.fit(funnel(), family, direction="reverse", starts=1)
    assert fit.converged
    assert len(fit.history) < 15
    assert fit.evaluations < 5000
    assert float(fit.diagnostics["excess"]) < 1e-7


@pytest.mark.parametrize("unit", [0.3, 1e4])
def test_units_of_the_coordinate_do_not_matter(unit):
    target = hierarchy(4, 1, unit=unit)
    plain = kldiv.fit(hierarchy(4, 1), "full_normal", direction="reverse")
    fit = kldiv.fit(target, "full_normal", direction="reverse")
    assert SAID in fit.verdict
    scale = torch.ones(4, dtype=F64)
    scale[1] = unit
    torch.testing.assert_close(fit.q.mean / scale, plain.q.mean, rtol=0, atol=1e-4)
    covariance = fit.q.covariance_matrix / torch.outer(scale, scale)
    torch.testing.assert_close(covariance, plain.q.covariance_matrix, rtol=0, atol=1e-4)


def test_what_is_no_such_target_is_left_to_draws():
    for more in (
        lambda x: -0.1 * x.pow(4).sum(-1),
        lambda x: -0.1 * (x[..., 0] - 0.5).clamp_min(0),
    ):
        fit = kldiv.fit(hierarchy(4, 1, more=more), "diagonal_normal", direction="reverse")
        assert SAID not in fit.verdict
        assert fit.converged


@pytest.mark.filterwarnings("ignore::kldiv.errors.ConvergenceWarning")
@pytest.mark.parametrize("height", [1e-4, 1e-3, 1e-2, 0.1])
def test_small_jumps_are_in_the_excess_or_left_to_draws(height):
    target = hierarchy(4, 1, along=lambda t: -t.square() / 2 + height * (t > 0.3))
    fit = kldiv.fit(target, "diagonal_normal", direction="reverse", starts=1)
    scale = float(fit.q.variance[1].sqrt())
    hidden = height * math.exp(-((0.3 - float(fit.q.mean[1])) ** 2) / 2 / scale**2) / 2.5
    if SAID in fit.verdict:
        assert hidden**2 / 2 <= float(fit.diagnostics["excess"])
    assert height < 1e-2 or SAID not in fit.verdict


@pytest.mark.parametrize(
    "along",
    [lambda t: -1.5 * t.abs(), lambda t: -t.square() / 2 - 2 * (-(t / 0.03).square()).exp()],
    ids=["a kink", "a dip"],
)
def test_what_nodes_miss_along_the_coordinate_is_left_to_draws(along):
    fit = kldiv.fit(hierarchy(4, 1, along=along), "diagonal_normal", direction="reverse")
    assert SAID not in fit.verdict


def test_a_log_density_that_is_not_known_everywhere_is_left_to_draws():
    def somewhere(x):
        far = x[..., 1] > 4.5
        return torch.where(far, torch.nan, -x.square().sum(-1) * (1 + x[..., 1].square()))

    target = kldiv.Target(somewhere, event_shape=(3,))
    try:
        fit = kldiv.fit(target, "diagonal_normal", direction="reverse", starts=1)
    except kldiv.errors.InvalidArgument:
        return
    assert SAID not in fit.verdict


def test_a_batch_of_targets_is_fitted_together():
    shifts = torch.tensor([-1.0, 0.0, 2.0], dtype=F64)

    def log_density(x):
        t, rest = x[..., 0] - shifts, x[..., 1:].square().sum(-1)
        return -t.square() / 2 - t - rest * (-t).exp() / 2

    fit = kldiv.fit(
        kldiv.Target(log_density, event_shape=(3,)), "full_normal", direction="reverse"
    )
    assert fit.converged
    torch.testing.assert_close(
        fit.q.mean[:, 0] - shifts, fit.q.mean[1, :1].expand(3), rtol=0, atol=1e-4
    )
    torch.testing.assert_close(
        fit.diagnostics["excess"], torch.zeros(3, dtype=F64), rtol=0, atol=1e-6
    )


def test_a_callback_ends_it_early():
    def enough(step):
        return step.index == 2

    with pytest.warns(ConvergenceWarning, match="callback"):
        fit = kldiv.fit(funnel(), "full_normal", direction="reverse", starts=1, callback=enough)
    assert len(fit.history) == 3
    assert SAID not in fit.verdict


def test_the_rest_of_the_fit_is_there():
    fit = kldiv.fit(funnel(4), "full_normal", direction="reverse", starts=2)
    assert set(fit.diagnostics) >= {"gap", "pareto_k", "effective_sample_size", "excess"}
    assert all(bool(value.isfinite().all()) for value in fit.diagnostics.values())
    value, error = float(fit.divergence.value), float(fit.divergence.error)
    assert abs(value - float(fit.history.loss[-1])) < 3 * error + 1e-3
    assert len(fit.optima) == 1
    assert fit.history.parameters["loc"].shape == (len(fit.history), 4)
