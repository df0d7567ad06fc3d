"""Randomness follows a seed and leaves torch's generators as they were."""

import pytest
import torch

from kldiv.definitions.randomness import as_seed, seeded
from kldiv.errors import InvalidArgument, InvalidType


def test_draws_in_a_block_follow_its_seed():
    with seeded(3):
        first = torch.randn(4)
    with seeded(3):
        second = torch.randn(4)
    with seeded(4):
        third = torch.randn(4)
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_the_global_state_is_put_back_even_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), seeded(3):
        float(torch.randn(())) / 0
    assert torch.equal(torch.get_rng_state(), before)


def test_a_number_is_its_own_seed():
    assert as_seed(17) == 17


def test_a_generator_gives_seeds_that_repeat_when_it_does():
    def seeds():
        generator = torch.Generator().manual_seed(5)
        return [as_seed(generator), as_seed(generator)]

    first, second = seeds()
    assert first != second
    assert seeds() == [first, second]


def test_no_seed_is_a_new_seed_each_time():
    assert len({as_seed(None) for _ in range(20)}) == 20


@pytest.mark.parametrize("seed", ["seven", 1.5, True])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(InvalidType, match=r"seed must be an integer, a torch\.Generator or None"):
        as_seed(seed)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(InvalidArgument, match=f"between 0 and .*, got {seed}"):
        as_seed(seed)
