"""How often the density of a target is asked."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import kldiv

from kldiv.definitions.tally import Tally, tallied


class Counting:
    """A log density that counts the points it is asked at."""

    def __init__(self, log_prob, event_shape=()):
        self.log_prob, self.event_shape, self.points = log_prob, event_shape, 0

    def __call__(self, x):
        self.points += x.shape[: x.ndim - len(self.event_shape)].numel()
        return self.log_prob(x)

    @property
    def target(self):
        return kldiv.Target(self, event_shape=self.event_shape)


def two_bells(x):
    return torch.logaddexp(-(x + 2).square() / 2, -(x - 2).square() / 2)


def power(x):
    return -3 * torch.log1p(x.square() / 5)


def kink(x):
    return -x.abs()


def banana(x):
    return -x[..., 0].square() / 2 - 2 * (x[..., 1] - x[..., 0].square() / 2).square()


def cup(x):
    return -x.square().sum(-1) / 2 - 0.1 * x.square().square().sum(-1)


FITS = {
    "moments of a smooth density": (two_bells, (), "normal", "kl", "forward"),
    "moments where tails are powers": (power, (), "normal", "kl", "forward"),
    "moments of vectors": (banana, (2,), "full_normal", "kl", "forward"),
    "nodes that move": (two_bells, (), "normal", "kl", "reverse"),
    "nodes that do not suit a kink": (kink, (), "normal", "kl", "reverse"),
    "nodes that move in the plane": (banana, (2,), "diagonal_normal", "kl", "reverse"),
    "rules": (two_bells, (), "laplace", "jensen_shannon", "forward"),
    "draws": (cup, (5,), "diagonal_normal", "kl", "reverse"),
}


@pytest.mark.filterwarnings("ignore::kldiv.ConvergenceWarning")
@pytest.mark.parametrize("name", FITS)
def test_a_fit_counts_every_point_at_which_the_density_was_asked(name):
    log_prob, event_shape, family, divergence, direction = FITS[name]
    density = Counting(log_prob, event_shape)
    found = kldiv.fit(density.target, family, divergence, direction=direction, seed=1)
    gradients = len(found.history) * 200
    assert found.history.evaluations[0] > 0
    # a single point is asked before: it tells shape and type
    assert density.points - 1 <= found.evaluations <= density.points + gradients


def test_only_values_of_its_own_target_are_counted():
    target, other = (Counting(two_bells).target for _ in range(2))
    tally = Tally(target)
    with tallied(tally):
        target.log_prob(torch.zeros(7, dtype=torch.float64))
        other.log_prob(torch.zeros(100, dtype=torch.float64))
    target.log_prob(torch.zeros(1000, dtype=torch.float64))
    assert tally.values == 7


def test_fits_in_several_threads_count_for_themselves():
    target = Counting(two_bells).target
    kldiv.fit(target, "normal", direction="reverse")
    alone = kldiv.fit(target, "normal", direction="reverse").evaluations
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(kldiv.fit, target, "normal", direction="reverse") for _ in range(4)]
    assert {each.result().evaluations for each in fits} == {alone}


def test_problems_of_a_batch_share_what_was_asked():
    loc = torch.tensor([-1.0, 0.0, 3.0], dtype=torch.float64)
    density = Counting(lambda x: -(x - loc).square() / 2)
    found = kldiv.fit(density.target, "normal", direction="reverse")
    assert 100 < found.evaluations <= density.points
