"""Any torch module that returns a distribution is a family, moved by its own parameters."""

import math

import pytest
import torch

from torch import nn
from torch.distributions import (
    Distribution,
    Independent,
    Normal,
    TransformedDistribution,
    constraints,
)
from torch.distributions.transforms import SigmoidTransform

import kldiv

from kldiv.definitions.module_family import ModuleFamily
from kldiv.definitions.place import Place

F64 = torch.float64


class Bell(nn.Module):
    """A normal distribution, whose scale is positive by its own means."""

    def __init__(self, dtype=F64):
        super().__init__()
        self.middle = nn.Parameter(torch.zeros((), dtype=dtype))
        self.log_width = nn.Parameter(torch.zeros((), dtype=dtype))

    def forward(self):
        return Normal(self.middle, self.log_width.exp())


class Squashed(Bell):
    """A logit-normal distribution: a flow of one layer."""

    def forward(self):
        return TransformedDistribution(super().forward(), [SigmoidTransform()])


class Vector(nn.Module):
    """Independent normals, their parameters in a submodule."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2, dtype=F64)

    def forward(self):
        scale = self.layer.weight.diagonal().exp()
        return Independent(Normal(self.layer.bias, scale), 1)


class Asked(Distribution):
    """A distribution whose location a module is asked for at each evaluation."""

    arg_constraints, support, has_rsample = {}, constraints.real, True

    def __init__(self, module):
        self.module = module
        super().__init__()

    def log_prob(self, x):
        return Normal(self.module(torch.ones(1, dtype=F64)).squeeze(-1), 1.0).log_prob(x)


class Late(nn.Module):
    """A module that gives its submodule away, as flows do."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False, dtype=F64)

    def forward(self):
        return Asked(self.layer)


