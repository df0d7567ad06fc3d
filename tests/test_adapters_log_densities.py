"""Scipy's laws without a log density of their own have one that goes on where theirs ends."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

import kldiv

from kldiv.adapters import as_distribution
from kldiv.adapters.log_densities import _STANDARD
from kldiv.adapters.numpy_distribution import NumpyDistribution

TWO = np.array([0.7, 2.5])  # a batch of two

LAWS = {
    "dlaplace": scipy.stats.dlaplace(TWO, loc=3),
    "foldnorm": scipy.stats.foldnorm(TWO, loc=1.0, scale=2.0),
    "hypsecant": scipy.stats.hypsecant(TWO, 0.3),
    "invweibull": scipy.stats.invweibull(TWO, scale=2.0),
    "jf_skew_t": scipy.stats.jf_skew_t(TWO, 1.5, -1.0, 0.5),
    "johnsonsb": scipy.stats.johnsonsb(-TWO, 1.3, scale=3.0),
    "johnsonsu": scipy.stats.johnsonsu(TWO, 1.3, scale=3.0),
    "levy": scipy.stats.levy(TWO, 2.0),
    "loglaplace": scipy.stats.loglaplace(TWO, scale=0.5),
    "logser": scipy.stats.logser([0.2, 0.9]),
    "moyal": scipy.stats.moyal(TWO, 2.0),
    "norminvgauss": scipy.stats.norminvgauss(TWO, 0.4, scale=2.0),
    "rice": scipy.stats.rice(TWO, scale=4.0),
    "zipf": scipy.stats.zipf([1.5, 4.0], loc=2),
}


def test_every_law_is_tried():
    assert {f"{name}_gen" for name in LAWS} == set(_STANDARD)


@pytest.mark.parametrize("name", LAWS)
def test_the_log_density_is_that_of_scipy_where_scipy_has_one(name):
    frozen = LAWS[name]
    found = as_distribution(frozen, "p")
    discrete = not hasattr(frozen, "logpdf")
    x = np.array([frozen.ppf(share) for share in (1e-4, 0.1, 0.5, 0.8, 0.999)])
    assert isinstance(found, NumpyDistribution)
    known = (frozen.logpmf if discrete else frozen.logpdf)(x)
    np.testing.assert_allclose(found.log_prob(torch.as_tensor(x)), known, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", LAWS)
def test_it_is_a_number_within_the_support_and_minus_infinity_outside(name):
    found = as_distribution(LAWS[name], "p")
    far = found.upper.clamp_max(1e9) - (1e-3 if name == "johnsonsb" else 0)
    inside, beyond = found.log_prob(far), found.log_prob(found.lower.clamp_min(-1e300) - 1)
    assert inside.isfinite().all()
    assert (beyond.isneginf() | found.lower.isneginf()).all()
    if name in ("dlaplace", "logser", "zipf"):
        assert found.log_prob(torch.tensor([4.5])).isneginf().all()


def test_power_laws_of_integers_have_the_divergence_of_their_formula():
    p, q = scipy.stats.zipf(2.5), scipy.stats.zipf(3.5)
    zeta = {a: scipy.special.zeta(a) for a in (2.5, 3.5)}
    k = np.arange(1.0, 3e5)
    log_mean = (k**-2.5 * np.log(k)).sum() / zeta[2.5]
    log_mean += (math.log(k[-1]) / 1.5 + 1 / 1.5**2) * k[-1] ** -1.5 / zeta[2.5]  # the tail
    truth = log_mean + math.log(zeta[3.5] / zeta[2.5])
    assert float(kldiv.divergence(p, q)) == pytest.approx(truth, rel=1e-7)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (scipy.stats.logser(0.9), scipy.stats.logser(0.2)),
        (scipy.stats.planck(0.1), scipy.stats.planck(3.0)),
        (scipy.stats.dlaplace(0.1), scipy.stats.dlaplace(3.0)),
        (scipy.stats.norm(0, 30), scipy.stats.hypsecant()),
        (scipy.stats.genlogistic(2.0), scipy.stats.moyal()),
        (scipy.stats.t(3.0), scipy.stats.jf_skew_t(2.0, 1.5)),
    ],
)
def test_a_divergence_is_finite_where_only_the_density_underflows(p, q):
    found = kldiv.divergence(p, q)
    x = p.rvs(20_000, random_state=np.random.default_rng(5))
    logs = [as_distribution(side, "p").log_prob(torch.as_tensor(x * 1.0)) for side in (p, q)]
    ratio = logs[0] - logs[1]
    assert abs(float(found) - float(ratio.mean())) < 5 * float(ratio.std()) / 141
