"""Forms of integrands, against the same formulas in whole numbers of many digits."""

import math

from decimal import Decimal, localcontext

import pytest
import torch

from kldiv.builtin import forms

GAPS = [0.0, 1e-12, 1e-6, 1e-3, 0.1, 0.99, 1.01, 5.0, 40.0, 100.0, 600.0]
BASE = -3.0
GRID = [(BASE, BASE + sign * gap) for gap in GAPS for sign in (1, -1)]


def exactly(formula, log_p, log_q):
    """A formula of p, q and their logarithms, in 60 digits."""
    with localcontext(prec=60):
        a, b = Decimal(log_p), Decimal(log_q)
        return formula(a.exp(), b.exp(), a, b)


def power(alpha):
    def formula(p, q, a, b):
        order = Decimal(alpha)
        if alpha in (0, 1):
            return p * (a - b) - p + q if alpha else q * (b - a) - q + p
        value = (order * a + (1 - order) * b).exp() - order * p - (1 - order) * q
        return value / (order * (order - 1))

    return formula


def mixture(weight):
    def formula(p, q, a, b):
        share = Decimal(weight)
        mean = (1 - share) * p + share * q
        return p * (a - mean.ln()) - p + mean

    return formula


def tilted(beta):
    def formula(p, q, a, b):
        if beta == 0:
            return p * (a - b) - p + q
        order = Decimal(beta)
        cross = (a + order * b).exp()
        return ((1 + order) * b).exp() - cross + (((1 + order) * a).exp() - cross) / order

    return formula


CASES = (
    [("difference", None, lambda p, q, a, b: p - q)]
    + [
        ("power_remainder", alpha, power(alpha))
        for alpha in (-3, -1, -1e-9, 0, 0.2, 0.5, 0.8, 1, 1 + 1e-9, 1.5, 2, 10)
    ]
    + [
        ("mixture_remainder", weight, mixture(weight))
        for weight in (0, 1e-10, 0.3, 0.5, 0.9, 1 - 1e-10, 1)
    ]
    + [("tilted_remainder", beta, tilted(beta)) for beta in (0, 1e-9, 0.5, 1, 3)]
)


@pytest.mark.parametrize(("name", "parameter", "formula"), CASES)
def test_a_form_keeps_its_digits_close_and_far(name, parameter, formula):
    arguments = () if parameter is None else (parameter,)
    for log_p, log_q in GRID:
        given = [torch.tensor(each, dtype=torch.float64) for each in (log_p, log_q)]
        found = float(getattr(forms, name)(*given, *arguments))
        truth = exactly(formula, log_p, log_q)
        if log_p == log_q or truth == 0:
            assert found == 0
        elif abs(truth) < Decimal(10) ** 300:
            largest = abs(log_p) + abs(log_q) + 10  # rounding of the logarithms themselves
            order = max(1, abs(parameter or 0))
            assert abs(Decimal(found) / truth - 1) <= Decimal(largest * order * 2**-52)


@pytest.mark.parametrize(("name", "parameter", "formula"), CASES)
def test_a_form_is_smooth_where_its_branches_meet(name, parameter, formula):
    """Value, slope and curvature do not jump: at 0, at 1, and where an order makes it 1."""
    arguments = () if parameter is None else (parameter,)
    form = getattr(forms, name)
    seams = {0.0, 1.0, -1.0}
    if parameter and abs(parameter) > 1e-6:
        seams |= {1 / parameter, -1 / parameter}
    if name == "power_remainder" and parameter not in (None, 1) and abs(parameter - 1) > 1e-6:
        seams |= {1 / (parameter - 1), -1 / (parameter - 1)}
    for seam in seams:
        jets = []
        for side in (-1e-9, 1e-9):
            log_p = torch.tensor(BASE + seam + side, dtype=torch.float64, requires_grad=True)
            value = form(log_p, torch.tensor(BASE).double(), *arguments)
            (slope,) = torch.autograd.grad(value, log_p, create_graph=True, allow_unused=True)
            if (name, parameter) == ("mixture_remainder", 0):
                assert value == slope == 0
                continue
            (curvature,) = torch.autograd.grad(slope, log_p)
            jets.append(torch.stack([value, slope, curvature]).detach())
        if jets:
            torch.testing.assert_close(*jets, rtol=1e-6, atol=1e-7)


def test_the_curvature_at_equal_densities_is_that_of_the_mathematics():
    """An absolute value in a form would make it 0."""
    log_p = torch.tensor(BASE, dtype=torch.float64, requires_grad=True)
    log_q = torch.tensor(BASE, dtype=torch.float64)
    for form in (
        lambda a, b: forms.power_remainder(a, b, 0.7),
        lambda a, b: forms.tilted_remainder(a, b, 0.0),
        lambda a, b: forms.scaled_square(a, b, b) / 2,
        lambda a, b: forms.mixture_remainder(a, b, 1.0),
    ):
        (slope,) = torch.autograd.grad(form(log_p, log_q), log_p, create_graph=True)
        (curvature,) = torch.autograd.grad(slope, log_p)
        assert float(curvature) == pytest.approx(math.exp(BASE), rel=1e-12)


def test_an_overflow_is_infinite_and_has_no_gradient():
    log_p = torch.tensor([0.0, 0.0], dtype=torch.float64, requires_grad=True)
    log_q = torch.tensor([-800.0, -1.0], dtype=torch.float64, requires_grad=True)
    value = forms.scaled_square(log_p, log_q, log_q)
    assert value[0] == math.inf
    for gradient in torch.autograd.grad(value[1], (log_p, log_q)):
        assert gradient[0] == 0
        assert gradient[1].isfinite()
        assert gradient[1] != 0


@pytest.mark.parametrize(
    ("form", "parameter"),
    [("power_remainder", 0.3), ("power_remainder", 2), ("tilted_remainder", 0.5)],
)
def test_a_remainder_of_densities_beyond_all_numbers_is_0_or_infinite(form, parameter):
    log_p = torch.tensor([800.0, 800.0, 900.0, -900.0, 1.0], dtype=torch.float64).requires_grad_()
    log_q = torch.tensor([800.0, 800.5, 400.0, 900.0, 1.3], dtype=torch.float64).requires_grad_()
    value = getattr(forms, form)(log_p, log_q, parameter)
    assert value[:4].tolist() == [0.0, math.inf, math.inf, math.inf]
    for gradient in torch.autograd.grad(value[4], (log_p, log_q)):
        assert gradient[:4].tolist() == [0.0] * 4
        assert gradient[4] != 0


def test_densities_that_vanish_have_their_difference_too():
    levels = torch.tensor([0.0, -math.inf], dtype=torch.float64)
    grid = torch.cartesian_prod(levels, levels)
    assert forms.gap_of_densities(*grid.T).tolist() == [0.0, 1.0, -1.0, 0.0]
