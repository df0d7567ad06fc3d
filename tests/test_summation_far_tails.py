"""A series is told from a divergent one by its own terms, far out."""

import math

import pytest
import torch

from kldiv.estimators.summation.far_tails import look_far
from kldiv.estimators.summation.half_lines import HalfLine

INF = math.inf


def line(count=INF):
    origin = torch.zeros(1, dtype=torch.float64)
    none = torch.zeros((0, 1), dtype=torch.float64)
    return HalfLine(origin, 1, origin + count, (), none, none, 1)


def far(log_term, count=INF, *, everywhere=True):
    """What is seen of terms with a given logarithm of k."""

    def terms(x, log_weight):
        values = (log_term(x.clamp_min(1)) + log_weight).exp().unsqueeze(0)
        return values, torch.zeros_like(values)

    return look_far(terms, line(count), 5, everywhere=everywhere)


TAILS = [
    (lambda k: -k.log(), True),
    (lambda k: -0.99 * k.log(), True),
    (lambda k: -1.02 * k.log(), False),
    (lambda k: -k.log() + k.log().log(), True),
    (lambda k: -k.log() - k.log().log(), True),  # Σ 1 / (k log k)
    (lambda k: -k.log() - 2 * k.log().log(), False),  # Σ 1 / (k log² k)
    (lambda k: 0 * k, True),
    (lambda k: k, True),
    (lambda k: -k, False),
    (lambda k: -(k + 1).lgamma(), False),
]


@pytest.mark.parametrize(("log_term", "diverges"), TAILS, ids=range(len(TAILS)))
def test_it_diverges_where_the_theory_of_series_says_so(log_term, diverges):
    floor = torch.full((1, 1), 1e-19, dtype=torch.float64)
    found, _ = far(log_term).tail(5, floor)
    assert bool(found) is diverges


def test_what_is_beyond_is_within_the_bound():
    floor = torch.full((1, 1), 1e-19, dtype=torch.float64)
    seen = far(lambda k: -1.01 * k.log())
    _, bound = seen.tail(seen.end, floor)
    # ∫ x^-1.01 from 16 · 2^991 on
    truth = 100 * math.exp(-0.01 * 995 * math.log(2))
    assert float(bound) == pytest.approx(truth, rel=1e-10)
    _, light = far(lambda k: -2 * k.log()).tail(20, floor)
    assert 1 / (16 * 2**19) <= float(light) <= 1e3 / (16 * 2**19)


def test_growth_after_a_minimum_below_all_numbers_is_seen():
    seen = far(lambda k: (k + 1).lgamma() - k * math.log(1e12))
    assert bool(seen.tail(5, torch.full((1, 1), 1e-19, dtype=torch.float64))[0])


def test_it_looks_no_farther_than_asked_nor_than_the_end():
    assert far(lambda k: -k).end == 992
    assert far(lambda k: -k, everywhere=False).end == 49
    assert far(lambda k: -k, count=5_000.0).end == 9  # 16 · 2^8 = 4096
    assert far(lambda k: -k, count=100.0).runs == []
    floor = torch.zeros((1, 1), dtype=torch.float64)
    diverges, bound = far(lambda k: -k, count=100.0).tail(3, floor)
    assert (bool(diverges), float(bound)) == (False, 0)


def test_the_last_run_that_counts_is_one_past_the_last_that_is_seen():
    floor = torch.full((1, 1), 1e-10, dtype=torch.float64)
    # 2^-(j + 3) > 1e-10 up to j = 30
    assert far(lambda k: -2 * k.log()).last_seen(floor) == 31
    assert far(lambda k: -k - 1e3).last_seen(floor) == -1