class Fragile(nn.Module):
    """A normal distribution that leaves its domain where its scale is not positive."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5, dtype=F64))

    def forward(self):
        return Normal(torch.zeros((), dtype=F64), self.scale)


def test_the_parameters_are_those_of_the_module_without_constraints():
    family = ModuleFamily(Vector())
    assert {name: item.shape for name, item in family.declare(1).items()} == {
        "layer.weight": (2, 2),
        "layer.bias": (2,),
    }
    assert all(item.constraint is constraints.real for item in family.declare(1).values())
    assert (family.space.size, family.name) == (6, "Vector")


def test_it_begins_at_the_present_parameters_of_the_module():
    module = Bell()
    module.middle.data.fill_(3.0)
    family = ModuleFamily(module)
    assert family.present().tolist() == [3, 0]
    assert family().loc.tolist() == 3
    assert [
        {name: float(value) for name, value in start.items()} for start in family.starts([], None)
    ] == [{"middle": 3, "log_width": 0}]


def test_a_member_at_other_parameters_leaves_the_module_alone():
    module = Bell()
    member = ModuleFamily(module).at(torch.tensor([2.0, math.log(3.0)], dtype=F64))
    assert (float(member.loc), float(member.scale)) == pytest.approx((2, 3))
    assert float(module().loc.detach()) == 0


def test_gradients_reach_the_real_vector():
    theta = torch.tensor([2.0, 0.0], dtype=F64, requires_grad=True)
    value = ModuleFamily(Bell()).at(theta).log_prob(torch.tensor(5.0, dtype=F64))
    (slope,) = torch.autograd.grad(value, theta)
    assert slope.tolist() == pytest.approx([3, 8])


def test_gradients_reach_it_through_a_module_that_is_asked_later():
    theta = torch.tensor([2.0], dtype=F64, requires_grad=True)
    module = Late()
    before = module.layer.weight.clone()
    (slope,) = torch.autograd.grad(
        ModuleFamily(module).at(theta).log_prob(torch.tensor(5.0, dtype=F64)), theta
    )
    assert slope.tolist() == pytest.approx([3])
    assert torch.equal(module.layer.weight, before)


def test_after_a_fit_the_family_stands_where_the_fit_ended():
    module = Bell()
    found = kldiv.fit("normal(loc=2.0, scale=3.0)", module)
    assert found.family().loc.item() == pytest.approx(2)
    assert found.family.values()["middle"].item() == pytest.approx(2)
    assert found.family.present().tolist() == pytest.approx([2, math.log(3)])
    assert module().loc.item() == 0


def test_two_fits_of_one_family_do_not_share_their_ends():
    family = ModuleFamily(Bell())
    first, second = (kldiv.fit(f"normal(loc={loc})", family) for loc in (2.0, -1.0))
    assert first.family().loc.item() == pytest.approx(2)
    assert second.family().loc.item() == pytest.approx(-1)
    assert family().loc.item() == 0


def test_a_module_is_fitted_to_a_target():
    module = Bell()
    found = kldiv.fit("bimodal", module)
    assert found.converged
    assert found.parameters["middle"].item() == pytest.approx(2.5, abs=1e-6)
    assert found.parameters["log_width"].item() == pytest.approx(math.log(57.25) / 2, abs=1e-6)
    assert module.middle.tolist() == 0


def test_a_module_of_vectors_is_fitted_to_samples():
    points = torch.randn(400, 2, generator=torch.Generator().manual_seed(0)) * 2 + 5
    found = kldiv.fit(points, Vector())
    # the maximum likelihood of independent normals is the mean and the deviation
    mean = points.double().mean(0)
    assert torch.allclose(found.parameters["layer.bias"].double(), mean, atol=1e-5)


def test_a_flow_is_fitted_by_its_density():
    target = TransformedDistribution(
        Normal(torch.tensor(0.3, dtype=F64), 0.5), [SigmoidTransform()]
    )
    found = kldiv.fit(target, Squashed())
    assert found.parameters["middle"].item() == pytest.approx(0.3, abs=1e-6)
    assert float(found.divergence) == pytest.approx(0, abs=1e-12)


def test_a_module_in_float32_is_fitted_in_its_own_precision():
    found = kldiv.fit(Normal(torch.tensor(1.0), torch.tensor(2.0)), Bell(torch.float32))
    assert found.parameters["middle"].item() == pytest.approx(1.0, abs=1e-3)
    assert found.parameters["middle"].dtype == torch.float32


def test_parameters_at_which_there_is_no_distribution_are_an_error_of_their_own():
    with pytest.raises(kldiv.NotFinite, match="Fragile has no distribution at"):
        ModuleFamily(Fragile()).at(torch.tensor([-1.0], dtype=F64))


def test_a_fit_does_not_step_where_there_is_no_distribution():
    found = kldiv.fit(Normal(torch.zeros((), dtype=F64), 0.01), Fragile())
    assert found.parameters["scale"].item() == pytest.approx(0.01, rel=1e-5)


def test_a_module_that_returns_no_distribution_is_refused():
    class Wrong(nn.Module):
        def forward(self):
            return 3.0

    with pytest.raises(
        kldiv.InvalidType, match=r"Wrong\.forward\(\) must return a torch distr.*3"
    ):
        kldiv.fit("normal", Wrong())


def test_a_module_of_another_event_shape_is_refused():
    with pytest.raises(
        kldiv.ShapeMismatch, match=r"Vector has events of shape \(2,\), the target"
    ):
        kldiv.fit("normal", Vector())


def test_a_module_can_be_evaluated_against_a_target_too():
    found = kldiv.divergence(Normal(torch.ones((), dtype=F64), 1.0), Bell())
    assert float(found) == pytest.approx(0.5)
    assert isinstance(Bell()(), Distribution)


def test_a_place_does_not_move_a_module():
    family = ModuleFamily(Bell())
    start = family.from_place(Place(torch.ones((), dtype=F64), torch.ones((), dtype=F64)))
    assert {name: float(value) for name, value in start.items()} == {"middle": 0, "log_width": 0}


def test_a_module_that_needs_a_context_is_refused_with_the_remedy():
    with pytest.raises(kldiv.InvalidType, match=r"Linear does not return .* holds its context"):
        kldiv.fit("normal", nn.Linear(1, 1))
