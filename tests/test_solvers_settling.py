"""A descent has settled when shorter steps do not help any more."""

import torch

from kldiv.solvers.settling import Settling


def looks(settling, losses):
    """How many losses it takes in until it has settled, or ``None``."""
    for number, loss in enumerate(losses, 1):
        if settling.look(torch.tensor([loss], dtype=torch.float64)):
            return number
    return None


def test_a_loss_that_falls_has_not_settled():
    groups = [{"lr": 0.1}]
    falling = [5 * 0.999**step for step in range(1000)]
    assert looks(Settling(groups, window=10), falling) is None
    assert groups == [{"lr": 0.1}]


def test_a_loss_that_stands_still_has_settled_after_the_rate_was_cut_so_many_times():
    groups = [{"lr": 1.0}]
    assert looks(Settling(groups, window=10, factor=0.5, times=3), [2.0] * 100) == 50
    assert groups[0]["lr"] == 0.5**4


def test_noise_is_not_taken_for_progress():
    noise = torch.randn(600, generator=torch.Generator().manual_seed(0)).tolist()
    assert looks(Settling([{"lr": 1.0}], window=50, times=5), noise) <= 500


def test_progress_beyond_the_noise_goes_on_at_the_same_rate():
    groups = [{"lr": 1.0}]
    noise = torch.randn(500, generator=torch.Generator().manual_seed(0)).tolist()
    looks(Settling(groups, window=50), [each - 0.05 * k for k, each in enumerate(noise)])
    assert groups == [{"lr": 1.0}]


def test_a_loss_that_is_no_number_is_no_progress():
    assert looks(Settling([{"lr": 1.0}], window=5, times=1), [float("nan")] * 50) == 10
