"""Functions are compiled where that is asked for, and nothing else changes by it."""

import subprocess
import sys

from unittest import mock

import pytest
import torch

from torch.distributions import (
    Categorical,
    Distribution,
    Gamma,
    Laplace,
    MultivariateNormal,
    Normal,
    StudentT,
)

import kldiv

from kldiv import compiling
from kldiv.compiling import compiled, no_compiler
from kldiv.errors import NotAvailable
from tests.uncompiled import not_compiled

COMPILED = kldiv.Exact(compiled=True)
NORMALS = (Normal(0.0, 1.0), Normal(1.0, 2.0))

needs_compiler = pytest.mark.skipif(no_compiler() is not None, reason=str(no_compiler()))


def test_without_a_compiler_the_front_door_says_so_and_what_to_do(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        NotAvailable, match=r"no C\+\+ compiler 'no-such-compiler' is found; insta"
    ):
        kldiv.divergence(*NORMALS, estimator=COMPILED)
    assert float(kldiv.divergence(*NORMALS)) == pytest.approx(0.4431, abs=1e-4)


@pytest.mark.parametrize(
    ("p", "q", "divergence"),
    [
        (Gamma(1.0, 1.0), Gamma(2.0, 1.0), "kl"),
        (*NORMALS, "renyi(alpha=0.5)"),
        (Normal(torch.tensor(0.0, requires_grad=True), 1.0), NORMALS[1], "kl"),
        (Categorical(logits=torch.zeros(3)), Categorical(probs=torch.ones(3) / 3), "kl"),
        (Categorical(logits=torch.zeros(3)), Categorical(logits=torch.zeros(2, 3)), "kl"),
        (
            Categorical(logits=torch.zeros(3, requires_grad=True)),
            Categorical(logits=torch.zeros(3)),
            "kl",
        ),
        (
            MultivariateNormal(torch.zeros(2), torch.eye(2)),
            MultivariateNormal(torch.ones(2), torch.eye(2)),
            "kl",
        ),
        (
            MultivariateNormal(torch.zeros(7), scale_tril=torch.eye(7)),
            MultivariateNormal(torch.ones(7), scale_tril=torch.eye(7)),
            "kl",
        ),
    ],
)
def test_where_nothing_is_compiled_the_front_door_says_so(p, q, divergence):
    with not_compiled(), pytest.raises(NotAvailable, match="nothing is compiled for"):
        kldiv.divergence(p, q, divergence, estimator=COMPILED)


def test_where_no_closed_form_is_known_that_is_the_reason():
    with pytest.raises(NotAvailable, match="no closed form of kl between StudentT and Laplace"):
        kldiv.divergence(StudentT(5.0), Laplace(0.0, 1.0), estimator=COMPILED)


def test_one_of_several_that_is_not_compiled_is_named():
    with not_compiled(), pytest.raises(NotAvailable, match="nothing is compiled for fisher"):
        kldiv.divergence(*NORMALS, ["kl", "fisher"], estimator=COMPILED)


def test_what_cannot_be_compiled_names_the_cause_and_the_remedy():
    def broken(*_):
        raise RuntimeError("backend raised:\nno header\nand a traceback")

    with mock.patch.object(compiling.torch, "compile", return_value=broken):
        function = compiled(lambda x: (x,), varying=1)
    with pytest.raises(NotAvailable, match=r"could not compile \(no header\): a C\+\+ compiler"):
        function(torch.ones(2))


def test_a_compiler_is_looked_for_by_the_name_in_the_environment(monkeypatch):
    monkeypatch.setenv("CXX", sys.executable)
    assert no_compiler() is None


def test_compiling_leaves_the_checks_of_distributions_on():
    def careless(function, **_):
        Distribution.set_default_validate_args(False)
        return function

    with mock.patch.object(compiling.torch, "compile", careless):
        function = compiled(lambda x: (x + 1,), varying=1)
    assert float(function(torch.zeros(2))[0].sum()) == 2
    with pytest.raises(ValueError, match="parameter scale"):
        Normal(0.0, -1.0)


def test_a_compiler_is_imported_only_where_it_is_asked_for():
    program = (
        "import sys, kldiv; from torch.distributions import Normal; "
        "kldiv.divergence(Normal(0., 1.), Normal(1., 1.)); kldiv.Exact(compiled=True); "
        "sys.exit('torch._dynamo' in sys.modules or 'torch._inductor' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.slow
@needs_compiler
def test_a_second_length_is_not_compiled_anew():
    import torch._dynamo.utils

    function = compiled(lambda x, y: (x * y, x + y), varying=1)
    product, total = function(torch.ones(300), torch.full((300,), 2.0))
    assert float(product.sum()) == 600
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    product, total = function(torch.ones(57), torch.full((57,), 3.0))
    assert float(total.sum()) == 57 * 4
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before
    with pytest.raises(ValueError, match="parameter scale"):
        Normal(0.0, -1.0)
