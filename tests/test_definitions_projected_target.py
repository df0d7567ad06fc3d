"""Targets that are sums of functions of linear combinations."""

import pytest
import torch

import kldiv

F64 = torch.float64
MATRIX = torch.tensor([[1.0, -1.0], [1.0, 0.5], [1.0, 2.0]], dtype=F64)


def bend(t):
    return -t.square() / 2


def two(t, u):
    return -(t - u.square()).square()


def test_its_log_density_is_the_sum_over_all_lines():
    target = kldiv.ProjectedTarget((MATRIX, torch.nn.functional.logsigmoid), (torch.eye(2), bend))
    w = torch.tensor([[0.3, -0.2], [1.0, 2.0]], dtype=F64)
    expected = torch.nn.functional.logsigmoid(w @ MATRIX.T).sum(-1) - w.square().sum(-1) / 2
    torch.testing.assert_close(target.log_prob(w), expected)
    assert tuple(target.event_shape) == (2,)
    assert repr(target) == "ProjectedTarget(3 rows, 2 rows, event_shape=(2,))"


def test_one_row_of_a_matrix_serves_all_rows_of_the_others():
    target = kldiv.ProjectedTarget(([[1.0, 0.0]], MATRIX, two))
    w = torch.tensor([[0.3, -0.2], [1.0, 2.0]], dtype=F64)
    torch.testing.assert_close(target.log_prob(w), two(w[:, :1], w @ MATRIX.T).sum(-1))
    assert repr(target) == "ProjectedTarget(3 rows, event_shape=(2,))"


@pytest.mark.parametrize(
    ("terms", "error", "message"),
    [
        ((), kldiv.InvalidArgument, "at least one term"),
        (((MATRIX, 1.0),), kldiv.InvalidType, "term 0 must be one or more matrices, then a func"),
        (((MATRIX, bend), (bend,)), kldiv.InvalidType, "term 1 must be one or more matrices"),
        ((MATRIX, bend), kldiv.InvalidType, "term 0 must be"),
        ((([1.0, 2.0], bend),), kldiv.ShapeMismatch, r"of the same shape \(N, D\).*got \(2,\)"),
        (((MATRIX, MATRIX[:2], two),), kldiv.ShapeMismatch, r"got \(3, 2\), \(2, 2\)"),
        (((MATRIX, [[1.0]], two),), kldiv.ShapeMismatch, r"got \(3, 2\), \(1, 1\)"),
        (((MATRIX, bend), ([[1.0]], bend)), kldiv.ShapeMismatch, "as many columns"),
        (
            ((MATRIX, lambda t: t.sum(-1)),),
            kldiv.ShapeMismatch,
            r"function of term 0 .* \(2, 3\) where these are, got \(2,\); sum nothing",
        ),
        (((MATRIX, lambda t: 1.0),), kldiv.ShapeMismatch, "got float"),
    ],
)
def test_what_is_no_such_target_is_refused(terms, error, message):
    with pytest.raises(error, match=message):
        kldiv.ProjectedTarget(*terms)
