"""Charts are those of members that are normal and have the parameters they are called by."""

import pytest
import torch

from torch.distributions import MultivariateNormal, constraints

import kldiv

from kldiv.definitions.parameters import Parameter
from kldiv.solvers.normal_charts import chart_of

F64 = torch.float64


class Vectors(kldiv.Family):
    """Normal vectors by a matrix that is called their covariance, and is one or not."""

    event_dims = 1
    sized = True

    def __init__(self, constraint=constraints.positive_definite, root=False, size=None):
        self.constraint, self.root = constraint, root
        super().__init__(size=size)

    def declare(self, size):
        matrix = Parameter(self.constraint, (size, size))
        return {"loc": Parameter(constraints.real, (size,)), "covariance_matrix": matrix}

    def distribution(self, **parameters):
        loc, matrix = parameters.values()
        if self.root:
            return MultivariateNormal(loc, scale_tril=matrix)
        return MultivariateNormal(loc, matrix)

    def copy(self):
        return type(self)(self.constraint, self.root, self.size)


SHAPES = {
    "isotropic_normal": "isotropic",
    "diagonal_normal": "diagonal",
    "full_normal": "full",
    "full_normal(loc=[1,2,3])": "full",
    "full_normal(covariance_matrix=[[2,1,0],[1,2,1],[0,1,2]])": "full",
    "isotropic_normal(scale=2)": "diagonal",
}


@pytest.mark.parametrize(("name", "shape"), SHAPES.items())
def test_the_members_of_a_chart_are_those_of_its_family(name, shape):
    family = kldiv.families.create(name).fitted_to(torch.Size([3]))
    chart = chart_of(family)
    theta = torch.randn(4, family.space.size, generator=torch.Generator().manual_seed(0)).double()
    loc, root = chart.members(theta)
    assert (chart.size, chart.shape) == (3, shape)
    member = family.at(theta)
    torch.testing.assert_close(loc, member.mean)
    covariance = root @ root.mT
    torch.testing.assert_close(covariance.diagonal(dim1=-2, dim2=-1), member.variance)
    values = family.space.constrain(theta)
    found = chart.parameters(loc, root)
    assert found.keys() == values.keys()
    for each, value in values.items():
        torch.testing.assert_close(found[each], value)


def test_a_family_of_its_own_has_a_chart_where_its_covariance_is_one():
    assert chart_of(Vectors(size=3)).shape == "full"
    assert chart_of(Vectors(constraints.lower_cholesky, root=True, size=3)) is None


@pytest.mark.parametrize("name", ["laplace", "student_t", "low_rank_normal(rank=1)"])
def test_members_that_are_not_normal_have_none(name):
    family = kldiv.families.create(name)
    assert chart_of(family.fitted_to(torch.Size([3] * family.event_dims))) is None
