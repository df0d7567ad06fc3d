"""A quadratic log density is known from its slope and its Hessian at any point."""

import pytest
import torch

import kldiv

from kldiv.resolving import family_for
from kldiv.solvers.normal_charts import chart_of
from kldiv.solvers.quadratic import Quadratic

F64 = torch.float64
SIZE = 4


def chart(family):
    return chart_of(family_for(family, kldiv.Target(torch.sum, event_shape=(SIZE,))))


def precision(*curvatures):
    generator = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(SIZE, SIZE, generator=generator, dtype=F64))
    return (basis * torch.tensor(curvatures, dtype=F64)) @ basis.mT


def test_it_is_found_from_any_point():
    bend, mean = -precision(1.0, 2.0, 3.0, 4.0), torch.arange(4, dtype=F64)
    loc = torch.randn(3, SIZE, generator=torch.Generator().manual_seed(1), dtype=F64)
    found = Quadratic.of(loc, (loc - mean) @ bend, bend.expand(3, -1, -1))
    torch.testing.assert_close(found.loc, mean.expand(3, -1))
    torch.testing.assert_close(found.factor @ found.factor.mT, -bend.expand(3, -1, -1))
    assert torch.equal(found.factor, found.factor.triu())


@pytest.mark.parametrize("curvatures", [(1.0, -2.0, 3.0, 4.0), (1.0, 0.0, 3.0, 4.0)])
def test_curvatures_are_made_positive(curvatures):
    found = Quadratic.of(torch.zeros(SIZE), torch.zeros(SIZE), -precision(*curvatures))
    values = torch.linalg.eigvalsh(found.precision)
    expected = torch.tensor(curvatures, dtype=F64).abs().clamp_min(4e-8).sort().values
    torch.testing.assert_close(values, expected, rtol=1e-6, atol=1e-12)


def test_the_nearest_members_have_what_they_can_of_the_precision():
    matrix = precision(1.0, 2.0, 3.0, 4.0)
    found = Quadratic.of(torch.zeros(SIZE), torch.zeros(SIZE), -matrix)
    covariances = {
        "full_normal": torch.linalg.inv(matrix),
        "diagonal_normal": torch.diag(1 / matrix.diagonal()),
        "isotropic_normal": torch.eye(SIZE, dtype=F64) / matrix.diagonal().mean(),
    }
    for family, expected in covariances.items():
        root = found.root(chart(family))
        assert torch.equal(root, root.tril())
        torch.testing.assert_close(root @ root.mT, expected)
