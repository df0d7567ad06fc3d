"""What is declared symmetric is, what is declared a metric is, and nothing else is by chance."""

import pytest
import torch

from torch.distributions import Normal

import kldiv

from kldiv.resolving import as_divergence
from tests.cases import DIVERGENCES, PAIR, estimators_of

METRICS = [name for name in DIVERGENCES if as_divergence(name).metric]
LOPSIDED = ("coins", "poissons", "normals", "betas")


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_it_is_symmetric_exactly_if_it_says_so(divergence):
    largest = 0.0
    for name in LOPSIDED:
        p, q = PAIR[name].members()
        for estimator in estimators_of(p, q, divergence):
            if estimator == "monte_carlo":
                continue
            there = kldiv.divergence(p, q, divergence, estimator=estimator)
            back = kldiv.divergence(q, p, divergence, estimator=estimator)
            gap = abs(float(there) - float(back))
            if float(there) != float(back):
                largest = max(largest, gap - float(there.error + back.error))
    if divergence == "renyi(alpha=0)":
        assert largest <= 1e-12  # 0 for all of these pairs
    elif as_divergence(divergence).symmetric:
        assert largest <= 1e-12
    else:
        assert largest > 1e-3


@pytest.mark.parametrize("divergence", METRICS)
def test_a_metric_obeys_the_triangle_inequality(divergence):
    generator = torch.Generator().manual_seed(0)
    loc = torch.randn(3, 40, generator=generator, dtype=torch.float64)
    scale = torch.rand(3, 40, generator=generator, dtype=torch.float64) + 0.3
    a, b, c = (Normal(loc[k], scale[k]) for k in range(3))
    ab, bc, ac = (kldiv.divergence(*sides, divergence).value for sides in ((a, b), (b, c), (a, c)))
    assert (ac <= ab + bc + 1e-9).all()
    assert (ac > (ab - bc).abs()).any()


def test_there_are_metrics_in_the_table():
    assert METRICS == ["total_variation", "hockey_stick", "hellinger"]
