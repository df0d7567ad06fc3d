"""Series are added up to their end, each element of a batch on its own."""

import math

import pytest
import torch

from kldiv.estimators.summation.half_lines import HalfLine
from kldiv.estimators.summation.series import add_up


def of(log_term, *, centre, scale, batch=1, count=math.inf, max_terms=10**6, everywhere=True):
    """The sum of terms with a given logarithm of k, and its error."""
    origin = torch.zeros(batch, dtype=torch.float64)
    line = HalfLine(
        origin,
        1,
        origin + count,
        (),
        torch.as_tensor(centre).double().expand(1, batch),
        torch.as_tensor(scale).double().expand(1, batch),
        16,
    )

    def terms(x, log_weight):
        values = (log_term(x) + log_weight).exp().unsqueeze(0)
        return values, 1e-16 * values

    series = add_up(terms, line, everywhere=everywhere, max_terms=max_terms)
    return terms(series.points, series.weights.log())[0].sum(1).squeeze(0), series


@pytest.mark.parametrize("scale", [3.0, 100.0, 1e5])
def test_a_bell_is_summed_wherever_and_however_wide_it_is(scale):
    centre = 40 * scale
    found, series = of(lambda k: -((k - centre) ** 2) / (2 * scale**2), centre=centre, scale=scale)
    # by Poisson's summation formula the sum is the integral
    truth = scale * math.sqrt(2 * math.pi)
    assert float(found) == pytest.approx(truth, rel=1e-13)
    assert abs(float(found) - truth) <= float(series.errors) + 1e-15 * truth
    assert series.points.shape[0] < 1_500


def test_a_geometric_series_of_a_million_terms():
    log_ratio = math.log1p(-1e-6)
    found, series = of(lambda k: k * log_ratio, centre=1e6, scale=1e6)
    assert float(found) == pytest.approx(1e6, rel=1e-12)
    assert series.points.shape[0] < 1_000


def test_each_element_of_a_batch_has_its_own_runs():
    centres = torch.tensor([50.0, 4e6], dtype=torch.float64)
    scales = centres.sqrt()
    found, _ = of(
        lambda k: -((k - centres) ** 2) / (2 * centres), centre=centres, scale=scales, batch=2
    )
    torch.testing.assert_close(found, scales * math.sqrt(2 * math.pi), rtol=1e-12, atol=0)


def test_rough_terms_are_summed_one_by_one_as_far_as_allowed():
    def rough(k):
        return torch.where(k % 2 == 0, -k / 1e3, -torch.inf)

    truth = 1 / -math.expm1(-2e-3)
    found, series = of(rough, centre=1e3, scale=1e3)
    assert float(found) == pytest.approx(truth, rel=1e-12)
    assert series.points.shape[0] > 20_000
    cut, doubtful = of(rough, centre=1e3, scale=1e3, max_terms=2_000)
    assert 1e-6 * truth < abs(float(cut) - truth) <= float(doubtful.errors)


def test_divergence_is_noticed_also_where_terms_are_looked_at_only_as_far_as_needed():
    for everywhere in (True, False):
        _, series = of(lambda k: -(k + 1).log(), centre=0.0, scale=1.0, everywhere=everywhere)
        assert series.diverges.all()
        _, series = of(lambda k: -2 * (k + 1).log(), centre=0.0, scale=1.0, everywhere=everywhere)
        assert not series.diverges.any()
