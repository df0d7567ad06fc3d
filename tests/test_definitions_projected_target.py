"""Targets that are sums of functions of linear combinations."""

import pytest
import torch

import kldiv

F64 = torch.float64
MATRIX = torch.tensor([[1.0, -1.0], [1.0, 0.5], [1.0, 2.0]], dtype=F64)


def bend(t):
    return -t.square() / 2


def test_its_log_density_is_the_sum_over_all_lines():
    target = kldiv.ProjectedTarget((MATRIX, torch.nn.functional.logsigmoid), (torch.eye(2), bend))
    w = torch.tensor([[0.3, -0.2], [1.0, 2.0]], dtype=F64)
    expected = torch.nn.functional.logsigmoid(w @ MATRIX.T).sum(-1) - w.square().sum(-1) / 2
    torch.testing.assert_close(target.log_prob(w), expected)
    assert tuple(target.event_shape) == (2,)
    assert repr(target) == "ProjectedTarget(3 rows, 2 rows, event_shape=(2,))"


@pytest.mark.parametrize(
    ("terms", "error", "message"),
    [
        ((), kldiv.InvalidArgument, "at least one pair"),
        (((MATRIX, 1.0),), kldiv.InvalidType, "a matrix and a function of A w, got 1.0"),
        ((([1.0, 2.0], bend),), kldiv.ShapeMismatch, r"of shape \(N, D\)"),
        (((MATRIX, bend), ([[1.0]], bend)), kldiv.ShapeMismatch, "as many columns"),
    ],
)
def test_what_is_no_such_target_is_refused(terms, error, message):
    with pytest.raises(error, match=message):
        kldiv.ProjectedTarget(*terms)
