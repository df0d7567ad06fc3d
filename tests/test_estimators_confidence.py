"""Student's quantile by its series."""

import pytest
import torch

from scipy import stats

from kldiv.estimators.confidence import DEVIATIONS, students_quantile


@pytest.mark.parametrize("freedom", [6, 10, 30, 1000])
def test_it_is_students_quantile_of_as_many_deviations(freedom):
    truth = stats.t.isf(stats.norm.sf(DEVIATIONS), freedom)
    assert students_quantile(freedom) == pytest.approx(truth, rel=0.03)
    exact = torch.tensor(freedom, dtype=torch.float64)
    assert float(students_quantile(exact)) == pytest.approx(students_quantile(freedom), rel=1e-14)


def test_without_freedom_it_is_infinite():
    assert float(students_quantile(torch.tensor(0.0))) == float("inf")
