"""Gradients are those of the exact value, in every parameter of both sides."""

import pytest
import torch

import kldiv

from tests.cases import DIVERGENCES, KINKED, PAIR, estimators_of, rows

STEP = 1e-3
KINK = 1e-3  # a jump in the gradient's integrand costs a cell as fine as the value needs it
STENCIL = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}  # of fourth order
FLAT = "renyi(alpha=0)"  # 0 for all pairs of the same support
DRAWN = (
    "kl",
    "jensen_shannon",
    "total_variation",
    "hellinger",
    "chi2",
    "renyi(alpha=0.5)",
    "alpha(alpha=1.4)",
    "gamma(gamma=0.5)",
    "squared_l2",
    "cosine",
)
TABLE = [
    row
    for row in rows(pairs=[PAIR[name] for name in ("coins", "poissons", "normals", "betas")])
    if row.values[1].is_finite(row.values[0])
] + [
    row
    for row in rows(
        ("kl", "jensen_shannon", "renyi(alpha=0.5)", "squared_hellinger", "squared_l2"),
        [PAIR[name] for name in ("mixture-normal", "gamma-lognormal", "uniform-normal", "planes")],
    )
    if row.values[0] == "kl" or row.values[1].id != "planes"
]


def finite_differences(divergence, pair, estimator):
    """The derivative in each number of each parameter, by one batched call."""
    leaves = [leaf.detach() for leaf in pair.leaves()]
    flat = torch.cat([leaf.reshape(-1) for leaf in leaves])
    moves = torch.eye(len(flat), dtype=flat.dtype) * STEP
    moved = torch.cat([flat + offset * moves for offset in STENCIL])
    columns = moved.split([leaf.numel() for leaf in leaves], -1)
    values = [
        column.reshape(len(moved), *leaf.shape)
        for column, leaf in zip(columns, leaves, strict=True)
    ]
    found = kldiv.divergence(*pair.members(*values), divergence, estimator=estimator).value
    weights = torch.tensor(list(STENCIL.values()), dtype=flat.dtype)
    return weights @ found.reshape(len(STENCIL), -1) / STEP


@pytest.mark.parametrize(("divergence", "pair"), TABLE)
def test_the_gradient_is_that_of_finite_differences(divergence, pair):
    for estimator in estimators_of(*pair.members(), divergence):
        if estimator == "monte_carlo":
            continue
        leaves = pair.leaves()
        value = kldiv.divergence(*pair.members(*leaves), divergence, estimator=estimator).value
        if not value.requires_grad:
            assert divergence == FLAT
            continue
        found = torch.cat([each.reshape(-1) for each in torch.autograd.grad(value, leaves)])
        expected = finite_differences(divergence, pair, estimator)
        kinked = divergence.startswith(KINKED) and not pair.discrete
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=KINK if kinked else 1e-6)
        flat = divergence == FLAT or (divergence, pair.id) == ("hockey_stick(gamma=1.7)", "coins")
        assert bool(expected.abs().max() > 1e-3) is not flat


@pytest.mark.parametrize("divergence", DRAWN)
@pytest.mark.parametrize("name", ["poissons", "normals"])
def test_the_mean_gradient_of_monte_carlo_is_the_exact_one(divergence, name):
    pair, repeats = PAIR[name], 50
    copies = [leaf.detach().expand(repeats).clone().requires_grad_() for leaf in pair.leaves()]
    estimator = kldiv.MonteCarlo(samples=2_000)
    value = kldiv.divergence(*pair.members(*copies), divergence, estimator=estimator, seed=3).value
    found = torch.stack(torch.autograd.grad(value.sum(), copies))
    leaves = pair.leaves()
    exact = kldiv.divergence(*pair.members(*leaves), divergence).value
    expected = torch.stack(torch.autograd.grad(exact, leaves))
    stderr = found.std(1) / repeats**0.5
    assert ((found.mean(1) - expected).abs() <= 5 * stderr + 1e-3 * expected.abs()).all()


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize("name", ["coins", "normals", "planes"])
def test_the_gradient_vanishes_where_the_two_are_equal(divergence, name):
    if divergence.startswith(("total_variation", "hockey_stick", "renyi(alpha=inf)")):
        return  # a kink is there
    if divergence == "fisher" and PAIR[name].discrete:
        return  # integers have no scores
    p, _ = PAIR[name].members()
    leaves = PAIR[name].leaves()[: len(PAIR[name].params_p)]
    q = PAIR[name].make_p(*leaves)
    value = kldiv.divergence(p, q, divergence).value
    if value.requires_grad:
        for gradient in torch.autograd.grad(value, leaves):
            assert (gradient.abs() <= 1e-10).all()
