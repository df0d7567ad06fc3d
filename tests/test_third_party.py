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


    class Hypotenuse(kldiv.FDivergence):
        r"""The hypotenuse divergence, :math:`\\int (p-q)^2/2\\sqrt{p^2+q^2}`, at most 1."""
        symmetric = True
        upper_bound = 1.0

        def generator(self, log_u):
            u = log_u.exp()
            return (u - 1).square() / (2 * (u.square() + 1).sqrt())

    @kldiv.hookimpl
    def kldiv_divergences():
        return {"hypotenuse": Hypotenuse}
    '''
).strip()


@pytest.fixture(autouse=True)
def _installed(install_fake):
    install_fake("kldiv-third", {"kldiv_third.py": FILE})


def test_the_file_has_at_most_fifteen_lines():
    assert len(FILE.splitlines()) <= 15


def test_it_is_listed_with_its_summary():
    entry = kldiv.divergences["hypotenuse"]
    assert entry.qualified_name == "kldiv-third:hypotenuse"
    assert entry.summary.startswith("The hypotenuse divergence")


def test_it_has_values_with_errors():
    p, q = (Bernoulli(torch.tensor(value, dtype=torch.float64)) for value in (0.5, 1.0))
    estimate = kldiv.divergence(p, q, "hypotenuse")
    by_hand = (0.25 / 0.5 + 0.25 / math.sqrt(1.25)) / 2
    assert abs(float(estimate) - by_hand) <= float(estimate.error) <= 1e-12
    normals = kldiv.divergence("normal", "normal(loc=1.0)", "hypotenuse")
    drawn = kldiv.divergence(
        "normal", "normal(loc=1.0)", "hypotenuse", estimator="monte_carlo", seed=0
    )
    assert normals.method == "quadrature"
    assert abs(float(normals) - float(drawn)) <= float(drawn.error)


def test_it_has_gradients():
    loc = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

    def value(loc):
        return kldiv.divergence(
            Normal(torch.zeros(()).double(), 1.0), Normal(loc, 1.0), "hypotenuse"
        ).value

    (slope,) = torch.autograd.grad(value(loc), loc)
    step = 1e-4
    expected = (value(loc + step) - value(loc - step)).detach() / (2 * step)
    assert float(slope) == pytest.approx(float(expected), rel=1e-6)


def test_it_can_be_fitted_with():
    fit = kldiv.fit("normal(loc=1.0, scale=2.0)", "normal", "hypotenuse")
    assert fit.converged
    assert float(fit.divergence) < 1e-9
    assert float(fit.parameters["scale"]) == pytest.approx(2, abs=0.05)


def test_it_is_on_the_command_line():
    arguments = ["eval", "normal", "normal(loc=1.0)", "-d", "Hypotenuse", "--json"]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    value = float(kldiv.divergence("normal", "normal(loc=1.0)", "hypotenuse"))
    assert math.isclose(json.loads(done.stdout)["value"], value, rel_tol=1e-9)
    shown = CliRunner().invoke(main, ["show", "hypotenuse"], catch_exceptions=False)
    assert shown.stdout.startswith("kldiv-third:hypotenuse 1.0: one of the divergences")


def test_it_is_on_the_page_of_the_catalogue(build):
    html, warnings = build(".. kldiv-catalogue:: divergences")
    assert not warnings
    assert "The hypotenuse divergence" in html
    assert "kldiv-third" in html


def test_it_has_a_page_of_its_own(build, tmp_path):
    html, warnings = build(
        ".. kldiv-catalogue:: divergences", "kldiv_pages = True\nkldiv_hosts = []\n"
    )
    assert not [line for line in warnings.splitlines() if "hypotenuse" in line]
    assert 'href="catalogue/divergences/hypotenuse.html"' in html
    (page,) = tmp_path.glob("**/catalogue/divergences/hypotenuse.html")
    text = page.read_text(encoding="utf-8")
    assert "The hypotenuse divergence" in text
    assert "kldiv-third" in text
    assert "symmetric" in text


def test_it_passes_its_conformance_run():
    report = check_plugin("kldiv-third")
    assert report.passed, report
    assert report.checks > 500
