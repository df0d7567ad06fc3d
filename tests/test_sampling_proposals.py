"""Which sides are drawn from."""

import pytest
import torch

from torch.distributions import Distribution, Independent, Normal, Uniform

import kldiv

from kldiv.estimators.problem import Problem
from kldiv.estimators.sampling.proposals import Proposals, proposals, why_none
from kldiv.resolving import as_divergence, as_target


class NoSampler(Normal):
    """A normal law of which nobody says how to draw from it."""

    sample = Distribution.sample
    rsample = Distribution.rsample


def bare(*, sampler=False, normalize=True):
    return kldiv.Target(
        lambda x: -x.square() / 2, sample=torch.randn if sampler else None, normalize=normalize
    )


LAW, SILENT = Normal(0.0, 1.0), NoSampler(0.0, 1.0)
TABLE = [
    (LAW, LAW, "kl", (True, True, None)),
    (LAW, SILENT, "kl", (True, False, None)),
    (SILENT, LAW, "total_variation", (False, True, None)),
    (LAW, bare(), "kl", (True, False, -1.0)),
    (LAW, bare(sampler=True), "kl", (True, False, -1.0)),
    (bare(sampler=True), LAW, "kl", (True, False, -1.0)),
    (bare(sampler=True), bare(), "renyi(alpha=0.5)", (True, False, -1.0)),
    (bare(), LAW, "renyi(alpha=0.5)", (False, True, 1.0)),
    (bare(), LAW, "bhattacharyya", (False, True, -0.5)),
    (LAW, bare(), "cosine", (True, False, 0.0)),
    (LAW, bare(normalize=False), "chi2", (True, False, None)),
    (bare(), LAW, "kl", None),
    (LAW, bare(), "jensen_shannon", None),
    (bare(), bare(), "kl", None),
    (SILENT, SILENT, "kl", None),
    (Uniform(0.0, 1.0), SILENT, "total_variation", None),
    (Uniform(0.0, 1.0), SILENT, "kl", None),
    (SILENT, Uniform(0.0, 1.0), "kl", None),
]


@pytest.mark.parametrize(("p", "q", "divergence", "expected"), TABLE, ids=range(len(TABLE)))
def test_what_is_drawn_from(p, q, divergence, expected):
    problem = Problem(as_divergence(divergence), as_target(p, "p"), as_target(q, "q"))
    found = proposals(problem)
    assert found == (None if expected is None else Proposals(*expected))
    reason = why_none(problem)
    assert (reason is None) == (expected is not None)


def test_the_reason_names_what_is_missing():
    def why(p, q, divergence="kl"):
        return why_none(Problem(as_divergence(divergence), as_target(p, "p"), as_target(q, "q")))

    assert why(SILENT, SILENT).startswith("neither p = ")
    assert why(Uniform(0.0, 1.0), SILENT) == (
        "q has no sampler, and draws from p do not reach all of it"
    )
    assert "kldiv.divergence(p, q, 'kl') needs it only up to" in why(LAW, bare(), "chi2")
    cube = Independent(Normal(torch.zeros(3), 1.0), 1)
    assert why(torch.zeros(4, 3), cube) == "p is only samples and has no density"
