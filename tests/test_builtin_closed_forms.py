"""Closed forms between normals: every pair of types, scalars and vectors, close and far."""

import math

import pytest
import torch

from torch.distributions import (
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

import kldiv

from kldiv.builtin.closed_forms import gaussian, whitening
from kldiv.builtin.closed_forms.overlaps import follows
from kldiv.resolving import as_divergence
from tests.cases import DIVERGENCES

EXACT = [name for name in DIVERGENCES if follows(as_divergence(name), powers=True)]


def tensor(value):
    return torch.tensor(value, dtype=torch.float64)


def draw(size, seed):
    """A mean and a covariance of low-rank form, so that all types can state it."""
    generator = torch.Generator().manual_seed(seed)
    mean, factor = torch.randn(2, size, generator=generator, dtype=torch.float64)
    return mean, factor.unsqueeze(-1), 0.5 + torch.rand(size, generator=generator).double()


def low_rank(size, seed):
    return LowRankMultivariateNormal(*draw(size, seed))


def full(size, seed):
    mean, factor, diagonal = draw(size, seed)
    return MultivariateNormal(mean, factor @ factor.mT + torch.diag(diagonal))


def diagonal(size, seed):
    mean, _, variance = draw(size, seed)
    return Independent(Normal(mean, variance.sqrt()), 1)


def dense(distribution):
    """The same distribution as one with a covariance matrix."""
    if isinstance(distribution, Independent):
        base = distribution.base_dist
        return MultivariateNormal(base.loc, torch.diag_embed(base.variance))
    return MultivariateNormal(distribution.loc, distribution.covariance_matrix)


KINDS = {"full": full, "diagonal": diagonal, "low_rank": low_rank}


def textbook_renyi(p, q, alpha):
    """The formula as it is printed, in terms of covariance matrices."""
    mixed = alpha * q.covariance_matrix + (1 - alpha) * p.covariance_matrix
    if torch.linalg.eigvalsh(mixed).min() <= 0:
        return math.inf
    gap = p.loc - q.loc
    logs = [torch.logdet(each) for each in (mixed, p.covariance_matrix, q.covariance_matrix)]
    scale = (logs[0] - (1 - alpha) * logs[1] - alpha * logs[2]) / (2 * (1 - alpha))
    return float(alpha / 2 * gap @ torch.linalg.solve(mixed, gap) + scale)


@pytest.mark.parametrize("kind_p", KINDS)
@pytest.mark.parametrize("kind_q", KINDS)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_every_pair_of_types_has_the_value_of_the_formula(kind_p, kind_q, size):
    p, q = KINDS[kind_p](size, 0), KINDS[kind_q](size, 1)
    first, second = dense(p), dense(q)
    found = kldiv.divergence(p, q)
    assert found.method == "exact"
    torch.testing.assert_close(found.value, kl_divergence(first, second), rtol=1e-12, atol=0)
    for alpha in (0.2, 0.5, 0.999, 1.1, 3.0):
        found = float(kldiv.divergence(p, q, f"renyi(alpha={alpha})", estimator="exact"))
        assert found == pytest.approx(textbook_renyi(first, second, alpha), rel=1e-10)


def test_an_infinite_order_is_among_those_tried():
    p, q = dense(full(2, 0)), dense(diagonal(2, 1))
    values = [textbook_renyi(p, q, alpha) for alpha in (0.2, 3.0, 30.0)]
    assert math.isfinite(values[0])
    assert math.isinf(values[2])
    found = [float(kldiv.divergence(p, q, f"renyi(alpha={alpha})")) for alpha in (0.2, 30)]
    assert found == [pytest.approx(values[0]), math.inf]


@pytest.mark.parametrize("divergence", EXACT)
def test_a_scalar_and_a_vector_of_length_1_agree(divergence):
    scalars = Normal(tensor(0.4), tensor(1.1)), Normal(tensor(-0.7), tensor(1.6))
    expected = kldiv.divergence(*scalars, divergence, estimator="exact").value
    matrices = [
        MultivariateNormal(each.loc.reshape(1), each.variance.reshape(1, 1)) for each in scalars
    ]
    found = kldiv.divergence(*matrices, divergence, estimator="exact").value
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)
    independent = [
        Independent(Normal(each.loc.reshape(1), each.scale.reshape(1)), 1) for each in scalars
    ]
    found = kldiv.divergence(*independent, divergence, estimator="exact").value
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("divergence", EXACT)
@pytest.mark.parametrize("kind", ["full", "diagonal"])
def test_a_distance_to_a_close_normal_keeps_its_digits(divergence, kind):
    """Twice as far is 4 times the value; it is never negative and 0 at p itself."""
    p = KINDS[kind](3, 0)
    values = []
    for step in (0.0, 1e-7, 2e-7):
        mean, factor, spread = draw(3, 0)
        if kind == "full":
            matrix = factor @ factor.mT + torch.diag(spread)
            q = MultivariateNormal(mean + step, matrix * (1 + step))
        else:
            q = Independent(Normal(mean + step, spread.sqrt() * (1 + step)), 1)
        values.append(float(kldiv.divergence(p, q, divergence, estimator="exact")))
    if divergence == "renyi(alpha=0)":
        assert values == [0, 0, 0]
        return
    assert abs(values[0]) <= 1e-28
    assert values[1] > 0
    power = 1 if divergence == "hellinger" else 2
    assert values[2] / values[1] == pytest.approx(2**power, rel=1e-6)


