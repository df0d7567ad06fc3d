"""Options of estimators are checked where the estimator is made."""

import numpy as np
import pytest
import torch

import kldiv

from kldiv.estimators.options import check_count, check_tolerance


@pytest.mark.parametrize("value", ["100", 100.0, None, [100]])
def test_a_count_is_an_integer(value):
    with pytest.raises(kldiv.InvalidType, match="samples must be an integer"):
        kldiv.MonteCarlo(samples=value)


@pytest.mark.parametrize("value", [100, np.int64(100)])
def test_a_count_may_be_any_integer(value):
    check_count("samples", value, 100)
    with pytest.raises(kldiv.InvalidArgument, match="at least 101, got 100"):
        check_count("samples", value, 101)


@pytest.mark.parametrize("value", ["1e-6", [1e-6], object()])
def test_a_tolerance_is_a_number(value):
    with pytest.raises(kldiv.InvalidType, match="rtol must be a number"):
        kldiv.Quadrature(rtol=value)


@pytest.mark.parametrize("value", [1e-6, np.float32(1e-6), torch.tensor(1e-6)])
def test_a_tolerance_may_be_any_number_in_range(value):
    check_tolerance("rtol", value)


@pytest.mark.parametrize("value", [0.0, 1.0, -1e-6, float("nan")])
def test_a_relative_tolerance_is_between_0_and_1(value):
    with pytest.raises(kldiv.InvalidArgument, match="rtol must be between 0 and 1"):
        kldiv.Sum(rtol=value)


def test_an_absolute_tolerance_may_be_0_or_large_but_not_negative():
    check_tolerance("atol", 0, relative=False)
    check_tolerance("atol", 7.0, relative=False)
    with pytest.raises(kldiv.InvalidArgument, match="atol must not be negative"):
        check_tolerance("atol", -1e-9, relative=False)
