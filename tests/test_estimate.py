"""An estimate tells its value, its unit, its error and its origin."""

import dataclasses
import math

import pytest
import torch

import kldiv

from kldiv.estimate import Estimate, Estimates


def estimate(value, error=0.0, method="exact", **more):
    return Estimate(torch.tensor(value), torch.tensor(error), method, **more)


def test_bits_are_nats_over_the_logarithm_of_two():
    value = torch.tensor([0.0, math.log(2), math.log(8)], dtype=torch.float64)
    made = Estimate(value, torch.zeros(3, dtype=torch.float64), "exact")
    assert made.bits().tolist() == pytest.approx([0, 1, 3], abs=1e-15)


@pytest.mark.parametrize(("unit", "told"), [("units of x", "'units of x'"), ("", "no unit")])
def test_what_is_not_in_nats_has_no_bits(unit, told):
    with pytest.raises(kldiv.NotAvailable, match=f"bits.. converts nats, .* {told}.*use .value"):
        estimate(1.0, unit=unit).bits()


def test_a_single_value_is_a_number():
    assert float(estimate([[0.25]])) == 0.25


def test_several_values_are_no_number_and_the_error_says_what_to_do():
    with pytest.raises(kldiv.InvalidArgument, match=r"2 \(batch shape \(2,\)\); use \.value"):
        float(estimate([1.0, 2.0], [0.0, 0.0]))


def test_a_number_can_be_had_of_a_value_with_a_gradient():
    value = torch.tensor(1.5, requires_grad=True)
    assert float(Estimate(value, torch.tensor(0.0), "exact")) == 1.5


def test_a_detached_estimate_has_no_graph_and_is_otherwise_the_same():
    value = torch.tensor(1.5, requires_grad=True) * 2
    made = Estimate(value, torch.tensor(0.1), "sum", evaluations=7, reason="because")
    cut = made.detach()
    assert not cut.value.requires_grad
    assert (float(cut), cut.method, cut.evaluations, cut.reason) == (3, "sum", 7, "because")


def test_an_estimate_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimate(1.0).value = torch.tensor(2.0)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (estimate(0.5), "Estimate(0.5 nats, exact)"),
        (
            estimate(0.5, 1e-3, "monte_carlo", evaluations=100),
            "Estimate(0.5 nats ± 1.0e-03, monte_carlo, 100 evaluations)",
        ),
        (
            estimate(math.inf, reason="the tails differ"),
            "Estimate(inf nats, exact: the tails differ)",
        ),
        (estimate(0.5, math.inf), "Estimate(0.5 nats ± ∞, exact)"),
        (
            estimate([0.0, 2.0], [0.1, 0.2]),
            "Estimate((2,) values in [0, 2] nats ± 2.0e-01 at most, exact)",
        ),
        (estimate(0.5, 0.1, unit="units of x"), "Estimate(0.5 units of x ± 1.0e-01, exact)"),
        (estimate(0.5, 0.1, unit=""), "Estimate(0.5 ± 1.0e-01, exact)"),
        (estimate([]), "Estimate((0,) values, exact)"),
        (estimate([0.0, 2.0]), "Estimate((2,) values in [0, 2] nats, exact)"),
        (
            estimate(1.0, 0.5, "samples", up_to_constant=True),
            "Estimate(1 + constant nats ± 5.0e-01, samples)",
        ),
        (estimate(0.5, reason="not shown, for the value is finite"), "Estimate(0.5 nats, exact)"),
    ],
)
def test_its_text_tells_the_value_the_error_and_the_origin(made, text):
    assert repr(made) == text


def test_several_estimates_are_shown_as_a_table():
    several = Estimates(
        kl=estimate([0.0, 2.0], [0.1, 0.2]), chi2=estimate(0.5, unit="", up_to_constant=True)
    )
    assert repr(several).splitlines() == [
        "divergence  value           error    method",
        "----------  --------------  -------  ------",
        "kl          [0, 2] nats     2.0e-01  exact",
        "chi2        0.5 + constant  0.0e+00  exact",
    ]
    assert "<td>[0, 2] nats</td>" in several._repr_html_()


def test_estimates_of_a_batch_are_the_same_if_all_that_they_hold_is():
    one, same = (estimate([0.0, 1.0], [0.0, 0.1]) for _ in range(2))
    assert one == same
    assert len({one, same}) == 1
    for other in (
        estimate([0.0, 1.0], [0.0, 0.2]),
        estimate([0.0, 1.0], [0.0, 0.1], method="sum"),
        estimate([0.0, 1.0], [0.0, 0.1], stderr=torch.zeros(2)),
        0.5,
    ):
        assert one != other
