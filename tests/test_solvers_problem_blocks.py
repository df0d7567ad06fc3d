"""Problems in blocks end where they end together."""

import pytest
import torch

from torch.distributions import Categorical, Gamma, MixtureSameFamily, Normal

import kldiv

from kldiv.solvers import problem_blocks

F64 = torch.float64


def several(*batch):
    generator = torch.Generator().manual_seed(5)
    loc = 2 * torch.randn(*batch, 2, generator=generator, dtype=F64)
    scale = 0.5 + torch.rand(*batch, 2, generator=generator, dtype=F64)
    return MixtureSameFamily(
        Categorical(torch.full((*batch, 2), 0.5, dtype=F64)), Normal(loc, scale)
    )


def fitted(target, family, divergence, **options):
    return kldiv.fit(target, family, divergence, starts=2, solver="quasi_newton", **options)


CASES = [
    (several(2, 3), "normal", "squared_hellinger", "forward"),
    (several(5), "normal", "renyi(alpha=0.5)", "reverse"),
    (Gamma(torch.tensor([1.5, 3.0, 9.0], dtype=F64), 2.0), "lognormal", "kl", "reverse"),
]


@pytest.mark.parametrize(("target", "family", "divergence", "direction"), CASES)
def test_blocks_change_no_answer(monkeypatch, target, family, divergence, direction):
    whole = fitted(target, family, divergence, direction=direction)
    monkeypatch.setattr(problem_blocks, "_ROWS", 4)
    found = fitted(target, family, divergence, direction=direction)
    assert found.converged
    assert whole.converged
    assert found.divergence.value.shape == target.batch_shape
    torch.testing.assert_close(
        found.divergence.value, whole.divergence.value, rtol=1e-7, atol=1e-9
    )
    for name, value in found.parameters.items():
        torch.testing.assert_close(value, whole.parameters[name], rtol=1e-4, atol=1e-4)
    assert [len(each) for each in found.optima] == [len(each) for each in whole.optima]
    assert found.diagnostics["signature"].shape == (*target.batch_shape, 2)


def test_a_callback_sees_all_problems_and_ends_all_blocks(monkeypatch):
    monkeypatch.setattr(problem_blocks, "_ROWS", 4)
    seen = []

    def stop(step):
        seen.append(step.loss.shape)
        return step.index == 2

    with pytest.warns(kldiv.ConvergenceWarning, match="the callback stopped it at step 2"):
        fitted(several(2, 3), "normal", "squared_hellinger", callback=stop)
    assert seen == [(2, 2, 3)] * 3


@pytest.mark.parametrize(
    ("target", "family"),
    [
        (several(4), kldiv.Family.of(Normal, scale=torch.tensor([1.0, 2.0, 3.0, 4.0]).double())),
        (kldiv.Target(lambda x: -((x - torch.arange(4.0, dtype=F64)) ** 4)), "normal"),
    ],
    ids=["parameters held with a batch", "a function of all problems"],
)
def test_what_cannot_be_taken_apart_is_fitted_as_a_whole(monkeypatch, target, family):
    whole = fitted(target, family, "squared_hellinger")
    monkeypatch.setattr(problem_blocks, "_ROWS", 4)
    found = fitted(target, family, "squared_hellinger")
    assert torch.equal(found.parameters["loc"], whole.parameters["loc"])
