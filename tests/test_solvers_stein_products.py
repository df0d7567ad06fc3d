"""By Stein's identity gradients give the products that second derivatives give."""

import pytest
import torch

from kldiv.estimators.sampling.moving import normal_points
from kldiv.solvers.stein_products import SteinProducts

F64 = torch.float64
SIZE = 3
ROOT = torch.tensor([[0.5, 0.0, 0.0], [0.2, 0.4, 0.0], [-0.1, 0.3, 0.6]], dtype=F64)
SHIFT = torch.tensor([0.3, -0.2, 0.5], dtype=F64)
CHANGE = torch.tensor([[0.4, 0.0, 0.0], [-0.3, 0.1, 0.0], [0.2, 0.5, -0.2]], dtype=F64)


def log_p(x):
    return -(x.square() + (1.5 * x).cos()).sum(-1) - x[..., 0] * x[..., 1].tanh()


def products(root):
    """At two equal members with the mean 0."""
    nodes = normal_points(1 << 14, SIZE, 0)
    matrix = root if root.ndim == 2 else root.diag()
    x = (nodes @ matrix.mT).unsqueeze(1).expand(-1, 2, -1).clone().requires_grad_()
    (slopes,) = torch.autograd.grad(log_p(x).sum(), x)
    return SteinProducts(slopes, nodes, root.expand(2, *root.shape))


def bent(root, shift, change):
    """The change of the gradient with a step."""
    nodes, step = normal_points(1 << 14, SIZE, 0), torch.cat([shift, change.flatten()])

    def loss(step):
        shift, matrix = step[:SIZE], step[SIZE:].reshape(SIZE, SIZE)
        velocity = shift + nodes @ torch.linalg.matrix_exp(matrix).mT
        return -log_p(velocity @ root.mT).mean() - matrix.trace()

    zero = torch.zeros_like(step)
    _, found = torch.autograd.functional.hvp(loss, zero, step)
    return found[:SIZE], found[SIZE:].reshape(SIZE, SIZE)


def test_the_products_are_those_of_the_second_derivatives():
    found = products(ROOT).times(SHIFT.expand(2, -1), CHANGE.expand(2, -1, -1))
    for one, other in zip(found, bent(ROOT, SHIFT, CHANGE), strict=True):
        torch.testing.assert_close(one, other.expand_as(one), rtol=0, atol=0.02)


def test_those_of_members_without_correlations_are_the_diagonal_part():
    scale, change = ROOT.diagonal(), CHANGE.diagonal()
    found = products(scale).times(SHIFT.expand(2, -1), change.expand(2, -1))
    along, across = products(scale.diag()).times(
        SHIFT.expand(2, -1), change.diag().expand(2, 3, 3)
    )
    torch.testing.assert_close(found[0], along)
    torch.testing.assert_close(found[1], across.diagonal(dim1=-2, dim2=-1))


@pytest.mark.parametrize("root", [ROOT, ROOT.diagonal()], ids=["any", "diagonal"])
def test_the_part_of_the_mean_is_the_mean_of_the_hessian(root):
    found = products(root).bend
    matrix = root if root.ndim == 2 else root.diag()
    columns = [
        bent(matrix, shift, torch.zeros_like(CHANGE))[0] for shift in torch.eye(SIZE).double()
    ]
    torch.testing.assert_close(found, torch.stack(columns).expand(2, -1, -1), rtol=0, atol=0.02)
