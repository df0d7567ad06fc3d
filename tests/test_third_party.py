"""A third-party file of fifteen lines brings a divergence that can do all that others can."""

import json
import math
import textwrap

import pytest
import torch

from click.testing import CliRunner
from torch.distributions import Bernoulli, Normal

import kldiv

from kldiv.cli import main
from kldiv.testing import check_plugin

FILE = textwrap.dedent(
    '''
    import kldiv


    class PuriVincze(kldiv.FDivergence):
        r"""Puri and Vincze's divergence, :math:`\\tfrac12\\int (p-q)^4/(p+q)^3`, at most 1."""
        symmetric = True
        upper_bound = 1.0

        def generator(self, log_u):
            return log_u.expm1() * (log_u / 2).tanh() ** 3 / 2

    @kldiv.hookimpl
    def kldiv_divergences():
        return {"puri_vincze": PuriVincze}
    '''
).strip()


@pytest.fixture(autouse=True)
def _installed(install_fake):
    install_fake("kldiv-third", {"kldiv_third.py": FILE})


def test_the_file_has_at_most_fifteen_lines():
    assert len(FILE.splitlines()) <= 15


def test_it_is_listed_with_its_summary():
    entry = kldiv.divergences["puri_vincze"]
    assert entry.qualified_name == "kldiv-third:puri_vincze"
    assert entry.summary.startswith("Puri and Vincze's divergence")


def test_it_has_values_with_errors():
    p, q = (Bernoulli(torch.tensor(value, dtype=torch.float64)) for value in (0.5, 1.0))
    estimate = kldiv.divergence(p, q, "puri_vincze")
    by_hand = (0.5**4 / 1.5**3 + 0.5**4 / 0.5**3) / 2
    assert abs(float(estimate) - by_hand) <= float(estimate.error) <= 1e-12
    normals = kldiv.divergence("normal", "normal(loc=1.0)", "puri_vincze")
    drawn = kldiv.divergence(
        "normal", "normal(loc=1.0)", "puri_vincze", estimator="monte_carlo", seed=0
    )
    assert normals.method == "quadrature"
    assert abs(float(normals) - float(drawn)) <= float(drawn.error)


def test_it_has_gradients():
    loc = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

    def value(loc):
        return kldiv.divergence(
            Normal(torch.zeros(()).double(), 1.0), Normal(loc, 1.0), "puri_vincze"
        ).value

    (slope,) = torch.autograd.grad(value(loc), loc)
    step = 1e-4
    expected = (value(loc + step) - value(loc - step)).detach() / (2 * step)
    assert float(slope) == pytest.approx(float(expected), rel=1e-6)


def test_it_can_be_fitted_with():
    fit = kldiv.fit("normal(loc=1.0, scale=2.0)", "normal", "puri_vincze")
    assert fit.converged
    assert float(fit.divergence) < 1e-9
    assert float(fit.parameters["scale"]) == pytest.approx(2, abs=0.05)


def test_it_is_on_the_command_line():
    arguments = ["eval", "normal", "normal(loc=1.0)", "-d", "puri-vincze", "--json"]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    value = float(kldiv.divergence("normal", "normal(loc=1.0)", "puri_vincze"))
    assert math.isclose(json.loads(done.stdout)["value"], value, rel_tol=1e-9)
    shown = CliRunner().invoke(main, ["show", "puri_vincze"], catch_exceptions=False)
    assert shown.stdout.startswith("kldiv-third:puri_vincze 1.0: one of the divergences")


def test_it_is_on_the_page_of_the_catalogue(build):
    html, warnings = build(".. kldiv-catalogue:: divergences")
    assert not warnings
    assert "Puri and Vincze" in html
    assert "kldiv-third" in html


def test_it_passes_its_conformance_run():
    report = check_plugin("kldiv-third")
    assert report.passed, report
    assert report.checks > 500
