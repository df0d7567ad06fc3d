"""Results are on the device of what was given, and all that leads to them is computed there."""

import pytest
import torch

from torch.distributions import (
    Beta,
    Binomial,
    Categorical,
    Gamma,
    Geometric,
    Independent,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    Uniform,
)

import kldiv

from tests.pretend_device import pretended

F64 = torch.float64


class Maker:
    """Makes tensors and distributions on a device."""

    def __init__(self, device):
        self.device = device

    def __call__(self, value, dtype=F64):
        return torch.tensor(value, dtype=dtype, device=self.device)

    def normal(self, loc=0.0, scale=1.0):
        return Normal(self(loc), self(scale))

    def laplace(self):
        return Laplace(self(1.0), self(2.0))

    def vector(self, size, scale=1.0):
        root = torch.eye(size, dtype=F64, device=self.device) * scale
        return MultivariateNormal(self([1.0] * size), scale_tril=root)

    def bimodal(self):
        return MixtureSameFamily(Categorical(self([0.3, 0.7])), self.normal([-5.0, 10.0], 1.0))

    def points(self, size):
        generator = torch.Generator().manual_seed(size)
        return torch.randn(200, size, generator=generator, dtype=F64).to(self.device)

    def bare(self):
        two = self(2.0)
        return kldiv.Target(lambda x: -((x - two).abs() ** 3), device=self.device)

    def posterior(self):
        slopes = self([1.0, 2.0, 3.0])

        def log_prob(x):
            return -torch.nn.functional.softplus(slopes * x).sum(-1) - x.square().sum(-1) / 2

        return kldiv.Target(log_prob, event_shape=(3,), device=self.device)


VALUES = {
    "exact": lambda on: (on.normal(), on.normal(1.0, 2.0), "kl"),
    "quadrature": lambda on: (on.normal([0.0, 1.0]), on.laplace(), "jensen_shannon"),
    "total variation": lambda on: (on.normal(), on.laplace(), "total_variation"),
    "chernoff": lambda on: (on.normal(), on.laplace(), "chernoff"),
    "fisher": lambda on: (on.normal(), on.laplace(), "fisher"),
    "renyi": lambda on: (on.normal(), on.laplace(), "renyi(alpha=inf)"),
    "heavy tails": lambda on: (on.normal(), StudentT(on(3.0), on(1.0), on(2.0)), "hellinger"),
    "positive": lambda on: (Gamma(on(2.0), on(1.0)), LogNormal(on(1.0), on(0.5)), "kl"),
    "bounded": lambda on: (
        Beta(on(2.0), on(1.0)),
        Uniform(on(0.0), on(1.0)),
        "squared_hellinger",
    ),
    "counts": lambda on: (Poisson(on(3.0)), Geometric(on(0.2)), "kl"),
    "few counts": lambda on: (Binomial(10, on(0.3)), Poisson(on(3.0)), "total_variation"),
    "categories": lambda on: (
        Categorical(on([0.2, 0.8])),
        Categorical(on([0.5, 0.5])),
        "jensen_shannon",
    ),
    "plane": lambda on: (on.vector(2), on.vector(2, 2.0), "total_variation"),
    "draws": lambda on: (
        on.vector(4),
        Independent(Laplace(on([0.0] * 4), on([1.0] * 4)), 1),
        "kl",
    ),
    "bare": lambda on: (on.bare(), on.normal(2.0), "kl"),
    "data": lambda on: (on.points(1).squeeze(-1), on.normal(), "kl"),
    "two samples": lambda on: (on.points(2), on.points(2) + 1, "kl"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_on_the_device_of_its_inputs(name):
    expected = kldiv.divergence(*VALUES[name](Maker("cpu")))
    with pretended() as device:
        found = kldiv.divergence(*VALUES[name](Maker(device)))
        assert found.value.device.type == found.error.device.type == device
        assert "±" in repr(found)
        close = (found.value.cpu() - expected.value).abs()
        assert (close <= 2 * (found.error.cpu() + expected.error)).all()


FITS = {
    "moments": lambda on: (on.bimodal(), "normal", "kl", "forward"),
    "moving nodes": lambda on: (on.bimodal(), "normal", "kl", "reverse"),
    "a rule": lambda on: (on.bimodal(), "normal", "jensen_shannon", "forward"),
    "kinks": lambda on: (on.normal(), "laplace", "total_variation", "forward"),
    "ends": lambda on: (on.normal(), "uniform", "total_variation", "forward"),
    "gamma": lambda on: (LogNormal(on(0.0), on(0.5)), "gamma", "kl", "reverse"),
    "counts": lambda on: (Binomial(10, on(0.3)), "poisson", "kl", "forward"),
    "bare": lambda on: (on.bare(), "normal", "kl", "reverse"),
    "data": lambda on: (on.points(1).squeeze(-1), "student_t", "kl", "forward"),
    "full rank": lambda on: (on.posterior(), "full_normal", "kl", "reverse"),
    "mean field": lambda on: (on.posterior(), "diagonal_normal", "kl", "reverse"),
    "a normal": lambda on: (on.vector(10), "full_normal", "kl", "reverse"),
    "a batch": lambda on: (on.normal([0.0, 4.0]), "laplace", "kl", "forward"),
}


@pytest.mark.filterwarnings("ignore::kldiv.ConvergenceWarning")
@pytest.mark.parametrize("name", FITS)
def test_a_fit_is_on_the_device_of_its_target(name):
    def fitted(on):
        target, family, divergence, direction = FITS[name](on)
        return kldiv.fit(target, family, divergence, direction=direction)

    expected = fitted(Maker("cpu"))
    with pretended() as device:
        found = fitted(Maker(device))
        assert found.converged == expected.converged
        assert found.divergence.value.device.type == device
        assert found.verdict.split(",")[0] in repr(found)
        for key, value in found.parameters.items():
            assert value.device.type == device
            assert torch.allclose(value.cpu(), expected.parameters[key], rtol=1e-4, atol=1e-4)
        assert all(value.device.type == device for value in found.diagnostics.values())


def test_a_log_density_that_computes_elsewhere_says_so_by_device():
    with pretended() as device:
        two = torch.tensor(2.0, dtype=F64, device=device)
        assert kldiv.Target(lambda x: -(x * two).square(), device=device).device.type == device
        with pytest.raises(RuntimeError, match="one device"):
            kldiv.Target(lambda x: -(x + two.expand(3)).sum(-1), event_shape=(3,)).device  # noqa: B018