@pytest.mark.parametrize("ratio", [1e-12, 1e-3, 1e3, 1e9])
@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_scales_far_apart_keep_their_digits_too(ratio, alpha):
    p, q = Normal(tensor(0.0), tensor(ratio)), Normal(tensor(0.0), tensor(1.0))
    found = float(kldiv.divergence(p, q, f"renyi(alpha={alpha})", estimator="exact"))
    mixed = math.log(alpha + (1 - alpha) * ratio**2)
    expected = -math.log(ratio) + mixed / (2 * (1 - alpha))
    assert found == pytest.approx(expected, rel=1e-12)
    matrices = [
        MultivariateNormal(each.loc.reshape(1), each.variance.reshape(1, 1)) for each in (p, q)
    ]
    found = float(kldiv.divergence(*matrices, f"renyi(alpha={alpha})", estimator="exact"))
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("divergence", ["chi2", "renyi(alpha=3)", "alpha(alpha=2)"])
@pytest.mark.parametrize("vector", [False, True])
def test_where_it_is_infinite_the_gradient_is_no_nan(divergence, vector):
    """One element of the batch is finite, the other is not."""
    scale = tensor([1.2, 3.0]).requires_grad_()
    loc = tensor([0.1, 0.2]).requires_grad_()
    p, q = Normal(loc, scale), Normal(tensor(0.0), tensor(1.5))
    if vector:
        matrix = torch.diag_embed(scale.square().unsqueeze(-1))
        p = MultivariateNormal(loc.unsqueeze(-1), matrix)
        q = MultivariateNormal(tensor([0.0]), tensor([[2.25]]))
    value = kldiv.divergence(p, q, divergence, estimator="exact").value
    assert value.isfinite().tolist() == [True, False]
    for gradient in torch.autograd.grad(value.sum(), (loc, scale)):
        assert not gradient.isnan().any()
        assert gradient[0] != 0


@pytest.mark.parametrize("divergence", EXACT)
@pytest.mark.parametrize("kind_q", ["full", "diagonal"])
def test_gradients_are_right_in_every_parameter_of_vectors(divergence, kind_q):
    q = KINDS[kind_q](2, 1)

    def value(mean, root):
        p = MultivariateNormal(mean, root @ root.mT + 0.3 * torch.eye(2).double())
        return kldiv.divergence(p, q, divergence, estimator="exact").value

    leaves = (
        tensor([0.3, -0.2]).requires_grad_(),
        tensor([[0.7, 0.1], [-0.4, 0.6]]).requires_grad_(),
    )
    if value(*leaves).isfinite() and value(*leaves).requires_grad:
        assert torch.autograd.gradcheck(value, leaves)
    else:
        assert divergence in ("neyman_chi2", "alpha(alpha=-1)", "renyi(alpha=0)")


def test_curvatures_are_finite_where_scales_are_equal():
    """A solver takes second derivatives, at round normals of all places."""
    q = Independent(Normal(torch.zeros(3).double(), torch.ones(3).double()), 1)

    def value(root):
        p = MultivariateNormal(torch.zeros(3).double(), root @ root.mT)
        return kldiv.divergence(p, q, "renyi(alpha=0.7)", estimator="exact").value

    hessian = torch.autograd.functional.hessian(value, torch.eye(3).double())
    assert hessian.isfinite().all()
    assert hessian.abs().max() > 0.1


def test_independent_coordinates_that_are_not_normal_are_left_to_other_estimators():
    p, q = (Independent(Laplace(torch.zeros(2) + k, torch.ones(2)), 1) for k in (0, 1))
    assert whitening.as_gaussian(p) is None
    (rule,) = gaussian.CLOSED_FORMS
    assert not rule.covers(as_divergence("kl"), p, q)
    assert kldiv.divergence(p, q, "renyi(alpha=0.5)").method != "exact"
    assert kldiv.divergence(p, q, "kl").method == "exact"  # torch's


def test_events_of_several_dimensions_are_vectors():
    loc, scale = torch.zeros(2, 3).double(), torch.ones(2, 3).double()
    p, q = (Independent(Normal(loc + shift, scale), 2) for shift in (0.0, 1.0))
    found = kldiv.divergence(p, q)
    assert found.value.shape == ()
    assert float(found) == pytest.approx(3.0)
    none = Independent(Normal(loc, scale), 0)
    assert whitening.as_gaussian(none).mean.shape == (2, 3, 1)


def test_the_plane_of_the_experiment_has_equal_divergences_at_both_optima():
    p = "correlated_normal"
    for scale in (0.9, 16 / 45):
        q = Independent(Normal(torch.zeros(2).double(), tensor([scale, scale]).sqrt()), 1)
        sides = (p, q) if scale == 0.9 else (q, p)
        assert float(kldiv.divergence(*sides)) == pytest.approx(0.464356626, abs=1e-9)


def test_the_table_of_the_experiment_is_the_formula_in_one_call():
    loc = torch.linspace(-2, 2, 41, dtype=torch.float64).unsqueeze(-1)
    scale = torch.linspace(0.5, 4, 71, dtype=torch.float64)
    found = kldiv.divergence("normal", Normal(loc, scale))
    formula = scale.log() + (1 + loc.square()) / (2 * scale.square()) - 0.5
    assert found.method == "exact"
    torch.testing.assert_close(found.value, formula, rtol=0, atol=1e-12)
