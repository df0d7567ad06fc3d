"""Weights of replicates take out what a quantity of known mean tells, without a bias."""

import torch

from kldiv.estimators.sampling.control_variates import adjusted, is_lumped, is_strained, weights_of


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def test_the_slope_is_that_of_the_other_replicates():
    means, controls = normal(12, 3), normal(12, 3, seed=1)
    for r in range(12):
        others = [s for s in range(12) if s != r]
        h, c = means[others], controls[others]
        gap = c - c.mean(0)
        slope = (h * gap).sum(0) / gap.square().sum(0)
        expected = means[r] - slope * controls[r]
        torch.testing.assert_close(adjusted(means[None], controls)[0][r], expected)


def test_the_weights_make_the_mean_of_the_adjusted_values():
    means, controls = normal(32, 200), normal(32, 200, seed=1)
    weights = weights_of(controls)
    torch.testing.assert_close(weights.sum(0), torch.ones(200, dtype=torch.float64))
    torch.testing.assert_close(
        (weights * means).sum(0), adjusted(means[None], controls)[0].mean(0)
    )


def test_what_follows_the_control_loses_its_noise_and_keeps_its_mean():
    controls = normal(16, 3_000)
    means = 5 + 2 * controls + 0.1 * normal(16, 3_000, seed=1)
    found = (weights_of(controls) * means).sum(0)
    assert float(found.std()) < 0.03  # 0.5 before, 0.1 / √16 at best
    assert abs(float(found.mean()) - 5) <= 4 * float(found.std()) / 3_000**0.5


def test_without_a_control_or_with_few_replicates_all_weigh_the_same():
    still = torch.zeros(16, 2, dtype=torch.float64)
    assert (weights_of(still) == 1 / 16).all()
    assert torch.equal(adjusted(normal(16, 2)[None], still)[0], normal(16, 2))
    assert (weights_of(normal(7, 2)) == 1 / 7).all()
    assert torch.equal(adjusted(normal(7, 2)[None], normal(7, 2, seed=1))[0], normal(7, 2))


def test_a_slope_is_not_used_far_from_where_it_was_found():
    controls = 1e-3 * normal(32, 2)
    controls[0, 1] = 1.0
    slopes_by_chance = weights_of(controls - controls.mean(0))
    assert (slopes_by_chance[:, 0] != 1 / 32).all()
    assert (slopes_by_chance[:, 1] == 1 / 32).all()


def test_a_mean_that_its_spread_cannot_explain_is_strain():
    controls = 1e-3 * normal(32, 3)
    controls[:, 1] += 0.1  # what would make up for it was met by no replicate
    controls[:, 2] = 0.1
    assert is_strained(controls).tolist() == [False, True, True]
    assert (weights_of(controls)[:, 1:] == 1 / 32).all()
    assert not is_strained(torch.zeros(32, 1)).any()
    assert int(is_strained(normal(8, 10_000)).sum()) <= 20


def test_controls_in_lumps_are_told_from_those_that_scatter():
    controls = 1e-3 * normal(32, 3)
    controls[::5, 1] += 1  # a jump that some replicates met
    controls[:, 2] = 0
    assert is_lumped(controls).tolist() == [False, True, False]
    assert int(is_lumped(normal(32, 10_000)).sum()) == 0
