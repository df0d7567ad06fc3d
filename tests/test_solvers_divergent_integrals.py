"""What is known of integrals that diverge holds for the same members and those beside them."""

import torch

from kldiv.solvers.divergent_integrals import DivergentIntegrals

F64 = torch.float64
LOG_Q = torch.tensor([[0.0, -1.0], [-torch.inf, -2.0], [300.0, -3.0]], dtype=F64)
KNOWN = DivergentIntegrals(torch.tensor([[True, False], [False, False]]), LOG_Q)


def test_sums_of_divergent_integrals_are_infinite():
    sums = [torch.tensor([1e9, 2.0], dtype=F64), torch.tensor([3.0, 4.0], dtype=F64)]
    first, second = KNOWN.told(sums)
    assert first.tolist() == [torch.inf, 2.0]
    assert second.tolist() == [3.0, 4.0]


def test_members_far_from_those_it_is_known_of_are_in_doubt_where_an_integral_diverged():
    doubts = torch.tensor([[3.0, 4.0], [5.0, 6.0]], dtype=F64)
    for moved, doubt in ((0.0, 0.0), (5e-3, 0.0), (0.5, torch.inf)):
        unseen, gaps = KNOWN.doubted(*doubts, LOG_Q + moved)
        assert unseen.tolist() == [doubt, 4.0]
        assert gaps.tolist() == [0.0, 6.0]


def test_slopes_are_kept_where_all_integrals_are_finite():
    log_q = torch.full((3, 2), 800.0, dtype=F64, requires_grad=True)
    held = KNOWN.held(log_q)
    (slope,) = torch.autograd.grad((0 * held[:, 0].exp() + held[:, 1]).sum(), log_q)
    assert slope.tolist() == [[0.0, 1.0]] * 3


def test_it_serves_members_with_more_dimensions_in_front():
    wide = KNOWN.widened(1)
    ones = torch.ones(5, 2, dtype=F64)
    unseen, _ = wide.doubted(ones, ones, LOG_Q.unsqueeze(1).expand(3, 5, 2))
    assert unseen.tolist() == [[0.0, 1.0]] * 5
    assert wide.told([ones, ones])[0].isinf().tolist() == [[True, False]] * 5
